#!/bin/bash
# Installs what `make` built, under $DESTDIR, with $PREFIX (/usr). Settings that are already there are kept.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${DESTDIR:=}" "${PREFIX:=/usr}"

# put MODE SOURCE TARGET: one file.
put() { install -D -m "$1" "$2" "$DESTDIR$3"; }
# put_all FOLDER SOURCE...: those of the files that are there.
put_all() {
  local folder=$1 file
  shift
  for file in "$@"; do
    if [ -f "$file" ]; then put 644 "$file" "$folder/$(basename "$file")"; fi
  done
}

put 755 build/belay "$PREFIX/bin/belay"
put 755 build/belay-relay "$PREFIX/bin/belay-relay"
# Plugins need libraries of the machine; they are there where `make plugins` has built them.
for plugin in build/belay-step-*; do
  case $plugin in *.debug) continue ;; esac
  if [ -f "$plugin" ]; then put 755 "$plugin" "$PREFIX/lib/belay/plugins/$(basename "$plugin")"; fi
done

for unit in systemd/*.service systemd/*.socket systemd/*.timer systemd/*.slice; do
  [ -f "$unit" ] || continue
  put 644 "$unit" "$PREFIX/lib/systemd/system/$(basename "$unit")"
  # The units are written for /usr.
  sed -i "s|/usr/bin/belay|$PREFIX/bin/belay|g" "$DESTDIR$PREFIX/lib/systemd/system/$(basename "$unit")"
done
put 644 systemd/belay-core.conf "$PREFIX/share/doc/belay/belay-core.conf"
put_all "$PREFIX/lib/sysusers.d" systemd/sysusers.d/*.conf
put_all "$PREFIX/lib/tmpfiles.d" systemd/tmpfiles.d/*.conf

for settings in belay/belay.yaml belay/policy.yaml belay-relay/relay.yaml; do
  source=config/$(basename "$settings")
  [ -f "$source" ] || continue
  if cmp -s "$source" "$DESTDIR/etc/$settings"; then
    continue
  elif [ -e "$DESTDIR/etc/$settings" ]; then
    put 644 "$source" "/etc/$settings.new"
  else
    put 644 "$source" "/etc/$settings"
  fi
done

if [ -f config/completions/belay.bash ]; then
  put 644 config/completions/belay.bash "$PREFIX/share/bash-completion/completions/belay"
fi
if [ -f config/completions/belay.zsh ]; then
  put 644 config/completions/belay.zsh "$PREFIX/share/zsh/site-functions/_belay"
fi
if [ -f config/completions/belay.fish ]; then
  put 644 config/completions/belay.fish "$PREFIX/share/fish/vendor_completions.d/belay.fish"
fi

doc=$PREFIX/share/doc/belay
put_all "$doc" README.md CHANGELOG.md LICENSE
if [ -d docs ]; then
  find docs -type f -printf '%P\n' | while read -r file; do put 644 "docs/$file" "$doc/$file"; done
fi
# THIRD_PARTY lists what is inside the binary; the full texts follow it in the installed file.
config/cmake/third_party.sh > build/THIRD_PARTY
put 644 build/THIRD_PARTY "$doc/THIRD_PARTY"
echo "installed under ${DESTDIR:-/}"
