"""Flows as code on the shipped binary: control flow in JavaScript, approvals, crashes, and the way to a release."""

import json
import os

import belay
import check


def code(body, **flow):
    return "export const flow = " + json.dumps({"slug": "coded", **flow}) + \
        ";\nexport default async function (ctx, input) {\n" + body + "\n}\n"


def start(host, text, *words):
    path = host.write("coded.flow.js", text)
    answer = host.cli("flow", "run", path, *words)
    check.equal(0, answer.code, answer.out + answer.err)
    return answer.data["run"]["id"]


def finished(host, text, *words):
    shown = host.wait_run(start(host, text, *words))
    check.equal("succeeded", shown["run"]["status"], json.dumps(shown["run"].get("error")))
    return shown


def test_code_decides_what_is_done():
    with belay.started() as host:
        shown = finished(host, code("""
  const out = [];
  for (let i = 0; i < 3; i++) {
    const r = await ctx.step("say", {run: {command: ["echo", "${{ not a template }} " + i]}});
    out.push(`${r.stdout}`.trim());
    if (out.length === input.rounds) break;
  }
  const n = await ctx.step("count", {kv: {increment: "n"}});
  const f = await ctx.step("twice", {function: {code: "return input * 2", input: 21}});
  ctx.setState({out});
  ctx.log("nearly done");
  return {out, n: n.value, f, state: ctx.state};""", state={"a": 1}), "-i", "rounds:=2")
        check.equal({"out": ["${{ not a template }} 0", "${{ not a template }} 1"], "n": 1, "f": 42,
                     "state": {"a": 1, "out": ["${{ not a template }} 0", "${{ not a template }} 1"]}}, shown["run"]["output"])
        check.equal(["say", "say#2", "count", "twice"], shown["path"])
        check.equal("run", shown["steps"][0]["family"])
        check.equal("nearly done", shown["log"][0]["text"])
        page = host.cli("run", "show", shown["run"]["id"], json_out=False)
        check.has(page.out, "say")
        check.has(page.out, " nearly done\n")


def test_the_page_of_a_run_has_the_last_lines_that_its_code_logged():
    with belay.started() as host:
        shown = finished(host, code("for (let i = 1; i <= 23; i++) ctx.log(`line ${i} of it`);"))
        page = host.cli("run", "show", shown["run"]["id"], json_out=False).out
        check.has(page, "3 more before")
        check.lacks(page, "line 3 of it")
        check.equal(20, page.count(" of it\n"))


def test_failures_are_errors_and_branches_end_each_other():
    with belay.started() as host:
        shown = finished(host, code("""
  const said = [];
  try { await ctx.step("bad", {run: {script: "echo oh; exit 3"}}); }
  catch (e) { said.push([e instanceof StepError, e.class, e.step, e.output.exit_code, `${e.output.stdout}`]); }
  try { await ctx.step("wrong", {run: {comand: ["true"]}}); } catch (e) { said.push([e.class, e.code]); }
  try {
    await ctx.parallel("fan", {bad: c => c.step("b", {run: {script: "sleep 0.2; exit 1"}}),
                               slow: c => c.step("s", {run: {command: ["sleep", "60"]}})});
  } catch (e) { said.push(e.step); }
  return said;"""))
        check.equal([[True, "exit_code", "bad", 3, "oh\n"], ["invalid", "BLY-FLOW-UNKNOWN-KEY"], "fan[bad]/b"],
                    shown["run"]["output"])
        check.equal(True, shown["run"]["duration_ms"] < 20000)
        run = start(host, code("input.a.b;"))
        error = host.wait_run(run)["run"]["error"]
        check.equal("BLY-CODE-FAILED", error["code"])
        check.has(error["message"], "line 3")


def test_approvals_and_callbacks_are_awaited():
    with belay.started() as host:
        run = start(host, code("""
  const done = ctx.wait("built", {callback: {}, timeout: "1h"});
  await ctx.step("build", {run: {script: 'belay() { :; }; test -n "$BELAY_CALLBACK_TOKEN"', callback: "built"}});
  const approved = await ctx.wait("ok", {approval: {summary: "Ship?"}, timeout: "1h"});
  return {approved: approved.approved, body: (await done).body};"""))
        belay.eventually(lambda: len(host.get("/v1/waits")["waits"]) == 2, 10, "two waits")
        host.kill()
        host.start()
        for wait in host.get("/v1/waits")["waits"]:
            words = ("approve", wait["id"]) if wait["kind"] == "approval" else ("callback", wait["id"], "--body", '{"n":1}')
            answer = host.cli(*words)
            check.equal(0, answer.code, answer.out + answer.err)
        shown = host.wait_run(run)
        check.equal({"approved": True, "body": {"n": 1}}, shown["run"]["output"])


def test_killed_again_and_again_it_does_nothing_twice():
    with belay.started() as host:
        run = start(host, code("""
  const seen = await ctx.forEach("each", Array.from({length: 300}, (_, i) => i), {maxParallel: 3}, async (item, i, c) => {
    await c.step("count", {kv: {increment: "total"}});
    if (item % 60 === 0) await c.step("job", {run: {command: ["sleep", "0.3"]}, effect: "idempotent"});
    return item + Math.random() * 0;
  });
  for (let i = 0; i < 300; i++) await ctx.step("more", {kv: {increment: "total"}});
  return {sum: seen.reduce((a, b) => a + b, 0), at: Date.now() > 0};"""))
        for _ in range(4):
            host.kill()
            host.start()
        shown = host.wait_run(run, seconds=60)
        check.equal("succeeded", shown["run"]["status"], json.dumps(shown["run"].get("error")))
        check.equal({"sum": sum(range(300)), "at": True}, shown["run"]["output"])
        check.equal(600, host.get("/v1/kv/default/value?key=total")["entry"]["value"])
        check.equal(0, host.cli("journal", "verify").code)


def test_stopped_it_undoes_what_it_did_also_when_killed_meanwhile():
    with belay.started() as host:
        path = os.path.join(host.folder, "undone")
        run = start(host, code("""
  const done = word => ({run: {command: ["true"]}, compensate: {effect: "idempotent",
    run: {script: "sleep 0.2; echo $WORD >> " + %s, env: {WORD: word}}}});
  await ctx.step("pay", done("first"));
  await ctx.forEach("each", ["a", "b"], async (item, i, c) => { await c.step("hold", done(item)); });
  await ctx.wait("w", {event: {name: "x"}, timeout: "1h"});""" % json.dumps(path)))
        host.open_wait(run)
        check.equal(0, host.cli("run", "stop", run).code)
        for _ in range(3):
            host.kill()
            host.start()
        shown = host.wait_run(run)
        check.equal("stopped", shown["run"]["status"])
        check.equal(["each[1]/hold", "each[0]/hold", "pay"], shown["run"]["compensated"])
        with open(path, encoding="utf-8") as file:
            words = file.read().split()
        check.equal(["b", "a", "first"], list(dict.fromkeys(words)))
        check.equal(0, host.cli("journal", "verify").code)


def test_ten_thousand_calls_end():
    with belay.started() as host:
        run = start(host, code("""
  let sum = 0;
  for (let i = 0; i < 10000; i++) sum += (await ctx.step("s" + i, {function: {code: "input + 1", input: i}}));
  return sum;"""))
        shown = host.wait_run(run, seconds=110)
        check.equal(sum(range(10001)), shown["run"].get("output"), json.dumps(shown["run"].get("error")))


def test_code_goes_from_draft_to_live_and_runs_from_there():
    with belay.started() as host:
        path = host.write("coded.flow.js", code("return 1;", name="First"))
        check.equal(0, host.cli("flow", "push", path).code)
        check.equal(0, host.cli("flow", "release", "coded", "--note", "one").code)
        check.equal(0, host.cli("flow", "promote", "coded").code)
        second = host.write("coded.flow.js", code("return 2;", name="Second"))
        check.equal(0, host.cli("flow", "push", second).code)
        diff = host.cli("flow", "diff", "coded", json_out=False)
        check.has(diff.out, "+return 2;")
        answer = host.cli("flow", "run", "coded", "--wait")
        check.equal(1, answer.data["run"]["output"])
        shown = host.cli("flow", "show", "coded").data["flow"]
        check.equal((True, "Second", []), (shown["code"], shown["name"], shown["steps"]))
        check.has(host.cli("flow", "show", "coded", "--content", json_out=False).out, "return 2;")
        exported = os.path.join(host.folder, "out.json")
        check.equal(0, host.cli("flow", "export", "coded", exported).code)


def test_what_is_wrong_with_a_file_is_said_with_its_place():
    with belay.Host() as host:
        good = host.write("good.flow.js", code("return 1;"))
        check.has(host.cli("flow", "validate", good, json_out=False).out, "code")
        for text, place, words in (
                ("export const flow = {\n  slug: 'x', nmae: 'y'};\nexport default () => 1;", ":2:14", "unknown key"),
                ("export const flow = {slug: name};\nexport default () => 1;", ":1:28", "no literal"),
                ("export const flow = {slug: 'x'};\nexport default function (ctx) { const = 1; }", ":2:39", "not valid JavaScript"),
                ("export const flow = {slug: 'x'};\n", "", "exports no function")):
            answer = host.cli("flow", "validate", host.write("bad.flow.js", text), json_out=False)
            check.equal(2, answer.code, answer.out + answer.err)
            check.has(answer.out + answer.err, place)
            check.has(answer.out + answer.err, words)


def test_code_has_bounds():
    with belay.started({"limits": {"code_memory": "2 MiB", "code_calls": 5}}) as host:
        for body, words in (("for (;;);", "ticks"), ("const a = []; for (;;) a.push('x'.repeat(1e4) + a.length);", "memory"),
                            ("for (let i = 0; i < 9; i++) await ctx.step('a', {kv: {increment: 'n'}});", "limits.code_calls = 5"),
                            ("await new Promise(() => {});", "no step answers")):
            shown = host.wait_run(start(host, code(body)))
            check.equal("failed", shown["run"]["status"])
            check.has(shown["run"]["error"]["message"], words)


if __name__ == "__main__":
    check.main(globals())
