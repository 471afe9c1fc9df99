#!/bin/bash
# The simulation by seeds: 2,000 for a change, 200,000 in the night; the same run with and without crashes, 400 and
# 20,000; and the seeds that failed once (tests/sim/seeds).
set -uo pipefail
count=2000 twins=400
[ "${1:-change}" = nightly ] && count=200000 twins=20000
sim=$BELAY_BUILD/tests/simulate
logs=$BELAY_BUILD/test-logs
passed=0 failed=0

# simulate NAME COUNT [OPTION]: shares the seeds among the cores.
simulate() {
  local name=$1 share=$(($2 / JOBS)) job ok bad
  shift 2
  for ((job = 0; job < JOBS; job++)); do
    "$sim" "$@" "$share" $((job * share + 1)) > "$logs/$name-$job.log" 2>&1 &
  done
  wait
  for ((job = 0; job < JOBS; job++)); do
    grep FAILED "$logs/$name-$job.log" | head -n 5
    read -r ok _ bad _ < <(tail -n 1 "$logs/$name-$job.log" | grep -E '^[0-9]+ passed, [0-9]+ failed$' || echo "0 passed, 1 failed")
    passed=$((passed + ok)) failed=$((failed + bad))
  done
}
simulate sim "$count"
simulate twins "$twins" --twins
while read -r seed _; do
  case $seed in '' | '#'*) continue ;; esac
  if "$sim" --seed "$seed"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done < tests/sim/seeds
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
