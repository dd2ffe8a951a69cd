# What the scripts beside this file share: where things are kept, messages,
# locks and content hashes. Sourced, never run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit

# Shared by all clones of this user: $tools/<name>-<version>/.
# shellcheck disable=SC2034 # used by the scripts that source this file
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pelago
tools=$cache/tools
# Of this clone only: stamps and locks.
state=$root/.tools
mkdir -p "$tools" "$state"

say() { printf '==> %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# linux-x64, linux-arm64, darwin-arm64, darwin-x64: npm's names.
# shellcheck disable=SC2016 # the backquotes are JavaScript's
platform() { node -p '`${process.platform}-${process.arch}`'; }

# Waits until no other run holds this lock; held until the script ends. macOS
# has no flock: there, two runs at once only do the same work twice.
lock() {
  have flock || return 0
  exec 9>"$1"
  flock --nonblock 9 && return
  say "waiting for another run that holds $1"
  flock 9
}

# One hash over standard input; git is the one hasher that every machine has.
hash_of() { git hash-object --stdin; }

# Is the stamp `$1` there, and does it hold `$2`?
is_fresh() { [[ -f $1 && $(<"$1") == "$2" ]]; }

target_dir() {
  cargo metadata --locked --no-deps --format-version 1 |
    node -p 'JSON.parse(require("node:fs").readFileSync(0, "utf8")).target_directory'
}
