"""A relay of its own for a test, on loopback with real TLS, and a host that speaks the link in Python.

Only processes that were started here are ended here. Every wait has a bound.
"""

import base64
import contextlib
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

import ports
from belay import Answer
from servers import Authority

BINARY = os.path.abspath(os.environ.get("BELAY_RELAY", os.path.join(
    os.path.dirname(os.environ.get("BELAY", "build/belay")), "belay-relay")))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Relay:
    """Settings, store, certificate and a process. Use it with `with`."""

    def __init__(self, settings=None, names="DNS:localhost,IP:127.0.0.1"):
        self.folder = tempfile.mkdtemp(prefix="belay-relay-", dir="/tmp")
        self.port = ports.free_port()
        self.url = "https://localhost:%d" % self.port
        self.socket = os.path.join(self.folder, "s")
        self.config = os.path.join(self.folder, "relay.yaml")
        self.log_path = os.path.join(self.folder, "relay.log")
        self.authority = Authority(self.folder)
        self.ca = self.authority.file
        self.process = None
        self.certify(names)
        options = {"relay": {"url": self.url, "state": self.folder + "/state", "socket": self.socket},
                   "listen": {"address": "127.0.0.1:%d" % self.port},
                   "tls": {"certificate": self.folder + "/relay.crt", "key": self.folder + "/relay.key"}}
        for section, values in (settings or {}).items():
            options.setdefault(section, {}).update(values)
        self.write("relay.yaml", json.dumps(options))
        done = self.cli("init")
        if done.code != 0:
            raise RuntimeError("belay-relay init: %s" % done)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def certify(self, names):
        """Puts another certificate in the place of the one before."""
        for made, name in zip(self.authority.issue(names), ("relay.crt", "relay.key")):
            shutil.copyfile(made, os.path.join(self.folder, name))

    def rename(self, url):
        """Another name by which the world knows this relay."""
        running = self.process is not None
        if running:
            self.stop()
        with open(self.config, encoding="utf-8") as file:
            options = json.load(file)
        options["relay"]["url"] = self.url = url
        self.write("relay.yaml", json.dumps(options))
        if running:
            self.start()

    def cli(self, *words, json_out=True, timeout=60):
        done = subprocess.run([BINARY, *words, "--config", self.config] + (["--json"] if json_out else []),
                              capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL)
        return Answer(done.returncode, done.stdout, done.stderr)

    def token(self, role="host", expires="1h", label="test"):
        done = self.cli("tokens", "new", "--role", role, "--expires", expires, "--label", label)
        if done.code != 0:
            raise RuntimeError("tokens new: %s" % done)
        return done.data["secret"]

    def start(self, wait=20.0):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([BINARY, "serve", "--config", self.config], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        end = time.monotonic() + wait
        while True:
            if self.process.poll() is not None:
                raise RuntimeError("the relay ended with %s:\n%s" % (self.process.returncode, self.log()[-2000:]))
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            if time.monotonic() > end:
                raise RuntimeError("the relay is not ready:\n" + self.log()[-2000:])
            time.sleep(0.005)

    def log(self):
        with contextlib.suppress(OSError), open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()
        return ""

    def kill(self):
        """kill -9, and reaped."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(30)
        self.process = None

    def stop(self, seconds=40):
        """SIGTERM; the exit status."""
        self.process.terminate()
        code = self.process.wait(seconds)
        self.process = None
        return code

    def connection(self, timeout=60, cafile=None):
        context = ssl.create_default_context(cafile=cafile or self.ca)
        return http.client.HTTPSConnection("localhost", self.port, timeout=timeout, context=context)

    def request(self, method, path, body=None, headers=None, bearer=None, connection=None):
        """(status, envelope or text) on a connection of its own, or on the one that is given."""
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        if bearer:
            headers["Authorization"] = "Bearer " + bearer
        own = connection or self.connection()
        try:
            own.request(method, path, body, headers)
            answer = own.getresponse()
            text = answer.read()
        finally:
            if connection is None:
                own.close()
        if answer.getheader("Content-Type", "").startswith("application/json"):
            return answer.status, json.loads(text)
        return answer.status, text

    def metric(self, name, bearer):
        status, text = self.request("GET", "/metrics", bearer=bearer)
        # Whoever waits for a number asks more often than a token may.
        while status == 429:
            time.sleep(0.5)
            status, text = self.request("GET", "/metrics", bearer=bearer)
        for line in text.decode().splitlines():
            if line.startswith("belay_relay_" + name + " "):
                return int(line.split()[1])
        raise AssertionError("no metric %s in %s" % (name, text))


class FakeHost:
    """A key of openssl's making, and the link by the letter of docs/format/link.md."""

    def __init__(self, relay, name="fake"):
        self.relay = relay
        self.key = os.path.join(relay.folder, name + ".ec.pem")
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key],
                       check=True, capture_output=True)
        der = subprocess.run(["openssl", "ec", "-in", self.key, "-pubout", "-outform", "DER"], check=True,
                             capture_output=True).stdout
        point = der[-65:]
        self.jwk = {"crv": "P-256", "kty": "EC", "x": b64(point[1:33]), "y": b64(point[33:])}
        text = json.dumps(self.jwk, separators=(",", ":"), sort_keys=True).encode()
        self.id = b64(hashlib.sha256(text).digest())
        self.session = None
        self.sequence = 0
        self.claims = 0

    def enrol(self, token):
        return self.relay.request("POST", "/v1/enrol", {"key": self.jwk, "label": "fake"}, bearer=token)

    def sign(self, payload, typ="belay-session+jws"):
        header = json.dumps({"alg": "ES256", "kid": self.id, "typ": typ}, separators=(",", ":")).encode()
        text = b64(header) + "." + b64(json.dumps(payload, separators=(",", ":")).encode())
        der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text.encode(), check=True,
                             capture_output=True).stdout
        raw = b""
        at = 2
        for _ in range(2):
            length = der[at + 1]
            raw += der[at + 2:at + 2 + length].lstrip(b"\0").rjust(32, b"\0")
            at += 2 + length
        return text + "." + b64(raw)

    def open(self):
        self.claims += 1
        status, envelope = self.relay.request("POST", "/v1/session", {})
        claim = {"v": 1, "fleet": "", "relay": self.relay.url, "nonce": envelope["data"]["nonce"], "epoch": "e",
                 "number": str(self.claims), "sent": str(self.sequence), "ended": "0", "head": ""}
        status, envelope = self.relay.request("POST", "/v1/session", {"statement": self.sign(claim)})
        if status != 200:
            raise AssertionError("no session: %s" % envelope)
        self.session = envelope["data"]["session"]
        return envelope["data"]

    def poll(self, ack=0, wait_s=0, most=256, connection=None):
        status, envelope = self.relay.request("POST", "/v1/poll", {"ack": ack, "wait_s": wait_s, "max": most},
                                              bearer=self.session, connection=connection)
        if status != 200:
            raise AssertionError("poll: %s %s" % (status, envelope))
        return envelope["data"]["messages"]

    def say(self, kind, body, connection=None):
        self.sequence += 1
        return self.relay.request("POST", "/v1/messages", {"messages": [
            {"seq": self.sequence, "kind": kind, "body": body}]}, bearer=self.session, connection=connection)

    def open_callback(self, wait):
        """The path at which it can be answered."""
        route = b64(os.urandom(24))
        status, envelope = self.say("callback_open", {
            "route": hashlib.sha256(route.encode()).hexdigest(), "wait": wait, "lasts_ms": 0})
        if status != 200 or envelope["data"]["refused"]:
            raise AssertionError("callback_open: %s %s" % (status, envelope))
        return "/c/" + route
