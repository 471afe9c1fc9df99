"""Jobs over restarts and kills of their daemon: the same processes go on, their status is right, no line is missing.

Eight of each for a change, a hundred nightly. The observer reads /proc and the files that jobs write by themselves.
"""

import os
import re

import belay
import check

FULL = "BELAY_JOBS_FULL" in os.environ
TIMES = 100 if FULL else 8
CODES = (0, 1, 7, 42)


def script(folder, number):
    return ("echo $$ > %s/pid-%d\ni=0\nwhile [ ! -e %s/stop ]; do i=$((i+1)); echo \"line $i of %d\"; sleep 0.01; done\n"
            "echo \"end $i\"\nprintf '{\"lines\": %%d}' $i >&3\nexit %d\n" % (folder, number, folder, number, CODES[number]))


def identity(pid):
    """What tells one process from a later one with its number."""
    with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as file:
        text = file.read()
    return pid, text.rsplit(")", 1)[1].split()[19]


def lives(known):
    try:
        return identity(known[0]) == known
    except OSError:
        return False


def start_jobs(host):
    runs = []
    for number in range(len(CODES)):
        flow = {"slug": "j%d" % number, "steps": [{"id": "a", "run": {
            "script": script(host.folder, number), "ok_exit_codes": list(CODES)}}],
            "output": {"code": "${{ steps.a.output.exit_code }}", "lines": "${{ steps.a.output.result.lines }}"}}
        runs.append(host.start_run(flow))
    return runs


def pids(host):
    paths = ["%s/pid-%d" % (host.folder, number) for number in range(len(CODES))]
    belay.eventually(lambda: all(os.path.exists(p) and os.path.getsize(p) > 1 for p in paths), what="the jobs")
    return [int(open(path, encoding="ascii").read()) for path in paths]


def judge(host, runs, before):
    check.equal(before, [identity(pid) for pid, _ in before], "the processes of the jobs")
    with open(host.folder + "/stop", "w", encoding="ascii"):
        pass
    for number, run in enumerate(runs):
        shown = host.wait_run(run)
        check.equal("succeeded", shown["run"]["status"], str(shown)[:600])
        check.equal(CODES[number], shown["run"]["output"]["code"])
        lines = re.findall(r"line (\d+) of %d$" % number, host.cli("run", "logs", run, json_out=False).out, re.M)
        check.equal([str(i) for i in range(1, shown["run"]["output"]["lines"] + 1)], lines, "the lines of job %d" % number)
    check.equal([], [known for known in before if lives(known)], "processes that are left")


@check.bound(1200 if FULL else 90)
def test_restarts():
    with belay.started() as host:
        runs = start_jobs(host)
        before = [identity(pid) for pid in pids(host)]
        for _ in range(TIMES):
            check.equal(0, host.stop())
            check.equal(before, [identity(pid) for pid, _ in before])
            host.start()
        judge(host, runs, before)


@check.bound(1200 if FULL else 90)
def test_kills():
    with belay.started() as host:
        runs = start_jobs(host)
        before = [identity(pid) for pid in pids(host)]
        for _ in range(TIMES):
            host.kill()
            host.start()
        judge(host, runs, before)


@check.bound(300)
def test_ends_while_no_daemon_runs():
    """What ended meanwhile has ended as it did, and not as it was last seen."""
    with belay.started() as host:
        runs = start_jobs(host)
        before = [identity(pid) for pid in pids(host)]
        host.kill()
        with open(host.folder + "/stop", "w", encoding="ascii"):
            pass
        belay.eventually(lambda: not any(os.path.exists("/proc/%d" % pid) for pid, _ in before), what="their end")
        host.start()
        for number, run in enumerate(runs):
            check.equal(CODES[number], host.wait_run(run)["run"]["output"]["code"])


@check.bound(600 if FULL else 120)
def test_a_lost_job_is_said_to_be_lost():
    """Its supervisor is killed: how it ended cannot be known, and its processes are ended, those that are being forked at
    that moment too."""
    with belay.started() as host:
        for _ in range(200 if FULL else 20):
            lose(host)


def lose(host):
    path = host.folder + "/pid-0"
    run = host.start_run({"slug": "x", "steps": [{"id": "a", "effect": "idempotent", "run": {
        "script": "echo $$ > %s; (setsid sleep 600 &); sleep 600" % path}}]})
    belay.eventually(lambda: os.path.exists(path) and os.path.getsize(path) > 1)
    pid = int(open(path, encoding="ascii").read())
    os.unlink(path)
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        supervisor = int(re.search(r"PPid:\t(\d+)", file.read())[1])
    os.kill(supervisor, 9)
    shown = host.wait_run(run)
    check.equal("BLY-JOB-LOST", shown["run"]["error"]["code"])
    check.equal([], belay.processes_of_run(run), "processes of the job")


@check.bound(240)
def test_a_cancel_that_a_killed_daemon_took_ends_the_job():
    """Right after the start, before the job was taken up again, and right before the kill, after it was answered."""
    with belay.started({"jobs": {"grace": "100ms"}}) as host:
        for number in range(10):
            run = host.start_run({"slug": "x%d" % number, "steps": [{"id": "a", "run": {
                "script": "echo $$ > %s/pid-0; exec sleep 600" % host.folder}}]})
            path = host.folder + "/pid-0"
            belay.eventually(lambda: os.path.exists(path) and os.path.getsize(path) > 1, what="the job")
            pid = identity(int(open(path, encoding="ascii").read()))
            os.unlink(path)
            if number % 2:
                host.kill()
                host.start()
            host.post("/v1/runs/%s/cancel" % run)
            if not number % 2:
                host.kill()
                host.start()
            check.equal("cancelled", host.wait_run(run)["run"]["status"])
            belay.eventually(lambda: not lives(pid), what="the end of the job")


def test_who_talks_cannot_execute_and_who_executes_does_not_talk():
    with belay.started() as host:
        daemon = host.get("/v1/daemon")["pid"]
        with open("/proc/%d/status" % daemon, encoding="ascii") as file:
            check.has(file.read(), "Seccomp:\t2", "the daemon's filter")
        nursery = int(belay.children_of(daemon)[0])
        host.run({"slug": "x", "steps": [{"id": "a", "run": {"command": ["true"]}}]})
        spawners = [int(pid) for pid in belay.children_of(nursery)]
        check.equal(1, len(spawners), "spawners")
        for pid in (nursery, spawners[0]):
            with open("/proc/%d/status" % pid, encoding="ascii") as file:
                check.has(file.read(), "Seccomp:\t0", "no filter where jobs come from")
            if os.geteuid() == 0:
                links = [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)]
                check.equal(1, sum(link.startswith("socket:") for link in links), "sockets of %d: %s" % (pid, links))
        # The one that makes spawners stays, and makes another.
        os.kill(spawners[0], 9)
        check.equal("succeeded", host.run({"slug": "y", "steps": [{"id": "a", "run": {"command": ["true"]}}]})
                    ["run"]["status"])


if __name__ == "__main__":
    check.main(globals())
