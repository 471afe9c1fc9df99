"""Flows that run other flows, on the shipped binary: outputs, failures, control both ways, depth, and a daemon that is killed."""

import json
import os

import belay
import check

NUMBER = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
DOUBLE = {"slug": "double", "input": NUMBER, "steps": [
    {"id": "twice", "function": {"code": "return 2 * input", "input": "${{ input.n }}"}}],
    "output": {"n": "${{ steps.twice.output }}"}}
ASK = {"slug": "ask", "steps": [{"id": "ask", "wait": {"callback": {}, "timeout": "1h"}}],
       "output": "${{ steps.ask.output.body }}"}
JOB = {"slug": "job", "steps": [{"id": "work", "run": {"command": ["sleep", "60"]}}]}


def live(host, flow):
    host.post("/v1/flows", {"content": json.dumps(flow), "file": flow["slug"] + ".flow.json"})
    check.equal(0, host.cli("flow", "release", flow["slug"]).code)
    check.equal(0, host.cli("flow", "promote", flow["slug"]).code)


def calls(slug, given=None, **more):
    flow = {"slug": slug} if given is None else {"slug": slug, "input": given}
    return {"slug": "parent", "steps": [{"id": "call", "flow": flow, **more}], "output": "${{ steps.call.output }}"}


def child_of(host, run, step="call"):
    steps = {row["step"]: row for row in host.show(run)["steps"]}
    return steps[step]["child"]["run"]


def status(host, run):
    return host.show(run)["run"]["status"]


def is_soon(host, run, wanted):
    belay.eventually(lambda: status(host, run) == wanted, 10, "run %s is %s" % (run, wanted))


def test_a_child_gives_its_output_and_both_name_each_other():
    with belay.started() as host:
        live(host, DOUBLE)
        shown = host.run(calls("double", {"n": "21"}))
        check.equal({"n": 42}, shown["run"]["output"])
        step = shown["steps"][0]
        check.equal(("double", "succeeded"), (step["child"]["flow"], step["child"]["status"]))
        child = host.show(step["child"]["run"])
        check.equal((shown["run"]["id"], "call"), (child["run"]["parent"], child["run"]["parent_step"]))
        check.equal({"type": "flow", "run": shown["run"]["id"], "step": "call"}, child["run"]["trigger"])
        check.equal("live:1", child["run"]["source"])
        page = host.cli("run", "show", child["run"]["id"], json_out=False).out
        check.has(page, "parent    %s, step call" % shown["run"]["id"])
        check.has(host.cli("run", "show", shown["run"]["id"], json_out=False).out, "run %s succeeded" % child["run"]["id"])


def test_the_children_of_a_run_are_listed_also_with_the_daemon_down():
    with belay.started() as host:
        live(host, DOUBLE)
        shown = host.run({"slug": "many", "steps": [{"id": "each", "for_each": {"items": [1, 2, 3], "max_parallel": 3, "steps": [
            {"id": "call", "flow": {"slug": "double", "input": {"n": "${{ item }}"}}}]}}],
            "output": "${{ steps.each.output.map(o => o.n) }}"})
        check.equal([2, 4, 6], shown["run"]["output"])
        run = shown["run"]["id"]
        rows = host.cli("run", "list", "--parent", run).data["runs"]
        check.equal([run] * 3, [row["parent"] for row in rows])
        check.equal(["double"] * 3, [row["flow"] for row in rows])
        host.stop()
        check.equal(rows[0]["id"], host.cli("run", "list", "--parent", run, "--limit", "1").data["runs"][0]["id"])
        check.equal(3, len([s for s in host.cli("run", "show", run).data["steps"] if s.get("child")]))


def test_a_failure_names_the_child_and_on_error_goes_on():
    with belay.started() as host:
        live(host, {"slug": "bad", "steps": [{"id": "exit", "run": {"script": "exit 3"}}]})
        shown = host.run(calls("bad"))
        error = shown["run"]["error"]
        check.equal("BLY-CHILD-FAILED", error["code"])
        check.has(error["message"], "run %s of flow bad failed in step exit" % child_of(host, shown["run"]["id"]))
        check.has(error["message"], "[BLY-STEP-EXIT-CODE]")
        flow = dict(calls("bad", on_error="skip"), output={"code": "${{ steps.call.error.code }}", "run": "${{ steps.call.run }}"})
        shown = host.run(flow)
        check.equal({"code": "BLY-CHILD-FAILED", "run": child_of(host, shown["run"]["id"])}, shown["run"]["output"])


def test_retries_make_new_children():
    with belay.started() as host:
        live(host, {"slug": "third", "steps": [{"id": "count", "kv": {"increment": "tries"}},
                                               {"id": "work", "run": {"script": "test $N -ge 3", "env": {"N": "${{ String(steps.count.output.value) }}"}}}]})
        shown = host.run(calls("third", retry={"max_attempts": 5, "backoff": {"initial": "10ms"}}))
        check.equal("succeeded", shown["run"]["status"])
        rows = host.cli("run", "list", "--parent", shown["run"]["id"]).data["runs"]
        check.equal(["succeeded", "failed", "failed"], [row["status"] for row in rows])


def test_what_cannot_start_is_the_failure_of_the_step():
    with belay.started() as host:
        live(host, DOUBLE)
        host.post("/v1/flows", {"content": json.dumps(ASK), "file": "ask.flow.json"})
        for flow, code in ((calls("double"), "BLY-INPUT-INVALID"), (calls("none"), "BLY-NOT-FOUND"),
                           (calls("ask"), "BLY-FLOW-NOT-LIVE")):
            shown = host.run(flow)
            check.equal((code, "call"), (shown["run"]["error"]["code"], shown["run"]["failed_step"]))
            check.equal([], host.cli("run", "list", "--parent", shown["run"]["id"]).data["runs"])
        check.equal(0, host.cli("flow", "archive", "double").code)
        check.equal("BLY-FLOW-ARCHIVED", host.run(calls("double", {"n": 1}))["run"]["error"]["code"])


def test_a_flow_that_starts_itself_ends_at_the_depth():
    with belay.started() as host:
        live(host, {"slug": "self", "steps": [{"id": "again", "flow": {"slug": "self"}}]})
        shown = host.run(calls("self"))
        check.has(shown["run"]["error"]["message"], "[BLY-CHILD-DEPTH]")
        check.equal(9, len(host.get("/v1/runs?limit=50")["runs"]))


def test_pause_resume_stop_and_cancel_go_down():
    with belay.started() as host:
        live(host, ASK)
        live(host, JOB)
        live(host, {"slug": "middle", "steps": [{"id": "call", "flow": {"slug": "ask"}}]})
        run = host.start_run(calls("middle"))
        middle = child_of(host, run)
        leaf = child_of(host, middle)
        check.equal(0, host.cli("run", "pause", run).code)
        check.equal(["paused"] * 3, [status(host, one) for one in (run, middle, leaf)])
        check.equal(0, host.cli("run", "resume", run).code)
        check.equal(["waiting"] * 3, [status(host, one) for one in (run, middle, leaf)])
        check.equal(0, host.cli("run", "stop", run).code)
        check.equal(["stopped"] * 3, [host.wait_run(one)["run"]["status"] for one in (run, middle, leaf)])
        run = host.start_run(calls("job"))
        job = child_of(host, run)
        is_soon(host, job, "running")
        check.equal(0, host.cli("run", "cancel", run).code)
        check.equal(["cancelled"] * 2, [host.wait_run(one)["run"]["status"] for one in (run, job)])


def test_what_is_done_to_a_child_shows_in_its_parent():
    with belay.started() as host:
        live(host, ASK)
        run = host.start_run(calls("ask"))
        child = child_of(host, run)
        check.equal(0, host.cli("run", "pause", child).code)
        shown = host.show(run)
        check.equal("waiting", shown["run"]["status"])
        check.has(shown["run"]["reason"], "step call waits for run %s of flow ask, which is paused" % child)
        check.has(shown["actions"], "belay run resume " + child)
        check.equal(0, host.cli("run", "cancel", child).code)
        error = host.wait_run(run)["run"]["error"]
        check.equal("BLY-CHILD-ENDED", error["code"])
        check.has(error["message"], "was cancelled")


def test_a_branch_that_fails_ends_the_child_of_the_other():
    with belay.started() as host:
        live(host, JOB)
        shown = host.run({"slug": "fan", "steps": [{"id": "fan", "parallel": {"branches": {
            "child": [{"id": "call", "flow": {"slug": "job"}}],
            "bad": [{"id": "bad", "run": {"script": "sleep 0.2; exit 1"}}]}}}]})
        check.equal("failed", shown["run"]["status"])
        child = child_of(host, shown["run"]["id"], "fan[child]/call")
        check.equal("stopped", host.wait_run(child)["run"]["status"])


def test_what_the_child_of_an_ended_branch_did_is_undone_as_what_its_sibling_did():
    with belay.started() as host:
        path = os.path.join(host.folder, "undone")

        def booking(word, event):
            undo = "%s; echo %s >> %s\n" % (host.gate(), word, path)
            return [{"id": "pay-" + word, "run": {"command": ["true"]},
                     "compensate": {"run": {"script": undo}, "effect": "idempotent"}},
                    {"id": "w-" + word, "wait": {"event": {"name": event}, "timeout": "1h"}}]

        live(host, {"slug": "book", "steps": booking("child", "confirmed")})
        run = host.start_run({"slug": "trip", "steps": [{"id": "both", "parallel": {"branches": {
            "hotel": [{"id": "hotel", "flow": {"slug": "book"}}],
            "inline": booking("inline", "other"),
            "flight": [{"id": "day", "wait": {"event": {"name": "day"}, "timeout": "1h"}}, {"id": "flight", "run": {"command": ["false"]}}]}}}]})
        belay.eventually(lambda: len(host.waits()) == 3, 20, "both bookings")
        child = child_of(host, run, "both[hotel]/hotel")
        check.equal(0, host.cli("event", "emit", "day").code)
        is_soon(host, child, "stopping")
        for _ in range(3):
            host.kill()
            host.start()
        host.write("go", "")
        shown = host.wait_run(run)
        check.equal("failed", shown["run"]["status"])
        check.equal(["both[inline]/pay-inline"], shown["run"]["compensated"])
        check.equal(None, shown["run"].get("uncompensated"))
        ended = host.show(child)["run"]
        check.equal(("stopped", ["pay-child"]), (ended["status"], ended["compensated"]))
        with open(path, encoding="utf-8") as file:
            words = file.read().split()
        # Killed in its midst it may run again; the child's comes before all others.
        check.equal(("child", "inline", {"child", "inline"}), (words[0], words[-1], set(words)))


def test_a_parent_that_is_retried_starts_another_child():
    with belay.started() as host:
        live(host, {"slug": "once", "steps": [{"id": "count", "kv": {"increment": "runs"}},
                                              {"id": "work", "run": {"script": "test $N -ge 2", "env": {"N": "${{ String(steps.count.output.value) }}"}}}]})
        run = host.run(calls("once"))["run"]["id"]
        check.equal("failed", status(host, run))
        check.equal(0, host.cli("run", "retry", run).code)
        check.equal("succeeded", host.wait_run(run)["run"]["status"])
        check.equal(2, len(host.cli("run", "list", "--parent", run).data["runs"]))


def test_killed_again_and_again_nothing_is_lost_or_doubled():
    with belay.started() as host:
        live(host, ASK)
        live(host, {"slug": "leaf", "input": NUMBER, "steps": [
            {"id": "count", "kv": {"increment": "leaves"}},
            {"id": "work", "run": {"command": ["sleep", "0.1"]}, "effect": "idempotent"}], "output": "${{ input.n }}"})
        live(host, {"slug": "middle", "input": NUMBER, "steps": [
            {"id": "each", "for_each": {"items": "${{ [1, 2, 3].map(i => i * input.n) }}", "max_parallel": 2, "steps": [
                {"id": "call", "flow": {"slug": "leaf", "input": {"n": "${{ item }}"}}}]}}], "output": "${{ steps.each.output }}"})
        run = host.start_run({"slug": "top", "steps": [
            {"id": "fan", "parallel": {"branches": {
                "a": [{"id": "one", "flow": {"slug": "middle", "input": {"n": 1}}}],
                "b": [{"id": "two", "flow": {"slug": "middle", "input": {"n": 10}}}],
                "c": [{"id": "ask", "flow": {"slug": "ask"}}]}}}], "output": "${{ steps.fan.output }}"})
        for _ in range(5):
            host.kill()
            host.start()
        ask = child_of(host, run, "fan[c]/ask")
        is_soon(host, ask, "waiting")
        host.kill()
        host.start()
        wait = [row for row in host.get("/v1/waits")["waits"] if row["kind"] == "callback"][0]
        host.post("/v1/callbacks/" + wait["id"], {"yes": True})
        shown = host.wait_run(run, seconds=40)
        check.equal({"a": [1, 2, 3], "b": [10, 20, 30], "c": {"yes": True}}, shown["run"]["output"], json.dumps(shown["run"].get("error")))
        check.equal(6, host.get("/v1/kv/default/value?key=leaves")["entry"]["value"])
        check.equal(1 + 3 + 6, len(host.get("/v1/runs?limit=50")["runs"]))
        check.equal(0, host.cli("journal", "verify").code)


def test_prune_keeps_children_as_long_as_their_parent():
    with belay.started() as host:
        live(host, DOUBLE)
        live(host, ASK)
        flow = {"slug": "parent", "steps": [{"id": "call", "flow": {"slug": "double", "input": {"n": 1}}},
                                            {"id": "ask", "flow": {"slug": "ask"}}]}
        run = host.start_run(flow)
        belay.eventually(lambda: status(host, run) == "waiting", 10, "the run waits")
        check.equal(0, host.cli("journal", "prune", "--older-than", "0s").code)
        check.equal(2, len(host.cli("run", "list", "--parent", run).data["runs"]))
        wait = host.get("/v1/waits")["waits"][0]
        host.post("/v1/callbacks/" + wait["id"], {})
        check.equal("succeeded", host.wait_run(run)["run"]["status"])
        check.equal(0, host.cli("journal", "prune", "--older-than", "0s").code)
        check.equal([], host.get("/v1/runs?limit=50")["runs"])
        check.equal(0, host.cli("journal", "verify").code)


if __name__ == "__main__":
    check.main(globals())
