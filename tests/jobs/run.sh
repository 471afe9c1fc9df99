#!/bin/bash
# Jobs against their host: malicious programs, restarts and kills of the daemon, canaries. A sample of each for a change,
# all of it nightly. Words after the mode name files. The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[ "${1:-change}" = change ] || export BELAY_JOBS_FULL=1
shift $(($# > 0))
export BELAY=${BELAY:-$PWD/build/belay} PYTHONPATH=$PWD/tests/support/py PYTHONDONTWRITEBYTECODE=1
passed=0 failed=0
for file in malicious survival trees canaries; do
  [[ " ${*:-$file} " == *" $file "* ]] || continue
  echo "$file:"
  log=$(timeout -k 5 3000 python3 "tests/jobs/$file.py" 2>&1 < /dev/null)
  sed '/^[0-9]* passed, [0-9]* failed$/d; s/^/  /' <<< "$log"
  count=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' <<< "$log" | tail -n 1)
  [ -n "$count" ] || { echo "  it did not come to its end"; count='0 passed, 1 failed'; }
  passed=$((passed + ${count%% passed*})) count=${count#*, }
  failed=$((failed + ${count%% *}))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
