"""`http` steps against real servers: TLS, certificates that must be refused, proxies, retries, bounds."""

import json
import os
import time

import belay
import check
from rawserver import RawServer
from servers import Authority, Proxy, Server


def call(url, step=None, **http):
    return {"slug": "h", "steps": [{"id": "h", "http": {"url": url, **http}, "retry": {"max_attempts": 1}, **(step or {})}],
            "output": {"answer": "${{ steps.h?.output }}"}}


def with_tls(names="DNS:localhost,IP:127.0.0.1"):
    check.program("openssl")
    host = belay.Host()
    authority = Authority(host.folder)
    host.write_settings({"http": {"ca_file": authority.file}})
    host.init()
    host.start()
    return host, authority, Server(lambda r: (200, {}, json.dumps({"path": r.path}).encode()), authority.context(names))


def test_an_answer_over_tls():
    host, _, server = with_tls()
    with host, server:
        shown = host.run(call("https://localhost:%d/a?b=c" % server.port))
        answer = shown["run"]["output"]["answer"]
        check.equal(200, answer["status"])
        check.equal({"path": "/a?b=c"}, answer["body"])
        shown = host.run(call("https://127.0.0.1:%d/" % server.port))
        check.equal("succeeded", shown["run"]["status"], str(shown)[:600])


def test_another_authority_is_refused():
    host, _, server = with_tls()
    with host, server:
        os.mkdir(host.folder + "/other")
        other = Authority(host.folder + "/other", "other-ca")
        with Server(tls=other.context("DNS:localhost")) as stranger:
            shown = host.run(call("https://localhost:%d/" % stranger.port))
            check.equal("BLY-TLS-CERTIFICATE", shown["run"]["error"]["code"], str(shown)[:600])
            check.equal([], stranger.seen)


def test_another_name_is_refused():
    host, authority, server = with_tls()
    with host, server, Server(tls=authority.context("DNS:elsewhere.example")) as wrong:
        shown = host.run(call("https://localhost:%d/" % wrong.port))
        check.equal("BLY-TLS-CERTIFICATE", shown["run"]["error"]["code"], str(shown)[:600])
        check.equal([], wrong.seen)


def test_what_a_peer_sends_cannot_make_a_run_unreadable():
    deep = "[" * 110 + "]" * 110
    def answer(_, peer):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json; x=\xe9\r\nX-Name: caf\xe9\r\n"
                  b"Content-Length: %d\r\n\r\n" % len(deep) + deep.encode())
    with RawServer(answer) as server, belay.started() as host:
        shown = host.run(call("http://127.0.0.1:%d/" % server.port))
        check.equal("succeeded", shown["run"]["status"], str(shown)[:600])
        check.has(shown["run"]["output"]["answer"]["headers"]["x-name"], "caf\ufffd")
        check.equal(deep, shown["run"]["output"]["answer"]["body"]["text"])
        host.kill()
        host.start()
        check.equal(shown["run"]["output"], host.show(shown["run"]["id"])["run"]["output"])


def test_answers_that_nest_too_deep_are_refused_where_they_come_in():
    with belay.started() as host:
        run = host.start_run({"slug": "w", "steps": [{"id": "a", "wait": {"callback": {"summary": "?"}, "timeout": "1h"}}]})
        wait = host.open_wait(run)["id"]
        try:
            host.post("/v1/callbacks/" + wait, json.loads("[" * 102 + "]" * 102))
            raise AssertionError("it was taken")
        except belay.ApiError as error:
            check.equal("BLY-LIMIT", error.code)
        deep = {"id": "c", "function": {"code": "let x = []; for (let i = 0; i < 119; i++) x = [x]; return x"}}
        nested = {"slug": "d", "steps": [{"id": "a", "for_each": {"items": [1], "steps": [
            {"id": "b", "for_each": {"items": [1], "steps": [deep]}}]}}]}
        shown = host.run(nested)
        check.equal("failed", shown["run"]["status"])
        check.equal("BLY-LIMIT", shown["run"]["error"]["code"], str(shown)[:600])


def test_redirects_are_not_followed():
    with Server() as target, Server(lambda _: (302, {"Location": "http://127.0.0.1:%d/" % target.port}, b"")) as server:
        with belay.started() as host:
            shown = host.run(call("http://127.0.0.1:%d/" % server.port, ok_status=[302]))
            check.equal(302, shown["run"]["output"]["answer"]["status"])
            check.equal([], target.seen)


def test_retry_after_is_obeyed():
    def answer(recorded, state=[]):  # pylint: disable=dangerous-default-value
        state.append(recorded)
        return (503, {"Retry-After": "1"}, b"{}") if len(state) == 1 else (200, {}, b"{}")
    with Server(answer) as server, belay.started() as host:
        begun = time.monotonic()
        shown = host.run(call("http://127.0.0.1:%d/" % server.port, {"retry": {
            "max_attempts": 3, "backoff": {"initial": "10ms", "jitter": 0}}}))
        check.equal("succeeded", shown["run"]["status"], str(shown)[:800])
        check.equal(2, len(server.seen))
        if time.monotonic() - begun < 1:
            raise AssertionError("asked again too early")


def test_a_post_is_not_repeated():
    with Server(lambda _: (503, {}, b"{}")) as server, belay.started() as host:
        shown = host.run(call("http://127.0.0.1:%d/" % server.port, {"retry": {"max_attempts": 3}}, method="POST", json={}))
        check.equal("failed", shown["run"]["status"])
        check.equal(1, len(server.seen))


def test_nobody_there_is_retried_even_for_a_post():
    with belay.started() as host:
        shown = host.run(call("http://127.0.0.1:1/", {"retry": {"max_attempts": 2, "on": ["connection"], "backoff": {
            "initial": "10ms"}}}, method="POST", json={}))
        check.equal("BLY-CONNECT", shown["run"]["error"]["code"])
        check.equal(2, len(belay.step_of(shown, "h")["attempts"]))


def test_the_same_key_goes_with_every_attempt():
    with Server(lambda r, n=[]: (n.append(1), (500 if len(n) < 2 else 200, {}, b"{}"))[1]) as server, belay.started() as host:
        host.run(call("http://127.0.0.1:%d/" % server.port, {"retry": {"max_attempts": 2, "backoff": {"initial": "1ms"}},
                                                           "effect": "idempotent"}, method="PUT", json={}))
        check.equal(2, len(server.seen))
        keys = {r.headers.get("idempotency-key") for r in server.seen}
        check.equal(1, len(keys))


def test_bounds_of_an_answer():
    with Server(lambda _: (200, {}, b"[" + b"1," * 100000 + b"1]")) as server, belay.started() as host:
        shown = host.run(call("http://127.0.0.1:%d/" % server.port, max_response_bytes="10 KiB"))
        check.equal("BLY-HTTP-BODY-TOO-LARGE", shown["run"]["error"]["code"])
        shown = host.run(call("http://127.0.0.1:%d/" % server.port, response_as="resource"))
        check.equal("succeeded", shown["run"]["status"], str(shown)[:600])


def test_a_timeout_ends_a_slow_answer():
    def slow(_):
        time.sleep(3)
        return 200, {}, b"{}"
    with Server(slow) as server, belay.started() as host:
        shown = host.run(call("http://127.0.0.1:%d/" % server.port, {"timeout": "300ms"}))
        check.equal("timeout", shown["run"]["error"]["class"], str(shown["run"]))


def test_metadata_addresses_are_refused():
    with belay.started() as host:
        for url in ("http://169.254.169.254/latest", "http://[fe80::1]/"):
            shown = host.run(call(url))
            check.equal("BLY-EGRESS-REFUSED", shown["run"]["error"]["code"], url)


def test_through_a_proxy_with_credentials():
    # The name is for the proxy to find; loopback names are reached directly.
    host, _, server = with_tls("DNS:far.example")
    with host, server, Proxy("user:pass word", ("127.0.0.1", server.port)) as proxy:
        host.stop()
        host.write_settings({"http": {"ca_file": host.folder + "/test-ca.pem",
                                      "proxy": "http://user:pass%%20word@127.0.0.1:%d" % proxy.port}})
        host.start()
        shown = host.run(call("https://far.example:%d/far" % server.port))
        check.equal("succeeded", shown["run"]["status"], str(shown)[:900])
        check.equal(["CONNECT"], [c[0] for c in proxy.connects])
        # It never sees what is inside.
        check.lacks(str(proxy.connects), "/far")
        host.stop()
        host.write_settings({"http": {"ca_file": host.folder + "/test-ca.pem",
                                      "proxy": "http://user:wrong@127.0.0.1:%d" % proxy.port}})
        host.start()
        shown = host.run(call("https://far.example:%d/far" % server.port))
        check.equal("BLY-PROXY", shown["run"]["error"]["code"], str(shown)[:600])


def test_a_connection_gives_base_and_credentials():
    with Server(lambda r: (200, {}, json.dumps({"auth": r.headers.get("authorization") == "Bearer the-long-token-1"}).encode())) \
            as server:
        connections = {"api": {"type": "http", "base_url": "http://127.0.0.1:%d/v2" % server.port,
                               "auth": {"type": "bearer", "secret": "token"}}}
        with belay.started({"connections": connections}) as host:
            host.cli("secret", "set", "token", stdin="the-long-token-1")
            flow = call("/things", connection="api")
            flow["requires"] = [{"name": "api", "type": "http"}]
            host.post("/v1/flows", {"content": json.dumps(flow), "file": "h.flow.json"})
            check.equal(0, host.cli("flow", "configure", "h", "api=api").code)
            shown = host.run("h")
            check.equal(True, shown["run"]["output"]["answer"]["body"]["auth"], str(shown)[:600])
            check.equal("/v2/things", server.seen[0].path)
            for url in ("http://127.0.0.1:1/x", "/../x"):
                flow["steps"][0]["http"]["url"] = url
                shown = host.run(flow)
                check.equal("failed", shown["run"]["status"], url)
            check.equal(1, len(server.seen))


if __name__ == "__main__":
    check.main(globals())
