#!/bin/bash
# Installs the Debian packages of the named lists (config/cmake/packages/<list>) that are missing.
# Needs nothing when none is: no network, no root. Otherwise apt-get as root, or through sudo.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

missing=()
for list in "$@"; do
  while read -r package; do
    case $package in '' | '#'*) continue ;; esac
    status=$(dpkg-query -W -f '${db:Status-Status}\n' "$package" 2> /dev/null | sort -u) || status=''
    [ "$status" = installed ] || missing+=("$package")
  done < "$here/packages/$list"
done
[ "${#missing[@]}" -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo > /dev/null; then
    echo "packages: as root, please: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
  [ -t 0 ] || as_root=(sudo -n)
fi

# Some packages are servers, which tests start for themselves: installing one here is to start none.
guard=/usr/sbin/policy-rc.d
made_guard=
forget_guard() { [ -z "$made_guard" ] || "${as_root[@]}" rm -f "$guard"; }
if [ ! -e "$guard" ] && printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$guard" > /dev/null; then
  made_guard=yes
  "${as_root[@]}" chmod 755 "$guard"
fi

echo "packages: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"; forget_guard' EXIT
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold install "${missing[@]}" > "$log" 2>&1 < /dev/null
}
# The index may be older than the mirror, or not there at all.
if ! install; then
  "${as_root[@]}" apt-get -q update > /dev/null 2>&1 < /dev/null || true
  if ! install; then
    tail -n 20 "$log" >&2
    echo "packages: apt-get install ${missing[*]} failed" >&2
    exit 1
  fi
fi
