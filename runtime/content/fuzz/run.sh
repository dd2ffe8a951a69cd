#!/usr/bin/env bash
# Fuzzes one target, guided by coverage, with the Rust that builds everything
# else: ./run.sh car -max_total_time=300. What follows the target goes to
# libFuzzer. Wants a C++ compiler, for libFuzzer itself.
set -euo pipefail
cd "$(dirname "$0")"
target=${1:?a target: cid, car, node, cbor or query}
shift

# What cargo-fuzz sets, without a sanitizer: those want nightly Rust, and find
# what unsafe code does wrong, of which there is none here. Panics, endless
# loops and too much memory are found as well.
flags=(--cfg fuzzing -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks -Cpasses=sancov-module)
for option in level=4 inline-8bit-counters pc-table trace-compares; do
  flags+=("-Cllvm-args=-sanitizer-coverage-$option")
done
triple=$(rustc --version --verbose | sed -n 's/^host: //p')
mkdir -p "corpus/$target" "artifacts/$target"
# With a target named, the flags are not for build scripts and macros.
RUSTFLAGS="${flags[*]}" cargo run --quiet --release --target "$triple" --bin "$target" -- \
  -artifact_prefix="artifacts/$target/" -rss_limit_mb=1024 -timeout=10 -max_len=65536 "$@" "corpus/$target"
