"""Steps that hold steps, on the shipped binary: branches, items, loops, their failures, and a daemon that is killed."""

import json
import os

import belay
import check


def work(steps, **more):
    return {"slug": "control", "steps": steps, **more}


def each(items, steps, **more):
    return {"id": "each", "for_each": {"items": items, "steps": steps, **more}}


def output(host, flow, given=None):
    shown = host.run(flow, given)
    check.equal("succeeded", shown["run"]["status"], json.dumps(shown["run"].get("error")))
    return shown["run"]["output"]


def test_items_give_a_list_in_their_order():
    with belay.started() as host:
        flow = work([each("${{ input.hosts }}", [
            {"id": "pause", "run": {"command": ["sleep", "${{ index === 0 ? '0.3' : '0' }}"]}},
            {"id": "say", "function": {"code": "return input", "input": "${{ index + item }}"}}], max_parallel=3)],
                    input={"type": "object"}, output="${{ steps.each.output }}")
        check.equal(["0a", "1b", "2c"], output(host, flow, {"hosts": ["a", "b", "c"]}))


def test_items_have_names_of_their_own():
    with belay.started() as host:
        inner = {"id": "inner", "for_each": {"items": "${{ host.disks }}", "as": "disk", "steps": [
            {"id": "say", "function": {"code": "return input", "input": "${{ host.name + disk + item }}"}}]}}
        flow = work([each([{"name": "a", "disks": ["x", "y"]}, {"name": "b", "disks": ["z"]}], [inner], **{"as": "host"})],
                    output="${{ steps.each.output }}")
        check.equal([["axx", "ayy"], ["bzz"]], output(host, flow))


def test_branches_run_together_and_give_their_outputs_by_name():
    with belay.started() as host:
        flow = work([{"id": "fan", "parallel": {"branches": {
            "left": [{"id": "l", "run": {"command": ["sleep", "0.4"]}}, {"id": "l2", "function": {"code": "return 1"}}],
            "right": [{"id": "r", "run": {"command": ["sleep", "0.4"]}}, {"id": "r2", "function": {"code": "return 2"}}]},
            "finalize": [{"id": "f", "set": {"seen": "${{ steps.fan.output }}"}}]}}],
                    output={"fan": "${{ steps.fan.output }}", "seen": "${{ state.seen }}"})
        shown = host.run(flow)
        check.equal({"left": 1, "right": 2}, shown["run"]["output"]["fan"])
        check.equal({"left": 1, "right": 2}, shown["run"]["output"]["seen"])
        steps = {step["step"]: step for step in shown["steps"]}
        check.equal(True, steps["fan[right]/r"]["started_at"] < steps["fan[left]/l"]["finished_at"], "one after the other")


def test_a_loop_polls_until_it_holds():
    with belay.started() as host:
        flow = work([{"id": "poll", "loop": {"until": "${{ steps.look.output.value >= 4 }}", "max": 10, "interval": "20ms",
                                             "steps": [{"id": "look", "kv": {"increment": "n"}}]}}],
                    output="${{ steps.poll.output }}")
        shown = output(host, flow)
        check.equal(4, shown["rounds"])
        check.equal(4, shown["last"]["value"])


def test_a_loop_counts_its_rounds():
    with belay.started() as host:
        loop = {"max": 9, "steps": [{"id": "a", "function": {"code": "return 10 * input", "input": "${{ index }}"}}]}
        flow = work([{"id": "w", "loop": {"while": "${{ index < 3 }}", **loop}},
                     {"id": "u", "loop": {"until": "${{ index >= 3 }}", "max": 9, "steps": [{"id": "b", "set": {"x": 1}}]}},
                     {"id": "none", "loop": {"while": "${{ false }}", "max": 9, "steps": [{"id": "c", "set": {"x": 1}}]}}],
                    output="${{ ['w', 'u', 'none'].map(id => steps[id].output.rounds).concat(steps.w.output.last) }}")
        check.equal([3, 4, 0, 20], output(host, flow))


def test_a_loop_that_never_ends_fails_by_its_bound():
    with belay.started() as host:
        flow = work([{"id": "poll", "loop": {"while": "${{ true }}", "max": 3, "steps": [{"id": "a", "set": {"x": 1}}]}}])
        shown = host.run(flow)
        check.equal("BLY-STEP-VISITS", shown["run"]["error"]["code"])
        check.has(shown["run"]["error"]["message"], "3 rounds")


def test_a_failure_ends_the_others_and_on_failure_runs():
    with belay.started() as host:
        flow = work([{"id": "fan", "parallel": {"branches": {
            "bad": [{"id": "b", "run": {"script": "sleep 0.2; exit 3"}}],
            "slow": [{"id": "s", "run": {"command": ["sleep", "60"]}}]}}}],
                    on_failure=[{"id": "alarm", "kv": {"set": "alarm", "value": "${{ error.step }}"}}])
        shown = host.run(flow)
        check.equal("failed", shown["run"]["status"])
        check.equal(True, shown["run"]["duration_ms"] < 20000)
        check.has(shown["run"]["error"]["message"], "fan[bad]/b")
        check.equal("fan", host.get("/v1/kv/default/value?key=alarm")["entry"]["value"])


def test_wait_all_lets_the_others_end_and_on_error_goes_on():
    with belay.started() as host:
        flow = work([dict(each([1, 0, 2], [{"id": "w", "run": {"script": "exit $N", "env": {"N": "${{ item === 0 ? '4' : '0' }}"}}},
                                           {"id": "k", "kv": {"increment": "done"}}], on_item_error="wait_all"),
                          on_error="skip"), {"id": "n", "kv": {"get": "done"}}], output="${{ steps.n.output.value }}")
        check.equal(2, output(host, flow))


def test_approvals_within_items_are_answered_one_by_one():
    with belay.started() as host:
        run = host.start_run(work([each(["a", "b"], [{"id": "ask", "wait": {"approval": {"summary": "Go on with ${{ item }}?"}}}],
                                        max_parallel=2)], output="${{ steps.each.output.map(o => o.approved) }}"))
        belay.eventually(lambda: len(host.get("/v1/waits")["waits"]) == 2, 10, "two waits")
        for wait in host.get("/v1/waits")["waits"]:
            verb = "approve" if wait["summary"].endswith("a?") else "reject"
            check.equal(0, host.cli(verb, wait["id"]).code)
        check.equal([True, False], host.wait_run(run)["run"]["output"])


def test_killed_in_the_middle_of_many_items_it_goes_on():
    with belay.started() as host:
        flow = work([each("${{ Array.from({length: 2000}, (_, i) => i) }}", [
            {"id": "count", "kv": {"increment": "total"}}, {"id": "twice", "function": {"code": "return 2 * input", "input": "${{ item }}"}}],
            max_parallel=4), {"id": "pause", "sleep": {"for": "10ms"}},
            each("${{ [1, 2, 3] }}", [{"id": "job", "run": {"command": ["sleep", "0.2"]}, "effect": "idempotent"}]) | {"id": "jobs"}],
                    output={"sum": "${{ steps.each.output.reduce((a, b) => a + b, 0) }}", "n": "${{ steps.each.output.length }}"})
        run = host.start_run(flow)
        for _ in range(3):
            host.kill()
            host.start()
        shown = host.wait_run(run, seconds=40)
        check.equal("succeeded", shown["run"]["status"], json.dumps(shown["run"].get("error")))
        check.equal({"sum": 2 * sum(range(2000)), "n": 2000}, shown["run"]["output"])
        check.equal(2000, host.get("/v1/kv/default/value?key=total")["entry"]["value"])


def test_a_stop_finalizes_and_a_cancel_does_not():
    with belay.started() as host:
        path = os.path.join(host.folder, "tidied")
        flow = work([{"id": "fan", "parallel": {
            "branches": {"a": [{"id": "w", "wait": {"event": {"name": "never"}, "timeout": "1h"}}]},
            "finalize": [{"id": "nap", "sleep": {"for": "300ms"}},
                         {"id": "tidy", "run": {"script": "echo tidy >> %s\n" % path, "env": {}}, "effect": "idempotent"}]}}])
        for verb, status, tidied in (("cancel", "cancelled", False), ("stop", "stopped", True)):
            run = host.start_run(flow)
            host.open_wait(run)
            check.equal(0, host.cli("run", verb, run).code)
            host.kill()
            host.start()
            check.equal(status, host.wait_run(run)["run"]["status"])
            check.equal(tidied, os.path.exists(path), verb)
        check.equal("succeeded", belay.step_of(host.show(run), "fan[finalize]/tidy")["status"])


def test_what_is_wrong_within_is_said_with_its_place():
    with belay.Host() as host:
        path = host.write("bad.flow.yaml", """slug: bad
steps:
  - id: fan
    parallel:
      branches:
        a:
          - id: x
            next: z
            set: {n: 1}
  - id: z
    set: {n: "${{ steps.x.output }}"}
""")
        answer = host.cli("flow", "validate", path)
        check.equal(2, answer.code)
        check.has(answer.out + answer.err, "stands in another list")
        check.has(answer.out + answer.err, "is within")


if __name__ == "__main__":
    check.main(globals())
