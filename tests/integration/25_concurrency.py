"""How many runs at once, on the shipped binary: turns, skip, reject, supersede, releases, the host's bound, kill -9."""

import json
import os
import random
import subprocess
import time

import belay
import check

ENDED = ("succeeded", "failed", "stopped", "cancelled")


def flow_of(concurrency, steps=None, **more):
    """A run of it is active until somebody answers it."""
    steps = steps or [{"id": "ask", "wait": {"approval": {"summary": "Go on?"}}}]
    return {"slug": "turns", "concurrency": concurrency, "input": {"type": "object"}, "steps": steps, **more}


def statuses(host, runs):
    return [host.show(run)["run"]["status"] for run in runs]


def answer(host, run):
    check.equal(0, host.cli("approve", host.open_wait(run)["id"]).code)
    host.wait_run(run, ENDED)


def test_runs_of_a_key_take_turns_and_say_behind_whom():
    with belay.started() as host:
        flow = flow_of({"key": "${{ input.repo }}"})
        runs = [host.start_run(flow, {"repo": "a"}) for _ in range(3)]
        other = host.start_run(flow, {"repo": "b"})
        host.wait_run(other, ("waiting",))
        check.equal(["waiting", "queued", "queued"], statuses(host, runs))
        third = host.show(runs[2])["run"]
        check.equal({"for": "slot", "behind": runs[1], "position": 2, "key": "a"}, third["queue"])
        check.has(third["reason"], "queued behind %s (position 2" % runs[1])
        shown = host.cli("run", "show", runs[1], json_out=False)
        check.has(shown.out, "queued behind %s" % runs[0])
        check.has(host.cli("run", "list", json_out=False).out, "(behind %s)" % runs[0])
        check.equal(2, len(host.get("/v1/runs?status=queued")["runs"]))
        # Reads say the same with the daemon down.
        host.stop()
        check.has(host.cli("run", "show", runs[2], json_out=False).out, "queued behind %s" % runs[1])
        host.start()
        answer(host, runs[0])
        check.equal("waiting", host.wait_run(runs[1], ("waiting",))["run"]["status"])
        check.equal("queued", host.show(runs[2])["run"]["status"])
        answer(host, runs[1])
        answer(host, runs[2])
        events = [row["event"] for row in host.get("/v1/runs/%s/events" % runs[2])["events"]]
        check.equal(["run_created", "run_admitted", "wait_opened"], events[:3])
        page = host.cli("run", "show", runs[2], json_out=False).out
        check.has(page, "admitted\n")


def test_waiting_for_a_queued_run_waits_for_its_end():
    with belay.started() as host:
        path = host.write("t.flow.json", flow_of({}, [{"id": "job", "run": {"script": host.gate()}}]))
        first = host.cli("flow", "run", path).data["run"]["id"]
        second = host.spawn("flow", "run", path, "--wait", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        belay.eventually(lambda: host.get("/v1/runs?status=queued")["runs"], 20, "a queued run")
        host.write("go", "")
        said = second.communicate(timeout=40)[1]
        check.equal(0, second.returncode, said)
        check.has(said, "its turn has come")
        check.equal("succeeded", host.show(first)["run"]["status"])
        os.remove(host.folder + "/go")
        third = host.cli("flow", "run", path)
        check.equal(False, third.data["queued"])
        fourth = host.cli("flow", "run", path)
        check.equal(True, fourth.data["queued"])
        watched = host.spawn("run", "watch", fourth.data["run"]["id"], stdout=subprocess.PIPE, text=True)
        # It watches before the run has a turn.
        said = watched.stdout.readline()
        check.has(said, "run of turns")
        host.write("go", "")
        check.has(said + watched.communicate(timeout=40)[0], "succeeded")


def test_skip_reject_and_a_full_queue_answer_clearly():
    with belay.started() as host:
        path = host.write("t.flow.json", flow_of({"on_conflict": "skip"}))
        first = host.cli("flow", "run", path).data["run"]["id"]
        skipped = host.cli("flow", "run", path, "--wait")
        check.equal(0, skipped.code, str(skipped))
        check.equal((True, first), (skipped.data["skipped"], skipped.data["because"]))
        check.equal(None, skipped.data.get("run"))
        check.has(host.cli("flow", "run", path, json_out=False).err, "skipped: %s has not ended" % first)
        host.write("t.flow.json", flow_of({"on_conflict": "reject"}))
        refused = host.cli("flow", "run", path)
        check.equal((1, "BLY-FLOW-BUSY"), (refused.code, refused.error["code"]))
        check.has(refused.error["message"], first)
        host.write("t.flow.json", flow_of({"max_queued": 1}))
        check.equal(0, host.cli("flow", "run", path).code)
        full = host.cli("flow", "run", path)
        check.equal((1, "BLY-QUEUE-FULL"), (full.code, full.error["code"]))
        check.has(full.error["message"], "concurrency.max_queued")
        check.equal(2, len(host.get("/v1/runs")["runs"]))


def test_a_run_that_takes_the_place_of_another_is_not_said_to_be_queued():
    with belay.started() as host:
        path = host.write("t.flow.json", flow_of({"on_conflict": "supersede"}, [{"id": "ask", "wait": {"approval": {"summary": "?"}}}]))
        host.open_wait(host.cli("flow", "run", path).data["run"]["id"])
        second = host.cli("flow", "run", path).data
        check.equal((False, True), (second["queued"], second["run"]["status"] in ("running", "waiting")), str(second))
        check.has(host.cli("flow", "run", path, json_out=False).out, "started r")


def test_supersede_ends_the_older_run_with_its_job():
    with belay.started() as host:
        flow = flow_of({"on_conflict": "supersede"}, [{"id": "job", "run": {"command": ["sleep", "60"]}}])
        first = host.start_run(flow)
        belay.eventually(lambda: host.show(first)["steps"], 10, "the job")
        second = host.start_run(flow)
        old = host.wait_run(first)["run"]
        check.equal("cancelled", old["status"])
        check.equal(("BLY-RUN-SUPERSEDED", "superseded by " + second), (old["error"]["code"], old["error"]["message"]))
        check.equal("superseded by " + second, old["reason"])
        check.equal("running", host.wait_run(second, ("running",))["run"]["status"])
        host.post("/v1/runs/%s/cancel" % second)
        host.wait_run(second)


def test_queued_runs_are_controlled_and_retries_take_turns():
    with belay.started() as host:
        flow = flow_of({})
        first, second, third, fourth = [host.start_run(flow) for _ in range(4)]
        check.equal(0, host.cli("run", "cancel", second).code)
        check.equal(0, host.cli("run", "pause", third).code)
        check.has(host.show(third)["run"]["reason"], "paused by")
        check.equal("cancelled", host.wait_run(second)["run"]["status"])
        answer(host, first)
        host.wait_run(third, ("paused",))
        check.equal("queued", host.show(fourth)["run"]["status"])
        retried = host.cli("run", "retry", second, "--from", "ask")
        check.equal("queued", retried.data["run"]["status"])
        check.equal(fourth, host.show(second)["run"]["queue"]["behind"])
        check.equal(0, host.cli("run", "resume", third).code)
        for run in (third, fourth, second):
            answer(host, run)
        check.equal(["succeeded"] * 3, statuses(host, [second, third, fourth]))


def test_the_hosts_bound_goes_over_all_flows():
    with belay.started({"limits": {"concurrent_runs": 2}}) as host:
        nap = {"slug": "nap", "steps": [{"id": "nap", "run": {"script": host.gate() + "; sleep 0.1"}}]}
        waiting = host.start_run({"slug": "ask", "steps": [{"id": "ask", "wait": {"approval": {"summary": "?"}}}]})
        host.wait_run(waiting, ("waiting",))
        runs = [host.start_run(dict(nap, slug="nap-%d" % (i % 3))) for i in range(6)]

        def now():
            # One read, so that all are seen at one moment.
            return [run["status"] for run in host.get("/v1/runs?limit=100")["runs"]]

        belay.eventually(lambda: sorted(now()) == ["queued"] * 4 + ["running"] * 2 + ["waiting"], 20, "two that run")
        check.has(host.show(runs[5])["run"]["reason"], "limits.concurrent_runs")
        host.write("go", "")
        seen = ["queued"]
        while "queued" in seen:
            seen = now()
            check.equal(True, seen.count("running") <= 2, str(seen))
        for run in runs:
            host.wait_run(run)
        begun = [host.show(run)["steps"][0]["started_at"] for run in runs]
        check.equal(sorted(begun), begun)


def promote(host, flow):
    path = host.write("r.flow.json", flow)
    for words in (("push", path, "--force"), ("release", flow["slug"]), ("promote", flow["slug"])):
        check.equal(0, (done := host.cli("flow", *words)).code, str(done))


def live(host, given=None):
    return host.post("/v1/runs", {"flow": "turns", "input": given or {}})["run"]["id"]


def test_supersede_puts_runs_of_the_new_release_into_the_queue():
    with belay.started() as host:
        promote(host, flow_of({}, on_new_release="supersede"))
        first, second, third = live(host), live(host, {"n": 2}), live(host, {"n": 3})
        promote(host, flow_of({}, on_new_release="supersede", output={"n": "${{ input.n }}"}))
        old = host.wait_run(second)["run"]
        check.equal("cancelled", old["status"])
        check.equal("waiting", host.show(first)["run"]["status"])
        new = [old["error"]["message"].split()[-1], host.wait_run(third)["run"]["error"]["message"].split()[-1]]
        check.equal([("queued", "live:2")] * 2, [(r["status"], r["source"]) for r in (host.show(n)["run"] for n in new)])
        answer(host, first)
        for run, n in zip(new, (2, 3)):
            answer(host, run)
            check.equal({"n": n}, host.show(run)["run"]["output"])


def test_drain_keeps_two_releases_apart():
    with belay.started() as host:
        promote(host, flow_of({"key": "${{ input.k }}"}, on_new_release="drain"))
        old = [live(host, {"k": "a"}), live(host, {"k": "a"})]
        promote(host, flow_of({"key": "${{ input.k }}"}, on_new_release="drain", output={}))
        new = live(host, {"k": "b"})
        check.has(host.show(new)["run"]["reason"], "another release")
        answer(host, old[0])
        host.wait_run(old[1], ("waiting",))
        host.kill()
        host.start()
        check.equal("queued", host.show(new)["run"]["status"])
        answer(host, old[1])
        answer(host, new)


def test_killed_with_a_queue_nothing_is_lost_or_begun_twice():
    with belay.started() as host:
        log = host.folder + "/log"
        script = 'echo "+$KEY $N" >> %s; sleep 0.05; echo "-$KEY $N" >> %s' % (log, log)
        env = {"KEY": "${{ input.k }}", "N": "${{ String(input.n) }}"}
        flow = flow_of({"key": "${{ input.k }}", "limit": 2, "max_queued": 1000},
                       [{"id": "work", "run": {"script": script, "env": env}}])
        keys = ("a", "b", "c")
        runs = [host.start_run(flow, {"k": keys[n % 3], "n": n}) for n in range(60)]
        chance = random.Random(15)
        for _ in range(6):
            time.sleep(chance.uniform(0.05, 0.4))
            host.kill()
            host.start()
            for key in keys:
                active = [r for r in host.get("/v1/runs?limit=1000&status=running,waiting")["runs"] if r["id"] in runs]
                shown = [host.show(r["id"])["run"]["input"]["k"] for r in active]
                check.equal(True, shown.count(key) <= 2, json.dumps(shown))
        for run in runs:
            check.equal("succeeded", host.wait_run(run, seconds=60)["run"]["status"])
        active, order = dict.fromkeys(keys, 0), {key: [] for key in keys}
        with open(log, encoding="utf-8") as file:
            for line in file:
                key, n = line[1], int(line.split()[1])
                active[key] += 1 if line[0] == "+" else -1
                check.equal(True, active[key] <= 2, "more than two at once")
                if line[0] == "+":
                    order[key].append(n)
        for at, key in enumerate(keys):
            check.equal(20, len(set(order[key])))
            check.equal(20, len(order[key]), "begun twice")
            # In turn by the record: a job that has begun can write its line late.
            begun = [host.show(run)["steps"][0]["started_at"] for run in runs[at::3]]
            check.equal(sorted(begun), begun, key)
        check.equal(0, host.cli("journal", "verify").code)


def test_what_starts_by_itself_is_bounded_too():
    policy = "webhook: {unauthenticated: [turns/hook]}\nrun: {allow: []}\n"
    triggers = [{"webhook": "hook"}, {"event": "tick"}, {"every": "1s", "id": "beat"}]
    with belay.started(policy=policy) as host:
        promote(host, flow_of({"on_conflict": "skip"}, triggers=triggers))
        belay.eventually(lambda: host.get("/v1/runs")["runs"], 10, "the first due time")
        first = host.get("/v1/runs")["runs"][0]["id"]
        # The ledger of the schedule says why there was no further run.
        skipped = belay.eventually(
            lambda: [o for o in host.cli("schedule", "ledger", "turns").data["rows"] if o["outcome"] == "skipped"],
            15, "a due time that is skipped")[0]
        check.has(skipped["note"], "%s has not ended (on_conflict: skip)" % first)
        # Twice, because what was skipped is not remembered.
        for _ in range(2):
            data = host.post("/v1/webhooks/turns/hook", b"{}")
            check.equal((True, first, None), (data["skipped"], data["because"], data.get("run")))
        said = host.cli("webhook", "deliver", "turns", "hook", json_out=False)
        check.has(said.out, "skipped: %s has not ended" % first)
        event = host.cli("event", "emit", "tick")
        check.equal([{"flow": "turns", "because": first}], event.data["skipped"])
        check.equal([], event.data["runs"])
        check.equal(1, len(host.get("/v1/runs")["runs"]))
        promote(host, flow_of({"on_conflict": "reject"}, triggers=triggers[:2]))
        refused = host.cli("webhook", "deliver", "turns", "hook")
        check.equal((1, "BLY-FLOW-BUSY"), (refused.code, refused.error["code"]))
        check.equal("BLY-FLOW-BUSY", host.cli("event", "emit", "tick").data["refused"][0]["code"])
        promote(host, flow_of({}, triggers=triggers[:2]))
        queued = host.post("/v1/webhooks/turns/hook", b"{}")["run"]
        check.equal("queued", queued["status"])
        answer(host, first)
        answer(host, queued["id"])


def test_children_in_a_queue_outlive_kills():
    with belay.started() as host:
        log = host.folder + "/log"
        script = "%s; echo $N >> %s; sleep 0.02" % (host.gate(), log)
        work = {"id": "work", "run": {"script": script, "env": {"N": "${{ String(input.n) }}"}}}
        promote(host, {"slug": "turns", "concurrency": {}, "input": {"type": "object"}, "steps": [work]})
        each = {"id": "each", "for_each": {"items": [0, 1, 2, 3], "max_parallel": 2, "steps": [
            {"id": "kid", "flow": {"slug": "turns", "input": {"n": "${{ input.n * 4 + item }}"}}}]}}
        above = {"slug": "above", "input": {"type": "object"}, "steps": [each]}
        runs = [host.start_run(above, {"n": n}) for n in range(5)]

        def children():
            found = host.get("/v1/runs?status=queued&parent=" + runs[-1])["runs"]
            return found if len(found) == 2 else None

        queued = belay.eventually(children, 20, "two queued children")
        check.has(host.show(queued[0]["id"])["run"]["reason"], "queued behind")
        check.has(host.cli("run", "show", runs[-1], json_out=False).out, "queued")
        host.write("go", "")
        chance = random.Random(25)
        for _ in range(5):
            time.sleep(chance.uniform(0.05, 0.3))
            host.kill()
            host.start()
        for run in runs:
            check.equal("succeeded", host.wait_run(run, seconds=60)["run"]["status"])
        with open(log, encoding="utf-8") as file:
            numbers = [int(line) for line in file]
        check.equal(list(range(20)), sorted(numbers), "each child has worked once")
        check.equal(0, host.cli("journal", "verify").code)


def test_a_child_of_its_own_flow_is_refused_and_not_hung():
    with belay.started() as host:
        again = {"id": "again", "flow": {"slug": "turns", "input": {}}}
        promote(host, flow_of({}, [again]))
        run = host.wait_run(live(host), ("failed",))["run"]
        check.equal("BLY-FLOW-BUSY", run["error"]["code"])
        check.has(run["error"]["message"], "run %s holds a slot and waits for this one" % run["id"])


def test_flows_that_start_each_other_do_not_wait_for_each_other_for_ever():
    with belay.started() as host:
        for slug, other in (("ping", "pong"), ("pong", "ping")):
            ask = {"id": "ask", "wait": {"approval": {"summary": "Go on?"}}}
            promote(host, {"slug": slug, "concurrency": {}, "steps": [ask, {"id": "call", "flow": {"slug": other}}]})
        ping, pong = (host.post("/v1/runs", {"flow": slug})["run"]["id"] for slug in ("ping", "pong"))
        check.equal(0, host.cli("approve", host.open_wait(ping)["id"]).code)
        until = time.monotonic() + 20
        while not (queued := host.get("/v1/runs?status=queued&parent=" + ping)["runs"]) and time.monotonic() < until:
            time.sleep(0.05)
        host.kill()
        host.start()
        check.equal(0, host.cli("approve", host.open_wait(pong)["id"]).code)
        error = host.wait_run(pong, ("failed",))["run"]["error"]
        check.equal("BLY-FLOW-BUSY", error["code"])
        check.has(error["message"], "flow ping: it would be queued behind run %s, which waits for run %s, which is queued "
                  "behind run %s, which waits for it: none of them could go on" % (ping, queued[0]["id"], pong))
        # The slot of the one that failed lets the other go on.
        host.wait_run(queued[0]["id"], ("waiting",))
        check.equal(0, host.cli("run", "cancel", ping).code)
        check.equal(0, host.cli("journal", "verify").code)


if __name__ == "__main__":
    check.main(globals())
