#!/bin/bash
# Real coding agents under `belay drive`, in a network namespace where nothing is but loopback, against a model of ours
# (stub_model.py). Opt-in (`make check-agents`): it fetches 1.3 GB of programs of others with npm, each in a version that
# was looked at, into BELAY_AGENTS (build/agents). Words after the mode name tests. The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
shift $(($# > 0))
export BELAY=${BELAY:-$PWD/build/belay} BELAY_AGENTS=${BELAY_AGENTS:-$PWD/build/agents}
export PYTHONPATH=$PWD/tests/support/py PYTHONDONTWRITEBYTECODE=1
agents=(@anthropic-ai/claude-code@2.1.197 @openai/codex@0.169.0 @google/gemini-cli@0.61.0 opencode-ai@1.18.33)

# What an installation left that was stopped is no installation.
stamp=$BELAY_AGENTS/installed
if [ "$(cat "$stamp" 2> /dev/null)" != "${agents[*]}" ]; then
  command -v npm > /dev/null || { echo "npm is not installed"; echo "0 passed, 1 failed"; exit 1; }
  mkdir -p "$BELAY_AGENTS"
  if ! (cd "$BELAY_AGENTS" && npm init -y && npm install --no-audit --no-fund "${agents[@]}") > "$BELAY_AGENTS/npm.log" 2>&1; then
    tail -n 20 "$BELAY_AGENTS/npm.log"
    echo "0 passed, 1 failed"
    exit 1
  fi
  echo "${agents[*]}" > "$stamp"
fi
# shellcheck disable=SC2016  # the inner shell's
exec unshare -rn sh -c 'ip link set lo up && exec python3 tests/agents/agents.py "$@"' - "$@"
