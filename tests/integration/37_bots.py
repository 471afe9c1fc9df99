"""What others outside are told by a real relay, as Standard Webhooks: to a receiver that checks each signature by the
letter with Python's hmac, that fails, hangs, redirects, is away, and a relay that is killed in between."""

import base64
import hashlib
import hmac
import http.client
import importlib
import json
import os
import socket
import subprocess
import threading
import time

import belay
import check
import relay as relays
from servers import Authority, Proxy, Server

link = importlib.import_module("31_link")
trust = importlib.import_module("20_trust")


class Receiver(Server):
    """Keeps what was signed right. `status(n)` says what the attempt with that number is answered."""

    def __init__(self, status=lambda n: 204, tls=None):
        self.secrets, self.wrong, self.taken, self.attempts = [], [], [], []
        self.status, self.lock = status, threading.Lock()
        super().__init__(self.take, tls)

    def take(self, got):
        with self.lock:
            number = len(self.attempts)
            self.attempts.append((got.headers.get("webhook-id"), time.monotonic()))
        status = self.status(number)
        ident, at = got.headers.get("webhook-id", ""), got.headers.get("webhook-timestamp", "0")
        text = b".".join([ident.encode(), at.encode(), got.body])
        given = got.headers.get("webhook-signature", "").split(" ")
        macs = ["v1," + base64.b64encode(hmac.new(base64.b64decode(s[len("whsec_"):]), text, hashlib.sha256).digest())
                .decode() for s in self.secrets]
        right = [mac for mac in macs if mac in given]
        if len(right) != len(macs) or abs(time.time() - int(at)) > 60 or got.method != "POST":
            self.wrong.append((dict(got.headers), got.body))
            return 401, {}, b""
        if 200 <= status < 300:
            with self.lock:
                self.taken.append((ident, json.loads(got.body)))
        return status, {"Location": "/elsewhere"} if status == 302 else {}, b""

    def kinds(self):
        return [event["type"] for _, event in self.taken]


def ok(done):
    check.equal(0, done.code, str(done))
    return done.data


def add(relay, receiver, *words, scheme="http"):
    made = ok(relay.cli("hooks", "add", "%s://localhost:%d/hook" % (scheme, receiver.port), *words))
    receiver.secrets = [made["secret"]] if made.get("secret") else receiver.secrets
    return made["hook"]


def enrolled(relay, name="fake"):
    host = relays.FakeHost(relay, name)
    check.equal(200, host.enrol(relay.token())[0])
    host.open()
    return host


def ask(host, name, summary=""):
    """Opens a request; its digest."""
    request = hashlib.sha256(name.encode()).hexdigest()
    status, envelope = host.say("request", {"request": request, "lasts_ms": 3_600_000,
                                            "summary": summary, "sealed": "secret-" + name})
    check.equal((200, []), (status, envelope["data"]["refused"]))
    return request


def close(host, request):
    host.say("receipt", {"request": request, "decision": "", "statement": "x", "closed": True})


def of(relay, hook):
    return [each for each in ok(relay.cli("hooks"))["hooks"] if each["hook"] == hook][0]


def test_events_are_signed_and_say_nothing_that_is_sealed():
    with relays.Relay() as relay, Receiver() as receiver:
        down = add(relay, receiver)  # While the relay is down.
        relay.start()
        host = enrolled(relay)
        host.poll()
        first = ask(host, "a", "Ship 4.2?")
        decision = "d" * 64
        host.say("receipt", {"request": first, "decision": decision, "statement": "x", "closed": False})
        close(host, first)
        check.equal(0, relay.cli("hosts", "remove", host.id).code)
        belay.eventually(lambda: len(receiver.taken) == 5, what="five events")
        belay.eventually(lambda: of(relay, down)["waiting"] == 0, what="the last answer")
        check.equal([], receiver.wrong)
        check.equal({"host.connected", "request.created", "request.receipt", "request.closed", "host.removed"},
                    set(receiver.kinds()))
        events = [event for _, event in receiver.taken if event["type"].startswith("request")]
        check.equal(["request.created", "request.receipt", "request.closed"], [event["type"] for event in events])
        check.equal({"request": first, "host": host.id, "label": "fake", "closed": False, "summary": "Ship 4.2?",
                     "relay": relay.url, "expires": events[0]["data"]["expires"]}, events[0]["data"])
        check.equal((decision, True), (events[1]["data"]["decision"], events[2]["data"]["closed"]))
        check.lacks(json.dumps(receiver.taken), "secret-a")
        check.equal(5, len({ident for ident, _ in receiver.taken}))
        listed = relay.cli("hooks")
        check.lacks(listed.out + relay.cli("hooks", json_out=False).out, receiver.secrets[0])
        check.equal(("active", 0, "204"), tuple(of(relay, down)[k] for k in ("state", "waiting", "last_outcome")))
        token = relay.token("metrics")
        check.equal(5, relay.metric("events_taken_total", token))
        check.equal(0, relay.metric("events_held", token))


def test_a_receiver_that_fails_hangs_and_redirects_gets_each_event_with_its_id():
    answers = {0: 500, 1: 302, 2: 503}
    hang = threading.Event()

    def status(number):
        if number == 3:
            hang.wait(40)  # Longer than events.timeout.
            return 500
        return answers.get(number, 200)

    with relays.Relay({"events": {"timeout": "8s"}}) as relay, Receiver(status) as receiver:
        relay.start()
        add(relay, receiver, "--events", "request.created,request.closed")
        host = enrolled(relay)
        requests = [ask(host, name) for name in "abc"]
        close(host, requests[0])
        # Nobody else waits for an endpoint that hangs.
        belay.eventually(lambda: len(receiver.attempts) >= 4, what="the one that hangs")
        begun = time.monotonic()
        check.equal(200, relay.request("GET", "/readyz")[0])
        if time.monotonic() - begun > 6:
            raise AssertionError("the relay waits for an endpoint")
        belay.eventually(lambda: len(receiver.taken) >= 4, seconds=90, what="all events")
        hang.set()
        check.equal([], receiver.wrong)
        taken = [(event["data"]["request"], event["type"]) for _, event in receiver.taken]
        check.equal(4, len(set(taken)))
        if taken.index((requests[0], "request.created")) > taken.index((requests[0], "request.closed")):
            raise AssertionError("the order of a request: %s" % taken)
        # The same event has the same id over all attempts.
        for ident, _ in receiver.taken:
            check.equal(True, ident in [each for each, _ in receiver.attempts])
        check.equal(True, len(receiver.attempts) >= 8)
        check.equal(True, len({ident for ident, _ in receiver.attempts}) == 4)


def test_kill_9_of_the_relay_loses_nothing_and_doubles_only_with_the_same_id():
    with relays.Relay({"rates": {"host": 1_000_000, "session": 1_000_000}}) as relay, Receiver() as receiver:
        hook = add(relay, receiver, "--events", "request.created,request.closed")
        relay.start()
        host = enrolled(relay)
        asked = []
        for number in range(60):
            if number % 12 == 11:
                relay.kill()
                relay.start()
                host.open()
            name = "r%d" % number
            asked.append(ask(host, name))
            if number % 3 == 0:
                close(host, asked[-1])
        closed = asked[::3]
        want = {(request, "request.created") for request in asked} | {(request, "request.closed") for request in closed}

        def complete():
            with receiver.lock:
                return want <= {(event["data"]["request"], event["type"]) for _, event in receiver.taken}

        belay.eventually(complete, seconds=60, what="all events")
        check.equal([], receiver.wrong)
        ids = {}
        for ident, event in receiver.taken:
            check.equal(event, ids.setdefault(ident, event), "another event under the same id")
        check.equal(len(want), len(ids), "an event with two ids")
        belay.eventually(lambda: of(relay, hook)["waiting"] == 0, what="an empty queue")


def test_an_endpoint_that_is_down_is_given_up_seen_and_resumed():
    state = {"status": 500}
    with relays.Relay({"events": {"retry_for": "3s"}}) as relay, Receiver(lambda _: state["status"]) as receiver:
        relay.start()
        hook = add(relay, receiver)
        ok(relay.cli("doctor"))
        host = enrolled(relay)
        ask(host, "a")
        belay.eventually(lambda: of(relay, hook)["state"] == "down", seconds=40, what="the end of patience")
        ask(host, "b")
        check.equal((1, 1), (of(relay, hook)["waiting"], of(relay, hook)["missed"]))
        done = relay.cli("doctor")
        check.equal("BLY-DOCTOR", done.error["code"])
        wrong = [each for each in done.data["checks"] if not each["ok"]]
        check.equal([("hooks", "BLY-RELAY-ENDPOINT")], [(each["check"], each["code"]) for each in wrong])
        token = relay.token("metrics")
        check.equal(1, relay.metric("event_endpoints_down", token))
        check.equal(1, relay.metric("events_missed", token))
        check.equal("BLY-RELAY-ENDPOINT", relay.cli("hooks", "test", hook).error["code"])
        relay.kill()
        relay.start()
        check.equal("down", of(relay, hook)["state"])
        state["status"] = 200
        ok(relay.cli("hooks", "resume", hook))
        belay.eventually(lambda: of(relay, hook)["waiting"] == 0, what="what was kept")
        check.equal(["request.created"], receiver.kinds())
        ok(relay.cli("doctor"))
        host.open()
        # Gone is gone, until somebody says otherwise.
        state["status"] = 410
        ask(host, "c")
        belay.eventually(lambda: of(relay, hook)["state"] == "gone", what="410")
        attempts = len(receiver.attempts)
        ask(host, "d")
        time.sleep(1)
        check.equal(attempts, len(receiver.attempts))


def test_secrets_rotate_and_a_test_says_what_came_back():
    with relays.Relay() as relay, Receiver() as receiver:
        hook = add(relay, receiver)
        check.equal("BLY-CONNECT", relay.cli("hooks", "test", hook).error["code"])
        relay.start()
        check.equal("204", ok(relay.cli("hooks", "test", hook))["outcome"])
        check.equal(["relay.test"], receiver.kinds())
        new = ok(relay.cli("hooks", "rotate", hook))["secret"]
        receiver.secrets.append(new)  # Both must sign.
        check.equal("204", ok(relay.cli("hooks", "test", hook))["outcome"])
        receiver.status = lambda _: 418
        done = relay.cli("hooks", "test", hook)
        check.equal("BLY-RELAY-ENDPOINT", done.error["code"], str(done))
        check.has(done.error["message"], "418")
        check.equal([], receiver.wrong)
        # A secret of one's own.
        own = "whsec_" + base64.b64encode(os.urandom(32)).decode()
        relay.write("own", own + "\n")
        with Receiver() as other:
            other.secrets = [own]
            made = add(relay, other, "--secret-file", relay.folder + "/own", "--label", "mine")
            check.equal("204", ok(relay.cli("hooks", "test", made))["outcome"])
            check.equal([], other.wrong)
            ok(relay.cli("hooks", "remove", made))
            check.equal(8, relay.cli("hooks", "remove", made).code)
        for bad in ("http://bot.example.org/", "nonsense"):
            check.equal("BLY-URL-INVALID", relay.cli("hooks", "add", bad).error["code"])
        check.has(relay.cli("hooks", "add", "https://a.test/", "--events", "request.open").error["message"], "did you mean")
        check.lacks(relay.log(), "whsec_")


def test_the_certificate_of_an_endpoint_is_verified():
    with relays.Relay() as relay:
        good, other = Authority(relay.folder, "hook-ca"), Authority(relay.folder, "other-ca")
        with Receiver(tls=good.context("DNS:localhost")) as right, Receiver(tls=other.context("DNS:localhost")) as wrong, \
                Receiver(tls=good.context("DNS:another.test")) as misnamed:
            with open(relay.config, encoding="utf-8") as file:
                options = json.load(file)
            options["events"] = {"ca_file": good.file}
            relay.write("relay.yaml", json.dumps(options))
            relay.start()
            hook = add(relay, right, scheme="https")
            check.equal("204", ok(relay.cli("hooks", "test", hook))["outcome"])
            for server in (wrong, misnamed):
                hook = add(relay, server, scheme="https")
                done = relay.cli("hooks", "test", hook)
                check.equal("BLY-RELAY-ENDPOINT", done.error["code"], str(done))
                check.equal([], server.attempts)


def test_a_host_that_stays_away_is_told_of():
    with relays.Relay({"limits": {"poll": "5s"}}) as relay, Receiver() as receiver:
        relay.start()
        add(relay, receiver, "--events", "host.connected,host.disconnected")
        host = enrolled(relay)
        host.poll()
        host.poll()
        belay.eventually(lambda: receiver.kinds() == ["host.connected"], what="connected")
        belay.eventually(lambda: receiver.kinds()[1:] == ["host.disconnected"], seconds=45, what="disconnected")
        check.equal([False], [each["connected"] for each in ok(relay.cli("hosts"))["hosts"]])
        host.open()
        host.poll()
        belay.eventually(lambda: receiver.kinds()[2:] == ["host.connected"], what="back")


def test_belay_callback_goes_through_the_relay():
    with relays.Relay(link.FAST, names="DNS:localhost,IP:127.0.0.1,DNS:relay.test") as relay:
        relay.start()
        with belay.started(link.settings(relay)) as host:
            link.linked(host, relay)
            host.post("/v1/flows", {"content": json.dumps(link.calling(host.folder)), "file": "call.flow.json"})
            run = host.start_run("call", {"n": 0})
            wait, token, url = link.handed_out(host)
            far = {"HOME": relay.folder, "PATH": os.environ["PATH"], "BELAY_CALLBACK_WAIT": wait,
                   "BELAY_CALLBACK_TOKEN": token, "BELAY_CALLBACK_URL": url}

            def call(*words, env=None):
                done = subprocess.run([belay.BINARY, "callback", *words, "--ca-file", relay.ca, "--json"], env=env or far,
                                      capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
                return belay.Answer(done.returncode, done.stdout, done.stderr)

            # What was signed by another token uses nothing up; what is no URL of a relay is named.
            check.equal("relay", ok(call("--body", "1", env={**far, "BELAY_CALLBACK_TOKEN": "x" * 43}))["by"])
            with belay.started() as other:  # A daemon of another host is asked first, and does not have the wait.
                done = call("--body", "1", "--socket", other.socket, env={**far, "BELAY_CALLBACK_TOKEN": "x" * 43})
                check.equal("relay", ok(done)["by"])
                check.equal("BLY-WAIT-NOT-FOUND", call("--socket", other.socket, env={**far, "BELAY_CALLBACK_URL": ""}).error["code"])
            check.equal("BLY-CALLBACK-GONE", call("--url", relay.url + "/c/nothing", "--timeout", "2s").error["code"])
            check.equal("BLY-URL-INVALID", call("--url", "http://localhost:1/c/x").error["code"])
            check.equal(2, call(env={**far, "BELAY_CALLBACK_TOKEN": ""}, *("--url", url)).code)
            # While the relay is away for a moment.
            relay.kill()
            timer = threading.Timer(2, relay.start)
            timer.start()
            done = call("--body", '{"ok": true}', "--timeout", "40s")
            timer.join()
            check.equal("relay", ok(done)["by"])
            check.equal({"body": {"ok": True}}, host.wait_run(run)["run"]["output"])
            belay.eventually(lambda: call("--body", "2", "--timeout", "1s").error.get("code") == "BLY-CALLBACK-GONE",
                             what="the end")
            # Through a proxy that the environment names, and that alone knows the way.
            link.connected(host)
            run = host.start_run("call", {"n": 1})
            wait, token, url = link.handed_out(host, 1)
            with Proxy("user:secret", target=("127.0.0.1", relay.port)) as proxy:
                ok(call("--body", "3", env={"HOME": relay.folder, "PATH": os.environ["PATH"], "BELAY_CALLBACK_WAIT": wait,
                                            "BELAY_CALLBACK_TOKEN": token,
                                            "BELAY_CALLBACK_URL": url.replace("localhost", "relay.test"),
                                            "https_proxy": "http://user:secret@127.0.0.1:%d" % proxy.port}))
                check.equal("relay.test:%d" % relay.port, proxy.connects[-1][1])
            check.equal({"body": 3}, host.wait_run(run)["run"]["output"])


def test_behind_a_balancer_that_ends_tls():
    with relays.Relay({"tls": {"mode": "off"}, "listen": {"trusted_proxies": ["127.0.0.1"]}, "rates": {"public": 6}}) as relay:
        relay.start()

        def ask(client, path="/healthz"):
            connection = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=10)
            try:
                connection.request("GET", path, headers={"X-Forwarded-For": client})
                return connection.getresponse().status
            finally:
                connection.close()

        check.equal([200, 200, 429], [ask("198.51.100.1") for _ in range(3)])
        # Who writes another address in front of his own is who he was.
        check.equal(429, ask("203.0.113.9, 198.51.100.1"))
        check.equal(200, ask("198.51.100.2"))
        ok(relay.cli("doctor"))
        check.equal(0, relay.stop())
        with open(relay.config, encoding="utf-8") as file:
            options = json.load(file)
        options["listen"]["address"] = "0.0.0.0:%d" % relay.port
        relay.write("relay.yaml", json.dumps(options))
        done = relay.cli("serve")
        check.equal((3, "BLY-SETTINGS-INVALID"), (done.code, done.error["code"]))
        check.has(done.error["message"], "in the clear")
        options["tls"]["mode"] = "off-beyond-loopback"
        options["listen"]["trusted_proxies"] = ["192.0.2.1"]
        relay.write("relay.yaml", json.dumps(options))
        relay.start()
        # Somebody who is no balancer: by this machine's own address, which is none of loopback, where there is one.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))
                own = probe.getsockname()[0]
            except OSError:
                own = "127.0.0.1"
        connection = http.client.HTTPConnection(own, relay.port, timeout=10)
        connection.request("GET", "/healthz")
        check.equal(200 if own.startswith("127.") else 403, connection.getresponse().status)
        connection.close()


def test_a_pin_that_comes_before_its_roster_waits_for_it():
    with relays.Relay(link.FAST) as relay:
        relay.start()
        with belay.started(policy=trust.POLICY) as maker, belay.started(link.settings(relay), policy=trust.POLICY) as host:
            fleet = trust.Fleet(maker)
            trust.release(maker, "one")
            fleet.install()
            link.linked(host, relay)
            token = relay.token("release")
            content = trust.gate("one").encode()
            digest = hashlib.sha256(content).hexdigest()
            check.equal(201, relay.request("PUT", "/v1/releases/" + digest, content,
                                           {"Content-Type": "application/octet-stream"}, bearer=token)[0])
            # Pins that never will count do not push it out.
            stranger = relays.FakeHost(relay, "stranger")
            with open(fleet.pin("one.jws", 1), encoding="ascii") as file:
                pin = file.read()
            payload = json.loads(trust.unb64(pin.split(".")[1]))
            texts = [pin] + [stranger.sign(dict(payload, release="%064x" % n), "belay-pin+jws") + "\n" for n in range(2, 12)]
            for text in texts:
                check.equal(202, relay.request("POST", "/v1/pins", {"statement": text}, bearer=token)[0])
            belay.eventually(lambda: link.state(host)[1]["processed"] >= 12, what="all of them")
            check.equal({"BLY-TRUST-NONE"}, {row.get("refused") for row in link.state(host)[1]["inbox"][:5]})
            host.kill()
            host.start()
            check.equal([], host.get("/v1/flows")["flows"])
            ok(host.cli("trust", "install", "--root", fleet.root, "--root-digest", fleet.digest, "--roster",
                        fleet.roster, "--least-roster", "1"))
            belay.eventually(lambda: host.get("/v1/flows")["flows"] and trust.live(host) == 1, what="the pinned release")
            check.equal("sha256:" + digest, trust.flow(host)["live"]["digest"])
            check.equal("live:1", ok(host.cli("flow", "run", "gate"))["run"]["source"])


if __name__ == "__main__":
    check.main(globals())
