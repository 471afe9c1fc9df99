# JSON parser and printer: one source file.
version=1.7.18-3.1+deb13u1
series=1.7.

build() {
  $CC $flags -std=c99 -c cJSON.c -o cJSON.o
  ar rcs "$prefix/lib/libcjson.a" cJSON.o
  mkdir -p "$prefix/include/cjson"
  cp cJSON.h "$prefix/include/cjson/"
}
