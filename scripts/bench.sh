#!/usr/bin/env bash
# Measures Pelago beside what it is compared with and prints Markdown tables;
# see BENCHMARKS.md. `scripts/bench.sh link memory` measures some sections only.
# `make bench` builds and fetches everything first.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

scripts/model.sh >/dev/null
if (($# == 0)) || [[ " $* " == *" kernels "* ]]; then
  PELAGO_TEST_PYTHON=$(scripts/python.sh)
  PELAGO_BENCH_EVCXR=$(scripts/evcxr-jupyter.sh)
  export PELAGO_TEST_PYTHON PELAGO_BENCH_EVCXR
fi
exec "$(target_dir)/debug/bench" "$@"
