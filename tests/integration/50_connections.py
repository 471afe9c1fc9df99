"""Connections that commands add, test, bind and delete, against a running daemon and real servers."""

import json
import os

import belay
import check
from servers import Server

FLOW = {"slug": "c", "requires": [{"name": "api", "type": "http"}],
        "steps": [{"id": "h", "http": {"connection": "api", "url": "/items"}, "retry": {"max_attempts": 1}}],
        "output": {"status": "${{ steps.h.output.status }}"}}


def guarded(recorded):
    return (200 if recorded.headers.get("authorization") == "Bearer t0ken-of-the-test" else 401), {}, b"{}"


def add(host, name, port, *more):
    return host.cli("connection", "add", name, "type=http", "base_url=http://127.0.0.1:%d" % port, *more)


def test_the_life_of_a_connection():
    with belay.started() as host, Server(guarded) as server:
        added = add(host, "shop", server.port, "auth.type=bearer", "auth.secret=TOKEN")
        check.equal(0, added.code, str(added))
        check.equal(["TOKEN"], added.data["missing_secrets"])
        tested = host.cli("connection", "test", "shop")
        check.equal("BLY-SECRET-NOT-FOUND", tested.error["code"], str(tested))
        check.equal(0, host.cli("secret", "set", "TOKEN", stdin="wrong-t0ken").code)
        tested = host.cli("connection", "test", "shop")
        check.equal("BLY-AUTHENTICATION", tested.error["code"], str(tested))
        check.equal(0, host.cli("secret", "set", "TOKEN", stdin="t0ken-of-the-test").code)
        tested = host.cli("connection", "test", "shop")
        check.equal(200, tested.data["found"]["status"], str(tested))
        host.post("/v1/flows", {"content": json.dumps(FLOW)})
        lacking = host.cli("flow", "configure", "c", "--check")
        check.equal((1, "BLY-CONNECTION-UNBOUND"), (lacking.code, lacking.error["code"]), str(lacking))
        check.equal(["BLY-CONNECTION-UNBOUND"], [one["code"] for one in lacking.data["requires"]])
        error = belay.step_of(host.run(FLOW), "h")["error"]
        check.equal("BLY-CONNECTION-UNBOUND", error["code"])
        check.has(error["message"], "belay flow configure c api=CONNECTION")
        check.equal([], host.cli("connection", "usages", "shop").data["usages"])
        check.equal(0, host.cli("flow", "configure", "c", "api=shop").code)
        check.equal(0, host.cli("flow", "configure", "c", "--check").code)
        usages = host.cli("connection", "usages", "shop").data["usages"]
        check.equal([{"flow": "c", "name": "api", "in": "draft", "bound": True}], usages)
        check.equal(200, host.run(FLOW)["run"]["output"]["status"])
        check.equal("/items", server.seen[-1].path)
        refused = host.cli("connection", "delete", "shop")
        check.equal("BLY-CONNECTION-IN-USE", refused.error["code"], str(refused))
        check.equal(0, host.cli("connection", "delete", "shop", "--force").code)
        gone = host.cli("flow", "configure", "c", "--check")
        check.equal((8, "BLY-CONNECTION-NOT-FOUND"), (gone.code, gone.error["code"]), str(gone))
        check.equal("BLY-CONNECTION-NOT-FOUND", belay.step_of(host.run(FLOW), "h")["error"]["code"])
        check.equal("BLY-CONNECTION-NOT-FOUND", host.cli("connection", "delete", "shop", "--force").error["code"])


def test_what_a_server_gives_back_in_other_writings_is_masked():
    """What was masked as text may hold the secret again once it was parsed."""
    secret = "gr\u00fcn&key=with'<marks>"

    def numbered(text):
        return "".join("\\u%04x" % ord(c) for c in text)

    def echo(recorded):
        if recorded.path == "/token":
            return 400, {}, b'{"error":"invalid_client","error_description":"no %s"}' % numbered(secret).encode()
        kind = "application/json" if recorded.path == "/json" else "text/plain"
        return 200, {"Content-Type": kind}, b'{"said":"%s","dumped":%s}' % (numbered(secret).encode(), json.dumps(secret).encode())

    needs = [{"name": name, "type": "http"} for name in ("there", "tokens")]
    flow = {"slug": "echo", "requires": needs, "steps": [
        {"id": "h", "http": {"connection": "there", "url": "/json"}},
        {"id": "u", "http": {"connection": "there", "url": "/text"}},
        {"id": "again", "set": {"said": "${{ steps.h.output.body.said }}"}}]}
    with belay.started() as host, Server(echo) as server:
        check.equal(0, host.cli("secret", "set", "ODD", stdin=secret).code)
        check.equal(0, add(host, "there", server.port).code)
        check.equal(0, add(host, "tokens", server.port, "auth.type=oauth2", "auth.client_id=me", "auth.secret=ODD",
                           "auth.token_url=http://127.0.0.1:%d/token" % server.port).code)
        shown = host.run(flow)
        check.equal("succeeded", shown["run"]["status"], json.dumps(shown))
        check.equal({"said": "***ODD***", "dumped": "***ODD***"}, belay.step_of(shown, "h")["output"]["body"])
        check.lacks(json.dumps(shown, ensure_ascii=False), secret)
        check.has(json.dumps(belay.step_of(shown, "u")["output"]), "***ODD***")
        refused = host.run({"slug": "odd", "requires": needs, "steps": [{"id": "h", "http": {"connection": "tokens", "url": "/"}}]})
        check.has(belay.step_of(refused, "h")["error"]["message"], "***ODD***")
        check.lacks(json.dumps(refused, ensure_ascii=False), secret)


def test_all_that_is_missing_is_named_and_names_of_their_own_count():
    needs = [("api", "http"), ("other", "http"), ("team", "chat"), ("wrong", "db")]
    flow = {"slug": "many", "requires": [{"name": name, "type": kind} for name, kind in needs],
            "steps": [{"id": "h", "http": {"connection": "other", "url": "/"}}]}
    with belay.started() as host, Server() as server:
        check.equal(0, add(host, "other", server.port).code)
        check.equal(0, add(host, "wrong", server.port).code)
        host.post("/v1/flows", {"content": json.dumps(flow)})
        checked = host.cli("flow", "configure", "many", "--check")
        check.equal((1, "BLY-CONNECTION-UNBOUND"), (checked.code, checked.error["code"]), str(checked))
        check.equal([("api", "BLY-CONNECTION-UNBOUND"), ("other", None), ("team", "BLY-CONNECTION-UNBOUND"),
                     ("wrong", "BLY-CONNECTION-INVALID")], [(one["name"], one.get("code")) for one in checked.data["requires"]])
        check.equal(True, checked.data["requires"][1]["by_name"])
        for name in ("api", "team", "wrong"):
            check.has(" ".join(checked.error["actions"]), " flow configure many %s=CONNECTION" % name)
        check.equal("succeeded", host.run(flow)["run"]["status"])


def test_a_changed_connection_has_another_version_and_survives_a_restart():
    with belay.started() as host:
        first = add(host, "shop", 1111).data["connection"]["version"]
        check.equal("BLY-CONFLICT", add(host, "shop", 2222).error["code"])
        check.equal(0, host.cli("connection", "add", "--replace", "shop", "-f", "-",
                                stdin="type: http\nbase_url: http://127.0.0.1:2222\nrate_limit: {max: 5, per: 1s}\n").code)
        listed = host.cli("connection", "list").data["connections"]
        check.equal(["shop"], [one["name"] for one in listed])
        check.equal(False, listed[0]["version"] == first, str(listed))
        check.equal("added", listed[0]["source"])
        host.stop()
        check.equal(listed[0]["version"], host.cli("connection", "list").data["connections"][0]["version"])
        host.start()
        check.equal(listed, host.cli("connection", "list").data["connections"])
        check.equal(0o600, os.stat(host.state + "/connections.json").st_mode & 0o777)


def test_those_of_the_settings_stay():
    settings = {"connections": {"fixed": {"type": "http", "base_url": "http://127.0.0.1:9"}}}
    with belay.started(settings) as host:
        for answer in (add(host, "fixed", 1), host.cli("connection", "add", "--replace", "fixed", "type=http", "base_url=http://x"),
                       host.cli("connection", "delete", "fixed", "--force")):
            check.equal("BLY-CONFLICT", answer.error.get("code"), str(answer))
        check.equal(0, add(host, "other", 9).code)
        host.stop()
        settings["connections"]["other"] = {"type": "http", "base_url": "http://127.0.0.1:10"}
        host.write_settings(settings)
        host.start()
        sources = {one["name"]: one["source"] for one in host.cli("connection", "list").data["connections"]}
        check.equal({"fixed": "settings", "other": "settings"}, sources)


def test_what_is_wrong_is_said():
    with belay.started() as host:
        for words, code, text in (
                (["Bad", "type=http"], "BLY-CONNECTION-INVALID", "[a-z0-9]"),
                (["x"], "BLY-USAGE", "KEY=VALUE"),
                (["x", "type=htp"], "BLY-CONNECTION-INVALID", "one of"),
                (["x", "type=http", "base_ulr=http://x"], "BLY-CONNECTION-INVALID", "base_url"),
                (["x", "type=http", "base_url=http://x", "auth.type=bearer", "auth.token=abc"], "BLY-CONNECTION-INVALID", "token"),
                (["x", "type=http", "base_url=http://x", "headers.Authorization=abc"], "BLY-CONNECTION-INVALID", "vault")):
            answer = host.cli("connection", "add", *words)
            check.equal(code, answer.error.get("code"), str(answer))
            check.has(answer.error["message"], text, str(answer))
        check.equal([], host.cli("connection", "list").data["connections"])


def test_the_policy_bounds_the_test_too():
    policy = "http: {allow: [{hosts: [127.0.0.1], ports: [1], schemes: [http]}], addresses: [127.0.0.1]}\n"
    with belay.started(policy=policy) as host, Server() as server:
        check.equal(0, add(host, "shop", server.port).code)
        answer = host.cli("connection", "test", "shop")
        check.equal("BLY-POLICY-REFUSED", answer.error.get("code"), str(answer))
        check.equal([], server.seen)


def test_a_chat_is_told_that_it_is_a_test():
    with belay.started() as host, Server() as server:
        check.equal(0, host.cli("connection", "add", "team", "type=chat", "url=http://127.0.0.1:%d/hook" % server.port).code)
        check.equal(0, host.cli("connection", "test", "team").code)
        check.has(json.loads(server.seen[0].body)["text"], "test of the connection team")


if __name__ == "__main__":
    check.main(globals())
