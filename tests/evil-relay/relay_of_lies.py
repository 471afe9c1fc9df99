"""A relay that has all the keys a relay can have, and says what an attack wants it to say."""

import hashlib
import json
import queue
import threading
import time

import relay as relays
from servers import Authority, Server


class Lie:
    """An answer to a poll that is none of messages: status, header fields and body as they are."""

    def __init__(self, text, status=200, fields=None):
        self.text = text if isinstance(text, bytes) else text.encode()
        self.status, self.fields = status, fields or {}


class RelayOfLies:
    """Real TLS with a certificate that the host believes. Messages are texts of JSON, numbered as they are queued."""

    def __init__(self, folder):
        self.authority = Authority(folder, "lies")
        self.ca = self.authority.file
        self.lock = threading.Lock()
        self.messages, self.lies = [], queue.Queue()
        self.statements, self.sessions, self.handed = [], 0, []
        self.grant = {}
        self.nonce = lambda: relays.b64(hashlib.sha256(str(time.monotonic()).encode()).digest())
        self.server = Server(self.answer, self.authority.context("DNS:localhost,IP:127.0.0.1"))
        self.url = "https://localhost:%d" % self.server.port
        self.on_statement = None
        self.polls = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.__exit__()

    def say(self, kind, body):
        """The number that the message got. `body` is JSON as a text, or what becomes one."""
        text = body if isinstance(body, str) else json.dumps(body)
        with self.lock:
            seq = len(self.messages) + 1
            self.messages.append('{"seq":%d,"kind":%s,"at_ms":1,"body":%s}' % (seq, json.dumps(kind), text))
        return seq

    def lie(self, text, status=200, fields=None):
        self.lies.put(Lie(text, status, fields))

    @staticmethod
    def ok(data):
        return 200, {}, json.dumps({"ok": True, "data": data, "meta": {"schema": 1}}).encode()

    def error(self, status, code, data=None):
        return status, {}, json.dumps({"ok": False, "error": {"code": code, "message": "lie", "actions": []},
                                       "data": data or {}, "meta": {"schema": 1}}).encode()

    def answer(self, asked):
        body = json.loads(asked.body or b"{}")
        if asked.path == "/v1/enrol":
            text = json.dumps(body["key"], separators=(",", ":"), sort_keys=True).encode()
            return self.ok({"host": relays.b64(hashlib.sha256(text).digest()), "url": self.url})
        if asked.path == "/v1/session":
            return self.session(body)
        if asked.path == "/v1/messages":
            self.handed += body["messages"]
            return self.ok({"acknowledged": body["messages"][-1]["seq"], "refused": []})
        return self.poll(body)

    def session(self, body):
        if "statement" not in body:
            return self.error(401, "BLY-RELAY-NONCE", {"nonce": self.nonce()})
        self.statements.append(body["statement"])
        if self.on_statement:
            self.on_statement(body["statement"])
        self.sessions += 1
        return self.ok({"session": "s%d" % self.sessions, "epoch": self.sessions, "received": 0, "previous": "",
                        "poll_max_s": 60, "reconnect_window_s": 0, **self.grant})

    def poll(self, body):
        with self.lock:
            self.polls += 1
            mine = self.polls
        end = time.monotonic() + max(0.1, min(body.get("wait_s", 0), 20))
        # A newer poll of the host: nobody listens to this one any more.
        while time.monotonic() < end and self.polls == mine:
            if not self.lies.empty():
                lie = self.lies.get()
                return lie.status, lie.fields, lie.text
            with self.lock:
                new = self.messages[body["ack"]:body["ack"] + 256]
            if new:
                return 200, {}, ('{"ok":true,"data":{"messages":[%s]},"meta":{"schema":1}}' % ",".join(new)).encode()
            time.sleep(0.01)
        return self.ok({"messages": []})
