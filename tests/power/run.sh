#!/bin/bash
# Power cuts: the state of a daemon under load lies on an ext4 of its own, which is shut down at random moments and
# mounted again. 30 cuts for a change, 1,000 nightly; a second argument or POWER_CYCLES is the number of cuts, a third
# argument the seed. In a mount namespace of its own where there is one. The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cycles=30
[ "${1:-change}" = change ] || cycles=1000
export PYTHONDONTWRITEBYTECODE=1
alone=()
if unshare --mount --propagation private true 2> /dev/null; then alone=(unshare --mount --propagation private); fi
exec "${alone[@]}" python3 tests/power/power.py --cycles "${2:-${POWER_CYCLES:-$cycles}}" ${3:+--seed "$3"} \
  ${alone:+--alone}
