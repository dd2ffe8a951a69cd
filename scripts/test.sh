#!/usr/bin/env bash
# Runs every check and test, goes on after a failure, and ends with a table of
# what ran. `make test` installs and builds everything first.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

rows=() failed=()

# part NAME COMMAND…
part() {
  local name=$1 start=$SECONDS result=passed
  shift
  say "$name: $*"
  "$@" </dev/null || result=FAILED
  rows+=("$(printf '%-22s %-7s %6d s' "$name" "$result" $((SECONDS - start)))")
  [[ $result == passed ]] || failed+=("$name")
}

scripts/geckodriver.sh
PELAGO_TEST_PYTHON=$(scripts/python.sh)
PELAGO_MODEL=$(scripts/model.sh)
PELAGO=$(target_dir)/debug/pelago
export PELAGO_TEST_PYTHON PELAGO_MODEL PELAGO

# The notebooks as a user's CI would check them, in a home of their own.
check_notebooks() {
  local home
  home=$(mktemp -d)
  PELAGO_HOME=$home "$PELAGO" model add "$PELAGO_MODEL" --name all-MiniLM-L6-v2 &&
    PELAGO_HOME=$home "$PELAGO" model add "$(scripts/model.sh SmolLM2-135M-Instruct)" --name smollm2 &&
    PELAGO_HOME=$home "$PELAGO" run notebooks/*.ipynb --check
  local result=$?
  rm -rf "$home"
  return $result
}

# Implementations of IPFS by others. Their tests fail without PELAGO_TEST_PEERS.
check_peers() {
  local peers
  peers=$(scripts/peers.sh) &&
    PELAGO_TEST_PEERS=$peers cargo test --locked --workspace --no-fail-fast --test peers -- --ignored
}

part "Rust format" cargo fmt --all --check
part "Rust lints" cargo clippy --locked --workspace --all-targets -- --deny warnings
part "Rust licences" scripts/cargo-deny.sh
part "circles of imports" "$PELAGO_TEST_PYTHON" tests/python/structure/import_circles.py
part "page types" npm run --silent --workspace browser/page check
part "page tests" npm run --silent --workspace browser/page test
part "page in browsers" npm run --silent --workspace browser/page test:browser
# Real browsers among them; `--no-fail-fast` names every test that fails.
part "Rust tests" cargo test --locked --workspace --no-fail-fast
part "MiniLM's precisions" cargo test --locked --workspace --test precision_native -- --ignored
part "IPFS peers" check_peers
# On Linux, hosts in network namespaces. PELAGO_TEST_LINKS=skip where a machine does not allow these.
part "shaped links" cargo test --locked --workspace --test links -- --ignored --test-threads=1
part "Jupyter clients" "$PELAGO_TEST_PYTHON" -m pytest --quiet -p no:cacheprovider tests/python/jupyter
part "results outside" "$PELAGO_TEST_PYTHON" -m pytest --quiet -p no:cacheprovider tests/python/results
part "notebooks" check_notebooks

# The format is used anew for each row, so the blank line above them is not of it.
printf '\n'
printf '%s\n' "${rows[@]}"
((${#failed[@]} == 0)) || die "failed: $(IFS=, && echo "${failed[*]}")"
echo "all passed"
