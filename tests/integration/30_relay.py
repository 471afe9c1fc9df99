"""The real belay-relay on loopback, over real TLS, with a host that speaks the link in Python."""

import contextlib
import json
import os
import socket
import sqlite3
import ssl
import subprocess
import threading
import time

import belay
import check
import ports
import relay as relays


def code_of(envelope):
    return envelope.get("error", {}).get("code")


def enrolled(relay, name="fake"):
    host = relays.FakeHost(relay, name)
    status, envelope = host.enrol(relay.token())
    check.equal(200, status, str(envelope))
    check.equal(host.id, envelope["data"]["host"])
    host.open()
    return host


def parked(relay):
    """Until the relay has the poll of its host."""
    belay.eventually(lambda: relay.cli("hosts").data["hosts"][0]["connected"], 20, "a poll")


def test_the_way_of_a_callback():
    with relays.Relay() as relay:
        relay.start()
        host = enrolled(relay)
        path = host.open_callback("w1")
        answers = []
        poll = threading.Thread(target=lambda: answers.append(host.poll(wait_s=30)))
        poll.start()
        parked(relay)
        status, envelope = relay.request("POST", path, b'{"ok": true}', {"Belay-Timestamp": "1", "Belay-Signature": "x"})
        check.equal(202, status, str(envelope))
        poll.join(10)
        message = answers[0][0]
        check.equal(("callback", "w1"), (message["kind"], message["body"]["wait"]))
        check.equal([], host.poll(ack=message["seq"]))
        host.say("callback_closed", {"wait": "w1"})
        check.equal(410, relay.request("POST", path, b"{}")[0])


def test_nothing_that_was_acknowledged_is_lost_over_kill_9():
    with relays.Relay({"rates": {"public": 1_000_000, "session": 1_000_000, "host": 1_000_000}}) as relay:
        relay.start()
        host = enrolled(relay)
        check.equal(200, host.say("hooks", {"hooks": ["ci.push"]})[0])
        taken, stop = [], threading.Event()

        def sender(name):
            n = 0
            while not stop.is_set():
                n += 1
                body = "%s-%d" % (name, n)
                try:
                    status, envelope = relay.request("POST", "/h/%s/ci.push" % host.id, body.encode())
                except (OSError, ssl.SSLError, belay.http.client.HTTPException):
                    time.sleep(0.05)
                    continue
                check.equal(202, status, str(envelope))
                taken.append(body)

        threads = [threading.Thread(target=sender, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        got, ack = [], 0
        try:
            for _ in range(5):
                time.sleep(0.7)
                relay.kill()
                relay.start()
                host.open()
                for message in host.poll(ack=ack, most=20):
                    check.equal(True, message["seq"] > ack)
                    ack = message["seq"]
                    got.append(relays.base64.b64decode(message["body"]["body"]).decode())
            belay.eventually(lambda: len(taken) >= 50, 60, "fifty deliveries")
        finally:
            stop.set()
            for thread in threads:
                thread.join(10)
        while True:
            batch = host.poll(ack=ack)
            if not batch:
                break
            for message in batch:
                check.equal(True, message["seq"] > ack)
                ack = message["seq"]
                got.append(relays.base64.b64decode(message["body"]["body"]).decode())
        check.equal(len(got), len(set(got)), "doubled")
        check.equal(set(), set(taken) - set(got), "lost")


def test_tokens_and_hosts_with_the_relay_up_and_down():
    with relays.Relay() as relay:
        down = relay.token()
        relay.start()
        host = relays.FakeHost(relay)
        check.equal(200, host.enrol(down)[0])
        other = relays.FakeHost(relay, "other")
        status, envelope = other.enrol(down)
        check.equal((401, "BLY-RELAY-CREDENTIAL"), (status, code_of(envelope)))
        host.open()
        release = relay.token("release")
        check.equal(2, len(relay.cli("tokens").data["tokens"]))
        listed = relay.cli("hosts").data["hosts"]
        check.equal([host.id], [each["host"] for each in listed])
        status, envelope = relay.request("POST", "/v1/pins", {"statement": "x"}, bearer=release)
        check.equal(403, status, str(envelope))
        prefix = [t["token"] for t in relay.cli("tokens").data["tokens"] if t["role"] == "release"][0]
        check.equal(0, relay.cli("tokens", "remove", prefix).code)
        check.equal(401, relay.request("POST", "/v1/pins", {"statement": "x"}, bearer=release)[0])
        check.equal(0, relay.stop())
        check.equal([host.id], [each["host"] for each in relay.cli("hosts").data["hosts"]])
        check.equal(0, relay.cli("hosts", "remove", host.id).code)
        check.equal(8, relay.cli("hosts", "remove", host.id).code)
        # Secrets are in no file.
        for name in os.listdir(relay.folder + "/state"):
            with open(os.path.join(relay.folder, "state", name), "rb") as file:
                data = file.read()
            for secret in (down, release, host.session):
                if secret.encode() in data:
                    raise AssertionError("a secret is in " + name)
        check.lacks(relay.log(), release)


def test_an_administrator_who_comes_while_the_relay_starts():
    with relays.Relay() as relay:
        # Whoever has the store and listens nowhere: a relay that starts, or ends.
        held = sqlite3.connect(os.path.join(relay.folder, "state", "relay.db"))
        held.execute("PRAGMA locking_mode = EXCLUSIVE")
        held.execute("BEGIN EXCLUSIVE")
        done = relay.cli("tokens")
        check.equal((4, "BLY-ALREADY-RUNNING"), (done.code, done.error["code"]))
        check.has(done.error["message"], relay.socket)
        early = subprocess.Popen([relays.BINARY, "tokens", "--config", relay.config, "--json"], stdout=subprocess.PIPE)
        time.sleep(0.2)
        check.equal(None, early.poll())
        held.close()
        relay.start()
        check.equal([], json.loads(early.communicate(timeout=20)[0])["data"]["tokens"])


def test_a_drain_answers_parked_polls_and_takes_nothing_new():
    with relays.Relay() as relay:
        relay.start()
        host = enrolled(relay)
        answers = []
        poll = threading.Thread(target=lambda: answers.append(host.poll(wait_s=50)))
        poll.start()
        parked(relay)
        check.equal([], answers)
        begun = time.monotonic()
        check.equal(0, relay.stop())
        poll.join(10)
        check.equal([[]], answers)
        if time.monotonic() - begun > 30:
            raise AssertionError("the drain took too long")


def test_a_newer_session_fences_the_older():
    with relays.Relay() as relay:
        relay.start()
        host = enrolled(relay)
        older = host.session
        errors = []

        def park():
            status, envelope = relay.request("POST", "/v1/poll", {"wait_s": 50}, bearer=older)
            errors.append((status, code_of(envelope)))

        poll = threading.Thread(target=park)
        poll.start()
        parked(relay)
        check.equal([], errors)
        host.open()
        poll.join(10)
        check.equal([(409, "BLY-RELAY-FENCED")], errors)
        check.equal([], host.poll())


def test_a_certificate_is_renewed_without_a_restart():
    with relays.Relay() as relay:
        relay.start()
        first = ssl.get_server_certificate(("localhost", relay.port))
        relay.certify("DNS:localhost,DNS:renewed.test")
        relay.process.send_signal(relays.signal.SIGHUP)
        belay.eventually(lambda: ssl.get_server_certificate(("localhost", relay.port)) != first, 20, "the new certificate")
        second = ssl.get_server_certificate(("localhost", relay.port))
        # One that cannot be read changes nothing.
        relay.write("relay.key", "no key")
        relay.process.send_signal(relays.signal.SIGHUP)

        def refused():
            # It is read when the next connection comes.
            check.equal(second, ssl.get_server_certificate(("localhost", relay.port)))
            return "certificate.refused" in relay.log()

        belay.eventually(refused, 20, "the refusal")
        check.equal(second, ssl.get_server_certificate(("localhost", relay.port)))


def test_only_tls_from_1_2_on_and_nothing_in_the_clear():
    with relays.Relay() as relay:
        relay.start()
        for least, most, works in (("TLSv1.2", "TLSv1.2", True), ("TLSv1.3", "TLSv1.3", True)):
            context = ssl.create_default_context(cafile=relay.ca)
            context.minimum_version = getattr(ssl.TLSVersion, least.replace(".", "_"))
            context.maximum_version = getattr(ssl.TLSVersion, most.replace(".", "_"))
            with socket.create_connection(("localhost", relay.port), 5) as raw:
                with context.wrap_socket(raw, server_hostname="localhost") as tls:
                    check.equal(works, tls.version() == most)
        done = subprocess.run(["openssl", "s_client", "-connect", "localhost:%d" % relay.port, "-tls1_1", "-cipher",
                               "DEFAULT@SECLEVEL=0"], input=b"", capture_output=True, check=False, timeout=20)
        if done.returncode == 0 and b"Cipher is (NONE)" not in done.stdout:
            raise AssertionError("TLS 1.1 was spoken")
        with socket.create_connection(("localhost", relay.port), 5) as raw:
            raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            raw.settimeout(15)
            with contextlib.suppress(ConnectionResetError):
                check.lacks(raw.recv(4096), b"200 OK")


def test_slow_clients_hold_up_nobody():
    with relays.Relay() as relay:
        relay.start()
        slow = []
        try:
            for n in range(300):
                raw = socket.create_connection(("localhost", relay.port), 5)
                if n % 2:
                    raw.sendall(b"\x16\x03\x01\x02\x00\x01")
                slow.append(raw)
            for _ in range(10):
                begun = time.monotonic()
                check.equal(200, relay.request("GET", "/healthz")[0])
                # Less than a handshake is given.
                if time.monotonic() - begun > 6:
                    raise AssertionError("others had to wait")
            # A handshake that does not end is ended.
            slow[1].settimeout(45)
            check.equal(b"", slow[1].recv(100))
        finally:
            for raw in slow:
                raw.close()


def test_what_keeps_a_relay_from_serving_is_said():
    with relays.Relay() as relay:
        relay.start()
        second = subprocess.run([relays.BINARY, "serve", "--config", relay.config, "--json"], capture_output=True,
                                text=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
        check.equal(4, second.returncode, second.stdout + second.stderr)
        check.equal("BLY-ALREADY-RUNNING", json.loads(second.stdout)["error"]["code"])
        check.equal(0, relay.cli("doctor").code)
        check.equal(0, relay.stop())
        check.equal(0, relay.cli("doctor").code)
        relay.write("relay.key", "no key")
        done = relay.cli("doctor")
        check.equal("BLY-DOCTOR", done.error.get("code"), str(done))
        check.equal(["certificate"], [c["check"] for c in done.data["checks"] if not c["ok"]])
        check.equal(["certificate"], [c["check"] for c in done.data["checks"] if c["verdict"] == "fail" and c["actions"]])
        said = relay.cli("doctor", json_out=False).out
        check.has(said, "fail  certificate: ")
        check.has(said, "      do: belay")
        relay.write("relay.yaml", "relay: {url: https://a.test}\ntls: {kye: /x}\n")
        done = relay.cli("serve")
        check.equal(3, done.code, str(done))
        check.has(done.error["message"], "did you mean")


def test_what_makes_a_token_is_said_with_its_end():
    with relays.Relay() as relay:
        done = relay.cli("tokens", "new", "--role", "starter")
        check.equal("BLY-INVALID-ARGUMENT", done.error.get("code"), str(done))
        check.has(done.error["message"], "--expires")
        check.equal("starter", relay.cli(*done.error["actions"][0].split()[1:]).data["role"])
        relay.start()
        for token, code in (("none", "BLY-RELAY-CREDENTIAL"), (relay.token("operator"), "BLY-RELAY-ROLE")):
            error = relay.request("POST", "/v1/starts", {}, bearer=token)[1]["error"]
            check.equal((code, "belay-relay tokens new --role starter --expires 30d"), (error["code"], error["actions"][0]))


def test_closed_descriptors_are_not_those_of_its_files():
    with relays.Relay() as relay:
        shell = ["bash", "-c", "exec \"$@\" <&- >&- 2>&-", "sh", relays.BINARY, "serve", "--config", relay.config]
        relay.process = subprocess.Popen(shell)
        belay.eventually(lambda: ports.listens(relay.port), what="the port")
        check.equal({"/dev/null"}, {os.readlink("/proc/%d/fd/%d" % (relay.process.pid, fd)) for fd in range(3)})


def test_metrics_and_the_description_of_the_api():
    with relays.Relay() as relay:
        relay.start()
        enrolled(relay)
        token = relay.token("metrics")
        check.equal(1, relay.metric("hosts", token))
        check.equal(1, relay.metric("sessions_opened_total", token))
        status, api = relay.request("GET", "/openapi.json")
        check.equal((200, "3.1.1"), (status, api["openapi"]))
        check.equal(True, "/c/{route}" in api["paths"])
        check.equal(200, relay.request("GET", "/readyz")[0])
        check.equal(401, relay.request("GET", "/metrics")[0])


if __name__ == "__main__":
    check.main(globals())
