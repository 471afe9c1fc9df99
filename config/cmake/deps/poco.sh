# Foundation, Net and Util only: everything else is switched off by name, some of it would come by itself.
version=1.11.0-3+deb12u1
series=1.11.
inputs=poco-lean-session.patch

build() {
  local off=() part
  patch -p1 < "$recipes/poco-lean-session.patch"
  flags=${flags/-O2/-Os}  # sockets and settings: none of it is hot
  for part in XML JSON ENCODINGS NETSSL CRYPTO JWT DATA DATA_SQLITE DATA_MYSQL DATA_ODBC DATA_POSTGRESQL \
    MONGODB REDIS PDF ZIP SEVENZIP PAGECOMPILER PAGECOMPILER_FILE2PAGE ACTIVERECORD ACTIVERECORD_COMPILER \
    APACHECONNECTOR CPPPARSER POCODOC TESTS; do
    off+=("-DENABLE_$part=OFF")
  done
  cmake_build . -DPOCO_UNBUNDLED=ON -DENABLE_FOUNDATION=ON -DENABLE_NET=ON -DENABLE_UTIL=ON "${off[@]}"
}
