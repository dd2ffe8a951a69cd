#!/usr/bin/env bash
# Installs evcxr_jupyter, which `make bench` measures Pelago's kernel beside,
# unless it is there, and prints its path. Compiling it takes some minutes.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

version=0.22.0
folder=$tools/evcxr_jupyter-$version
install() {
  lock "$tools/.evcxr_jupyter.lock"
  [[ -x $folder/bin/evcxr_jupyter ]] && return
  say "compiling evcxr_jupyter $version"
  # With the versions of its own lock file: it does not compile with newer ones.
  CARGO_TARGET_DIR=$folder/target cargo install --quiet --locked --root "$folder" "evcxr_jupyter@$version" >&2
  rm -rf "$folder/target"
}
[[ -x $folder/bin/evcxr_jupyter ]] || install
echo "$folder/bin/evcxr_jupyter"
