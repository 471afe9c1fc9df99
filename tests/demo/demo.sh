#!/bin/bash
# The main job of Belay for real, on the embedded defaults: a tool changes a git repository in a worktree, a person
# approves the diff, exactly that diff is pushed; then the daemon is killed in the middle of a job, which goes on; then
# a coding agent improves a repository (agent.sh); then a relay carries callbacks and signed releases to it (relay.sh).
#
#   tests/demo/demo.sh BELAY [FOLDER]         belay-relay lies beside BELAY
#
# DEMO_WAIT: seconds that a person has to approve, before the demo does it (default 10).
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
belay=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
belay_relay=$(dirname "$belay")/belay-relay
folder=${2:-$(mktemp -d "${TMPDIR:-/tmp}/belay-demo.XXXXXX")}
wait_seconds=${DEMO_WAIT:-10}

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
show() { printf '   $ %s\n' "$*"; }

export HOME=$folder/home XDG_CONFIG_HOME=$folder/config XDG_STATE_HOME=$folder/state XDG_RUNTIME_DIR=$folder/run
mkdir -p "$HOME" "$XDG_RUNTIME_DIR" "$folder/bin"
chmod 700 "$XDG_RUNTIME_DIR"
run() { "$belay" --user "$@"; }
json() { python3 -c 'import json,sys
value = json.load(sys.stdin)
for name in sys.argv[1].split("."):
    if isinstance(value, list): value = value[int(name)] if int(name) < len(value) else None
    else: value = value.get(name) if value is not None else None
print("" if value is None else value)' "$1"; }

# shellcheck source=tests/demo/relay.sh
. "$repository/tests/demo/relay.sh"
# shellcheck source=tests/demo/agent.sh
. "$repository/tests/demo/agent.sh"
receiver_pid='' daemon_pid=''
cleanup() { [ -z "$receiver_pid" ] || kill "$receiver_pid" 2> /dev/null || true; }
trap cleanup EXIT

start_daemon() {
  setsid "$belay" --user daemon >> "$folder/daemon.log" 2>&1 < /dev/null &
  daemon_pid=$!
  for _ in $(seq 100); do
    # Lists are answered without a daemon too, from the journal.
    [ "$(run run list --json 2> /dev/null | json meta.source 2> /dev/null)" != daemon ] || return 0
    sleep 0.05
  done
  echo "the daemon did not start:" >&2
  cat "$folder/daemon.log" >&2
  exit 1
}

say "A repository, a tool, and somebody who wants to be told"
if git -C "$repository" rev-parse HEAD > /dev/null 2>&1; then
  git clone --quiet --bare "$repository" "$folder/project.git"
else
  git init --quiet --bare "$folder/project.git"
fi
echo "   bare clone of this project: $folder/project.git ($(git -C "$folder/project.git" rev-list --count HEAD) commits)"
cat > "$folder/bin/tidy" << 'TOOL'
#!/bin/sh
# A real tool that changes files: says in each shell script when it was tidied.
set -eu
count=0
for file in $(git ls-files '*.sh' | head -n 3); do
  printf '# Tidied.\n' >> "$file"
  count=$((count + 1))
done
echo "tidied $count files"
printf '{"files": %d}' "$count" >&3
TOOL
chmod +x "$folder/bin/tidy"
python3 -u - "$folder/received" << 'PY' &
import http.server, sys
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        open(sys.argv[1], "ab").write(body + b"\n")
        self.send_response(204)
        self.end_headers()
    def log_message(self, *args): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
open(sys.argv[1] + ".port", "w").write(str(server.server_port))
server.serve_forever()
PY
receiver_pid=$!
for _ in $(seq 100); do [ -s "$folder/received.port" ] && break; sleep 0.05; done

say "The daemon"
show "belay init && belay daemon &"
run init > /dev/null
make_certificates
cat >> "$XDG_CONFIG_HOME/belay/belay.yaml" << YAML
  team:
    type: chat
    url: http://127.0.0.1:$(cat "$folder/received.port")/
YAML
sed -i "/^link:/a\\  ca_file: $relay_folder/ca.crt" "$XDG_CONFIG_HOME/belay/belay.yaml"
configure_agent
start_daemon
echo "   $(run version | head -n 1), $(du -k "$belay" | cut -f1) KiB, $(awk '/VmRSS/ {print $2}' "/proc/$daemon_pid/status") KiB resident"

say "A run: check out, change, store the diff, ask"
mkdir -p "$folder/work"
show "belay flow run review-and-apply.flow.yaml --input repository=… --input work=… --input script=…"
first=$(run flow run "$repository/config/templates/review-and-apply.flow.yaml" --input "repository=$folder/project.git" \
  --input "work=$folder/work" --input "script=$folder/bin/tidy" --json | json data.run.id)
approval=''
for _ in $(seq 200); do
  approval=$(run wait list --run "$first" --json | json data.waits.0.id)
  [ -z "$approval" ] || break
  sleep 0.05
done
[ -n "$approval" ] || { run run show "$first"; echo "no approval was asked for" >&2; exit 1; }
run wait show "$approval"
echo
echo "   Approve it yourself within $wait_seconds s, in another terminal:"
echo "     HOME=$HOME XDG_STATE_HOME=$XDG_STATE_HOME XDG_CONFIG_HOME=$XDG_CONFIG_HOME XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR \\"
echo "       $belay --user approve $approval"
for _ in $(seq $((wait_seconds * 10))); do
  [ "$(run wait show "$approval" --json | json data.wait.status)" = open ] || break
  sleep 0.1
done
if [ "$(run wait show "$approval" --json | json data.wait.status)" = open ]; then
  show "belay approve $approval --comment 'looks right'   # nobody did, so the demo does"
  run approve "$approval" --comment 'looks right'
fi
run run watch "$first" --timeout 60s > /dev/null
run run show "$first"
[ "$(run run show "$first" --json | json data.run.status)" = succeeded ]

say "What came of it"
git -C "$folder/project.git" log --oneline -n 1
git -C "$folder/project.git" show --stat --format= HEAD
echo "   told: $(cat "$folder/received")"

say "SIGKILL in the middle of a second run"
second=$(run flow run "$repository/tests/demo/long-job.flow.yaml" --input seconds=4 --json | json data.run.id)
sleep 1.5
show "kill -9 $daemon_pid"
kill -KILL "$daemon_pid"
wait "$daemon_pid" 2> /dev/null || true
echo "   the daemon is dead; its journal still answers:"
run run list
sleep 1
start_daemon
run run watch "$second" --timeout 30s > /dev/null
run run show "$second"
run run logs "$second"
[ "$(run run show "$second" --json | json data.run.output.lines)" = 4 ]
demo_agent
demo_relay
run journal verify

say "Done. The daemon (process $daemon_pid) and the relay (process $relay_pid) still run; try:"
cat << NEXT
   export HOME=$HOME XDG_CONFIG_HOME=$XDG_CONFIG_HOME XDG_STATE_HOME=$XDG_STATE_HOME XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR
   $belay --user run list
   $belay --user resource list
   $belay --user flow run $repository/config/templates/hello.flow.yaml --wait
   $belay --user doctor
   $belay --user link status; $belay_relay hosts --config $relay_folder/relay.yaml
   kill $daemon_pid $relay_pid && rm -rf $folder      # stops it and removes all of the demo
NEXT
