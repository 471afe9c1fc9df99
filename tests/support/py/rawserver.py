"""A server on loopback whose answers are bytes of the test's choice: streams, halves, silence, resets."""

import json
import socket
import socketserver
import struct
import threading
import time


class Asked:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body

    def json(self):
        return json.loads(self.body)


class RawServer:
    """`answer(asked, peer)` writes with `peer.send()`; when it returns, the connection is closed. Records what was asked."""

    def __init__(self, answer):
        self.seen, self.connections = [], 0
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                outer.connections += 1
                self.connection.settimeout(30)
                while True:
                    asked = self.read()
                    if asked is None:
                        return
                    outer.seen.append(asked)
                    if answer(asked, self) != "keep":
                        return

            def read(self):
                first = self.rfile.readline().decode("latin-1").split()
                if len(first) < 2:
                    return None
                headers = {}
                for line in iter(self.rfile.readline, b"\r\n"):
                    if not line:
                        return None
                    name, _, value = line.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                body = self.rfile.read(int(headers.get("content-length", 0)))
                return Asked(first[0], first[1], headers, body)

            def send(self, data):
                self.connection.sendall(data if isinstance(data, bytes) else data.encode())

            def head(self, status=200, content_type="application/json", *more):
                self.send("HTTP/1.1 %d X\r\nContent-Type: %s\r\n%s\r\n" % (
                    status, content_type, "".join(line + "\r\n" for line in more)))

            def whole(self, status, document, *more):
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.head(status, "application/json", "Content-Length: %d" % len(body), *more)
                self.send(body)
                return "keep"

            def chunk(self, data):
                data = data if isinstance(data, bytes) else data.encode()
                self.send(b"%x\r\n" % len(data) + data + b"\r\n")

            def stream(self, events, pause=0.0):
                """Server-sent events in chunks, whole."""
                self.head(200, "text/event-stream", "Transfer-Encoding: chunked")
                for event in events:
                    self.chunk(event)
                    if pause:
                        time.sleep(pause)
                self.send("0\r\n\r\n")
                return "keep"

            def reset(self):
                """Ends the connection with RST."""
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        class Quiet(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                pass  # Clients that go are what some tests are about.

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def openai(text, finish="stop", usage=(11, 5)):
    """A stream of OpenAI's API."""
    def event(document):
        return "data: %s\n\n" % json.dumps(document)
    cut = max(1, len(text) // 3)
    out = [event({"model": "stub-1", "choices": [{"index": 0, "delta": {"content": text[i:i + cut]}}]})
           for i in range(0, len(text), cut)]
    out.append(event({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}))
    out.append(event({"choices": [], "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1]}}))
    return out + ["data: [DONE]\n\n"]


def anthropic(text=None, tool=None, stop="end_turn"):
    """A stream of Anthropic's API: a text, or the input of the tool `answer`."""
    def event(kind, **more):
        return "event: %s\ndata: %s\n\n" % (kind, json.dumps({"type": kind, **more}))
    out = [event("message_start", message={"model": "stub-c", "usage": {"input_tokens": 20, "output_tokens": 1}})]
    if text is not None:
        out += [event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
                event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})]
    else:
        given = json.dumps(tool)
        out += [event("content_block_start", index=0,
                      content_block={"type": "tool_use", "id": "t1", "name": "answer", "input": {}}),
                event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": given[:4]}),
                event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": given[4:]})]
    return out + [event("content_block_stop", index=0),
                  event("message_delta", delta={"stop_reason": stop}, usage={"output_tokens": 6}),
                  event("message_stop")]
