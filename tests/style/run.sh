#!/bin/bash
# The rules of the code that a machine can check, and the tests of the checker. The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PYTHONDONTWRITEBYTECODE=1
passed=0 failed=0
log=$(python3 tests/style/style_test.py 2>&1)
if [ $? = 0 ]; then passed=1; else echo "$log"; failed=1; fi
log=$(python3 tests/style/style.py 2>&1)
sed '/^[0-9]* passed, [0-9]* failed$/d' <<< "$log"
count=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' <<< "$log" | tail -n 1)
if [ -n "$count" ]; then
  passed=$((passed + ${count%% passed*})) count=${count#*, }
  failed=$((failed + ${count%% *}))
else
  failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
