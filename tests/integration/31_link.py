"""The real belay and the real belay-relay over real TLS: callbacks, webhooks, pins; kills of both; proxies."""

import contextlib
import hashlib
import hmac
import importlib
import json
import os
import signal
import ssl
import subprocess
import threading
import time

import belay
import check
import ports
import relay as relays
from servers import Proxy, Server

trust = importlib.import_module("20_trust")
FAST = {"rates": {"public": 1_000_000, "session": 1_000_000, "host": 1_000_000, "enrol": 1_000_000}}


def ok(answer):
    check.equal(0, answer.code, str(answer))
    return answer.data


def settings(relay, **more):
    return {"link": {"ca_file": relay.ca, **more}}


def linked(host, relay):
    ok(host.cli("link", "enrol", relay.url, "--token", relay.token(), "--label", "test-host"))
    connected(host)


def state(host):
    data = ok(host.cli("link", "status"))
    return data.get("state", {}), data["link"]


def connected(host, seconds=20):
    belay.eventually(lambda: state(host)[0].get("phase") == "connected", seconds, "the link")


def told(host, seconds=20):
    """All that the relay has to know is on its disk."""
    belay.eventually(lambda: state(host)[1]["outbox"] == 0, seconds, "an empty outbox")


def examined(host):
    """What `belay doctor` says of the link."""
    rows = [row for row in host.cli("doctor").data["checks"] if row["check"] == "link"]
    return rows[0]["verdict"], rows[0].get("action")


def calling(folder, slug="call", schema=None):
    wait = {"callback": {"schema": schema} if schema else {}, "timeout": "1h"}
    return {"slug": slug, "input": {"type": "object", "properties": {"n": {"type": "integer"}}}, "steps": [
        {"id": "start", "run": {"script": "printf '%%s\\n%%s\\n%%s\\n' \"$BELAY_CALLBACK_WAIT\" \"$BELAY_CALLBACK_TOKEN\""
                                " \"$BELAY_CALLBACK_URL\" > %s/call-$N.tmp && mv %s/call-$N.tmp %s/call-$N" %
                                (folder, folder, folder), "env": {"N": "${{ String(input.n) }}"}, "callback": "done"}},
        {"id": "done", "wait": wait}], "output": {"body": "${{ steps.done.output.body }}"}}


def handed_out(host, n=0):
    """Wait, token and URL that the job was given."""
    path = os.path.join(host.folder, "call-%d" % n)
    belay.eventually(lambda: os.path.exists(path), what="the job")
    with open(path, encoding="ascii") as file:
        return file.read().split()


def post_callback(relay, wait, token, url, body, at="1700000000", connection=None):
    mac = hmac.new(token.encode(), b"%s.%s." % (wait.encode(), at.encode()) + body, hashlib.sha256).hexdigest()
    path = url[len(relay.url):]
    return relay.request("POST", path, body, {"Belay-Timestamp": at, "Belay-Signature": "v1=" + mac},
                         connection=connection)


def deliver_callback(relay, *words, seconds=20):
    """Until it is stored: the relay may not know of it yet, or be down."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, ssl.SSLError, belay.http.client.HTTPException):
            status, envelope = post_callback(relay, *words)
            if status == 202:
                return envelope
        if time.monotonic() > end:
            raise AssertionError("the callback was not taken: %s %s" % (status, envelope))
        time.sleep(0.05)


def test_a_callback_through_the_relay():
    with relays.Relay() as relay:
        relay.start()
        with belay.started(settings(relay)) as host:
            linked(host, relay)
            schema = {"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}}
            run = host.start_run(calling(host.folder, schema=schema), {"n": 0})
            wait, token, url = handed_out(host)
            check.has(url, relay.url + "/c/")
            told(host)
            # Wrong: signed with another token, then a body that does not fit, then one that was changed.
            check.equal(202, post_callback(relay, wait, token + "x", url, b'{"ok":true}')[0])
            check.equal(202, post_callback(relay, wait, token, url, b'{"ok":"maybe"}')[0])
            belay.eventually(lambda: state(host)[1]["processed"] == 2, what="two refusals")
            check.equal(["BLY-SCHEMA-VIOLATION", "BLY-CALLBACK-SIGNATURE"],
                        [row.get("refused") for row in state(host)[1]["inbox"]])
            check.equal("waiting", host.show(run)["run"]["status"])
            check.equal(202, post_callback(relay, wait, token, url, b'{"ok": true}\n')[0])
            check.equal({"ok": True}, host.wait_run(run)["run"]["output"]["body"])
            # Single use: the URL is gone once the host has said so.
            told(host)
            belay.eventually(lambda: post_callback(relay, wait, token, url, b'{"ok":false}')[0] == 410, what="the end")
            check.lacks(host.log(), token)
            # The token never travelled, and the relay keeps no URL.
            with open(relay.folder + "/state/relay.db-wal", "rb") as file:
                data = file.read()
            for secret in (token, url.rsplit("/", 1)[1]):
                if secret.encode() in data:
                    raise AssertionError("a secret is on the relay's disk")


def test_curl_and_openssl_answer_a_callback():
    check.program("curl")
    with relays.Relay() as relay:
        relay.start()
        with belay.started(settings(relay)) as host:
            linked(host, relay)
            run = host.start_run(calling(host.folder), {"n": 0})
            wait, token, url = handed_out(host)
            told(host)
            # By the letter of docs/relay.md.
            with open("docs/relay.md", encoding="utf-8") as file:
                script = file.read().split("```sh\n")[1].split("```")[0]
            subprocess.run(["bash", "-euc", script.replace("curl -f", "curl -sf --cacert %s" % relay.ca)], check=True,
                           timeout=30, stdout=subprocess.DEVNULL, env={
                               **os.environ, "BELAY_CALLBACK_URL": url, "BELAY_CALLBACK_WAIT": wait, "BELAY_CALLBACK_TOKEN": token})
            check.equal({"ok": True}, host.wait_run(run)["run"]["output"]["body"])


def test_a_webhook_through_the_relay():
    with relays.Relay() as relay:
        relay.start()
        with belay.started(settings(relay)) as host:
            ok(host.cli("secret", "set", "git-hook", stdin="key"))
            linked(host, relay)
            flow = ("slug: ci\ntriggers:\n  - webhook: push\n    auth: {type: hmac-sha256, secret: git-hook}\n"
                    "    input: {ref: '${{ event.body.ref }}'}\nsteps:\n  - id: note\n    set: {ref: '${{ input.ref }}'}\n"
                    "state: {ref: none}\noutput: '${{ state }}'\n")
            ok(host.cli("flow", "push", host.write("ci.flow.yaml", flow)))
            ok(host.cli("flow", "release", "ci"))
            ok(host.cli("flow", "promote", "ci"))
            name = state(host)[1]["host"]
            path = "/h/%s/ci.push" % name
            body = b'{ "ref" : "main",\r\n "n": 1.0 }\n'
            signature = {"X-Hub-Signature-256": "sha256=" + hmac.new(b"key", body, hashlib.sha256).hexdigest()}
            belay.eventually(lambda: relay.request("POST", path, b"{}")[0] == 202, what="the hook")
            check.equal(202, relay.request("POST", path, body, signature)[0])
            runs = belay.eventually(lambda: host.get("/v1/runs?flow=ci")["runs"], what="a run")
            check.equal({"ref": "main"}, host.wait_run(runs[0]["id"])["run"]["output"])
            # Again: the host knows it; and nothing of the unsigned one.
            check.equal(202, relay.request("POST", path, body, signature)[0])
            belay.eventually(lambda: state(host)[1]["processed"] == 3, what="three deliveries")
            check.equal(1, len(host.get("/v1/runs?flow=ci")["runs"]))
            check.equal(["BLY-WEBHOOK-REFUSED"],
                        [row["refused"] for row in state(host)[1]["inbox"] if "refused" in row])
            ok(host.cli("flow", "archive", "ci"))
            belay.eventually(lambda: relay.request("POST", path, body, signature)[0] == 404, what="the end of the hook")


def test_pins_and_releases_through_the_relay():
    with relays.Relay() as relay:
        relay.start()
        with belay.started(policy=trust.POLICY) as maker, belay.started(settings(relay), policy=trust.POLICY) as host:
            fleet = trust.Fleet(maker)
            trust.release(maker, "one")
            fleet.install()
            ok(host.cli("trust", "install", "--root", fleet.root, "--root-digest", fleet.digest, "--roster",
                        fleet.roster, "--least-roster", "1"))
            linked(host, relay)
            token = relay.token("release")
            with open(fleet.pin("one.jws", 1), encoding="ascii") as file:
                pin = file.read()
            with open(fleet.pin("half.jws", 1, signers=("ada",)), encoding="ascii") as file:
                half = file.read()
            content = trust.gate("one").encode()
            digest = hashlib.sha256(content).hexdigest()
            stranger = trust.gate("evil").encode()
            # A release that nobody pinned, and a pin with one signature of two: neither does anything.
            for text in (stranger, content):
                status, _ = relay.request("PUT", "/v1/releases/" + hashlib.sha256(text).hexdigest(), text,
                                          {"Content-Type": "application/octet-stream"}, bearer=token)
                check.equal(201, status)
            check.equal(202, relay.request("POST", "/v1/pins", {"statement": half}, bearer=token)[0])
            belay.eventually(lambda: state(host)[1]["processed"] == 2, what="the half pin")
            check.equal(["BLY-RELEASE-UNPINNED", "BLY-STATEMENT-QUORUM"],
                        [row.get("refused") for row in state(host)[1]["inbox"]])
            check.equal([], host.get("/v1/flows")["flows"])
            status, envelope = relay.request("POST", "/v1/pins", {"statement": pin}, bearer=token)
            check.equal(202, status, str(envelope))
            belay.eventually(lambda: host.get("/v1/flows")["flows"], what="the flow")
            belay.eventually(lambda: trust.live(host) == 1, what="the pinned release")
            check.equal("sha256:" + digest, trust.flow(host)["live"]["digest"])
            run = ok(host.cli("flow", "run", "gate"))["run"]
            check.equal("live:1", run["source"])


def test_what_was_signed_is_sent_by_a_verb():
    with relays.Relay() as relay:
        relay.start()
        with belay.started(policy=trust.POLICY) as maker, belay.started(settings(relay), policy=trust.POLICY) as host:
            fleet = trust.Fleet(maker)
            trust.release(maker, "one")
            fleet.install()
            linked(host, relay)
            token = host.write("token", relay.token("release") + "\n")
            words = ("--relay", relay.url, "--ca-file", relay.ca, "--token-file", token)
            ok(host.cli("trust", "install", "--root", fleet.root, "--root-digest", fleet.digest))
            sent = ok(maker.cli("trust", "send", fleet.roster, "--root", fleet.root, *words))
            check.equal(("roster", 1, False), (sent["kind"], sent["hosts"], sent["existing"]))
            check.equal(True, ok(maker.cli("trust", "send", fleet.roster, "--root", fleet.root, *words))["existing"])
            belay.eventually(lambda: ok(host.cli("trust", "show"))["trust"].get("roster"), what="the roster")
            pin = fleet.pin("one.jws", 1)
            exported = maker.folder + "/gate.json"
            ok(maker.cli("flow", "export", "gate", "1", exported))
            other = host.write("other.flow.yaml", trust.gate("evil"))
            trust.refused("BLY-FLOW-DIGEST", maker.cli("pin", "send", pin, "--release", other, *words), 2)
            trust.refused("BLY-STATEMENT-KIND", maker.cli("pin", "send", fleet.roster, *words))
            trust.refused("BLY-STATEMENT-KIND", maker.cli("trust", "send", pin, *words))
            error = trust.refused("BLY-STATEMENT-KIND", maker.cli("trust", "send", fleet.root, *words))
            check.has(error["actions"][0], " trust send ROSTER --root")
            trust.refused("BLY-USAGE", maker.cli("pin", "send", pin), 2)
            trust.refused("BLY-USAGE", maker.cli("pin", "send", pin, *words[:4]), 2)
            wrong = host.write("wrong", relay.token("operator") + "\n")
            trust.refused("BLY-RELAY-ROLE", maker.cli("pin", "send", pin, *words[:5], wrong))
            sent = ok(maker.cli("pin", "send", pin, "--release", exported, *words))
            check.equal(("gate", 1, 1, True), (sent["flow"], sent["counter"], sent["hosts"], sent["release_sent"]))
            belay.eventually(lambda: host.get("/v1/flows")["flows"], what="the flow")
            belay.eventually(lambda: trust.live(host) == 1, what="the pinned release")
            # Somebody has to carry them, so they say what went where.
            said = maker.cli("pin", "send", fleet.pin("two.jws", 1), *words, json_out=False)
            check.has(said.out, "which passes it on to 1 hosts")


def test_the_host_works_on_without_a_relay_and_catches_up():
    with relays.Relay(FAST) as relay:
        relay.start()
        with belay.started(settings(relay)) as host:
            linked(host, relay)
            told(host)
            relay.kill()
            runs = [host.start_run(calling(host.folder), {"n": n}) for n in range(5)]
            words = [handed_out(host, n) for n in range(5)]
            check.equal("succeeded", host.run({"slug": "x", "steps": [{"id": "a", "sleep": {"for": "10ms"}}]})["run"]["status"])
            belay.eventually(lambda: state(host)[0]["phase"] == "waiting", what="a lost link")
            check.equal(5, state(host)[1]["outbox"])
            check.equal("BLY-CONNECT", state(host)[0]["last_error"]["code"])
            check.equal(("warn", "belay --user --config %s explain BLY-CONNECT" % host.config), examined(host))
            # The daemon may end and begin meanwhile.
            host.stop()
            check.equal("info", examined(host)[0])
            check.equal(5, ok(host.cli("link", "status"))["link"]["outbox"])
            host.start()
            relay.start()
            connected(host)
            for n, run in enumerate(runs):
                deliver_callback(relay, *words[n], b'{"n":%d}' % n)
                check.equal({"n": n}, host.wait_run(run)["run"]["output"]["body"])


@check.bound(180)
def test_kills_of_relay_and_host_lose_nothing_and_double_nothing():
    count = 24
    with relays.Relay(FAST) as relay:
        relay.start()
        with belay.started(settings(relay)) as host:
            ok(host.cli("secret", "set", "k", stdin="key"))
            flow = ("slug: ci\ntriggers:\n  - webhook: push\n    auth: {type: hmac-sha256, secret: k}\n"
                    "    dedupe_for: 0s\nsteps:\n  - id: note\n    set: {n: '${{ input.n }}'}\n"
                    "state: {n: none}\noutput: '${{ state }}'\n")
            ok(host.cli("flow", "push", host.write("ci.flow.yaml", flow)))
            ok(host.cli("flow", "release", "ci"))
            ok(host.cli("flow", "promote", "ci"))
            linked(host, relay)
            told(host)
            path = "/h/%s/ci.push" % state(host)[1]["host"]
            runs = [host.start_run(calling(host.folder), {"n": n}) for n in range(count)]
            words = [handed_out(host, n) for n in range(count)]
            told(host)
            stop, stored = threading.Event(), []

            def hooks():
                """Each delivery is sent until it is stored, and never again: who is stored starts one run."""
                n = 0
                while not stop.is_set():
                    body = b'{"n":%d}' % n
                    signature = "sha256=" + hmac.new(b"key", body, hashlib.sha256).hexdigest()
                    try:
                        status, _ = relay.request("POST", path, body, {"X-Hub-Signature-256": signature})
                    except (OSError, ssl.SSLError, belay.http.client.HTTPException):
                        n += 1  # Nobody knows whether it was stored: not counted, and another one is sent.
                        time.sleep(0.02)
                        continue
                    check.equal(202, status)
                    stored.append(n)
                    n += 1
                    time.sleep(0.01)

            def callbacks():
                for n in range(count):
                    deliver_callback(relay, *words[n], b'{"n":%d}' % n, seconds=60)
                    time.sleep(0.2)

            threads = [threading.Thread(target=hooks), threading.Thread(target=callbacks)]
            for thread in threads:
                thread.start()
            for turn in range(8):
                time.sleep(0.7)
                if turn % 2:
                    host.kill()
                    host.start()
                else:
                    relay.kill()
                    relay.start()
            threads[1].join(60)
            stop.set()
            threads[0].join(20)
            connected(host, 60)
            for n, run in enumerate(runs):
                check.equal({"n": n}, host.wait_run(run, seconds=60)["run"]["output"]["body"])
            last = max(stored)

            def numbers():
                found = host.get("/v1/runs?flow=ci&limit=1000")["runs"]
                return [host.get("/v1/runs/%s?outputs=full" % run["id"])["run"]["input"]["n"] for run in found]

            # Among them are some of which nobody knew whether they were stored.
            belay.eventually(lambda: set(stored) <= set(numbers()), 60, "all webhooks")
            time.sleep(1)
            got = numbers()
            check.equal(sorted(set(got)), sorted(got), "doubled")
            check.equal(set(), set(stored) - set(got), "lost")
            if len(stored) < 30 or last < 30:
                raise AssertionError("only %d were stored" % len(stored))


def test_enrolment_says_what_is_wrong():
    with relays.Relay() as relay:
        relay.start()
        with belay.started(settings(relay)) as host:
            def refused(code, *words):
                answer = host.cli("link", "enrol", *words)
                check.equal(code, answer.error.get("code"), str(answer))
            refused("BLY-USAGE", relay.url)
            refused("BLY-RELAY-CREDENTIAL", relay.url, "--token", "wrong")
            refused("BLY-URL-INVALID", "http://localhost:1", "--token", "x")
            refused("BLY-CONNECT", "https://localhost:1", "--token", "x")
            refused("BLY-RELAY-URL", "https://127.0.0.1:%d" % relay.port, "--token", relay.token())
            check.equal(False, state(host)[1]["linked"])
        # Nobody vouches for this relay.
        with belay.started() as host:
            answer = host.cli("link", "enrol", relay.url, "--token", "x")
            check.equal("BLY-TLS-CERTIFICATE", answer.error.get("code"), str(answer))


def test_tls_1_2_where_it_can_be_and_1_3_where_it_must():
    def answer(recorded):
        jwk = json.loads(recorded.body)["key"]
        text = json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()
        data = {"host": relays.b64(hashlib.sha256(text).digest()), "url": "https://" + recorded.headers["host"]}
        return 200, {}, json.dumps({"ok": True, "data": data, "meta": {"schema": 1}}).encode()
    with relays.Relay() as relay:
        for least, spoken in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            context = relay.authority.context("DNS:localhost")
            context.minimum_version = least
            with Server(answer, context) as server, belay.started(settings(relay)) as host:
                ok(host.cli("link", "enrol", "https://localhost:%d" % server.port, "--token", "t", "--label", "l"))
                check.equal(spoken, server.seen[0].tls)


def test_the_relay_is_moved_and_forgets():
    with relays.Relay(FAST) as relay, relays.Relay(FAST) as other:
        relay.start()
        other.start()
        with open(relay.folder + "/both.pem", "w", encoding="ascii") as both:
            for one in (relay, other):
                with open(one.ca, encoding="ascii") as file:
                    both.write(file.read())
        with belay.started({"link": {"ca_file": relay.folder + "/both.pem", "poll": "5s"}}) as host:
            linked(host, relay)
            run = host.start_run(calling(host.folder), {"n": 0})
            wait, token, url = handed_out(host)
            told(host)
            linked(host, other)
            told(host)
            belay.eventually(lambda: state(host)[1]["relay"] == other.url and state(host)[0]["phase"] == "connected")
            # The open callback is known to the new relay under the same route.
            moved = other.url + url[len(relay.url):]
            deliver_callback(other, wait, token, moved, b'{"moved":1}')
            check.equal({"moved": 1}, host.wait_run(run)["run"]["output"]["body"])


def through_proxy(relay, port, credentials=""):
    """Settings that lead through a proxy: names of loopback are never proxied, so the relay has another name."""
    return {"link": {"ca_file": relay.ca, "proxy": "http://%s127.0.0.1:%d" % (credentials, port)}}


def test_through_tinyproxy_with_and_without_credentials():
    check.program("tinyproxy")
    name = "relay.belay.test"
    for credentials in ("", "user:secret@"):
        with relays.Relay(FAST, names="DNS:localhost,DNS:" + name) as relay:
            # Nobody resolves the name: tinyproxy passes it on to a proxy that knows where it is.
            relay.start()
            port = ports.free_port()
            with Proxy(target=("127.0.0.1", relay.port)) as inner:
                conf = os.path.join(relay.folder, "tinyproxy.conf")
                with open(conf, "w", encoding="ascii") as file:
                    file.write("Port %d\nListen 127.0.0.1\nTimeout 600\nLogLevel Info\nMaxClients 50\n"
                               "LogFile \"%s/tinyproxy.log\"\nUpstream http 127.0.0.1:%d\n%s" % (
                                   port, relay.folder, inner.port, "BasicAuth user secret\n" if credentials else ""))
                proxy = subprocess.Popen(["tinyproxy", "-d", "-c", conf], stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
                try:
                    relay.rename("https://%s:%d" % (name, relay.port))
                    belay.eventually(lambda: ports.listens(port), what="tinyproxy")
                    with belay.started(through_proxy(relay, port, credentials)) as host:
                        linked(host, relay)
                        check.equal(["CONNECT"], sorted({c[0] for c in inner.connects}))
                        run = host.start_run(calling(host.folder), {"n": 0})
                        words = handed_out(host)
                        told(host)
                        deliver_callback(relay, *words, b'{"proxied":1}')
                        check.equal({"proxied": 1}, host.wait_run(run)["run"]["output"]["body"])
                finally:
                    proxy.send_signal(signal.SIGTERM)
                    proxy.wait(10)


if __name__ == "__main__":
    check.main(globals())
