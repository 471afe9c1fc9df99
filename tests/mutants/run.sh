#!/bin/bash
# Breaks a rule of durability or security at a time, in a copy of the sources (build/mutants), and runs the test that
# must notice. Words after the mode name mutants; without any, all are tried. The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
shift $(($# > 0))
export PYTHONDONTWRITEBYTECODE=1
exec python3 tests/mutants/hunt.py "$@"
