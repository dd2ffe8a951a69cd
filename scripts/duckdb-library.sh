#!/usr/bin/env bash
# Puts DuckDB's library where the binaries of cargo's dev profile look for it:
# `deps/` of the target folder. Tests and `pelago` do not start without it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

library=("${DUCKDB_LIB_DIR:-node_modules/@duckdb/node-bindings-$(platform)}"/libduckdb.*)
folder=$(target_dir)/debug/deps
copy=$folder/${library[0]##*/}
[[ -f ${library[0]} ]] || die "there is no ${library[0]}. Run: make deps"
cmp -s "${library[0]}" "$copy" && exit

mkdir -p "$folder"
# A new name and a rename: a process that has the old one open keeps it.
ln -f "${library[0]}" "$copy.$$" 2>/dev/null || cp "${library[0]}" "$copy.$$"
mv -f "$copy.$$" "$copy"
