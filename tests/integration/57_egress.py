"""Where requests may lead: 60 spellings of addresses that no flow may reach, names that change their mind, and redirects."""

import os
import shutil
import socket
import struct
import subprocess
import threading

import belay
import check
from check import error
from servers import Server

# Ports and paths do not matter: nothing of these may be connected to. What a URL cannot be is refused as well.
SPELLINGS = """
127.0.0.1 127.0.0.2 127.1 127.0.1 127.255.255.254 0x7f.0.0.1 0x7f000001 0x7f.1 0177.0.0.1 017700000001 2130706433
127.0.0.1. 127.000.000.001 127.0.0.1%00 127.0.0.1%2e 0 0.0.0.0 00 0x0 0.0.0.1 1.0.0.127.in-addr.arpa
[::1] [::] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [::7f00:1] [0000::0001] [::1%25lo] [fe80::1] [fe80::1%25eth0]
[64:ff9b::7f00:1] [64:ff9b::127.0.0.1] [2002:7f00:1::] [fec0::1] [fd00::1] [fc00::1] [ff02::1] [fd00:ec2::254]
localhost LOCALHOST localhost. LocalHost %6c%6f%63%61%6c%68%6f%73%74 user@127.0.0.1 127.0.0.1@example.test 127.0.0.1:80@example.test
169.254.169.254 0xa9fea9fe 2852039166 0251.0376.0251.0376 169.254.43518 [::ffff:169.254.169.254] [64:ff9b::a9fe:a9fe] 100.100.100.200 168.63.129.16
10.0.0.1 10.1 172.16.0.1 192.168.0.1 192.168.1 100.64.0.1 192.0.0.192 198.18.0.1 224.0.0.1 240.0.0.1 255.255.255.255
127。0。0。1 １２７.0.0.1 ①②⑦.⓪.⓪.① 127.0.0.1\\@example.test
""".split()
POLICY = "http: {allow: [{hosts: ['*'], ports: [%s], schemes: [http, https], methods: [GET, POST]}]}\n"
REFUSALS = {"BLY-EGRESS-REFUSED", "BLY-URL-INVALID", "BLY-CONNECT"}


def call(slug, url, **http):
    return {"slug": slug, "steps": [{"id": "h", "http": {"url": url, **http}, "timeout": "30s", "retry": {"max_attempts": 1}}],
            "output": "${{ steps.h.output }}"}


def test_sixty_spellings():
    check.equal(True, len(SPELLINGS) >= 60, str(len(SPELLINGS)))
    with Server() as server, belay.started(policy=POLICY % server.port) as host:
        for place, spelling in enumerate(SPELLINGS):
            shown = host.run(call("s%d" % place, "http://%s:%d/" % (spelling, server.port)) if "@" not in spelling
                             else call("s%d" % place, "http://%s/" % spelling))
            failed = error(shown)
            check.equal(True, failed["code"] in REFUSALS | {"BLY-POLICY-REFUSED"}, spelling + str(failed))
        check.equal([], server.seen)


def test_those_that_name_this_host_are_refused_by_their_address():
    with Server() as server, belay.started(policy=POLICY % server.port) as host:
        for place, spelling in enumerate(("127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "[::1]", "[::ffff:127.0.0.1]")):
            failed = error(host.run(call("n%d" % place, "http://%s:%d/" % (spelling, server.port))))
            check.equal("BLY-EGRESS-REFUSED", failed["code"], spelling + str(failed))
        check.equal([], server.seen)


def test_a_connection_leads_only_to_its_addresses():
    with Server() as server, belay.started() as host:
        for name, blocks, code in (("here", "[\"127.0.0.0/8\"]", None), ("there", "[\"192.0.2.0/24\"]", "BLY-EGRESS-REFUSED")):
            added = host.cli("connection", "add", name, "type=http", "base_url=http://localhost:%d" % server.port, "addresses:=" + blocks)
            check.equal(0, added.code, str(added))
            tested = host.cli("connection", "test", name)
            check.equal(code, tested.error.get("code"), str(tested))
            flow = call(name, "/x", connection=name)
            flow["requires"] = [{"name": name, "type": "http"}]
            shown = host.run(flow)
            check.equal(code, (shown["run"].get("error") or {}).get("code"), str(shown)[:800])
        # Not over a connection that the other one has left open either.
        check.equal(2, len(server.seen))


def test_a_chat_leads_only_to_its_addresses():
    with Server() as server, belay.started() as host:
        for name, blocks, code in (("here", "[\"127.0.0.0/8\"]", None), ("there", "[\"192.0.2.0/24\"]", "BLY-EGRESS-REFUSED")):
            added = host.cli("connection", "add", name, "type=chat", "url=http://localhost:%d/hook" % server.port, "addresses:=" + blocks)
            check.equal(0, added.code, str(added))
            check.equal(code, host.cli("connection", "test", name).error.get("code"))
            flow = {"slug": name, "requires": [{"name": name, "type": "chat"}],
                    "steps": [{"id": "a", "notify": {"connection": name, "text": "x"}}]}
            shown = host.run(flow)
            check.equal(code, (shown["run"].get("error") or {}).get("code"), str(shown)[:800])
        check.equal(2, len(server.seen))
        wrong = host.cli("connection", "add", "wrong", "type=chat", "url=http://localhost/", "addresses:=[\"nowhere\"]")
        check.equal("BLY-CONNECTION-INVALID", wrong.error["code"], str(wrong))


def test_redirects_are_judged_one_by_one():
    with Server() as inner:
        def answer(recorded):
            places = {"/a": "/b", "/b": "/ok", "/out": "http://127.0.0.1:%d/" % inner.port, "/round": "/round",
                      "/meta": "http://169.254.169.254/latest", "/up": "/outside"}
            if recorded.path in places:
                return 302, {"Location": places[recorded.path]}, b""
            return 200, {}, b"{\"at\": \"%s\"}" % recorded.path.encode()
        with Server(answer) as server, belay.started(
                policy="http: {allow: [{hosts: [127.0.0.1], ports: [%d], schemes: [http]}], addresses: [127.0.0.1]}\n" % server.port) as host:
            base = "http://127.0.0.1:%d" % server.port
            check.equal({"at": "/ok"}, host.run(call("a", base + "/a", redirects=2))["run"]["output"]["body"])
            check.equal("BLY-LIMIT", error(host.run(call("b", base + "/a", redirects=1)))["code"])
            check.equal("BLY-LIMIT", error(host.run(call("c", base + "/round", redirects=10)))["code"])
            for slug, path in (("d", "/out"), ("e", "/meta")):
                check.equal("BLY-EGRESS-REFUSED", error(host.run(call(slug, base + path, redirects=5)))["code"])
            check.equal([], inner.seen)
            host.cli("connection", "add", "k", "type=http", "base_url=%s/up" % base)
            flow = call("f", "/", connection="k", redirects=5)
            flow["requires"] = [{"name": "k", "type": "http"}]
            flow["steps"][0]["http"]["url"] = base + "/up"
            check.equal("BLY-EGRESS-REFUSED", error(host.run(flow))["code"])


class Dns:
    """Answers A queries for every name with the addresses of a list, one after the other, and the last one for ever."""

    def __init__(self, addresses, address="127.0.0.1"):
        self.addresses, self.asked = list(addresses), []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(512)
            except OSError:
                return
            end = query.index(b"\0", 12)
            kind = struct.unpack(">H", query[end + 1:end + 3])[0]
            question = query[12:end + 5]
            answers = b""
            if kind == 1 and self.addresses:
                address = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
                self.asked.append(address)
                answers = b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04" + socket.inet_aton(address)
            self.socket.sendto(query[:2] + b"\x81\x80\0\x01" + (b"\0\x01" if answers else b"\0\0") + b"\0\0\0\0" + question + answers, peer)

    def close(self):
        self.socket.close()


def test_a_name_that_changes_its_mind():
    """In a network and mount namespace of its own: its resolver answers first with an address that is allowed and then not."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        raise check.Skip("needs root and unshare")
    if os.environ.get("BELAY_EGRESS_INSIDE") != "1":
        inside = dict(os.environ, BELAY_EGRESS_INSIDE="1")
        script = ("ip link set lo up && ip addr add 203.0.113.7/32 dev lo && printf 'nameserver 127.0.0.1\\noptions timeout:1 attempts:1\\n' "
                  "> /tmp/belay-resolv.$$ && mount --bind /tmp/belay-resolv.$$ /etc/resolv.conf && exec python3 %s rebinding" % os.path.abspath(__file__))
        done = subprocess.run(["unshare", "-m", "-n", "sh", "-c", script], env=inside, check=False, capture_output=True, text=True, timeout=120)
        if "cannot" in done.stderr and "ermitted" in done.stderr:
            raise check.Skip(done.stderr.strip())
        check.equal(0, done.returncode, done.stdout[-1500:] + done.stderr[-1500:])
        check.has(done.stdout, "rebinding ok")


def rebinding():
    outer = socket.create_server(("203.0.113.7", 8080))
    threading.Thread(target=serve_outer, args=(outer,), daemon=True).start()
    inner = Server()
    names = Dns(["203.0.113.7"])
    with belay.started(policy=POLICY % ("8080, %d" % inner.port)) as host:
        good = host.run(call("good", "http://changes.test:8080/"))
        check.equal("succeeded", good["run"]["status"], str(good)[:800])
        # From now on the name leads to this host: each look-up is judged, and a kept connection stays where it was.
        names.addresses = ["127.0.0.1"]
        for place in range(3):
            bad = host.run(call("bad%d" % place, "http://changes.test:%d/" % inner.port))
            check.equal("BLY-EGRESS-REFUSED", error(bad)["code"], str(bad)[:800])
        names.addresses = ["203.0.113.7", "127.0.0.1"]
        for place in range(4):
            host.run(call("flip%d" % place, "http://flips.test:%d/" % inner.port))
        check.equal([], inner.seen)
        names.close()
        lost = error(host.run(call("lost", "http://nobody.test:8080/")))
        check.equal(("BLY-CONNECT", "connection"), (lost["code"], lost["class"]), str(lost))
    print("rebinding ok")


def serve_outer(listening):
    while True:
        peer = listening.accept()[0]
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        peer.close()


if __name__ == "__main__":
    import sys
    if sys.argv[1:] == ["rebinding"]:
        rebinding()
    else:
        check.main(globals())
