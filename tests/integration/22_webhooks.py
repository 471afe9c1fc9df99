"""Webhooks and events on the real binary: verified over verbatim bytes, once, over kill -9."""

import base64
import hashlib
import hmac
import os
import threading
import time

import belay
import check


def flow(triggers, slug="ci", more=""):
    return ("slug: %s\n%striggers:\n%ssteps:\n  - id: note\n    set: {input: '${{ input }}'}\n"
            "state: {input: none}\noutput: '${{ state }}'\n" % (slug, more, triggers))


PUSH = ("  - webhook: push\n    auth: {type: hmac-sha256, secret: git-hook, header: X-Hub-Signature-256}\n"
        "    untrusted_headers: [X-GitHub-Event]\n    when: \"${{ event.body.ref == 'refs/heads/main' }}\"\n"
        "    input: {ref: '${{ event.body.ref }}', kind: \"${{ event.headers['x-github-event'] }}\","
        " other: \"${{ event.headers['x-other'] }}\"}\n")


def ok(answer):
    check.equal(0, answer.code, str(answer))
    return answer.data


def refused(code, exit_code, answer):
    check.equal(code, answer.error.get("code"), str(answer))
    check.equal(exit_code, answer.code, str(answer))


def promote(host, text, slug="ci"):
    ok(host.cli("flow", "push", host.write(slug + ".flow.yaml", text)))
    ok(host.cli("flow", "release", slug))
    ok(host.cli("flow", "promote", slug))


def secret(host, name, value):
    ok(host.cli("secret", "set", name, stdin=value))


def sign(key, body):
    return "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


def finished(host, run):
    host.wait_run(run)
    return host.get("/v1/runs/%s?outputs=full" % run)["run"]


def runs(host, slug="ci"):
    return host.get("/v1/runs?limit=1000&flow=" + slug)["runs"]


def test_github_over_verbatim_bytes():
    with belay.started() as host:
        secret(host, "git-hook", "key")
        promote(host, flow(PUSH))
        body = b'{ "ref" : "refs/heads/main",\r\n "n": 1.0 }\n'
        path = os.path.join(host.folder, "body")
        with open(path, "wb") as file:
            file.write(body)
        words = ("webhook", "deliver", "ci", "push", "--body", path, "--header", "X-GitHub-Event: push",
                 "--header", "X-Other: secret-looking")
        refused("BLY-WEBHOOK-REFUSED", 7, host.cli(*words))
        refused("BLY-WEBHOOK-REFUSED", 7,
                host.cli(*words, "--header", "X-Hub-Signature-256: " + sign(b"other", body)))
        check.equal([], runs(host))
        data = ok(host.cli(*words, "--header", "X-Hub-Signature-256: " + sign(b"key", body)))
        run = finished(host, data["run"]["id"])
        check.equal({"ref": "refs/heads/main", "kind": "push"}, run["input"])
        check.equal("webhook:push", run["started_by"])
        host.kill()
        host.start()
        answer = host.cli(*words, "--header", "X-Hub-Signature-256: " + sign(b"key", body), json_out=False)
        check.has(answer.out, "came before")
        check.has(answer.out, run["id"])
        check.equal(1, len(runs(host)))
        # The raw API takes the same.
        data = host.post("/v1/webhooks/ci/push", b'{"ref":"refs/heads/dev"}',
                         {"X-Hub-Signature-256": sign(b"key", b'{"ref":"refs/heads/dev"}')})
        check.equal(True, data["ignored"])


def test_standard_webhooks_and_tokens():
    with belay.started() as host:
        key = os.urandom(32)
        secret(host, "std", "whsec_" + base64.b64encode(key).decode())
        secret(host, "tok", "t0ken")
        promote(host, flow(
            "  - webhook: std\n    auth: {type: hmac-sha256, secret: std, scheme: standard-webhooks}\n"
            "  - webhook: bear\n    auth: {type: bearer, secret: tok}\n"
            "  - webhook: basic\n    auth: {type: basic, secret: tok, user: me}\n"
            "  - webhook: key\n    auth: {type: api-key, secret: tok}\n  - webhook: open\n"))

        def standard(ident, at, body):
            mac = hmac.new(key, b"%s.%d." % (ident.encode(), at) + body, hashlib.sha256).digest()
            return {"webhook-id": ident, "webhook-timestamp": str(at),
                    "webhook-signature": "v1,AAAA v1," + base64.b64encode(mac).decode()}

        def send(name, body, headers):
            return host.client().request("POST", "/v1/webhooks/ci/" + name, body, headers)

        now = int(time.time())
        check.equal(200, send("std", b'{"a":1}', standard("m1", now, b'{"a":1}'))[0])
        # A retry is signed anew, with its own time.
        status, envelope = send("std", b'{"a":1}', standard("m1", now + 1, b'{"a":1}'))
        check.equal((200, True), (status, envelope["data"]["existing"]))
        check.equal(runs(host)[0]["id"], envelope["data"]["run"]["id"])
        check.equal(403, send("std", b'{"a":1}', standard("m2", now - 400, b'{"a":1}'))[0])
        basic = "Basic " + base64.b64encode(b"me:t0ken").decode()
        for name, good, bad in (("bear", {"Authorization": "Bearer t0ken"}, {"Authorization": "Bearer t0kem"}),
                                ("basic", {"Authorization": basic}, {"Authorization": "Basic bWU6eA=="}),
                                ("key", {"X-Api-Key": "t0ken"}, {"X-Api-Key": ""})):
            check.equal(403, send(name, b"{}", bad)[0], name)
            check.equal(403, send(name, b"{}", {})[0], name)
            check.equal(200, send(name, b"{}", good)[0], name)
        status, envelope = send("open", b"{}", {})
        check.equal((403, "BLY-POLICY-REFUSED"), (status, envelope["error"]["code"]))
        # Nobody can edit a built-in policy: the file is named that would stand in its place.
        check.has(envelope["error"]["message"], "webhook.unauthenticated in " + host.folder + "/policy.yaml (there is none yet")
        check.equal(4, len(runs(host)))
        check.lacks(host.log(), "t0ken")


def test_one_run_for_each_delivery_over_kill_9():
    with belay.started() as host:
        secret(host, "git-hook", "key")
        promote(host, flow("  - webhook: push\n    auth: {type: hmac-sha256, secret: git-hook}\n"))
        stop = threading.Event()
        sent = []

        def sender():
            """At least once, as a git server does: until it is told that it was taken."""
            for n in range(300):
                body = b'{"n":%d}' % n
                while not stop.is_set():
                    try:
                        status, _ = host.client().request("POST", "/v1/webhooks/ci/push", body,
                                                          {"X-Hub-Signature-256": sign(b"key", body)})
                        check.equal(200, status)
                        sent.append(n)
                        break
                    except (OSError, belay.http.client.HTTPException):
                        time.sleep(0.02)
                if stop.is_set():
                    return

        thread = threading.Thread(target=sender)
        thread.start()
        for _ in range(3):
            time.sleep(1)
            host.kill()
            host.start()
        time.sleep(1)
        stop.set()
        thread.join()
        found = [host.get("/v1/runs/%s?outputs=full" % row["id"])["run"]["input"]["n"] for row in runs(host)]
        check.equal(len(found), len(set(found)), "a delivery started two runs")
        check.equal(set(), set(sent) - set(found), "a delivery that was taken has no run")
        check.equal(True, len(sent) >= 20, "%d deliveries" % len(sent))


def test_events_start_and_answer():
    with belay.started() as host:
        promote(host, flow("  - event: built\n    input: {n: '${{ event.body.n }}'}\n"))
        data = ok(host.cli("event", "emit", "built", "--body", '{"n": 7}'))
        check.equal(1, len(data["runs"]))
        run = finished(host, data["runs"][0])
        check.equal({"n": 7}, run["input"])
        check.equal("event", run["trigger"]["type"])
        host.kill()
        host.start()
        check.equal(1, len(ok(host.cli("event", "emit", "built", "--body", '{"n": 8}'))["runs"]))
        told = ok(host.cli("event", "emit", "built"))
        check.equal(([], "ci"), (told["runs"], told["refused"][0]["flow"]))
        ok(host.cli("flow", "archive", "ci"))
        check.equal([], ok(host.cli("event", "emit", "built"))["runs"])


if __name__ == "__main__":
    check.main(globals())
