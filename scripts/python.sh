#!/usr/bin/env bash
# Makes .venv with tests/python/requirements.txt, unless it has these already,
# and prints its interpreter. Only tests use Python.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

stamp=.venv/.pelago-requirements
want=$({ cat tests/python/requirements.txt && python3 -c 'import sys; print(sys.version, sys.base_prefix)'; } | hash_of)
install() {
  lock "$state/python.lock"
  is_fresh "$stamp" "$want" && return
  say "installing Python packages for the tests"
  rm -rf .venv
  python3 -m venv .venv >&2
  .venv/bin/python -m pip --disable-pip-version-check install --quiet --no-input \
    --requirement tests/python/requirements.txt >&2
  echo "$want" >"$stamp"
}
is_fresh "$stamp" "$want" || install
echo "$root/.venv/bin/python"
