#!/usr/bin/env bash
# Makes .venv with tests/python/requirements.txt and integrations/papermill,
# unless it has these already, and prints its interpreter. Only tests and the
# benchmark use Python.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

stamp=.venv/.pelago-requirements
wanted() {
  cat tests/python/{requirements,constraints}.txt integrations/papermill/pyproject.toml integrations/papermill/*/*.py
  python3 -c 'import sys; print(sys.version, sys.base_prefix)'
}
pip_install() {
  .venv/bin/python -m pip --disable-pip-version-check install --quiet --no-input "$@" >&2
}
want=$(wanted | hash_of)
install() {
  lock "$state/python.lock"
  is_fresh "$stamp" "$want" && return
  say "installing Python packages for the tests"
  rm -rf .venv
  python3 -m venv .venv >&2
  pip_install --requirement tests/python/requirements.txt --constraint tests/python/constraints.txt
  pip_install --no-deps ./integrations/papermill
  echo "$want" >"$stamp"
}
is_fresh "$stamp" "$want" || install
echo "$root/.venv/bin/python"
