# SSH client over Mbed TLS: no server, no Kerberos, no commands from ssh_config.
version=0.11.5-0+deb13u1
series=0.11.
needs=mbedtls
inputs=libssh-small-table.patch

build() {
  patch -p1 < "$recipes/libssh-small-table.patch"
  flags=${flags/-O2/-Os}  # the ciphers are those of Mbed TLS
  local tls=${prefix_of[mbedtls]}
  cmake_build . -DWITH_MBEDTLS=ON -DWITH_GSSAPI=OFF -DWITH_ZLIB=OFF -DWITH_SERVER=OFF -DWITH_NACL=OFF \
    -DWITH_PCAP=OFF -DWITH_EXAMPLES=OFF -DWITH_SYMBOL_VERSIONING=OFF -DWITH_EXEC=OFF -DWITH_GEX=OFF \
    -DWITH_DEBUG_CALLTRACE=OFF -DUNIT_TESTING=OFF \
    -DMBEDTLS_ROOT_DIR="$tls" -DMBEDTLS_INCLUDE_DIR="$tls/include" \
    -DMBEDTLS_SSL_LIBRARY="$tls/lib/libmbedtls.a" -DMBEDTLS_X509_LIBRARY="$tls/lib/libmbedx509.a" \
    -DMBEDTLS_CRYPTO_LIBRARY="$tls/lib/libmbedcrypto.a"
}
