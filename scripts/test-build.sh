#!/usr/bin/env bash
# Builds the program and, beside it, makes what only the tests need: most of that
# waits for the network, and the rest takes what the build leaves of the
# processors. What fails of it is tried again by the test that needs it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

beside() { nice -n 19 "$@" </dev/null >/dev/null || say "$1 failed; it is tried again later"; }

beside scripts/python.sh &
beside scripts/model.sh &
beside scripts/peers.sh &
{
  beside scripts/geckodriver.sh
  beside scripts/cargo-deny.sh install
} &

result=0
make --no-print-directory program || result=$?
wait
exit "$result"
