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
        check.has(str(done.data["tests"][0]["problems"]), "the path is build, big, review, route, expected")


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


if __name__ == "__main__":
    check.main(globals())
