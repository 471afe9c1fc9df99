"""The figures of masking, requests and waits for servers."""

import os
import socket
import threading
import time

import belay


def masking_and_requests(bench):
    found = bench.run_json(os.path.join(bench.TESTS, "fleet_figures"))
    for name in ("log", "base64", "bytes"):
        bench.at_least("redaction." + name, found["redact_" + name], "MB/s with 100 secrets", 500)
    bench.tell("http.step", found["http_step_us"], "us")
    bench.tell("http.bare", found["http_bare_us"], "us")
    bench.at_most("http.step.ratio", found["http_step_us"] / found["http_bare_us"], "of a bare client, kept connection", 1.5)


class Holder:
    """Takes connections and requests, and answers none of them until it is told to."""

    def __init__(self):
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port = self.listening.getsockname()[1]
        self.held = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                self.held.append(self.listening.accept()[0])
            except OSError:
                return

    def answer(self):
        for peer in self.held:
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            peer.close()
        self.listening.close()


def http_waits(bench):
    holder = Holder()
    flow = {"slug": "held", "steps": [{"id": "h", "http": {"url": "http://127.0.0.1:%d/" % holder.port}, "timeout": "10m"}]}
    with belay.started({"http": {"workers": 1000}}) as host:
        host.post("/v1/flows", {"content": bench.json.dumps(flow)})
        bench.load(host, "start", "held", 1000, 32)
        belay.eventually(lambda: len(holder.held) >= 1000, 120, "1,000 requests")
        time.sleep(1)
        bench.at_most("resident.1000_http_waits", bench.status(host, "VmRSS") / 1024, "MiB", 64)
        holder.answer()
        belay.eventually(lambda: len(host.get("/v1/runs?status=succeeded&limit=1000")["runs"]) == 1000, 60, "the answers")


PARTS = (masking_and_requests, http_waits)
