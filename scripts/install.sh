#!/usr/bin/env bash
# install.sh PREFIX: copies `pelago` of the dev profile, and what compiles its
# cells, to PREFIX/bin and DuckDB's library to PREFIX/lib, where the binary looks for it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

prefix=$1
debug=$(target_dir)/debug
if ! mkdir -p "$prefix/bin" "$prefix/lib" || [[ ! -w $prefix/bin || ! -w $prefix/lib ]]; then
  die "$prefix cannot be written. Choose a folder of your own: make install PREFIX=~/.local"
fi
install -m 755 "$debug/pelago" "$debug/pelago-cargo" "$prefix/bin/"
install -m 644 "$debug"/deps/libduckdb.* "$prefix/lib/"
say "installed $prefix/bin/pelago"
