"""Measures the figures of the engine on the shipped binary, through its API, and writes build/bench/results.json.

What is a ratio is measured against its limit in the same run, in turns, because the speed of a disk drifts. The median
counts. A figure that does not hold fails. Last line: "N passed, N failed".
"""

import contextlib
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "support", "py"))
import belay  # noqa: E402
import fleet_figures  # noqa: E402
import relay_figures  # noqa: E402
import tool_figures  # noqa: E402

BUILD = os.environ.get("BELAY_BUILD", os.path.join(ROOT, "build"))
TESTS = os.path.join(BUILD, "tests")
FOLDER = os.path.join(BUILD, "bench")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))

TEN = {"slug": "ten", "steps": [{"id": "s%d" % i, "function": {"code": "return %d" % i}} for i in range(10)]}
TRUE = {"slug": "true", "steps": [{"id": "s", "run": {"command": ["/bin/true"]}}]}
TEN_TRUE = {"slug": "ten-true", "steps": [{"id": "s%d" % i, "run": {"command": ["/bin/true"]}} for i in range(10)]}
ASK = {"slug": "ask", "steps": [{"id": "s", "wait": {"approval": {"summary": "Go on?"}, "timeout": "24h"}}]}
ONE = {"slug": "one", "steps": [{"id": "s", "set": {"x": 1}}]}
ITEMS = {"slug": "items", "steps": [{"id": "each", "for_each": {
    "items": "${{ Array.from({length: 10000}, (_, i) => i) }}",
    "steps": [{"id": "f", "function": {"code": "return input + 1", "input": "${{ item }}"}}]}}]}
LONG = {"slug": "long", "steps": [{"id": "loop", "loop": {
    "while": "${{ index < 50000 }}", "max": 50000, "steps": [{"id": "f", "function": {"code": "return 1"}}]}}]}
# Five thousand steps, then an event for each of some rounds.
CODE = """export const flow = {slug: "code"};
export default async function (ctx) {
  let sum = 0;
  for (let i = 0; i < 5000; i++) sum += await ctx.step("s" + i, {function: {code: "input + 1", input: i}});
  for (let i = 0; i < 5; i++) await ctx.wait("go" + i, {event: {name: "go"}, timeout: "1h"});
  return sum;
}
"""
RESULTS = []


def note(name, value, unit, must, holds):
    name = name if name.startswith(("language.", "triggers.", "data.", "relay.", "link.")) else "engine." + name
    RESULTS.append({"name": name, "value": round(value, 4), "unit": unit, "must": must, "holds": bool(holds)})
    print("%s %-32s %12.3f %-12s must %s" % ("passed" if holds else "FAILED", name, value, unit, must), flush=True)


def at_most(name, value, unit, most):
    note(name, value, unit, "<= %g" % most, value <= most)


def at_least(name, value, unit, least):
    note(name, value, unit, ">= %g" % least, value >= least)


def tell(name, value, unit):
    """A figure that is the other half of a ratio: shown, and nothing asked of it."""
    note(name, value, unit, "none", True)


def run_json(*words):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (words, done.stderr[-800:]))
    return json.loads(done.stdout)


def load(host, *words):
    return run_json(os.path.join(TESTS, "load_client"), host.socket, *words)


def raw(rows):
    return run_json(os.path.join(TESTS, "raw_sqlite"), FOLDER, rows, 1.5)["rows_per_second"]


def status(host, name):
    with open("/proc/%d/status" % host.daemon.pid, encoding="ascii") as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    raise KeyError(name)


def written(host):
    with open("/proc/%d/io" % host.daemon.pid, encoding="ascii") as file:
        return int(dict(line.split(": ") for line in file.read().splitlines())["write_bytes"])


def ready_host(*flows):
    host = belay.Host({"limits": {"active_runs": 200000}}, parent=FOLDER)
    # A path of a socket is short.
    host.socket = "/tmp/belay-bench-%d.s" % os.getpid()
    host.write_settings({"limits": {"active_runs": 200000}})
    host.init()
    host.start()
    for flow in flows:
        host.post("/v1/flows", {"content": json.dumps(flow), "file": flow["slug"] + ".flow.json"})
    return host


def ready_time(host):
    """From the start of the process to its READY=1."""
    import socket
    path = "/tmp/belay-bench-%d.n" % os.getpid()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)
    listener.settimeout(60)
    try:
        with open(host.log_path, "ab") as log:
            begun = time.monotonic()
            host.daemon = subprocess.Popen(host.command("daemon", json_out=False), stdin=subprocess.DEVNULL, stdout=log,
                                           stderr=log, env={**host.environment, "NOTIFY_SOCKET": path}, cwd=host.folder)
            while b"READY=1" not in listener.recv(4096):
                pass
            return time.monotonic() - begun
    finally:
        listener.close()
        os.unlink(path)


def start_times(host, times):
    found = []
    for _ in range(times):
        host.stop()
        found.append(ready_time(host))
    return statistics.median(found) * 1000


def size_and_start():
    at_most("size", os.path.getsize(belay.BINARY) / 1e6, "MB", 8)
    with ready_host(TEN) as host:
        at_most("start.empty", start_times(host, 9), "ms", 20)
        host.api.close()
        time.sleep(3)  # Two seconds after its start it looks for what a former life left, once.
        at_most("resident.idle", status(host, "VmRSS") / 1024, "MiB", 12)
        before = switches(host)
        time.sleep(5)
        at_most("idle.wakeups", switches(host) - before, "in 5 s", 0)
        samples = []
        for _ in range(15):
            begun = time.monotonic()
            host.cli("run", "list")
            samples.append(time.monotonic() - begun)
        at_most("cli.round_trip", statistics.median(samples) * 1000, "ms", 15)


def switches(host):
    total = 0
    for thread in os.listdir("/proc/%d/task" % host.daemon.pid):
        with open("/proc/%d/task/%s/status" % (host.daemon.pid, thread), encoding="ascii") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt"))
    return total


def steps():
    with ready_host(TEN) as host:
        load(host, "runs", "ten", 50, 1)
        ours, limit = [], []
        for _ in range(ROUNDS):
            limit.append(raw(1))
            ours.append(10 * 400 / load(host, "runs", "ten", 400, 1)["seconds"])
        tell("steps.alone", statistics.median(ours), "steps/s")
        tell("steps.alone.sqlite", statistics.median(limit), "commits/s")
        at_least("steps.alone.ratio", statistics.median(o / l for o, l in zip(ours, limit)), "of SQLite", 0.7)
        load(host, "runs", "ten", 500, 64)
        ours, limit, bytes_ = [], [], []
        for _ in range(ROUNDS):
            limit.append(raw(64))
            before = written(host)
            ours.append(10 * 4000 / load(host, "runs", "ten", 4000, 64)["seconds"])
            bytes_.append((written(host) - before) / 40000)
        tell("steps.together", statistics.median(ours), "steps/s")
        tell("steps.together.sqlite", statistics.median(limit), "rows/s")
        at_least("steps.together.ratio", statistics.median(o / l for o, l in zip(ours, limit)), "of SQLite", 0.15)
        at_most("steps.together.bytes", statistics.median(bytes_), "bytes/step", 4000)


def processes():
    # Runs of ten, as for the steps above: what it costs to start a run by the API is told apart.
    with ready_host(TRUE, TEN_TRUE) as host:
        load(host, "runs", "ten-true", 10, 8)
        ours, limit, runs = [], [], []
        for _ in range(max(3, ROUNDS - 2)):
            folder = os.path.join(FOLDER, "jobs-reference")
            os.makedirs(folder, exist_ok=True)
            limit.append(run_json(os.path.join(TESTS, "jobs_bench"), os.path.join(TESTS, "minimal_supervisor"), folder,
                                  1, 400)["reference_per_second"])
            subprocess.run(["rm", "-rf", folder], check=True)
            ours.append(10 * 40 / load(host, "runs", "ten-true", 40, 8)["seconds"])
            runs.append(400 / load(host, "runs", "true", 400, 8)["seconds"])
        tell("steps.process", statistics.median(ours), "steps/s")
        tell("steps.process.runs", statistics.median(runs), "runs of one/s")
        tell("steps.process.limit", statistics.median(limit), "processes/s")
        at_least("steps.process.ratio", statistics.median(o / l for o, l in zip(ours, limit)), "of spawn+fsync", 0.7)


def jobs():
    folder = os.path.join(FOLDER, "jobs-figures")
    os.makedirs(folder, exist_ok=True)
    found = run_json(os.path.join(TESTS, "jobs_figures"), folder, os.environ.get("BENCH_KILLS", "1000"))
    subprocess.run(["rm", "-rf", folder], check=True)
    if found["private_kib"] > 0:
        at_most("jobs.supervisor.private", found["private_kib"], "KiB", 1024)
    at_most("jobs.start.over_exec", found["start_over_exec_ms"], "ms", 10)
    at_least("jobs.at_once", found["at_once"], "jobs", 500)
    tell("jobs.at_once.start", found["start_all_s"], "s")
    at_most("jobs.adopt", found["adopt_s"], "s for 500", 1)
    # The disk can be slower than the figure; then a supervisor must not be what makes it slow.
    for name, speed in (("jobs.log", found["log_mb_s"]), ("jobs.log.masked", found["masked_mb_s"])):
        at_least(name, max(speed / 200, speed / (0.7 * found["plain_mb_s"])), "of 200 MB/s or 0.7 of a pipe", 1)
        tell(name + ".speed", speed, "MB/s")
    at_most("jobs.kill.sweep", found["sweep_s"], "s for 8 trees", 10)
    if found["cgroup"]:
        at_most("jobs.kill.cgroup", found["cgroup_s"], "s for 8 trees", 2)
    at_most("jobs.kill.survivors", found["sweep_survivors"] + found["cgroup_survivors"], "processes", 0)


def kept_jobs():
    """What a start costs where the files of many jobs are kept: processor time until nothing happens any more."""
    count = 20_000
    with ready_host() as host:
        run = host.run({"slug": "one", "steps": [{"id": "a", "run": {"command": ["true"]}}]})["run"]["id"]
        cost = {0: start_cost(host)}
        folder = host.state + "/jobs/"
        names = [name for name in os.listdir(folder) if name.startswith(run)]
        job = names[0].split(".")[0]
        for number in range(count):
            # Of a run that this host does not have, as after its journal was pruned.
            other = "r" + str(number).zfill(len(run) - 1) + job[len(run):]
            for name in names:
                os.link(folder + name, folder + name.replace(job, other))
        cost[count] = start_cost(host)
        tell("start.0_jobs", cost[0], "ms")
        at_most("start.20000_jobs", cost[count], "ms", 100)


def start_cost(host):
    host.stop()
    host.start()
    time.sleep(2)
    with open("/proc/%d/stat" % host.daemon.pid, encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def approvals():
    samples = []
    for _ in range(3):
        with ready_host(ASK) as host:
            load(host, "start", "ask", 1000, 32)
            waiting(host, 1000)
            host.kill()
            begun = time.monotonic()
            with open(host.log_path, "ab") as log:
                host.daemon = subprocess.Popen(host.command("daemon", json_out=False), stdin=subprocess.DEVNULL,
                                               stdout=log, stderr=log, env=host.environment, cwd=host.folder)
            load(host, "approve", 1000, 16)
            samples.append(time.monotonic() - begun)
            done = host.get("/v1/runs?status=succeeded&limit=1000")["runs"]
            if len(done) != 1000:
                raise RuntimeError("%d of 1,000 runs are done" % len(done))
    at_most("approve.1000_after_kill", statistics.median(samples), "s", 0.5)


def waiting(host, count):
    belay.eventually(lambda: host.get("/v1/journal/stats")["journal"]["open_waits"] >= count, 120, "%d waits" % count)


def many_waits():
    with ready_host(ASK, ONE) as host:
        load(host, "start", "ask", 10000, 32)
        waiting(host, 10000)
        time.sleep(1)
        at_most("resident.10000_waits", status(host, "VmRSS") / 1024, "MiB", 64)
        samples = []
        for _ in range(3):
            host.kill()
            begun = time.monotonic()
            with open(host.log_path, "ab") as log:
                host.daemon = subprocess.Popen(host.command("daemon", json_out=False), stdin=subprocess.DEVNULL,
                                               stdout=log, stderr=log, env=host.environment, cwd=host.folder)
            load(host, "runs", "one", 1, 1)
            samples.append(time.monotonic() - begun)
        at_most("recovery.10000_waits", statistics.median(samples), "s", 1)
        at_most("resident.10000_waits_after_kill", status(host, "VmRSS") / 1024, "MiB", 64)


def many_runs():
    with ready_host(ONE) as host:
        load(host, "runs", "one", 100000, 64)
        at_most("start.100000_runs", start_times(host, 5), "ms", 300)


def language():
    with ready_host(ITEMS, LONG) as host:
        load(host, "runs", "items", 1, 1)  # what it needs once
        before, ours, limit = status(host, "VmRSS"), [], []
        for _ in range(ROUNDS):
            limit.append(raw(1))
            ours.append(10000 / load(host, "runs", "items", 1, 1)["seconds"])
        at_least("language.for_each.ratio", statistics.median(o / l for o, l in zip(ours, limit)), "of SQLite", 4)
        at_most("language.for_each.memory", (status(host, "VmHWM") - before) / 1024, "MiB", 20)
        for _ in range(3):
            load(host, "runs", "long", 1, 1)
        host.stop()
        at_most("language.long_run.slowdown", statistics.median(slowdowns(host)), "last/first", 1.2)


def slowdowns(host):
    """How much longer the last rounds of each long run took than its first ones. Two events a round; of several
    thousands, because the clock has only milliseconds and the disk its moods."""
    with contextlib.closing(sqlite3.connect("file:%s/journal.db?mode=ro" % host.state, uri=True)) as journal:
        for (run,) in journal.execute("SELECT number FROM runs WHERE slug = 'long' ORDER BY number").fetchall():
            at = [row[0] for row in journal.execute("SELECT at_ms FROM events WHERE run = ? ORDER BY seq", (run,))]
            rounds = [at[i + 2000] - at[i] for i in range(1, len(at) - 2000, 2000)]
            yield statistics.median(rounds[-10:]) / statistics.median(rounds[:10])


def code_resume():
    """From the event that a run of code waits for to its next wait: it is in no memory, and comes from the journal."""
    with ready_host() as host:
        host.post("/v1/runs", {"content": CODE, "file": "code.flow.js"})
        times = []
        for number in range(5):
            belay.eventually(lambda step="go%d" % number: [w for w in host.waits() if w["step"] == step], 120, "the wait")
            begun = time.monotonic()
            host.post("/v1/events", {"name": "go", "body": {}})
            if number < 4:
                while not [w for w in host.waits() if w["step"] == "go%d" % (number + 1)]:
                    time.sleep(0.001)
                times.append(time.monotonic() - begun)
        at_most("language.code_resume_ms", statistics.median(times) * 1000, "ms", 200)


def script():
    """Expressions as the engine evaluates them, over the state of a run: each kind by itself, and the slowest counts.
    A text and a condition are one evaluation each, as a flow's author sees them; all that a step is given is several."""
    # A tenth of a second each, in which a neighbour of the machine can be in the way of one kind.
    rounds = [run_json(os.path.join(TESTS, "script_bench")) for _ in range(5)]
    found = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    kinds = ("condition", "value", "template")
    for name in kinds:
        tell("language.expression." + name, found[name + "_us"], "us")
    at_most("language.expression", max(found[name + "_us"] for name in kinds), "us", 5)
    tell("language.expression.step", found["step_us"], "us for three")
    tell("language.expression.first", found["first_us"], "us with its context")


def schedules():
    found = run_json(os.path.join(TESTS, "schedules_bench"))
    at_most("triggers.next_1000", found["next_1000_ms"], "ms", 10)
    tell("triggers.plan_ten_years", found["plan_ten_years_ms"], "ms")


def data():
    found = run_json(os.path.join(TESTS, "data_bench"), FOLDER, "100000")
    at_least("data.resource_write.ratio", found["write_ratio"], "of raw I/O", 0.7)
    at_least("data.resource_read.ratio", found["read_ratio"], "of raw I/O", 0.7)
    at_most("data.search_100000", found["search_ms"], "ms", 50)


def figures(part):
    return lambda: part(sys.modules[__name__])


def main():
    os.makedirs(FOLDER, exist_ok=True)
    wanted = sys.argv[1:]
    failed = 0
    parts = (size_and_start, steps, processes, jobs, kept_jobs, approvals, many_waits, many_runs, language, code_resume, script, schedules, data)
    named = [(part.__name__, part) for part in parts]
    named += [(part.__name__, figures(part))
              for part in (*fleet_figures.PARTS, *relay_figures.PARTS, *tool_figures.PARTS)]
    for name, part in named:
        if wanted and name not in wanted:
            continue
        try:
            part()
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print("FAILED %s: %r" % (name, error), flush=True)
    with open(os.path.join(FOLDER, "results.json"), "w", encoding="utf-8") as file:
        json.dump(RESULTS, file, indent=1)
        file.write("\n")
    failed += sum(not row["holds"] for row in RESULTS)
    print("%d passed, %d failed" % (sum(row["holds"] for row in RESULTS), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
