#!/bin/bash
# A relay with all of a relay's keys that lies to the real host, and signed statements spoilt at random: 20,000 of them,
# nightly 1,000,000 and every lie. The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export EVIL_MODE=${1:-change} BELAY=${BELAY:-$PWD/build/belay} BELAY_BUILD=${BELAY_BUILD:-$PWD/build}
export PYTHONPATH=$PWD/tests/support/py:$PWD/tests/integration:$PWD/tests/evil-relay PYTHONDONTWRITEBYTECODE=1
shift $(($# > 0))
exec python3 tests/evil-relay/evil.py "$@"
