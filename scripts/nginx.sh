#!/usr/bin/env bash
# Prints the path of an nginx: the machine's own, or Debian's package unpacked
# into the tools folder, where no service is started. Nothing where neither is to be had.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

have nginx && exec command -v nginx
found=("$tools"/nginx/usr/sbin/nginx)
if [[ ! -x ${found[0]} ]]; then
  have apt-get || exit 0
  say "unpacking Debian's nginx"
  work=$(mktemp -d "$tools/.nginx.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && { apt-get -q download nginx || { apt-get -q update && apt-get -q download nginx; }; }) >&2 || exit 0
  dpkg-deb --extract "$work"/nginx_*.deb "$work/nginx"
  if ! "$work/nginx/usr/sbin/nginx" -v >&2; then
    say "nginx does not start here; what is compared with it is left out"
    exit 0
  fi
  rm -rf "$tools/nginx"
  mv "$work/nginx" "$tools/nginx"
fi
printf '%s\n' "${found[0]}"
