#!/bin/bash
# Time zones and cron expressions against Python's zoneinfo, croniter and a scan of minutes. Debian's own Python is
# called, because its packages are not there for another. A second argument is a seed. The last line is
# "N passed, N failed".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export BELAY_BUILD=${BELAY_BUILD:-$PWD/build} PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 tests/schedules/schedules.py "${1:-change}" ${2:+"$2"}
