#!/bin/bash
# Runs the stages of the tests one after another and adds up their counts.
#
#   tests/run.sh change|nightly [STAGE...]
#
# Without STAGE: build, then every stage there is. Those with a folder of their own (style, sim, integration,
# crash, …) are tests/<stage>/run.sh, called with "change" or "nightly"; its last line must be
# "N passed, N failed". unit, asan and tsan run the programs unit_* and count what CppUTest says.
# A change runs the units once, in asan, where they see most. nightly adds unit (as they are shipped), tsan, fuzz,
# mutants, power, bench.
#
# The last line is the sum, "N passed, N failed". The exit status is 0 when nothing failed; a stage that ran no
# test, that took too long, or that did not say its count has failed.
#
# For the stages: the working folder is the repository, BELAY_BUILD is the build folder (absolute), BELAY is the
# binary, JOBS the number of cores; standard input is empty. Logs are kept in build/test-logs/.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mode=${1:-change}
case $mode in change | nightly) ;; *)
  echo "usage: tests/run.sh change|nightly [STAGE...]" >&2
  exit 2
  ;;
esac
shift $(($# > 0))
export JOBS=${JOBS:-$(nproc)} BELAY_BUILD=$PWD/build BELAY=$PWD/build/belay
logs=$PWD/build/test-logs
if [ "$mode" = nightly ]; then stage_seconds=14400; else stage_seconds=2400; fi

export UNIT_PREFIX=''  # what each unit_* is run by
export UNIT_SECONDS=400  # how long each may take; the power cuts of unit_journal take one minute where a disk is slow

passed=0 failed=0
running=''  # the process group of the stage that runs

beside=''  # the process group that builds beside the stages

stop() {
  [ -z "$running" ] || kill -KILL -- "-$running" 2> /dev/null
  [ -z "$beside" ] || kill -KILL -- "-$beside" 2> /dev/null
  exit 130
}
trap stop INT TERM HUP

# unit_programs FOLDER: runs every unit_* in FOLDER, JOBS at a time, and prints the sum.
unit_programs() {
  local folder=$1 results program name log count_passed=0 count_failed=0 ran bad
  results=$logs/$(basename "$folder")-units
  [ "$folder" != "$BELAY_BUILD/tests" ] || results=$logs/units
  rm -rf "$results"
  mkdir -p "$results"
  find "$folder" -maxdepth 1 -name 'unit_*' -type f -executable -print0 | sort -z |
    xargs -0 -r -P "$JOBS" -I{} bash -c \
      'timeout -k 5 $UNIT_SECONDS $UNIT_PREFIX "$1" > "$2/$(basename "$1").log" 2>&1 < /dev/null; echo $? > "$2/$(basename "$1").status"' \
      - {} "$results"
  for program in "$results"/*.status; do
    [ -f "$program" ] || continue
    name=$(basename "$program" .status)
    log=$results/$name.log
    # "OK (12 tests, 12 ran, 34 checks, …)" or "Errors (1 failures, 12 tests, 12 ran, …)".
    ran=$(sed -nE 's/^(OK|Errors) \(.*[ (]([0-9]+) ran,.*/\2/p' "$log" | tail -n 1)
    bad=$(sed -nE 's/^Errors \(([0-9]+) failures,.*/\1/p' "$log" | tail -n 1)
    ran=${ran:-0} bad=${bad:-0}
    [ "$bad" -le "$ran" ] || bad=$ran
    if [ "$(cat "$program")" != 0 ] && [ "$bad" = 0 ]; then bad=1; fi  # crashed, timed out, or a sanitizer spoke
    if [ "$ran" = 0 ]; then bad=1; fi
    [ "$ran" -ge "$bad" ] || ran=$bad
    count_passed=$((count_passed + ran - bad))
    count_failed=$((count_failed + bad))
    if [ "$bad" != 0 ]; then
      echo "$name: $bad failed, exit status $(cat "$program"); $log"
      tail -n 60 "$log"
    fi
  done
  echo "$count_passed passed, $count_failed failed"
}

# build_sanitized PRESET LOG: one at a time, the second has nothing to do.
build_sanitized() {
  (
    flock 9
    cmake --preset "$1" --log-level=WARNING > "$2" 2>&1 &&
      cmake --build "build/$1" -j "$JOBS" --target unit_tests >> "$2" 2>&1
  ) 9> "$logs/$1.lock"
}

# sanitized PRESET: builds the unit tests with a sanitizer and runs them.
sanitized() {
  local log=$logs/$1-build.log
  echo "building in build/$1"
  if build_sanitized "$1" "$log"; then
    unit_programs "$BELAY_BUILD/$1/tests"
  else
    tail -n 60 "$log"
    echo "0 passed, 1 failed"
  fi
}

stage_build() {
  if make "$programs"; then
    if [ "$(file -L build/belay build/belay-relay | grep -c 'static-pie linked')" = 2 ]; then
      echo "1 passed, 0 failed"
    else
      echo "build/belay or build/belay-relay is not static-pie"
      echo "0 passed, 1 failed"
    fi
  else
    echo "0 passed, 1 failed"
  fi
}

stage_unit() { unit_programs "$BELAY_BUILD/tests"; }

stage_asan() {
  UNIT_SECONDS=600
  export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
  export UBSAN_OPTIONS=print_stacktrace=1
  sanitized asan
}

stage_tsan() {
  UNIT_SECONDS=1200
  # The run time of older compilers cannot cope with as much address randomization as newer kernels have.
  if setarch -R true 2> /dev/null; then export UNIT_PREFIX='setarch -R'; fi
  export TSAN_OPTIONS=halt_on_error=0:second_deadlock_stack=1
  sanitized tsan
}

# run_stage NAME: runs it in a process group of its own, shows its output, adds its count.
run_stage() {
  local stage=$1 log=$logs/$1.log started=$SECONDS line status=0 counts
  local -a command
  if declare -F "stage_$stage" > /dev/null; then
    command=(bash "${BASH_SOURCE[0]}" "$mode" --inside "$stage")
  elif [ -x "tests/$stage/run.sh" ]; then
    command=("tests/$stage/run.sh" "$mode")
  else
    echo "-- $stage: there is no tests/$stage/run.sh"
    failed=$((failed + 1))
    return 1
  fi
  echo "-- $stage"
  : > "$log"
  setsid timeout -k 10 "$stage_seconds" "${command[@]}" > "$log" 2>&1 < /dev/null &
  running=$!
  tail -n +1 -f --pid="$running" -s 0.2 "$log" 2> /dev/null | sed -u 's/^/   /' &
  local shown=$!
  wait "$running" || status=$?
  kill -KILL -- "-$running" 2> /dev/null  # whatever it left behind
  running=''
  wait "$shown"
  counts=$(grep -E '^([A-Za-z]+: )?[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
  local good bad
  good=$(sed -nE 's/^([A-Za-z]+: )?([0-9]+) passed, ([0-9]+) failed.*/\2/p' <<< "$counts")
  bad=$(sed -nE 's/^([A-Za-z]+: )?([0-9]+) passed, ([0-9]+) failed.*/\3/p' <<< "$counts")
  good=${good:-0} bad=${bad:-0}
  if [ "$status" = 124 ] || [ "$status" = 137 ]; then
    echo "   $stage took longer than $stage_seconds s"
    bad=$((bad + 1))
  elif [ "$status" != 0 ] && [ "$bad" = 0 ]; then
    echo "   $stage ended with exit status $status"
    bad=1
  elif [ -z "$counts" ] || [ $((good + bad)) = 0 ]; then
    echo "   $stage ran no test"
    bad=1
  fi
  passed=$((passed + good)) failed=$((failed + bad))
  echo "-- $stage: $good passed, $bad failed, $((SECONDS - started)) s"
  [ "$bad" = 0 ]
}

case "${1:-}" in
  --inside)
    "stage_$2"
    exit 0
    ;;
  --build)
    # Behind everything else: where the kernel groups processes by session, nice alone counts within the session only.
    { echo 19 > /proc/self/autogroup; } 2> /dev/null
    build_sanitized "$2" "$logs/$2-beside.log"
    exit
    ;;
esac

mkdir -p "$logs"
started=$SECONDS
if [ $# -gt 0 ]; then
  stages=("$@")
  case " $* " in *" fuzz "*) config/cmake/packages.sh build fuzz || exit 1 ;; esac
else
  stages=(style integration crash)
  [ "$mode" = change ] || stages+=(unit tsan fuzz mutants power bench)
  known=" ${stages[*]} sim asan tsan fuzz mutants power bench demo agents "
  for script in tests/*/run.sh; do
    stage=$(basename "$(dirname "$script")")
    [ ! -x "$script" ] || [[ $known == *" $stage "* ]] || stages+=("$stage")
  done
  stages+=(sim asan)
fi
case " ${stages[*]} " in
  *" unit "* | *" bench "* | *" mutants "* | *" power "*) programs=tests ;;
  *) programs=stage-programs ;;
esac
export programs  # what `make` builds before all stages

if [ "${stages[*]}" = build ]; then stages=(); fi
if run_stage build; then
  passed=0  # to build is no test
  if [ $# = 0 ]; then
    # Most stages wait more than they compute; what the sanitized one needs is built meanwhile.
    setsid nice -n 19 bash "${BASH_SOURCE[0]}" "$mode" --build asan < /dev/null > /dev/null 2>&1 &
    beside=$!
  fi
  for stage in "${stages[@]}"; do
    # A tree that is not written yet is not a failure, unless somebody asked for it.
    if [ $# = 0 ] && [ ! -e "tests/$stage/run.sh" ] && ! declare -F "stage_$stage" > /dev/null; then
      echo "-- $stage: not there yet"
      continue
    fi
    run_stage "$stage"
  done
fi

echo "-- all stages: $((SECONDS - started)) s"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
