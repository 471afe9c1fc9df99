"""Bodies of http steps that come from and go to resources, forms, tokens, client certificates, and networks that fail."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import time

import belay
import check
import ports
from check import error, output
from rawserver import RawServer
from servers import Authority, Server

CANARY = "canary-5f2e8d1c9b7a-secret"


def flow(*steps, requires=(), **more):
    return {"slug": "b", "requires": [{"name": name, "type": "http"} for name in requires],
            "steps": [{"id": "s%d" % place, "http": http, "timeout": "20s", "retry": {"max_attempts": 1}} for place, http in enumerate(steps)],
            "output": "${{ steps.s%d.output }}" % (len(steps) - 1), **more}


def rss_of(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) // 1024


def test_a_resource_is_taken_and_handed_on():
    content = os.urandom(3 << 20)
    with Server(lambda r: (200, {"Content-Type": "application/gzip"}, content if r.method == "GET" else b"{}")) as server, belay.started() as host:
        url = "http://127.0.0.1:%d/x" % server.port
        output(host.run(flow({"url": url, "response_as": "resource"},
                             {"url": url, "method": "PUT", "body_from": "${{ steps.s0.output.body.ref }}"},
                             {"url": url, "method": "POST", "multipart": [
                                 {"name": "no\"te", "value": "run ${{ run.id }}"},
                                 {"name": "file", "from": "${{ steps.s0.output.body.ref }}", "filename": "a.gz", "content_type": "application/gzip"}]})))
        put, post = server.seen[1], server.seen[2]
        check.equal(hashlib.sha256(content).hexdigest(), hashlib.sha256(put.body).hexdigest())
        kind, _, boundary = post.headers["content-type"].partition("; boundary=")
        check.equal("multipart/form-data", kind)
        parts = post.body.split(b"--" + boundary.encode())
        check.equal([b"", b"--\r\n"], [parts[0], parts[-1]])
        check.has(parts[1].decode(), "Content-Disposition: form-data; name=\"no%22te\"\r\n\r\nrun r")
        check.equal(True, parts[2].endswith(b"Content-Type: application/gzip\r\n\r\n" + content + b"\r\n"))


def test_a_resource_is_masked_on_its_way():
    def answer(_, peer):
        peer.head(200, "text/plain", "Transfer-Encoding: chunked")
        text = ("it is %s, or %s" % (CANARY, base64.b64encode(CANARY.encode()).decode())).encode()
        for at in range(0, len(text), 5):
            peer.chunk(text[at:at + 5])
        peer.send("0\r\n\r\n")
        return "keep"
    with RawServer(answer) as server, belay.started() as host:
        host.cli("secret", "set", "CANARY", stdin=CANARY)
        body = output(host.run(flow({"url": "http://127.0.0.1:%d/" % server.port, "response_as": "resource"})))["body"]
        text = host.cli("resource", "cat", body["ref"], json_out=False).out
        check.has(text, "it is ***CANARY***, or ***CANARY***")


def test_an_endless_answer_is_bounded():
    """10 GB are offered; the bound of the step ends it, and memory stays what it was."""
    def answer(_, peer):
        peer.head(200, "application/octet-stream", "Content-Length: 10000000000")
        piece = b"x" * (1 << 20)
        for _ in range(10000):
            peer.send(piece)
    with RawServer(answer) as server, belay.started() as host:
        url = "http://127.0.0.1:%d/" % server.port
        check.equal("BLY-HTTP-BODY-TOO-LARGE", error(host.run(flow({"url": url})))["code"])
        check.equal("BLY-HTTP-BODY-TOO-LARGE", error(host.run(flow({"url": url, "response_as": "resource"})))["code"])

        def chunked(_, peer):
            peer.head(200, "application/octet-stream", "Transfer-Encoding: chunked")
            for _ in range(10000):
                peer.chunk(b"y" * (1 << 20))
        with RawServer(chunked) as other:
            failed = error(host.run(flow({"url": "http://127.0.0.1:%d/" % other.port, "response_as": "resource",
                                          "max_response_bytes": "64 MiB"})))
            check.equal("BLY-HTTP-BODY-TOO-LARGE", failed["code"])
        check.equal(True, rss_of(host.daemon.pid) < 100, "%d MiB" % rss_of(host.daemon.pid))
        left = [name for _, _, names in os.walk(host.state + "/resources") for name in names]
        check.equal([], left)


def test_networks_that_fail():
    def reset(_, peer):
        peer.reset()

    def half(_, peer):
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")

    def stall(_, peer):
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        time.sleep(10)

    def drip(_, peer):
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(90):
            peer.send("x")
            time.sleep(0.1)

    def rubbish(_, peer):
        peer.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")

    def headers(_, peer):
        peer.send("HTTP/1.1 200 OK\r\n")
        for _ in range(2000):
            peer.send("X-A: %s\r\n" % ("y" * 100))
        peer.send("\r\n")

    def silent(_, peer):
        return None

    current = []
    with RawServer(lambda asked, peer: current[0](asked, peer)) as server, belay.started() as host:
        for answer, codes, kind in ((reset, ["BLY-CONNECT"], "connection"), (silent, ["BLY-CONNECT"], "connection"),
                                    (half, ["BLY-CONNECT"], "connection"), (stall, ["BLY-STEP-TIMEOUT"], "timeout"),
                                    (drip, ["BLY-STEP-TIMEOUT"], "timeout"), (rubbish, ["BLY-HTTP-PROTOCOL"], "other"),
                                    (headers, ["BLY-HTTP-PROTOCOL", "BLY-LIMIT"], "other")):
            current[:] = [answer]
            spec = flow({"url": "http://127.0.0.1:%d/" % server.port})
            spec["steps"][0]["timeout"] = "1s" if kind == "timeout" else "20s"
            failed = error(host.run(spec))
            check.equal(True, failed["code"] in codes, answer.__name__ + str(failed))
            check.equal(kind, failed["class"], answer.__name__ + str(failed))
        refused = error(host.run(flow({"url": "http://127.0.0.1:1/"})))
        check.equal(("BLY-CONNECT", "connection"), (refused["code"], refused["class"]))


class TokenServer:
    """Gives tokens for one client, by Basic or in the body, and takes only the last one."""

    def __init__(self, expires=3600):
        self.given, self.asked, self.expires, self.valid = 0, [], expires, None

    def answer(self, recorded):
        if recorded.path == "/token":
            self.asked.append(recorded)
            fields = dict(pair.split("=", 1) for pair in recorded.body.decode().split("&"))
            basic = recorded.headers.get("authorization", "").removeprefix("Basic ")
            known = base64.b64decode(basic) == b"client:s3cret-of-the-client" or fields.get("client_secret") == "s3cret-of-the-client"
            if not known:
                return 401, {}, b"{\"error\": \"invalid_client\", \"error_description\": \"who are you\"}"
            self.given += 1
            self.valid = "t0ken-number-%d-of-the-server" % self.given
            return 200, {}, json.dumps({"access_token": self.valid, "token_type": "Bearer", "expires_in": self.expires}).encode()
        if recorded.headers.get("authorization") != "Bearer %s" % self.valid:
            return 401, {}, b"{}"
        return 200, {}, json.dumps({"echo": recorded.headers["authorization"]}).encode()


def oauth(host, port, *more):
    added = host.cli("connection", "add", "--replace", "api", "type=http", "base_url=http://127.0.0.1:%d/v1" % port, "auth.type=oauth2",
                     "auth.client_id=client", "auth.secret=CLIENT", "auth.token_url=http://127.0.0.1:%d/token" % port,
                     "auth.scopes:=[\"read\", \"write\"]", *more)
    check.equal(0, added.code, str(added))


def test_tokens_are_fetched_kept_renewed_and_masked():
    tokens = TokenServer()
    with Server(tokens.answer) as server, belay.started() as host:
        oauth(host, server.port)
        host.cli("secret", "set", "CLIENT", stdin="wr0ng-secret-of-nobody")
        spec = flow({"connection": "api", "url": "/x"}, requires=["api"])
        failed = error(host.run(spec))
        check.equal("BLY-AUTHENTICATION", failed["code"])
        check.has(failed["message"], "who are you")
        host.cli("secret", "set", "CLIENT", stdin="s3cret-of-the-client")
        for _ in range(3):
            check.equal("Bearer ***api-token***", output(host.run(spec))["body"]["echo"])
        check.equal(1, tokens.given)
        check.has(tokens.asked[-1].body.decode(), "scope=read%20write")
        tokens.valid = "nothing"  # The server forgets it before its time.
        output(host.run(spec))
        check.equal(2, tokens.given)
        oauth(host, server.port, "auth.style=body")
        output(host.run(spec))
        check.equal(3, tokens.given)
        check.has(tokens.asked[-1].body.decode(), "client_id=client&client_secret=")
        tested = host.cli("connection", "test", "api")
        check.equal(200, tested.data["found"]["status"], str(tested))


def test_a_token_that_ends_is_renewed():
    tokens = TokenServer(expires=31)
    with Server(tokens.answer) as server, belay.started() as host:
        oauth(host, server.port)
        host.cli("secret", "set", "CLIENT", stdin="s3cret-of-the-client")
        spec = flow({"connection": "api", "url": "/x"}, requires=["api"])
        output(host.run(spec))
        time.sleep(1.2)
        output(host.run(spec))
        check.equal(2, tokens.given)


def test_client_certificates_before_nginx():
    program = check.program("nginx")
    check.program("openssl")
    with belay.started() as host:
        folder = host.folder + "/nginx"
        os.mkdir(folder)
        authority = Authority(folder)
        for name, subject in (("server", "DNS:localhost"), ("client", "DNS:client.test")):
            chain, key = authority.issue(subject, usage="serverAuth,clientAuth")
            shutil.copy(chain, "%s/%s.pem" % (folder, name))
            shutil.copy(key, "%s/%s.key" % (folder, name))
        port = ports.free_port()
        with open(folder + "/conf", "w", encoding="ascii") as file:
            file.write("""daemon off; master_process off; worker_processes 1; pid %(f)s/pid; error_log %(f)s/error.log; events {}
http { access_log off; client_body_temp_path %(f)s/b; proxy_temp_path %(f)s/p; fastcgi_temp_path %(f)s/q; uwsgi_temp_path %(f)s/u; scgi_temp_path %(f)s/s;
server { listen 127.0.0.1:%(p)d ssl; ssl_certificate %(f)s/server.pem; ssl_certificate_key %(f)s/server.key;
ssl_client_certificate %(ca)s; ssl_verify_client optional; location / { return 200 "$ssl_client_verify $ssl_client_s_dn"; } } }
""" % {"f": folder, "p": port, "ca": authority.file})
        nginx = subprocess.Popen([program, "-c", folder + "/conf", "-p", folder], stderr=subprocess.DEVNULL)
        try:
            belay.eventually(lambda: ports.listens(port), what="nginx")
            host.cli("secret", "set", "CLIENT_KEY", "--file", folder + "/client.key", "--keep-newline")
            for name, more in (("plain", []), ("proven", ["client_cert=%s/client.pem" % folder, "client_key.secret=CLIENT_KEY"])):
                added = host.cli("connection", "add", name, "type=http", "base_url=https://localhost:%d" % port, "ca_file=" + authority.file, *more)
                check.equal(0, added.code, str(added))
            for name, said in (("proven", "SUCCESS"), ("plain", "NONE"), ("proven", "SUCCESS")):
                got = output(host.run(flow({"connection": name, "url": "/"}, requires=[name])))
                check.has(got["body"]["text"], said, name)
            host.cli("secret", "set", "CLIENT_KEY", stdin="not a key at all")
            failed = error(host.run(flow({"connection": "proven", "url": "/"}, requires=["proven"])))
            check.equal("BLY-TLS-CERTIFICATE", failed["code"], str(failed))
        finally:
            nginx.terminate()
            nginx.wait(10)


def test_the_proxy_of_a_connection_is_used():
    program = check.program("tinyproxy")
    with Server(lambda r: (200, {}, json.dumps({"via": r.headers.get("via", "")}).encode())) as server, belay.started() as host:
        port = ports.free_port()
        conf = host.folder + "/tinyproxy.conf"
        host.write("tinyproxy.conf", "Port %d\nListen 127.0.0.1\nTimeout 20\nMaxClients 10\n" % port)
        proxy = subprocess.Popen([program, "-d", "-c", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            belay.eventually(lambda: ports.listens(port), what="tinyproxy")
            # Loopback names are reached directly, so that the name is one that only looks like another.
            host.cli("connection", "add", "through", "type=http", "base_url=http://127.0.0.1.nip.invalid:%d" % server.port,
                     "proxy=http://127.0.0.1:%d" % port)
            shown = host.run(flow({"connection": "through", "url": "/"}, requires=["through"]))
            # It is the proxy that looks for the name, and says that there is none.
            check.equal("BLY-HTTP-STATUS", error(shown)["code"], str(shown)[:800])
            check.has(error(shown)["message"], "answered 5")
        finally:
            proxy.terminate()
            proxy.wait(10)


if __name__ == "__main__":
    check.main(globals())
