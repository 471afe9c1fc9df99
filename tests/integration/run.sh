#!/bin/bash
# The static binary against real things: processes, sockets, TLS, full disks. Runs every NN_*.py, two for each core
# because they mostly wait, or those that the words after the mode name. The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
shift $(($# > 0))
export BELAY=${BELAY:-$PWD/build/belay} PYTHONPATH=$PWD/tests/support/py PYTHONDONTWRITEBYTECODE=1
logs=$(mktemp -d "${TMPDIR:-/tmp}/belay-integration-XXXXXX")
trap 'rm -rf "$logs"' EXIT
ls tests/integration/[0-9]*.py | grep -E "$(IFS='|'; echo "${*:-.}")" |
  xargs -r -P $((2 * ${JOBS:-2})) -I{} bash -c 'timeout -k 5 600 python3 "$1" > "$2/$(basename "$1").log" 2>&1 < /dev/null' - {} "$logs"
passed=0 failed=0
for log in "$logs"/*.log; do
  [ -f "$log" ] || continue
  echo "$(basename "$log" .py.log):"
  sed '/^[0-9]* passed, [0-9]* failed$/d; s/^/  /' "$log"
  count=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
  if [ -z "$count" ]; then
    echo "  it did not come to its end"
    count='0 passed, 1 failed'
  fi
  passed=$((passed + ${count%% passed*})) count=${count#*, }
  failed=$((failed + ${count%% *}))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
