# The language inside flows. quickjs-libc (files, processes, workers) is left out of the library.
version=2025.04.26-1
series=2025.04.26-
inputs=quickjs-bounds.patch

build() {
  local name defines
  patch -p1 < "$recipes/quickjs-bounds.patch"
  defines="-D_GNU_SOURCE -DCONFIG_VERSION=\"$(cat VERSION)\""
  flags=${flags/-O2/-Os}  # 0.2 MB of 0.66
  for name in quickjs dtoa libregexp libunicode cutils; do
    $CC $flags -fwrapv $defines -c "$name.c" -o "$name.o" &
  done
  wait
  ar rcs "$prefix/lib/libquickjs.a" quickjs.o dtoa.o libregexp.o libunicode.o cutils.o
  mkdir -p "$prefix/include/quickjs"
  cp quickjs.h "$prefix/include/quickjs/"
}
