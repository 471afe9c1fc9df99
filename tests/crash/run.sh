#!/bin/bash
# kill -9 at random moments under load: 300 lives of a daemon for a change, 10,000 nightly. A second argument is the
# number of lives, a third the seed; CRASH_CYCLES is the number too. The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cycles=300
[ "${1:-change}" = change ] || cycles=10000
exec python3 tests/crash/crash.py --cycles "${2:-${CRASH_CYCLES:-$cycles}}" ${3:+--seed "$3"}
