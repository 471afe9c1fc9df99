#!/bin/bash
# Builds the static libraries that Belay links, from Debian source packages, once per machine.
#
#   config/cmake/deps.sh build   builds what the cache lacks (needs the machine's Debian mirror, then only)
#   config/cmake/deps.sh print   prints one line "library version prefix" each; fails if one is missing
#
# Cache:   ${BELAY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/belay}/deps/<library>-<digest>/, where the digest
#          covers the pinned version, the flags, the recipe, its inputs, the compiler and what it needs.
# Recipes: config/cmake/deps/<library>.sh sets version, series, inputs and needs, and defines build().
# Env:     BELAY_CACHE, JOBS, BELAY_CC and BELAY_CXX (gcc, g++), BELAY_DEBIAN_MIRROR (see deps/apt.sh).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
recipes=$here/deps
libraries=(poco sqlite3 mbedtls quickjs libssh cjson musl)  # a library stands after what it needs
lanes=2                                                # so many are built at a time
cache=${BELAY_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/belay}
apt_dir=$cache/apt
jobs=${JOBS:-$(nproc)}

# What the environment holds must not change what is built. CC is ignored too: whichever compiler our own code
# is tried with (clang for the fuzzers), these libraries are the same.
unset CFLAGS CXXFLAGS CPPFLAGS LDFLAGS CPATH LIBRARY_PATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH MAKEFLAGS MAKELEVEL
export CC=${BELAY_CC:-gcc} CXX=${BELAY_CXX:-g++} LC_ALL=C.UTF-8
umask 022

# No unwind tables for C: no exception passes through it, and a backtrace of our own has .debug_frame.
# -fPIE, not -fPIC: every product is an executable. No -g: our own debug file is about our own code.
flags="-O2 -fPIE -ffunction-sections -fdata-sections -fstack-protector-strong -fno-asynchronous-unwind-tables -D_FORTIFY_SOURCE=2 -w"

. "$recipes/apt.sh"

fail() { echo "deps: $*" >&2; exit 1; }

# Sets the variables of one recipe: version (wanted), series (a prefix that any accepted version has),
# package, inputs (files beside the recipe), needs (libraries).
recipe() {
  package=$1 version='' series='' inputs='' needs=''
  unset -f build
  . "$recipes/$1.sh"
}

declare -A prefix_of

# Finds the cache folder of every library.
locate() {
  local compiler library file need
  compiler="$($CC --version | head -n 1) $($CC -dumpmachine) $($CXX --version | head -n 1)" ||
    fail "no compiler: $CC, $CXX"
  for library in "${libraries[@]}"; do
    recipe "$library"
    prefix_of[$library]=$cache/deps/$library-$(
      {
        echo "$compiler $flags"
        for need in $needs; do basename "${prefix_of[$need]}"; done
        for file in "$library.sh" $inputs; do cat "$recipes/$file"; done
      } | sha256sum | cut -c 1-16
    )
  done
}

print_all() {
  local library
  for library in "${libraries[@]}"; do
    [ -f "${prefix_of[$library]}/version" ] || fail "$library is not built; run 'make deps'"
    echo "$library $(cat "${prefix_of[$library]}/version") ${prefix_of[$library]}"
  done
}

# cmake_build SOURCE ARGUMENTS...: configures, builds and installs a CMake project into $prefix.
cmake_build() {
  local from=$1
  shift
  cmake -S "$from" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=None -DBUILD_SHARED_LIBS=OFF \
    -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" \
    -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib "$@"
  cmake --build "$work/build" -j "$jobs"
  cmake --install "$work/build"
}

# start LOG COMMAND...: runs a function in the background, its output goes to LOG. In the background, because
# set -e is ignored inside whatever a condition calls.
start() {
  local log=$1
  shift
  (set -e; "$@") > "$log" 2>&1 < /dev/null 9>&- &
}

# Says that a step failed, with the end of its log. What else is being built may finish, and is kept.
failed() {
  echo "deps: $1 failed" >&2
  tail -n 15 "$2" >&2
  wait
  fail "the whole log: $2"
}

log_of() { echo "$cache/deps/logs/$(basename "${prefix_of[$1]}").log"; }

# Repeats what a log has for the person who waits.
notes() { sed -n 's/^deps-note: /      /p' "$1"; }

# Builds one library in a scratch folder and moves the result into its place in one rename.
build_one() {
  local library=$1 final=$2
  recipe "$library"
  work=$cache/deps/.work-$library
  prefix=$work/prefix
  rm -rf "$work"
  mkdir -p "$work" "$prefix/include" "$prefix/lib"
  fetch_source "$package" "$version" "$series" "$work"
  source_dir=$work/source
  cd "$source_dir"
  flags="$flags -ffile-prefix-map=$source_dir/=$library/"  # no path of this machine in the product
  build
  cp debian/copyright "$prefix/copyright"
  rm -rf "$prefix/lib/cmake" "$prefix/lib/pkgconfig" "$prefix/bin" "$prefix/share"
  mv "$work/version" "$prefix/version"
  rm -rf "$final"
  mv "$prefix" "$final"
  rm -rf "$work"
}

# Waits until one of the libraries that are being built is done, and says so in one line.
finish_one() {
  local pid status=0 library log
  wait -n -p pid "${!running[@]}" || status=$?
  library=${running[$pid]}
  unset "running[$pid]"
  log=$(log_of "$library")
  [ "$status" = 0 ] || failed "$library" "$log"
  finished=$((finished + 1))
  echo "[$finished/$missing] $library $(cat "${prefix_of[$library]}/version") … $((SECONDS - started_at[$pid])) s"
  notes "$log"
}

is_built() { [ -f "${prefix_of[$1]}/version" ]; }

count_missing() {
  missing=0
  for library in "${libraries[@]}"; do
    is_built "$library" || missing=$((missing + 1))
  done
}

build_all() {
  local library need missing finished=0 started log
  local -A running=() started_at=()  # by process id
  count_missing
  if [ "$missing" = 0 ]; then
    echo "deps: ${#libraries[@]} libraries from the cache"
    return
  fi
  mkdir -p "$cache/deps/logs"
  exec 9> "$cache/deps/.lock"
  flock 9  # a second checkout waits, then finds the libraries built
  count_missing
  echo "deps: building $missing of ${#libraries[@]} libraries from Debian's sources, once for this machine"
  started=$SECONDS
  log=$cache/deps/logs/apt.log
  start "$log" prepare_apt
  wait $! || failed "reading the index of source packages" "$log"
  notes "$log"
  for library in "${libraries[@]}"; do
    is_built "$library" && continue
    recipe "$library"
    for need in $needs; do
      while ! is_built "$need"; do finish_one; done
    done
    while [ "${#running[@]}" -ge "$lanes" ]; do finish_one; done
    start "$(log_of "$library")" build_one "$library" "${prefix_of[$library]}"
    running[$!]=$library
    started_at[$!]=$SECONDS
  done
  while [ "${#running[@]}" -gt 0 ]; do finish_one; done
  echo "deps: done in $((SECONDS - started)) s"
}

locate
case ${1:-build} in
  build) build_all ;;
  print) print_all ;;
  *) fail "usage: $0 [build|print]" ;;
esac
