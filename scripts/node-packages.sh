#!/usr/bin/env bash
# Installs the node packages of package-lock.json, unless these very ones are
# there. Install scripts stay off: the one that matters would download a native
# onnxruntime that nothing here uses.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

# npm empties node_modules first, so a run that was cut short leaves no stamp.
stamp=node_modules/.pelago-lock
want=$({ cat package-lock.json && platform; } | hash_of)
is_fresh "$stamp" "$want" && exit
lock "$state/node-packages.lock"
is_fresh "$stamp" "$want" && exit

say "installing node packages"
npm ci --ignore-scripts --include=dev --include=optional --no-audit --no-fund --loglevel error >&2

# The lock file has DuckDB's library for Linux on x86-64; for other platforms
# the package of the same version is fetched beside it.
duckdb=@duckdb/node-bindings-$(platform)
if [[ $duckdb != *-linux-x64 ]]; then
  version=$(node -p 'require("./package.json").optionalDependencies["@duckdb/node-bindings-linux-x64"]')
  npm install --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel error "$duckdb@$version" >&2
fi
# npm counts an optional package that it could not fetch as success.
library=(node_modules/"$duckdb"/libduckdb.*)
[[ -f ${library[0]} ]] || die "npm could not fetch $duckdb, which has DuckDB's library. Run: make deps"
echo "$want" >"$stamp"
