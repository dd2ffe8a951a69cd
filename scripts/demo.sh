#!/usr/bin/env bash
# Embeds one sentence with all-MiniLM-L6-v2 on every route that this machine has.
# `make demo` builds and fetches everything first.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

model=all-MiniLM-L6-v2
pelago=$(target_dir)/debug/pelago
folder=$(scripts/model.sh)

known=$("$pelago" model list)
grep --quiet --fixed-strings "$model" <<<"$known" || "$pelago" model add "$folder" --name "$model"
"$pelago" accelerate "$model" "The quick brown fox jumps over the lazy dog" --every-route
