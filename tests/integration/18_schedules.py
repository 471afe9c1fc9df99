"""Schedules on the real binary: a run for each due time, once, over kill -9 and time without a daemon."""

import contextlib
import time

import belay
import check


def flow(trigger, slug="tick", more=""):
    return ("slug: %s\n%striggers:\n%ssteps:\n  - id: note\n    set: {at: '${{ trigger.scheduled_for }}'}\n"
            "state: {at: none}\noutput: '${{ state }}'\n" % (slug, more, trigger))


def ok(answer):
    check.equal(0, answer.code, str(answer))
    return answer.data


def promote(host, text, slug="tick"):
    ok(host.cli("flow", "push", host.write(slug + ".flow.yaml", text)))
    ok(host.cli("flow", "release", slug))
    return ok(host.cli("flow", "promote", slug))["live"]


def runs(host, slug="tick"):
    """All runs with what triggered them, oldest first."""
    rows = host.get("/v1/runs?limit=1000&flow=" + slug)["runs"]
    return [host.get("/v1/runs/%s?outputs=full" % row["id"])["run"] for row in reversed(rows)]


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it did not come true in %s s" % seconds)
        time.sleep(0.1)


def test_every_second_over_kill_9():
    with belay.started() as host:
        promote(host, flow("  - every: 1s\n    on_missed: all\n    max: 100\n    spacing: 0s\n"))
        for _ in range(4):
            time.sleep(1.3)
            host.kill()
            host.start()
        until(lambda: len(runs(host)) >= 6)
        time.sleep(1.2)
        found = runs(host)
        times = [run["trigger"]["scheduled_for"] for run in found]
        check.equal(len(times), len(set(times)), "a due time ran twice: %s" % times)
        seconds = sorted(int(time.mktime(time.strptime(t[:19], "%Y-%m-%dT%H:%M:%S"))) for t in times)
        check.equal(list(range(seconds[0], seconds[-1] + 1)), seconds, "a due time is missing")
        for run in found:
            check.equal("schedule", run["trigger"]["type"])
            check.equal("schedule:schedule-1", run["started_by"])
            check.equal(run["trigger"]["scheduled_for"], run["output"]["at"])


if __name__ == "__main__":
    check.main(globals())
