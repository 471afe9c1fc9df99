# Finds the static libraries that config/cmake/deps.sh built: one imported target deps::<library> each.
# Nothing is fetched or built here. BELAY_DEPS_VERSIONS lists "name=version" for belay_version.

set(deps_script "${PROJECT_SOURCE_DIR}/config/cmake/deps.sh")
file(GLOB deps_recipes "${PROJECT_SOURCE_DIR}/config/cmake/deps/*")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${deps_script}" ${deps_recipes})

execute_process(
  COMMAND "${deps_script}" print
  OUTPUT_VARIABLE deps_lines ERROR_VARIABLE deps_error RESULT_VARIABLE deps_status
  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_STRIP_TRAILING_WHITESPACE)
if(NOT deps_status EQUAL 0)
  message(FATAL_ERROR "${deps_error}")
endif()

set(BELAY_DEPS_VERSIONS "")
string(REPLACE "\n" ";" deps_lines "${deps_lines}")
foreach(line IN LISTS deps_lines)
  string(REGEX MATCH "^([^ ]+) ([^ ]+) (.+)$" matched "${line}")
  set(deps_${CMAKE_MATCH_1} "${CMAKE_MATCH_3}")
  list(APPEND BELAY_DEPS_VERSIONS "${CMAKE_MATCH_1}=${CMAKE_MATCH_2}")
endforeach()

# What the system has built: its packages say the version, where dpkg knows them.
foreach(pair libyaml=libyaml.a zlib=libz.a glibc=libc.a libstdc++=libstdc++.a)
  string(REPLACE "=" ";" pair "${pair}")
  list(GET pair 0 name)
  list(GET pair 1 archive)
  execute_process(COMMAND "${CMAKE_CXX_COMPILER}" "-print-file-name=${archive}"
    OUTPUT_VARIABLE archive OUTPUT_STRIP_TRAILING_WHITESPACE)
  file(REAL_PATH "${archive}" archive)
  execute_process(COMMAND sh -c "dpkg-query -W -f '\${Version}' \"$(dpkg-query -S \"$1\" | cut -d: -f1)\"" sh "${archive}"
    OUTPUT_VARIABLE package ERROR_QUIET)
  if(package)
    string(REGEX REPLACE "^[0-9]+:" "" package "${package}")
    list(APPEND BELAY_DEPS_VERSIONS "${name}=${package}")
  endif()
endforeach()

# Versions with known holes that nothing of ours makes up for.
# (SQLite before 3.51.3 is fine as long as the journal keeps its one exclusive connection.)
set(deps_denied
  mbedtls=3.6.0 mbedtls=3.6.1 mbedtls=3.6.2 mbedtls=3.6.3)
foreach(pair IN LISTS BELAY_DEPS_VERSIONS)
  string(REGEX REPLACE "[-+~].*" "" upstream "${pair}")
  if(upstream IN_LIST deps_denied)
    message(FATAL_ERROR "${pair} has known holes and is refused; see config/cmake/Dependencies.cmake")
  endif()
endforeach()

# deps_archive(name archive include-folder uses...): deps::name. Its headers are a system's: no warnings from
# them. One target per archive, so that CMake knows the order in which a linker wants them.
function(deps_archive name archive include)
  add_library(deps::${name} STATIC IMPORTED GLOBAL)
  set_target_properties(deps::${name} PROPERTIES IMPORTED_LOCATION "${archive}")
  if(include)
    target_include_directories(deps::${name} SYSTEM INTERFACE "${include}")
  endif()
  target_link_libraries(deps::${name} INTERFACE ${ARGN})
endfunction()

# Debian's own -dev packages.
foreach(archive yaml z)
  find_library(deps_archive_${archive} NAMES lib${archive}.a REQUIRED)
endforeach()
deps_archive(yaml "${deps_archive_yaml}" "")
deps_archive(zlib "${deps_archive_z}" "")

deps_archive(everest "${deps_mbedtls}/lib/libeverest.a" "${deps_mbedtls}/include")
deps_archive(mbedcrypto "${deps_mbedtls}/lib/libmbedcrypto.a" "${deps_mbedtls}/include" deps::everest)
deps_archive(mbedx509 "${deps_mbedtls}/lib/libmbedx509.a" "${deps_mbedtls}/include" deps::mbedcrypto)
deps_archive(mbedtls "${deps_mbedtls}/lib/libmbedtls.a" "${deps_mbedtls}/include" deps::mbedx509)
deps_archive(libssh "${deps_libssh}/lib/libssh.a" "${deps_libssh}/include" deps::mbedcrypto)
deps_archive(cjson "${deps_cjson}/lib/libcjson.a" "${deps_cjson}/include" m)
deps_archive(sqlite3 "${deps_sqlite3}/lib/libsqlite3.a" "${deps_sqlite3}/include" m)
deps_archive(muslmath "${deps_musl}/lib/libmuslmath.a" "" m)
deps_archive(quickjs "${deps_quickjs}/lib/libquickjs.a" "${deps_quickjs}/include" deps::muslmath)
deps_archive(poco_foundation "${deps_poco}/lib/libPocoFoundation.a" "${deps_poco}/include" deps::zlib)
deps_archive(poco_net "${deps_poco}/lib/libPocoNet.a" "${deps_poco}/include" deps::poco_foundation)
deps_archive(poco_util "${deps_poco}/lib/libPocoUtil.a" "${deps_poco}/include" deps::poco_foundation)
target_compile_definitions(deps::poco_foundation INTERFACE POCO_NO_AUTOMATIC_LIBS)
target_compile_definitions(deps::poco_util INTERFACE
  POCO_UTIL_NO_XMLCONFIGURATION POCO_UTIL_NO_JSONCONFIGURATION)
