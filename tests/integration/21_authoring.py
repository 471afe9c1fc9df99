"""What a coding agent writes flows with, on the shipped binary: templates, docs of steps, search."""

import json
import os
import xml.etree.ElementTree

import belay
import check


def test_every_template_becomes_a_valid_flow():
    with belay.started() as host:
        endings = {one["name"]: one["ending"] for one in host.cli("flow", "new", "--list").data["templates"]}
        names = list(endings)
        for name in ("review-and-apply", "nightly-job", "poll-until", "fan-out-and-join", "saga"):
            check.equal(True, name in names, name)
        for name in names:
            file = os.path.join(host.folder, name + endings[name])
            host.cli("flow", "new", "try-" + name, "--template", name, "--output", file)
            checked = host.cli("flow", "validate", file).data
            check.equal("try-" + name, checked["files"][0]["flow"], name)
            check.equal([], checked["diagnostics"], name)


def test_a_template_is_written_under_a_name_that_says_what_it_is():
    with belay.started() as host:
        for name, file, ending in (("retry-until-clean", "x.flow.yaml", ".flow.js"), ("saga", "x.flow.js", ".flow.yaml")):
            path = os.path.join(host.folder, file)
            answer = host.cli("flow", "new", "x", "--template", name, "--output", path)
            check.equal((2, "BLY-USAGE"), (answer.code, answer.error["code"]))
            check.has(answer.error["message"], ending)
            check.equal(False, os.path.exists(path))


def test_a_template_runs_as_it_is():
    with belay.started() as host:
        file = os.path.join(host.folder, "mine.flow.yaml")
        host.cli("flow", "new", "mine", "--template", "fan-out-and-join", "--output", file)
        shown = host.cli("flow", "run", file, "--input", "hosts:=[\"x\"]", "--wait").data
        check.equal("succeeded", shown["run"]["status"])
        check.equal(["0: x"], shown["run"]["output"]["lines"])


def test_a_graph_of_a_run_shows_the_way_that_it_took():
    with belay.started() as host:
        flow = host.write("w.flow.yaml", """slug: ways
steps:
  - id: a
    run: {command: ["false"]}
    on_error: c
  - id: b
    set: {x: 1}
    next: end
  - id: c
    set: {x: 2}
""")
        run = host.cli("flow", "run", flow, "--wait").data["run"]["id"]
        drawn = host.cli("flow", "graph", "--run", run).data["graph"]
        taken = [(way["from"], way["to"], way["kind"]) for way in drawn["ways"] if way["taken"]]
        check.equal([("start", "a", "next"), ("a", "c", "error"), ("c", "end", "next")], taken)
        svg = host.cli("flow", "graph", "--run", run, "--format", "svg", json_out=False).out
        root = xml.etree.ElementTree.fromstring(svg)
        texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
        check.equal(True, "a" in texts and any(text.startswith("✗ ") for text in texts), str(texts))
        host.stop()
        check.equal(svg, host.cli("flow", "graph", "--run", run, "--format", "svg", json_out=False).out)


def test_a_graph_of_a_run_of_code_shows_what_it_called():
    with belay.started() as host:
        flow = host.write("w.flow.js", """export const flow = {slug: "coded"};
const say = {run: {command: ["true"]}};
export default async function (ctx) {
  await ctx.step("first", say);
  await ctx.parallel("fan", {left: c => c.step("do", say), right: async c => {
    await c.forEach("each", [1, 2, 3], async (item, i, d) => { await d.step("do", say); });
  }});
  try { await ctx.step("bad", {run: {command: ["false"]}}); } catch (e) { await ctx.step("last", say); }
}
""")
        run = host.cli("flow", "run", flow, "--wait").data["run"]["id"]
        drawn = host.cli("flow", "graph", "--run", run).data["graph"]
        check.equal([("first", "flow"), ("fan", "flow"), ("do", "fan[left]"), ("each", "fan[right]"), ("do", "each"),
                     ("bad", "flow"), ("last", "flow")], [(step["id"], step["list"]) for step in drawn["steps"]])
        by_list = {(step["id"], step["list"]): step for step in drawn["steps"]}
        check.equal(3, by_list["do", "each"]["visits"])
        check.equal("failed", by_list["bad", "flow"]["status"])
        check.equal(True, by_list["fan", "flow"]["duration_ms"] >= by_list["do", "fan[left]"]["duration_ms"])
        check.equal([("start", "first"), ("first", "fan"), ("fan", "bad"), ("bad", "last"), ("last", "end")],
                    [(way["from"], way["to"]) for way in drawn["ways"] if way["list"] == "flow"])
        check.has(host.cli("flow", "graph", "--run", run, json_out=False).out, "each of 3 items")
        svg = host.cli("flow", "graph", "--run", run, "--format", "svg", json_out=False).out
        texts = [text.text for text in xml.etree.ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
        check.equal(True, any(text.startswith("✗ ") for text in texts), str(texts))
        answer = host.cli("flow", "graph", flow)
        check.equal("BLY-UNSUPPORTED", answer.error["code"])
        check.has(answer.error["actions"][0], "flow graph --run")


def test_what_comes_from_dagu_runs():
    with belay.started() as host:
        dagu = host.write("d.yaml", """type: graph
params: NAME=ada
steps:
  - {id: first, run: "echo hello $NAME", output: WHO}
  - id: left
    depends: first
    run: test "$WHO" = "hello ada"
  - {id: right, run: "exit 3", depends: first, continue_on: failed}
  - {id: join, run: "echo $WHO again", depends: [left, right], output: ALL}
handler_on:
  success: {run: "true"}
""")
        given = host.cli("flow", "import", "dagu", dagu, "--output", host.folder + "/d.flow.yaml").data
        check.equal(True, given["valid"])
        check.equal([], given["notes"], json.dumps(given["notes"]))
        shown = host.cli("flow", "run", host.folder + "/d.flow.yaml", "--wait").data
        check.equal("succeeded", shown["run"]["status"], json.dumps(shown["run"].get("error")))
        check.equal("hello ada again", shown["run"]["state"]["ALL"])


if __name__ == "__main__":
    check.main(globals())
