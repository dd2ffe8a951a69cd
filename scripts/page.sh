#!/usr/bin/env bash
# Bundles the page into browser/page/dist, unless its sources and packages are
# those of the last build.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

stamp=$state/page
want=$({
  cat package-lock.json
  find browser/page -type d \( -name dist -o -name node_modules \) -prune -o -type f -print | LC_ALL=C sort |
    while read -r file; do
      echo "$file"
      cat "$file"
    done
} | hash_of)
[[ -d browser/page/dist ]] && is_fresh "$stamp" "$want" && exit
lock "$state/page.lock"
[[ -d browser/page/dist ]] && is_fresh "$stamp" "$want" && exit

say "building the page"
npm run --silent --workspace browser/page build >&2
echo "$want" >"$stamp"
