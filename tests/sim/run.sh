#!/bin/bash
# The simulation by seeds: 2,000 for a change, 200,000 in the night; and the seeds that failed once (tests/sim/seeds).
set -uo pipefail
count=2000
[ "${1:-change}" = nightly ] && count=200000
sim=$BELAY_BUILD/tests/simulate
share=$((count / JOBS))
for ((job = 0; job < JOBS; job++)); do
  "$sim" "$share" $((job * share + 1)) > "$BELAY_BUILD/test-logs/sim-$job.log" 2>&1 &
done
wait
passed=0 failed=0
for ((job = 0; job < JOBS; job++)); do
  grep FAILED "$BELAY_BUILD/test-logs/sim-$job.log" | head -n 5
  read -r ok _ bad _ < <(tail -n 1 "$BELAY_BUILD/test-logs/sim-$job.log" | grep -E '^[0-9]+ passed, [0-9]+ failed$' || echo "0 passed, 1 failed")
  passed=$((passed + ok)) failed=$((failed + bad))
done
while read -r seed _; do
  case $seed in '' | '#'*) continue ;; esac
  if "$sim" --seed "$seed"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done < tests/sim/seeds
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
