#!/usr/bin/env bash
# Fuzzes one target, guided by coverage, with the Rust that builds everything
# else: scripts/fuzz.sh content car -max_total_time=300. What follows the target
# goes to libFuzzer. Wants a C++ compiler, for libFuzzer itself.
#
# The targets and what must hold of them: runtime/content/fuzz/README.md and
# runtime/onnx/fuzz/README.md.
set -euo pipefail
cd "$(dirname "$0")/../runtime/${1:?a crate: content or onnx}/fuzz"
target=${2:?a target, of those in $PWD/fuzz_targets}
shift 2

# What cargo-fuzz sets, without a sanitizer: those want nightly Rust, and find
# what unsafe code does wrong, of which there is none here. Panics, endless
# loops and too much memory are found as well.
flags=(--cfg fuzzing -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks -Cpasses=sancov-module)
for option in level=4 inline-8bit-counters pc-table trace-compares; do
  flags+=("-Cllvm-args=-sanitizer-coverage-$option")
done
triple=$(rustc --version --verbose | sed -n 's/^host: //p')
mkdir -p "corpus/$target" "artifacts/$target"
# The versions that everything else is built with.
[[ -e Cargo.lock ]] || cp ../../../Cargo.lock Cargo.lock
# With a target triple named, the flags are not for build scripts and macros.
RUSTFLAGS="${flags[*]}" cargo build --quiet --release --target "$triple" --bin "$target"
folder=${CARGO_TARGET_DIR:-target}
# Converted models are written: to memory, where there is a place for that.
[[ -d /dev/shm ]] && export TMPDIR=/dev/shm
# A large allocation that is never touched fails too.
ulimit -v $((4 << 20)) 2>/dev/null || true
PELAGO_FUZZ_CORPUS=corpus/$target exec "$folder/$triple/release/$target" \
  -artifact_prefix="artifacts/$target/" -rss_limit_mb=1024 -timeout=10 -max_len=65536 \
  -print_final_stats=1 "$@" "corpus/$target"
