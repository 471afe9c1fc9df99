#!/bin/bash
# Measures the figures, on the disk of the build folder, and writes build/bench/results.json. Words after the mode name
# parts of bench.py. The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
shift $(($# > 0))
export BELAY=${BELAY:-$PWD/build/belay} BELAY_BUILD=${BELAY_BUILD:-$PWD/build} PYTHONDONTWRITEBYTECODE=1
exec python3 tests/bench/bench.py "$@"
