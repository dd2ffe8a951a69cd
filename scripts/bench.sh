#!/usr/bin/env bash
# Measures Pelago beside what it is compared with and prints Markdown tables;
# see BENCHMARKS.md. `scripts/bench.sh link memory` measures some sections only.
# `make bench` builds and fetches everything first.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

status=0
sections=()
content=no
for section in "$@"; do
  if [[ $section == content ]]; then content=yes; else sections+=("$section"); fi
done

if (($# == 0 || ${#sections[@]} > 0)); then
  scripts/model.sh >/dev/null
  wants() { ((${#sections[@]} == 0)) || [[ " ${sections[*]} " == *" $1 "* ]]; }
  if wants kernels || wants smollm2; then
    PELAGO_TEST_PYTHON=$(scripts/python.sh)
    export PELAGO_TEST_PYTHON
  fi
  if wants kernels; then
    PELAGO_BENCH_EVCXR=$(scripts/evcxr-jupyter.sh)
    export PELAGO_BENCH_EVCXR
  fi
  if wants smollm2; then
    PELAGO_BENCH_SMOLLM2=$(scripts/model.sh SmolLM2-135M-Instruct)
    export PELAGO_BENCH_SMOLLM2
  fi
  "$(target_dir)/debug/bench" "${sections[@]}" || status=$?
fi

# The content layer needs no browser, and is measured by a program of its own.
if (($# == 0)) || [[ $content == yes ]]; then
  # With the features of the whole workspace, so that nothing is compiled anew.
  cargo build --locked --workspace --example bench >&2
  nginx=$(scripts/nginx.sh)
  [[ -z $nginx ]] || export PELAGO_BENCH_NGINX=$nginx
  "$(target_dir)/debug/examples/bench" || status=$?
fi
exit "$status"
