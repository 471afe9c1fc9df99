"""Flows that are made of several files: pushed, run, compared, exported, and gone on with after a kill."""
import json
import os

import belay
import check


def ok(done):
    check.equal(0, done.code, done.err[:2000])
    return done.data


def project(host, word="hello"):
    """A flow with a template, a function and steps in files of their own."""
    os.makedirs(host.folder + "/flow/parts", exist_ok=True)
    host.write("flow/parts/greet.md", "%s ${{ input.who }}" % word)
    host.write("flow/parts/shout.js", "s => s.toUpperCase() + '!'\n")
    host.write("flow/parts/end.yaml", "- id: pause\n  wait: {event: {name: go}, timeout: 1h}\n- include: parts/last.yaml\n")
    host.write("flow/parts/last.yaml", "- id: last\n  function: {name: shout, input: \"${{ steps.say.output }}\"}\n")
    return host.write("flow/greet.flow.yaml", """slug: greet
input: {type: object, properties: {who: {type: string}}}
templates: {greeting: {file: parts/greet.md}}
functions: {shout: {file: parts/shout.js}}
steps:
  - id: say
    function: {code: "return input", input: "%s ${{ input.who }}"}
  - include: parts/end.yaml
output: "${{ steps.last.output }}"
""" % word)


def test_a_flow_of_files_runs_and_survives_a_kill_without_them():
    with belay.started() as host:
        path = project(host)
        run = ok(host.cli("flow", "run", path, "--input", "who=you"))["run"]["id"]
        host.open_wait(run)
        for name in ("greet.md", "shout.js", "end.yaml", "last.yaml"):
            os.remove(host.folder + "/flow/parts/" + name)
        host.kill()
        host.start()
        ok(host.cli("event", "emit", "go"))
        shown = host.wait_run(run)
        check.equal("succeeded", shown["run"]["status"], str(shown["run"])[:500])
        check.equal("HELLO YOU!", shown["run"]["output"])


def test_a_change_of_a_file_is_a_change_of_the_flow():
    with belay.started() as host:
        path = project(host)
        first = ok(host.cli("flow", "push", path))["digest"]
        check.equal(first, ok(host.cli("flow", "push", path))["digest"])
        ok(host.cli("flow", "release", "greet"))
        ok(host.cli("flow", "promote", "greet"))
        host.write("flow/parts/shout.js", "s => s + '?'\n")
        second = ok(host.cli("flow", "push", path))["digest"]
        check.equal(True, first != second)
        check.has(ok(host.cli("flow", "diff", "greet"))["text"], "+s => s + '?'")
        check.has(ok(host.cli("flow", "diff", "greet", "--to", path))["text"], "+s => s + '?'")
        draft = ok(host.cli("flow", "draft", "greet"))
        check.has(draft["content"], "include: parts/end.yaml")
        check.equal("s => s + '?'\n", draft["files"]["parts/shout.js"])
        check.equal("s => s + '?'\n", host.cli("flow", "draft", "greet", "--file", "parts/shout.js", json_out=False).out)


def test_what_is_wrong_in_a_file_has_its_place():
    with belay.started() as host:
        path = project(host)
        host.write("flow/parts/last.yaml", "- id: last\n  function: {nome: shout}\n")
        done = host.cli("flow", "validate", path, json_out=False)
        check.has(done.err, "parts/last.yaml:2:14: error: unknown key \"nome\"")
        os.remove(host.folder + "/flow/parts/greet.md")
        check.has(host.cli("flow", "push", path).err + json.dumps(host.cli("flow", "push", path).data), "parts/greet.md")


def test_an_export_takes_its_files_along():
    with belay.started() as host, belay.started() as other:
        digest = ok(host.cli("flow", "push", project(host)))["digest"]
        ok(host.cli("flow", "release", "greet"))
        exported = host.folder + "/greet.json"
        ok(host.cli("flow", "export", "greet", "1", exported))
        check.equal(digest, ok(other.cli("flow", "import", exported))["digest"])
        ok(other.cli("flow", "promote", "greet"))
        run = ok(other.cli("flow", "run", "greet", "--input", "who=me"))["run"]["id"]
        other.open_wait(run)
        ok(other.cli("event", "emit", "go"))
        check.equal("HELLO ME!", other.wait_run(run)["run"]["output"])


if __name__ == "__main__":
    check.main(globals())
