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
        # The newest has perhaps just begun.
        found = [host.wait_run(run["id"])["run"] for run in runs(host)]
        times = [run["trigger"]["scheduled_for"] for run in found]
        check.equal(len(times), len(set(times)), "a due time ran twice: %s" % times)
        seconds = sorted(int(time.mktime(time.strptime(t[:19], "%Y-%m-%dT%H:%M:%S"))) for t in times)
        check.equal(list(range(seconds[0], seconds[-1] + 1)), seconds, "a due time is missing")
        for run in found:
            check.equal("schedule", run["trigger"]["type"])
            check.equal("schedule:schedule-1", run["started_by"])
            check.equal(run["trigger"]["scheduled_for"], run["output"]["at"])


def ledger(host, name, *words):
    return ok(host.cli("schedule", "ledger", name, *words))["rows"]


def test_down_for_some_seconds_then_caught_up_and_explained():
    with belay.started() as host:
        promote(host, flow("  - every: 1s\n    id: pulse\n"))
        until(lambda: len(runs(host)) >= 1)
        host.kill()
        time.sleep(4)
        # Without a daemon: what has no row yet is shown as it would be decided.
        rows = ledger(host, "tick/pulse")
        check.equal(False, rows[0]["decided"])
        check.equal("ran", rows[0]["outcome"])
        host.start()
        until(lambda: len(runs(host)) >= 3)
        rows = ledger(host, "tick", "--limit", "1000")
        words = {row["outcome"] for row in rows}
        check.equal({"ran", "superseded"}, words)
        named = [row["run"] for row in rows if row.get("run")]
        check.equal(sorted(run["id"] for run in runs(host))[:len(named) - 1], sorted(named)[:len(named) - 1])
        for row in rows:
            why = ok(host.cli("schedule", "why", "tick/pulse", row["due"]))
            check.has(why["why"], row["local"])
            check.equal(row["outcome"], why["row"]["outcome"])
        gone = next(row for row in rows if row["outcome"] == "superseded")
        check.has(host.cli("schedule", "why", "tick", gone["due"], json_out=False).out, "in its place: ")


def test_pause_and_resume():
    with belay.started() as host:
        promote(host, flow("  - every: 1s\n"))
        until(lambda: len(runs(host)) >= 1)
        check.equal(False, ok(host.cli("schedule", "pause", "tick"))["existing"])
        check.equal(True, ok(host.cli("schedule", "pause", "tick"))["existing"])
        before = len(runs(host))
        host.kill()
        host.start()
        time.sleep(2.5)
        check.equal(before, len(runs(host)))
        listed = ok(host.cli("schedule", "list"))["schedules"]
        check.equal("paused", listed[0]["status"])
        check.has(listed[0]["paused_by"], "uid:")
        check.has(host.cli("schedule", "list", json_out=False).out, "paused")
        ok(host.cli("schedule", "resume", "tick/schedule-1"))
        until(lambda: len(runs(host)) > before)
        words = [row.get("reason") for row in ledger(host, "tick")]
        check.equal(True, words.count("paused") >= 2, str(words))


def test_what_is_live_says_what_is_scheduled():
    with belay.started() as host:
        promote(host, flow("  - every: 1s\n    id: fast\n  - schedule: '0 3 29 2 *'\n    id: leap\n"))
        until(lambda: len(runs(host)) >= 1)
        answer = host.cli("schedule", "show", "tick")
        check.equal("BLY-USAGE", answer.error["code"], str(answer))
        check.has(str(answer.error["actions"]), "tick/leap")
        check.equal("BLY-NOT-FOUND", host.cli("schedule", "show", "tick/lepp").error["code"])
        leap = ok(host.cli("schedule", "next", "tick/leap", "--count", "3", "--after", "2027-01-01T00:00"))["next"]
        check.equal(["2028-02-29T03:00:00.000Z", "2032-02-29T03:00:00.000Z", "2036-02-29T03:00:00.000Z"],
                    [one["due"] for one in leap])
        promote(host, flow("  - schedule: '0 3 29 2 *'\n    id: leap\n    timezone: UTC\n"))
        count = len(runs(host))
        time.sleep(2)
        check.equal(count, len(runs(host)), "a schedule that is gone ran")
        names = [one["name"] for one in ok(host.cli("schedule", "list"))["schedules"]]
        check.equal(["tick/leap"], names)
        ok(host.cli("flow", "rollback", "tick"))
        until(lambda: len(runs(host)) > count)
        ok(host.cli("flow", "archive", "tick"))
        count = len(runs(host))
        time.sleep(2)
        check.equal(count, len(runs(host)), "an archived flow ran")
        shown = ok(host.cli("schedule", "show", "tick/fast"))
        check.equal("disabled", shown["schedule"]["status"])
        check.equal("live:1", runs(host)[-1]["source"])


def test_a_time_that_has_passed_draws_a_warning_and_is_over():
    with belay.started() as host:
        file = host.write("once.flow.yaml", flow('  - at: "2020-01-01T00:00:00Z"\n', "once"))
        checked = host.cli("flow", "validate", file)
        check.equal(("warning", "BLY-SCHEDULE-INVALID"), (checked.data["diagnostics"][0]["severity"], checked.data["diagnostics"][0]["code"]))
        promote(host, flow('  - at: "2020-01-01T00:00:00Z"\n', "once"), "once")
        until(lambda: ok(host.cli("schedule", "list"))["schedules"])
        listed = ok(host.cli("schedule", "list"))["schedules"]
        check.equal(("over", None), (listed[0]["status"], listed[0].get("next")))
        check.has(host.cli("schedule", "list", json_out=False).out, "over")


def test_a_start_that_is_refused_says_why():
    with belay.started() as host:
        promote(host, flow("  - every: 1s\n", more="input: {type: object, required: [n]}\n"))
        # A host that stood still for a second has rows of other outcomes too.
        row = belay.eventually(lambda: [row for row in ledger(host, "tick") if row["outcome"] == "skipped"], 20, "a refusal")[-1]
        check.equal("refused", row["reason"])
        check.has(row["note"], "BLY-INPUT-INVALID")
        check.has(host.cli("schedule", "why", "tick", row["due"], json_out=False).out, "could not be started")
        check.equal([], runs(host))


def test_runs_are_listed_by_what_started_them():
    with belay.started() as host:
        promote(host, flow("  - every: 1s\n    id: pulse\n  - event: go\n"))
        until(lambda: runs(host))
        ok(host.cli("schedule", "pause", "tick/pulse"))
        scheduled = [run["id"] for run in reversed(runs(host))]
        manual = ok(host.cli("flow", "run", "tick"))["run"]["id"]
        event = ok(host.cli("event", "emit", "go"))["runs"][0]
        replay = ok(host.cli("run", "replay", manual))["run"]["id"]
        above = host.start_run({"slug": "above", "steps": [{"id": "call", "flow": {"slug": "tick"}}]})
        child = host.wait_run(above)["steps"][0]["child"]["run"]

        def listed(kinds):
            return [run["id"] for run in ok(host.cli("run", "list", "--trigger", kinds))["runs"]]

        for _ in range(2):
            check.equal(scheduled, listed("schedule"))
            check.equal([event], listed("event"))
            check.equal([child], listed("flow"))
            check.equal([replay], listed("replay"))
            check.equal([above, manual], listed("manual"))
            check.equal([child, event], listed("event,flow"))
            check.equal([], listed("webhook"))
            check.equal("event", host.cli("run", "list", "--trigger", "event").data["runs"][0]["triggered_by"])
            wrong = host.cli("run", "list", "--trigger", "tide")
            check.equal((2, "BLY-INVALID-ARGUMENT"), (wrong.code, wrong.error["code"]))
            # The same with the daemon down.
            host.stop()


if __name__ == "__main__":
    check.main(globals())
