# TLS 1.2 and 1.3, P-256, AES-GCM. The configuration is appended to the library's own header, so that
# whoever includes it (libssh, Belay) sees the very configuration that was built.
version=3.6.6-0.1~deb13u1
series=3.6.
inputs=mbedtls-config.h

build() {
  cat "$recipes/mbedtls-config.h" >> include/mbedtls/mbedtls_config.h
  # What runs once a handshake or less is built for size; arithmetic, ciphers and hashes stay fast.
  echo 'file(GLOB belay_cold RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} ssl_*.c x509*.c pk*.c psa*.c pem.c asn1*.c oid.c
    error.c md.c cipher*.c pkcs*.c base64.c entropy*.c version*.c debug.c)
    set_source_files_properties(${belay_cold} PROPERTIES COMPILE_OPTIONS -Os)' >> library/CMakeLists.txt
  # Debian's build leaves the library's 3rdparty folder out.
  cp -r 3rdparty/everest/include/everest include/
  cmake_build . -DENABLE_PROGRAMS=OFF -DENABLE_TESTING=OFF -DGEN_FILES=OFF -DMBEDTLS_FATAL_WARNINGS=OFF \
    -DUSE_STATIC_MBEDTLS_LIBRARY=ON -DUSE_SHARED_MBEDTLS_LIBRARY=OFF
  cp -r include/everest "$prefix/include/"
  local source
  for source in everest x25519 Hacl_Curve25519_joined; do
    $CC $flags -Iinclude -Iinclude/everest -Iinclude/everest/kremlib -Ilibrary \
      -c "3rdparty/everest/library/$source.c" -o "$work/$source.o"
  done
  ar rcs "$prefix/lib/libeverest.a" "$work"/{everest,x25519,Hacl_Curve25519_joined}.o
}
