#!/bin/bash
# Host and relay with a network of faults between them, and kill -9 of each in turn: 12 times, nightly 1,000 times
# (CHAOS_KILLS). CHAOS_SEED=N takes the faults of an earlier run. The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export CHAOS_MODE=${1:-change} BELAY=${BELAY:-$PWD/build/belay}
export PYTHONPATH=$PWD/tests/support/py:$PWD/tests/integration:$PWD/tests/chaos PYTHONDONTWRITEBYTECODE=1
shift $(($# > 0))
exec python3 tests/chaos/chaos.py "$@"
