"""Real servers on loopback for `http` and `notify` steps: plain, TLS, and a CONNECT proxy. All of them in threads."""

import base64
import http.server
import os
import select
import socket
import socketserver
import ssl
import subprocess
import threading


class Recorded:
    def __init__(self, handler, body):
        self.method, self.path, self.body = handler.command, handler.path, body
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.tls = handler.connection.version() if isinstance(handler.connection, ssl.SSLSocket) else None


class Server:
    """`answer(recorded)` gives (status, headers, body). Records what was asked."""

    def __init__(self, answer=None, tls=None):
        self.seen = []
        answer = answer or (lambda _: (200, {}, b"{}"))
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                recorded = Recorded(self, body)
                outer.seen.append(recorded)
                status, headers, text = answer(recorded)
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = handle_any

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # A client that refuses the certificate is what some tests are about.

            def get_request(self):
                connection, address = super().get_request()
                connection.settimeout(20)
                if tls:
                    # In the thread that serves it, so that one bad client does not hold up the others.
                    connection = tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                return connection, address

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Proxy:
    """CONNECT and plain forwarding is not needed: CONNECT only, with Basic credentials when they are given."""

    def __init__(self, credentials=None, target=None):
        self.connects = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                first = self.rfile.readline().decode("latin-1").split()
                fields = {}
                for line in iter(self.rfile.readline, b"\r\n"):
                    if not line:
                        return
                    name, _, value = line.decode("latin-1").partition(":")
                    fields[name.lower()] = value.strip()
                outer.connects.append((first[0], first[1], fields))
                wanted = credentials and "Basic " + base64.b64encode(credentials.encode()).decode()
                if wanted and fields.get("proxy-authorization") != wanted:
                    self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                                     b"Proxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n")
                    return
                if first[0] != "CONNECT":
                    self.wfile.write(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
                    return
                host, _, port = first[1].rpartition(":")
                with socket.create_connection(target or (host, int(port)), 10) as far:
                    self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    pump(self.connection, far)

        class Threaded(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

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


def pump(one, two):
    while True:
        for ready in select.select([one, two], [], [], 20)[0] or [None]:
            piece = ready.recv(65536) if ready else b""
            if not piece:
                return
            (two if ready is one else one).sendall(piece)


class Authority:
    """A CA of openssl's making, and certificates by it."""

    def __init__(self, folder, name="test-ca"):
        self.folder, self.name = folder, name
        self.file = os.path.join(folder, name + ".pem")
        self._run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                  "-subj", "/CN=" + name, "-keyout", self._path(name + ".key"), "-out", self.file,
                  "-addext", "keyUsage=critical,keyCertSign", "-addext", "basicConstraints=critical,CA:TRUE")

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _run(self, *words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=30)

    def issue(self, names, days=2, usage="serverAuth"):
        """Paths of a certificate and its key, for `names` like DNS:localhost,IP:127.0.0.1."""
        stem = self._path("leaf-%d" % len(os.listdir(self.folder)))
        with open(stem + ".ext", "w", encoding="ascii") as file:
            file.write("subjectAltName=%s\nextendedKeyUsage=%s\n" % (names, usage))
        self._run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=leaf",
                  "-keyout", stem + ".key", "-out", stem + ".csr")
        self._run("x509", "-req", "-in", stem + ".csr", "-CA", self.file, "-CAkey", self._path(self.name + ".key"),
                  "-CAcreateserial", "-days", str(days), "-extfile", stem + ".ext", "-out", stem + ".pem")
        return stem + ".pem", stem + ".key"

    def context(self, names, days=2):
        """TLS of a server whose certificate is for `names`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(names, days))
        return context
