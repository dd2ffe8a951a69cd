#!/usr/bin/env bash
# Checks licences, sources and duplicates of the Rust dependencies against
# deny.toml; builds cargo-deny into the tools folder first if there is none. With
# `install` it does no more than that.
# Advisories are not asked for: their database is not on every network.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

version=0.20.2
folder=$tools/cargo-deny-$version
install() {
  lock "$tools/.cargo-deny.lock"
  [[ -x $folder/bin/cargo-deny ]] && return
  say "building cargo-deny $version (some minutes, once)"
  work=$(mktemp -d "$tools/.cargo-deny.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  # It runs for seconds, so it is not worth optimising.
  (cd "$work" && CARGO_PROFILE_DEV_DEBUG=false cargo install --quiet cargo-deny --locked --version "$version" \
    --debug --root root --target-dir target --no-track >&2)
  rm -rf "$folder"
  mv "$work/root" "$folder"
}
[[ -x $folder/bin/cargo-deny ]] || install
[[ ${1-} == install ]] && exit
"$folder/bin/cargo-deny" --log-level warn --locked check licenses bans sources
