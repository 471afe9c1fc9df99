"""A proxy between a host and its relay that ends TLS and does to single requests whatever networks do to them."""

import contextlib
import random
import socket
import socketserver
import ssl
import threading
import time

FAULTS = ("lost request", "lost answer", "twice", "again later", "split", "half an answer", "stall", "half open")
# Field names that proxies take out on their way.
STRIPPED = (b"upgrade", b"connection", b"keep-alive", b"te", b"via")


class Broken(Exception):
    """This connection is over."""


def read_message(stream):
    """Head and body of a message with a length, read whole: (head, body)."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline(65536)
        if not line:
            raise Broken()
        head += line
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    body = stream.read(length)
    if len(body) < length:
        raise Broken()
    return head, body


def strip(head):
    lines = head[:-4].split(b"\r\n")
    kept = [line for line in lines[1:] if line.partition(b":")[0].strip().lower() not in STRIPPED]
    return b"\r\n".join([lines[0], *kept]) + b"\r\n\r\n"


class ChaosProxy:
    """`rate` of the requests meet a fault; a request that lasts longer than `cut` seconds is cut off."""

    def __init__(self, context, target, seed, rate=0.3, cut=None):
        self.target, self.rate, self.cut = target, rate, cut
        self.random, self.lock = random.Random(seed), threading.Lock()
        self.seen = dict.fromkeys(FAULTS + ("none", "cut"), 0)
        self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client.check_hostname, self.client.verify_mode = False, ssl.CERT_NONE
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                with contextlib.suppress(OSError, ssl.SSLError, Broken, ValueError):
                    self.request.settimeout(120)
                    tls = context.wrap_socket(self.request, server_side=True)
                    try:
                        outer.serve(tls)
                    finally:
                        tls.close()

        class Threaded(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.server = Threaded(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def choose(self):
        with self.lock:
            fault = self.random.choice(FAULTS) if self.random.random() < self.rate else "none"
            self.seen[fault] += 1
            return fault

    def forward(self, head, body):
        """The whole answer of the relay, on a connection of its own."""
        with socket.create_connection(self.target, 5) as raw:
            raw.settimeout(self.cut or 120)
            with self.client.wrap_socket(raw) as far:
                far.sendall(head + body)
                try:
                    answer, content = read_message(far.makefile("rb"))
                except socket.timeout:
                    with self.lock:
                        self.seen["cut"] += 1
                    raise
        return strip(answer) + content

    def serve(self, near):
        stream = near.makefile("rb")
        while True:
            head, body = read_message(stream)
            head = strip(head)
            self.one(near, head, body, self.choose())

    def one(self, near, head, body, fault):
        if fault == "lost request":
            raise Broken()
        if fault == "stall":
            time.sleep(self.random.uniform(0.5, 2))
        if fault == "half open":
            time.sleep(3)
            raise Broken()
        if fault == "twice":
            self.forward(head, body)
        answer = self.forward(head, body)
        if fault == "again later":
            threading.Timer(self.random.uniform(0.05, 1), self.replay, (head, body)).start()
        if fault == "lost answer":
            raise Broken()
        if fault == "half an answer":
            near.sendall(answer[:len(answer) // 2])
            raise Broken()
        if fault == "split" and len(answer) < 5000:
            for byte in range(len(answer)):
                near.sendall(answer[byte:byte + 1])
            return
        near.sendall(answer)

    def replay(self, head, body):
        with contextlib.suppress(OSError, ssl.SSLError, Broken, ValueError):
            self.forward(head, body)
