"""Secrets: used where they belong, and found nowhere else; the signed webhook is verified by other code than ours."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import time

import belay
import check
from servers import Server

CANARY = "canary-7c1f9e2ab4d8-secret"
WEBHOOK_KEY = bytes(range(32))


def forms(secret):
    raw = secret.encode()
    found = {raw, raw.hex().encode(), raw.hex().upper().encode()}
    for shift in range(3):
        text = base64.b64encode(b"x" * shift + raw)
        # What does not depend on the bytes beside it.
        found.add(text[4 if shift else 0:len(text) - 4])
    return found


def find(folder, secret):
    hits = []
    for path, _, names in os.walk(folder):
        for name in names:
            full = os.path.join(path, name)
            if not os.path.isfile(full) or os.path.islink(full):
                continue
            with open(full, "rb") as file:
                content = file.read()
            hits += [full for form in forms(secret) if form in content]
    return hits


def test_a_secret_is_found_nowhere():
    with belay.started() as host:
        check.equal(0, host.cli("secret", "set", "canary", stdin=CANARY).code)
        flow = {"slug": "s", "steps": [
            {"id": "a", "run": {"script": "test \"$CANARY\" = %s || exit 9\necho \"it is $CANARY\"; echo \"$CANARY\" >&2\n"
                                          "printf %%s \"$CANARY\" | base64; printf '{\"x\": \"%%s\"}' \"$CANARY\" >&3\n"
                                          "tr '\\0' ' ' < /proc/self/cmdline; sleep 0.5" % ("can\"\"" + CANARY[3:]),
                                "env": {"CANARY": {"secret": "canary"}}}},
            {"id": "b", "run": {"command": ["env"], "env": {"CANARY": {"secret": "canary"}}}}],
            "output": {"a": "${{ steps.a.output }}", "b": "${{ steps.b.output.stdout }}"}}
        run = host.start_run(flow)
        belay.eventually(lambda: host.show(run)["steps"], what="the job")
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as file:
                    check.lacks(file.read(), CANARY.encode(), "command line of %s" % pid)
            except OSError:
                continue
        shown = host.wait_run(run)
        check.equal("succeeded", shown["run"]["status"], str(shown)[:900])
        check.lacks(json.dumps(shown), CANARY, "run show")
        check.lacks(host.cli("run", "logs", run, json_out=False).out, CANARY, "run logs")
        check.lacks(host.cli("secret", "list").out, CANARY)
        host.stop()
        # Not in the raw files of its jobs either.
        check.equal([], find(host.folder, CANARY))


def test_expressions_cannot_see_secrets():
    with belay.started() as host:
        host.cli("secret", "set", "canary", stdin=CANARY)
        flow = host.write("s.flow.yaml", "slug: s\nsteps:\n  - {id: a, set: {x: {secret: canary}}}\n")
        answer = host.cli("flow", "validate", flow)
        check.equal("BLY-FLOW-SECRET-MISPLACED", answer.error.get("code"), str(answer))
        shown = host.run({"slug": "s", "steps": [{"id": "a", "run": {"command": ["true"], "env": {
            "X": {"secret": "canary"}}}}, {"id": "b", "function": {"code": "return typeof secrets"}}],
            "output": {"x": "${{ steps.b.output }}"}})
        check.equal("undefined", shown["run"]["output"]["x"])


def test_a_generated_key_signs():
    with Server(lambda request: (200, {}, b"")) as server, belay.started() as host:
        check.equal(0, host.cli("secret", "generate", "hook", "--as", "webhook").code)
        host.cli("connection", "add", "chat", "type=chat", "url=http://127.0.0.1:%d/" % server.port, "signing_secret.secret=hook")
        shown = host.run({"slug": "s", "requires": [{"name": "chat", "type": "chat"}],
                          "steps": [{"id": "a", "notify": {"connection": "chat", "text": "hello"}}]})
        check.equal("succeeded", shown["run"]["status"], str(shown)[:600])
        check.has(server.seen[0].headers["webhook-signature"], "v1,")


def test_data_cannot_name_a_secret():
    with Server(lambda request: (200, {}, b"")) as server, belay.started() as host:
        check.equal(0, host.cli("secret", "set", "canary", stdin=CANARY).code)
        url = "http://127.0.0.1:%d/" % server.port
        for step in ({"http": {"url": url, "headers": {"X-Id": "${{ input.id }}"}}},
                     {"run": {"command": ["env"], "env": {"ID": "${{ input.id }}"}}}):
            flow = {"slug": "s", "input": {"type": "object"}, "steps": [{"id": "a", **step}]}
            shown = host.run(flow, {"id": {"secret": "canary"}})
            check.equal(["failed", "BLY-FLOW-SECRET-MISPLACED"],
                        [shown["run"]["status"], shown["run"].get("error", {}).get("code")], str(shown)[:500])
        check.equal([], server.seen)
        code = "export const flow = {slug: 'c'};\nexport default async (ctx, input) => ctx.step('a', %s);\n"
        for call, wanted in (("{run: {command: ['env'], env: input}}", "failed"),
                             ("{run: {command: ['env'], env: {ID: {secret: 'canary'}}}}", "succeeded")):
            host.write("c.flow.js", code % call)
            shown = host.cli("flow", "run", host.folder + "/c.flow.js", "--wait", "-i", 'ID:={"secret": "canary"}')
            check.equal(wanted, (shown.data or {}).get("run", {}).get("status"), str(shown)[:500])


def test_a_missing_secret_starts_nothing():
    with belay.started() as host:
        shown = host.run({"slug": "s", "steps": [{"id": "a", "run": {"script": "touch %s/made" % host.folder, "env": {
            "X": {"secret": "nothing"}}}}]})
        check.equal("BLY-SECRET-NOT-FOUND", shown["run"]["error"]["code"])
        check.equal(False, os.path.exists(host.folder + "/made"))


def test_the_vault_is_sealed_with_the_hosts_key():
    with belay.started() as host:
        host.cli("secret", "set", "canary", stdin=CANARY)
        host.stop()
        check.equal([], find(host.state, CANARY))


def test_a_signed_webhook():
    with Server() as server:
        settings = {"connections": {"team": {"type": "chat", "url": "http://127.0.0.1:%d/hook" % server.port,
                                             "signing_secret": {"secret": "hook"}}}}
        with belay.started(settings) as host:
            secret = "whsec_" + base64.b64encode(WEBHOOK_KEY).decode()
            check.equal(0, host.cli("secret", "set", "hook", stdin=secret).code)
            flow = {"slug": "n", "requires": [{"name": "team", "type": "chat"}],
                    "steps": [{"id": "n", "notify": {"connection": "team", "text": "Done: ä"}}]}
            host.post("/v1/flows", {"content": json.dumps(flow), "file": "n.flow.json"})
            check.equal(0, host.cli("flow", "configure", "n", "team=team").code)
            shown = host.run("n")
            check.equal("succeeded", shown["run"]["status"], str(shown)[:900])
            check.equal(1, len(server.seen))
            got = server.seen[0]
            signed = b".".join([got.headers["webhook-id"].encode(), got.headers["webhook-timestamp"].encode(), got.body])
            wanted = "v1," + base64.b64encode(hmac.new(WEBHOOK_KEY, signed, hashlib.sha256).digest()).decode()
            check.equal(wanted, got.headers["webhook-signature"])
            if abs(time.time() - int(got.headers["webhook-timestamp"])) > 60:
                raise AssertionError("its time is %s" % got.headers["webhook-timestamp"])
            check.has(got.body.decode(), "Done: ä")
            host.stop()
            check.equal([], find(host.state, secret))


def test_a_prompt_is_seen_while_it_waits_and_a_secret_never():
    with belay.started() as host:
        check.equal(0, host.cli("secret", "set", "CANARY", stdin=CANARY).code)
        # It ends with how the secret begins.
        script = "printf 'Password: can'; while [ ! -e go ]; do sleep 0.02; done; printf 'ary-%s' 7c1f9e2ab4d8-secret; sleep 600"
        run = host.start_run({"slug": "ask", "steps": [{"id": "a", "run": {"script": script, "cwd": host.folder,
                                                                           "env": {"C": {"secret": "CANARY"}}}}]})
        follower = host.spawn("run", "logs", "--follow", run, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            shown = ""
            os.set_blocking(follower.stdout.fileno(), False)

            def seen(words):
                nonlocal shown
                shown += (follower.stdout.read() or b"").decode()
                return words in shown
            belay.eventually(lambda: seen("Password: can"), what="the prompt")
            host.write("go", "")
            time.sleep(1.5)
            seen("")
            check.equal([], [form for form in forms(CANARY) if form in shown.encode()])
        finally:
            follower.kill()
            follower.wait()
        host.post("/v1/runs/%s/cancel" % run)
        host.wait_run(run)
        host.stop()
        check.equal([], find(host.state, CANARY))


if __name__ == "__main__":
    check.main(globals())
