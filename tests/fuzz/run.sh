#!/bin/bash
# The fuzzers: each first reads its kept inputs (tests/fuzz/corpus/<name>), then looks for new ones for a minute
# (FUZZ_SECONDS) within 512 MiB. What fails is kept in build/fuzz/findings; to see one again:
#
#   build/fuzz/tests/fuzz_flow build/fuzz/findings/flow-crash-…
#
# A second argument "keep" then puts the inputs that cover something new to the kept ones, which stay few and small.
# Words after that name the fuzzers; without any, all run. The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
shift $(($# > 0))
keep=''
if [ "${1:-}" = keep ]; then keep=1; shift; fi
seconds=${FUZZ_SECONDS:-60}
folder=$PWD/build/fuzz
kept_files=60      # of one fuzzer
kept_bytes=30000   # of one fuzzer

config/cmake/packages.sh build fuzz || { echo "0 passed, 1 failed"; exit 1; }
mkdir -p "$folder/findings" "$folder/corpus" "$folder/logs"
echo "building in build/fuzz"
if ! { cmake --preset fuzz --log-level=WARNING && cmake --build build/fuzz -j "${JOBS:-2}" --target fuzzers; } \
  > "$folder/logs/build.log" 2>&1; then
  tail -n 40 "$folder/logs/build.log"
  echo "0 passed, 1 failed"
  exit 1
fi

export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:quarantine_size_mb=32 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

# fuzz NAME: two tests, the kept inputs and the search. Writes its count to logs/NAME.count.
fuzz() {
  local name=$1 good=0 bad=0 log=$folder/logs/$1.log
  local -a options=(-rss_limit_mb=512 -malloc_limit_mb=256 -timeout=10 -max_len=4096 -verbosity=1
    -print_final_stats=1 "-artifact_prefix=$folder/findings/$name-")
  [ ! -f "tests/fuzz/dictionaries/$name.txt" ] || options+=("-dict=tests/fuzz/dictionaries/$name.txt")
  mkdir -p "$folder/corpus/$name"
  if ! ls "tests/fuzz/corpus/$name"/* > /dev/null 2>&1; then
    echo "$name: no inputs are kept in tests/fuzz/corpus/$name"
    bad=1
  elif "$folder/tests/fuzz_$name" "${options[@]}" "tests/fuzz/corpus/$name"/* > "$log" 2>&1; then
    good=1
  else
    echo "$name: a kept input fails; $log"
    tail -n 30 "$log"
    bad=1
  fi
  if "$folder/tests/fuzz_$name" "${options[@]}" "-max_total_time=$seconds" "$folder/corpus/$name" \
    "tests/fuzz/corpus/$name" > "$log" 2>&1; then
    good=$((good + 1))
    echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, $(
      grep -oE 'cov: [0-9]+' "$log" | tail -n 1), peak $(sed -n 's/^stat::peak_rss_mb: *//p' "$log") MiB"
  else
    echo "$name: found something; $log"
    grep -vE '^#[0-9]+' "$log" | tail -n 40
    bad=$((bad + 1))
  fi
  echo "$good $bad" > "$folder/logs/$name.count"
}

# keep_few NAME: the fewest small inputs that cover what all of them cover, within the bounds of what is kept.
keep_few() {
  local name=$1 merged=$folder/merged/$1 kept=tests/fuzz/corpus/$1 bytes=0 files=0 size file
  rm -rf "$merged"
  mkdir -p "$merged" "$kept"
  "$folder/tests/fuzz_$name" -merge=1 -max_len=1024 -rss_limit_mb=512 "$merged" "$kept" "$folder/corpus/$name" \
    > "$folder/logs/$name.merge.log" 2>&1 || return 1
  # What has failed once stays, whatever covers it now.
  find "$kept" -type f ! -name 'found-*' -delete
  # Those that cover most for their size come first: the merge writes them in the order of size, so every n-th is taken.
  local -a all=()
  mapfile -t all < <(find "$merged" -type f -printf '%s %p\n' | sort -n | cut -d ' ' -f 2-)
  local step=$(((${#all[@]} + kept_files - 1) / kept_files)) index
  [ "$step" -gt 0 ] || step=1
  for ((index = 0; index < ${#all[@]}; index += step)); do
    file=${all[$index]}
    size=$(stat -c %s "$file")
    [ $((bytes + size)) -le "$kept_bytes" ] || break
    cp "$file" "$kept/"
    bytes=$((bytes + size)) files=$((files + 1))
  done
  echo "$name: $files of ${#all[@]} inputs are kept, $bytes bytes"
}

if [ $# -gt 0 ]; then
  names=("$@")
else
  mapfile -t names < <(cd tests/fuzz && ls -- *Fuzz.cpp | sed 's/Fuzz\.cpp$//' | tr '[:upper:]' '[:lower:]')
fi
rm -f "$folder"/logs/*.count
export -f fuzz keep_few
export folder seconds kept_files kept_bytes
printf '%s\n' "${names[@]}" | xargs -P "${JOBS:-2}" -I{} bash -c 'fuzz "$1"' - {}
if [ -n "$keep" ]; then printf '%s\n' "${names[@]}" | xargs -P "${JOBS:-2}" -I{} bash -c 'keep_few "$1"' - {}; fi

passed=0 failed=0
for name in "${names[@]}"; do
  read -r good bad < "$folder/logs/$name.count" || { good=0 bad=1; }
  passed=$((passed + good)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
