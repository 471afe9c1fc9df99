"""flow test, run replay and release --check on the real binary: nothing of the world is needed, and nothing is done."""
import os

import belay
import check

FLOW = """slug: deploy
input: {type: object, properties: {env: {type: string}}, required: [env]}
steps:
  - id: build
    run: {script: "echo built; touch %s"}
    effect: idempotent
  - id: big
    run: {script: "head -c 200000 /dev/zero | tr '\\\\0' q"}
    effect: pure
  - id: review
    wait: {approval: {summary: "Ship ${{ steps.build.output.stdout }} to ${{ input.env }}?"}, timeout: 24h}
  - id: route
    switch: [{when: "${{ steps.review.output.approved }}", next: ship}, {next: end}]
  - id: ship
    run: {command: [echo, "${{ input.env }}", "${{ String(steps.big.output.stdout).length }}"]}
output: {shipped: "${{ !!steps.ship }}"}
"""

TESTS = """tests:
  - name: ships what was approved
    input: {env: prod}
    given:
      build: {output: {exit_code: 0, stdout: v1}, takes: 5m}
      big: {output: {exit_code: 0, stdout: qq}}
      review: {approve: true, takes: 3h}
      ship: {output: {exit_code: 0}}
    expect: {path: [build, big, review, route, ship], output: {shipped: true}, takes: 3h5m}
  - name: nobody answers
    input: {env: prod}
    given: {build: {output: {exit_code: 0}}, big: {output: {exit_code: 0}}, review: {nothing: true}}
    expect: {path: [build, big, review, route], output: {shipped: false}, takes: 24h}
"""


def ok(done):
    check.equal(0, done.code, (done.err + done.out)[:2000])
    return done.data


def project(host):
    mark = host.folder + "/built"
    return host.write("deploy.flow.yaml", FLOW % mark), mark


def recorded_run(host, path):
    run = ok(host.cli("flow", "run", path, "--input", "env=prod"))["run"]["id"]
    host.open_wait(run)
    ok(host.cli("approve", run))
    check.equal("succeeded", host.wait_run(run)["run"]["status"])
    return run


def test_a_flow_is_tested_without_a_host():
    with belay.Host() as host:
        path, mark = project(host)
        tests = host.write("deploy.test.yaml", TESTS)
        data = ok(host.cli("flow", "test", path))
        check.equal([2, 0], [data["passed"], data["failed"]])
        check.equal(11100000, data["tests"][0]["simulated_ms"])
        check.equal(False, os.path.exists(mark), "the step was performed")
        check.equal(2, ok(host.cli("flow", "test", tests))["passed"])
        check.equal(1, ok(host.cli("flow", "test", tests, "--only", "nobody"))["passed"])


def test_what_is_not_as_expected_fails_with_1():
    with belay.Host() as host:
        path, _ = project(host)
        host.write("deploy.test.yaml", TESTS.replace("takes: 3h5m", "takes: 3h").replace("review: {nothing: true}", ""))
        done = host.cli("flow", "test", path)
        check.equal(1, done.code)
        check.equal("BLY-TEST-FAILED", done.error["code"])
        check.equal(["it takes 3h5m, expected 3h"], done.data["tests"][0]["problems"])
        check.has(str(done.data["tests"][1]["problems"]), "step review is reached")
        host.write("deploy.test.yaml", "tests: [{name: x, inpt: {}}]\n")
        check.has(host.cli("flow", "test", path, json_out=False).err, "deploy.test.yaml:1: /tests/0: ")


def test_a_recorded_run_becomes_a_test():
    with belay.started() as host:
        path, mark = project(host)
        run = recorded_run(host, path)
        os.remove(mark)
        data = ok(host.cli("flow", "test", path, "--from", run))
        check.equal([1, 0], [data["passed"], data["failed"]])
        check.equal(False, os.path.exists(mark), "the step was performed again")
        host.kill()
        check.equal(1, ok(host.cli("flow", "test", path, "--from", run))["passed"])
        host.write("deploy.flow.yaml", (FLOW % mark).replace("output.approved", "output.timed_out"))
        done = host.cli("flow", "test", path, "--from", run)
        check.equal(1, done.code)
        check.has(str(done.data["tests"][0]["problems"]), "after route comes ")
        done = host.cli("flow", "test", host.write("lonely.yaml", "tests: []\n"), json_out=False)
        check.has(done.err, "tests of NAME.flow.yaml stand in NAME.test.yaml")


def test_a_release_is_checked_against_recorded_runs():
    with belay.started() as host:
        path, mark = project(host)
        run = recorded_run(host, path)
        same = ok(host.cli("flow", "release", "deploy", "--check"))
        check.equal([1, 0], [same["checked"], same["changed"]])
        check.equal([], ok(host.cli("flow", "releases", "deploy"))["releases"])
        host.write("deploy.flow.yaml", (FLOW % mark).replace("output.approved", "output.timed_out").replace("echo built", "echo anew"))
        ok(host.cli("flow", "push", path))
        found = ok(host.cli("flow", "release", "deploy", "--check"))
        check.equal([1, 1], [found["checked"], found["changed"]])
        kinds = [(change["kind"], change["step"]) for change in found["runs"][0]["changes"]]
        check.equal([("rendered", "build"), ("path", "route")], kinds)
        check.has(host.cli("flow", "release", "deploy", "--check", json_out=False).out, "after route comes end, it was ship")
        host.write("deploy.flow.yaml", (FLOW % mark).replace("required: [env]", "required: [env, more]"))
        ok(host.cli("flow", "push", path))
        check.has(ok(host.cli("flow", "release", "deploy", "--check"))["runs"][0]["refused"], "more")
        check.equal(run, found["runs"][0]["run"])


def test_a_run_is_replayed_as_a_new_one():
    with belay.started() as host:
        path, mark = project(host)
        run = recorded_run(host, path)
        os.remove(mark)
        # Another draft: the replay has the content of the run all the same.
        host.write("deploy.flow.yaml", (FLOW % mark).replace("echo built", "echo anew"))
        ok(host.cli("flow", "push", path))
        again = ok(host.cli("run", "replay", run))["run"]
        check.equal(True, again["id"] != run)
        host.open_wait(again["id"])
        check.equal(True, os.path.exists(mark))
        shown = host.show(again["id"])
        check.equal({"type": "replay", "of": run}, shown["run"]["trigger"])
        check.equal(host.show(run)["run"]["input"], shown["run"]["input"])
        check.equal(host.show(run)["run"]["digest"], shown["run"]["digest"])
        newer = ok(host.cli("run", "replay", run, "--with", "draft"))["run"]
        check.equal(True, host.show(newer["id"])["run"]["digest"] != shown["run"]["digest"])
        check.equal(8, host.cli("run", "replay", "r0000000000000000").code)


CODE = """export const flow = {slug: 'above'};
export default async function (ctx, input) {
  const seen = await ctx.step('look', {kv: {get: 'limit'}});
  const got = await ctx.flow('call', {slug: 'below', input: {n: 2}});
  await ctx.step('tell', {run: {command: ['echo', String(got.twice), ctx.run.id, String(Math.random())]}});
  return {twice: got.twice, seen: seen.exists};
}
"""
ABOVE = """slug: above
steps:
  - {id: look, kv: {get: limit}}
  - {id: each, for_each: {items: [1, 2], steps: [{id: call, flow: {slug: below, input: {n: "${{ item }}"}}}]}}
  - id: tell
    run: {command: [echo, "${{ steps.each.output[1].twice }}", "${{ run.id }}", "${{ String(Math.random()) }}"]}
output: "${{ steps.each.output }}"
"""
BELOW = """slug: below
input: {type: object, properties: {n: {type: integer}}}
steps: [{id: job, run: {script: "echo job >> %s"}}]
output: {twice: "${{ input.n * 2 }}"}
"""


def check_with_children(above, file, changed, kinds, jobs):
    with belay.started() as host:
        mark = host.folder + "/jobs"
        below = host.write("below.flow.yaml", BELOW % mark)
        for words in (("push", below), ("release", "below"), ("promote", "below")):
            ok(host.cli("flow", *words))
        path = host.write(file, above)
        run = ok(host.cli("flow", "run", path))["run"]["id"]
        check.equal("succeeded", host.wait_run(run)["run"]["status"])
        for down in (False, True):
            data = ok(host.cli("flow", "release", "above", "--check"))
            check.equal([1, 0], [data["checked"], data["changed"]], str(data["runs"]))
            data = ok(host.cli("flow", "test", path, "--from", run))
            check.equal([1, 0], [data["passed"], data["failed"]])
            # The flow that it starts may be gone for good.
            if not down:
                ok(host.cli("flow", "archive", "below"))
                host.stop()
        host.start()
        host.write(file, changed(above))
        ok(host.cli("flow", "push", path))
        data = ok(host.cli("flow", "release", "above", "--check"))
        check.equal(kinds, [(change["kind"], change["step"]) for change in data["runs"][0]["changes"]])
        with open(mark, encoding="utf-8") as file:
            check.equal(jobs, len(file.readlines()), "a child was started again")


def test_runs_with_children_are_checked_without_their_flows():
    check_with_children(ABOVE, "above.flow.yaml", lambda text: text.replace("item }}", "item + 1 }}"),
                        [("rendered", "each[0]/call"), ("rendered", "each[1]/call")], 2)
    check_with_children(ABOVE, "above.flow.yaml", lambda text: text.replace(
        "  - id: tell", "  - {id: more, flow: {slug: never-seen}}\n  - id: tell"), [("unknown", "more")], 2)


def test_code_is_held_against_recorded_runs():
    check_with_children(CODE, "above.flow.js", lambda text: text.replace("n: 2", "n: 3"), [("rendered", "call")], 1)
    check_with_children(CODE, "above.flow.js", lambda text: text.replace("await ctx.step('tell'", "if (got.twice > 9) await ctx.step('tell'"),
                        [("path", "call")], 1)
    check_with_children(CODE, "above.flow.js", lambda text: text.replace("const got", "await ctx.wait('ask', {approval: {summary: 'Go?'}, timeout: '1h'});\n  const got"),
                        [("unknown", "ask")], 1)


def test_code_is_tested_by_the_file_beside_it():
    with belay.Host() as host:
        path = host.write("above.flow.js", CODE)
        host.write("above.test.yaml", """tests:
  - name: tells
    given: {call: {output: {twice: 4}, takes: 1m}, tell: {output: {exit_code: 0}}}
    expect: {path: [look, call, tell], output: {twice: 4, seen: false}, takes: 1m}
""")
        check.equal(1, ok(host.cli("flow", "test", path))["passed"])
        check.equal(1, ok(host.cli("flow", "test", host.folder + "/above.test.yaml"))["passed"])


if __name__ == "__main__":
    check.main(globals())
