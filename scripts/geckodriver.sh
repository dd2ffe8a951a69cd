#!/usr/bin/env bash
# Builds geckodriver, which drives Firefox and which Debian 12 does not have,
# into the tools folder. One that is on PATH is good enough.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

version=0.37.1
folder=$tools/geckodriver-$version
[[ -x $folder/bin/geckodriver ]] || have geckodriver && exit
lock "$tools/.geckodriver.lock"
[[ -x $folder/bin/geckodriver ]] && exit

say "building geckodriver $version (about three minutes, once)"
work=$(mktemp -d "$tools/.geckodriver.XXXXXX")
trap 'rm -rf "$work"' EXIT
# From its own folder, so that this workspace's cargo settings do not apply.
(cd "$work" && cargo install --quiet geckodriver --locked --version "$version" --root root --target-dir target --no-track >&2)
"$work/root/bin/geckodriver" --version >/dev/null
rm -rf "$folder"
mv "$work/root" "$folder"
