#!/bin/bash
# Prints THIRD_PARTY followed by the copyright and licence texts of all that is linked into the binary, as Debian
# records them for exactly the sources that were built.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cat "$here/../../THIRD_PARTY"

text() {
  printf '\n\n==== %s ====\n\n' "$1"
  cat "$2"
}
libraries=$("$here/deps.sh" print)
while read -r library version prefix; do
  text "$library $version" "$prefix/copyright"
done <<< "$libraries"
for package in libyaml-dev zlib1g-dev libc6-dev libstdc++-12-dev; do
  file=/usr/share/doc/$package/copyright
  if [ -f "$file" ]; then text "$package $(dpkg-query -W -f '${Version}' "$package")" "$file"; fi
done
