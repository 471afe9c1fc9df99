"""The end of a tree whose processes try to get away: how long it takes, and how many ever survive. Forty trees for a
change, a thousand nightly, eight at once. Each process carries a number of its own in its arguments, and the observer
looks for that in /proc: whatever changed its parent, session, group, name or environment is found."""

import os
import time

import belay
import check

FULL = "BELAY_JOBS_FULL" in os.environ
TREES = 1000 if FULL else 40
AT_ONCE = 8
BASE = 7_000_000

# %(n)d is the number. Each says "ready" when all of it runs.
KINDS = {
    "sessions": "for i in 1 2 3; do setsid sleep %(n)d & done; (setsid sh -c 'setsid sleep %(n)d & wait' &)\n"
                "echo ready; sleep %(n)d",
    "without environment": "env -i setsid sh -c 'trap \"\" TERM HUP INT; while :; do sleep 0.2; done; exit %(n)d' &\n"
                           "env -i setsid sleep %(n)d &\necho ready; exec sleep %(n)d",
    "stopped": "(sleep %(n)d & kill -STOP $!; sh -c 'kill -STOP $$; : %(n)d' & sleep %(n)d) & sleep 0.1; echo ready; "
               "trap '' TERM; while :; do sleep 0.1; done; : %(n)d",
    "orphans": "sh -c '(sh -c \"(sleep %(n)d &) ; sleep %(n)d &\" &) &'; sleep 0.1; echo ready; sleep %(n)d",
    "other names": "bash -c 'exec -a belay-job sleep %(n)d' & bash -c 'exec -a \"[kworker/0:0]\" sleep %(n)d' &\n"
                   "echo ready; sleep %(n)d",
    "goes on forking": "echo ready; f() { sleep 0.01; f & }; f; f; f; trap '' TERM; sleep %(n)d; wait; : %(n)d",
    "ends first": "(setsid sh -c 'trap \"\" TERM; sleep %(n)d; sleep %(n)d' &) ; sleep 0.05; echo ready; sleep 0.2",
}


def living(number, run):
    """Pids of what carries the number, or the run in its environment."""
    words = {"cmdline": b"%d" % number, "environ": b"BELAY_RUN_ID=" + run.encode()}
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for name, word in words.items():
            try:
                with open("/proc/%s/%s" % (pid, name), "rb") as file:
                    if word in file.read():
                        found.add(int(pid))
            except OSError:
                pass
    return sorted(found)


def all_ended(host):
    """A supervisor writes the second line of its record when nothing of its job lives any more."""
    folder = host.state + "/jobs"
    for name in os.listdir(folder):
        if name.endswith(".record"):
            with open(folder + "/" + name, "rb") as file:
                if file.read().count(b"\n") < 2:
                    return False
    return True


def start(host, number):
    kind = list(KINDS)[number % len(KINDS)]
    run = host.start_run({"slug": "t%d" % (number % AT_ONCE), "steps": [{"id": "a", "run": {
        "script": KINDS[kind] % {"n": BASE + number}, "shell": ["/bin/bash"]}}]})
    return number, kind, run


@check.bound(3000 if FULL else 200)
def test_no_process_of_a_tree_survives_its_end():
    longest, survivors = 0.0, {}
    with belay.started({"jobs": {"grace": "100ms"}}) as host:
        for first in range(0, TREES, AT_ONCE):
            trees = [start(host, number) for number in range(first, min(first + AT_ONCE, TREES))]
            for number, kind, run in trees:
                belay.eventually(lambda run=run: "ready" in host.cli("run", "logs", run, json_out=False).out, 30, kind)
            begun = time.monotonic()
            for _, kind, run in trees:
                if kind != "ends first":
                    host.post("/v1/runs/%s/cancel" % run)
            for _, _, run in trees:
                host.wait_run(run, seconds=40)
            belay.eventually(lambda: all_ended(host), 40, "the end of the trees")
            longest = max(longest, time.monotonic() - begun)
            for number, kind, run in trees:
                left = living(BASE + number, run)
                if left:
                    survivors[kind] = left
                    for pid in left:
                        os.kill(pid, 9)
    check.equal({}, survivors)
    if longest > 20:
        raise AssertionError("eight trees took %.1f s" % longest)
    print("%d trees, 0 survivors, at most %.2f s for eight" % (TREES, longest))


if __name__ == "__main__":
    check.main(globals())
