# Language, warnings, hardening and sanitizers of everything that is ours.

set(BELAY_SANITIZE "" CACHE STRING "Sanitizers for our own code, as for -fsanitize=; empty: none")
option(BELAY_FUZZ "Build the fuzzers (clang only)" OFF)
option(BELAY_COVERAGE "Count which lines ran" OFF)
option(BELAY_WERROR "Warnings are errors" ON)
option(BELAY_FAST "Build fast what runs slowly: Fast.cmake (clang only)" OFF)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)

# One build type, whose flags all stand here: nothing comes from CMake's own defaults, nor from the environment.
set(CMAKE_C_FLAGS "")
set(CMAKE_CXX_FLAGS "")
set(CMAKE_EXE_LINKER_FLAGS "")

# ccache when it is there. Paths are taken relative, so that one checkout profits from another.
find_program(BELAY_CCACHE ccache)
if(BELAY_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros "${BELAY_CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()
file(RELATIVE_PATH to_source "${PROJECT_BINARY_DIR}" "${PROJECT_SOURCE_DIR}")
file(RELATIVE_PATH from_source "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}")
string(REGEX REPLACE "/$" "" to_source "${to_source}")

include_directories("${PROJECT_SOURCE_DIR}")

add_compile_options(
  # -Wnull-dereference is left out: gcc 12 finds it in the standard library's own code.
  -Wall -Wextra -Wshadow
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>  # gcc 12 reports the unused alternatives of a std::variant; ASan, UBSan and clang look too.
  "$<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor;-Wold-style-cast;-Woverloaded-virtual>"
  $<$<BOOL:${BELAY_WERROR}>:-Werror>
  -fPIE -ffunction-sections -fdata-sections -fstack-protector-strong
  # The path of a checkout is nobody's business: same source, same binary. (The last map that fits wins.)
  "-ffile-prefix-map=${PROJECT_SOURCE_DIR}=${to_source}"
  "-ffile-prefix-map=${PROJECT_BINARY_DIR}=${from_source}")
add_compile_definitions(_GNU_SOURCE)
add_link_options(-Wl,--gc-sections -Wl,-z,relro,-z,now,-z,noexecstack)

set(sanitizer "")
set(BELAY_OPTIMIZED OFF)
if(BELAY_SANITIZE)
  set(sanitizer -g1 -fno-omit-frame-pointer -fsanitize=${BELAY_SANITIZE})
  if(BELAY_SANITIZE MATCHES "undefined")
    list(APPEND sanitizer -fno-sanitize-recover=undefined)
    if(BELAY_FAST)
      # Checks of every access to a member: they double the size of the code, and ASan catches the use of a null
      # pointer. The fuzzers are built with them.
      list(APPEND sanitizer -fno-sanitize=null,alignment,object-size,vptr,function)
    endif()
  endif()
  add_link_options(-pie -fsanitize=${BELAY_SANITIZE})
  if(BELAY_SANITIZE MATCHES "thread")
    # Its runtime and CppUTest both have operator new; the first one counts, which is the runtime's.
    add_link_options(-Wl,--allow-multiple-definition)
  endif()
  add_compile_definitions(CPPUTEST_MEM_LEAK_DETECTION_DISABLED)  # the sanitizer's own look instead
endif()

if(BELAY_FAST)
  include(Fast)
  set(fast -O0 -D_GNU_SOURCE -D_GLIBCXX_ASSERTIONS -fPIE -fstack-protector-strong ${sanitizer})
  list(JOIN fast " " fast_flags)
  belay_fast_header("${fast_flags} -std=c++20" fast_pch)
  add_compile_options(${fast} "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include-pch ${fast_pch}>")
  if(NOT BELAY_SANITIZE)
    add_link_options(-static-pie)
  endif()
elseif(BELAY_SANITIZE)
  add_compile_options(-O1 ${sanitizer})
elseif(BELAY_COVERAGE)
  add_compile_options(-O0 -g --coverage)
  add_link_options(-pie --coverage)
else()
  set(BELAY_OPTIMIZED ON)
  add_compile_options(-O2 -g1 -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS
    "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include ${PROJECT_SOURCE_DIR}/config/cmake/lean_assert.h>")
  # Relative relocations packed: 230 KB less, and nothing but the program itself reads them. Functions with the
  # same code folded into one: 290 KB less; nothing here tells functions apart by their address.
  add_link_options(-static-pie -fuse-ld=lld -Wl,--pack-dyn-relocs=relr -Wl,--icf=all -Wl,-O2)
endif()
