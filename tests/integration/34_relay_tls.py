"""What the host takes for a relay's certificate, what the relay speaks, and requests that two readers could frame
differently, against the real relay."""

import hashlib
import importlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import time

import belay
import check
import relay as relays
from servers import Server

link = importlib.import_module("31_link")


class Certificates:
    """A CA, and whatever certificate one can think of: names are those of openssl's extensions."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0
        self.root = self.make("Root", ca=True)
        with open(self.root[0], encoding="ascii") as file:
            self.pem = file.read()
        with open(os.path.join(folder, "root.pem"), "w", encoding="ascii") as file:
            file.write(self.pem)
        self.file = file.name

    def run(self, *words):
        done = subprocess.run(["openssl", *words], capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise RuntimeError("%s: %s" % (words, done.stderr[-600:]))

    def make(self, name, san="DNS:localhost", issuer=None, ca=False, kind=("ec", "ec_paramgen_curve:P-256"), extra=(),
             dates=("20260101000000Z", "20360101000000Z"), digest="sha256", usage="digitalSignature", purpose="serverAuth",
             basic=None):
        """Paths of a certificate and its key."""
        self.count += 1
        stem = os.path.join(self.folder, "c%d" % self.count)
        basic = basic or ("critical,CA:TRUE" if ca else "critical,CA:FALSE")
        lines = ["basicConstraints=" + basic, "keyUsage=critical," + ("keyCertSign" if ca else usage)]
        lines += [] if ca or not purpose else ["extendedKeyUsage=" + purpose]
        lines += ["subjectAltName=" + san] if san and not ca else []
        with open(stem + ".cnf", "w", encoding="ascii") as file:
            file.write("[req]\ndistinguished_name=d\nprompt=no\n[d]\nCN=%s\n[ca]\ndefault_ca=c\n[c]\ndatabase=%s.db\n"
                       "serial=%s.srl\nnew_certs_dir=%s\npolicy=p\nunique_subject=no\nemail_in_dn=no\n[p]\n"
                       "commonName=supplied\n[x]\n%s\n" % (name, stem, stem, self.folder, "\n".join([*lines, *extra])))
        open(stem + ".db", "w", encoding="ascii").close()
        with open(stem + ".srl", "w", encoding="ascii") as file:
            file.write("%04X\n" % (0x1000 + self.count))
        self.run("req", "-new", "-newkey", kind[0], *(("-pkeyopt", kind[1]) if len(kind) > 1 else ()), "-nodes", "-config",
                 stem + ".cnf", "-keyout", stem + ".key", "-out", stem + ".csr", "-sha256")
        signer = ("-selfsign", "-keyfile", stem + ".key") if issuer is None else (
            "-cert", issuer[0], "-keyfile", issuer[1])
        self.run("ca", "-batch", "-notext", "-config", stem + ".cnf", "-in", stem + ".csr", "-out", stem + ".pem", "-md",
                 digest, "-startdate", dates[0], "-enddate", dates[1], "-extensions", "x", *signer)
        return stem + ".pem", stem + ".key"

    def chain(self, leaf, *above):
        path = leaf[0] + ".chain"
        with open(path, "w", encoding="ascii") as out:
            for each in (leaf, *above):
                with open(each[0], encoding="ascii") as file:
                    out.write(file.read())
        return path, leaf[1]


def bad_certificates(make, certificates):
    """What is wrong, the certificate, and by which name the host calls; all but some are by the right CA."""
    root = certificates.root
    here, address = "localhost", "127.0.0.1"
    middle = make("Middle", issuer=root, ca=True)
    below = certificates.chain
    yield "another name", make("a", "DNS:relay.example.org", root), here
    yield "a name that begins like it", make("a", "DNS:localhost.example.org", root), here
    yield "expired", make("a", issuer=root, dates=("20240101000000Z", "20240201000000Z")), here
    yield "not valid yet", make("a", issuer=root, dates=("20350101000000Z", "20360101000000Z")), here
    yield "signed by itself", make("localhost"), here
    yield "another authority of the same name", make("a", issuer=make("Root", ca=True)), here
    yield "for clients", make("a", issuer=root, purpose="clientAuth"), here
    yield "for code", make("a", issuer=root, purpose="codeSigning"), here
    yield "a key that may not sign", make("a", issuer=root, usage="keyAgreement"), here
    yield "RSA of 1,024 bits", make("a", issuer=root, kind=("rsa:1024",)), here
    yield "a weak hash", make("a", issuer=root, digest="sha1"), here
    yield "without what is between", make("a", issuer=middle), here
    yield "an intermediate that is no authority", below(make("a", issuer=make("Leaf", issuer=root)), make("Leaf", issuer=root)), here
    leaf = make("Leaf", issuer=root)
    yield "below a leaf", below(make("a", issuer=leaf), leaf), here
    short = make("Short", issuer=root, ca=True, basic="critical,CA:TRUE,pathlen:0")
    deeper = make("Deeper", issuer=short, ca=True)
    yield "below the depth that is allowed", below(make("a", issuer=deeper), deeper, short), here
    old = make("Old", issuer=root, ca=True, dates=("20240101000000Z", "20240201000000Z"))
    yield "below an authority that has expired", below(make("a", issuer=old), old), here
    bound = make("Bound", issuer=root, ca=True, extra=["nameConstraints=critical,permitted;DNS:example.org"])
    yield "outside of what its authority may name", below(make("a", issuer=bound), bound), here
    yield "any name", make("a", "DNS:*", root), here
    yield "names below it", make("a", "DNS:*.localhost", root), here
    yield "part of a name", make("a", "DNS:local*", root), here
    yield "its name as a common name only", make("localhost", "", root), here
    yield "its name as an address of mail", make("localhost", "email:x@localhost", root), here
    yield "an address in the place of a name", make("a", "IP:127.0.0.1", root), here
    yield "a name in the place of an address", make("a", "DNS:127.0.0.1", root), address
    yield "another address", make("a", "IP:127.0.0.2", root), address
    yield "an extension that must be understood", make("a", issuer=root, extra=["1.2.3.4=critical,DER:0500"]), here


# Where the host knows the relay by its own settings, these only raise an alarm.
DATES = ("expired", "not valid yet", "below an authority that has expired")


@check.bound(180)
def test_certificates_that_the_host_refuses():
    with belay.Host() as host:
        certificates = Certificates(host.folder)
        host.init()

        def enrol(certificate, name):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.load_cert_chain(*certificate)
            with Server(lambda _: (500, {}, b"{}"), context) as server:
                answer = host.cli("link", "enrol", "https://%s:%d" % (name, server.port), "--token", "secret")
                return answer.error.get("code"), len(server.seen), answer
        root = certificates.root
        middle = certificates.make("Middle", issuer=root, ca=True)
        goods = (certificates.make("a", issuer=root), certificates.chain(certificates.make("a", issuer=middle), middle))
        bad = list(bad_certificates(certificates.make, certificates))
        for by_file in (False, True):
            host.write_settings({"link": {"ca_file": certificates.file} if by_file else {}})
            host.start(environment=dict(host.environment, **({} if by_file else {"SSL_CERT_FILE": certificates.file})))
            # One that is right gets as far as an answer.
            for good in goods:
                code, asked, answer = enrol(good, "localhost")
                check.equal(("BLY-HTTP-PROTOCOL", 1), (code, asked), str(answer))
            refused = 0
            for what, certificate, name in bad:
                code, asked, answer = enrol(certificate, name)
                if by_file and what in DATES:
                    check.equal(("BLY-HTTP-PROTOCOL", 1), (code, asked), str(answer))
                    continue
                check.equal(0, asked, "it was asked in spite of " + what)
                # What the library cannot even read is refused as an error of TLS.
                check.equal(True, code in ("BLY-TLS-CERTIFICATE", "BLY-TLS"), "%s: %s" % (what, answer))
                refused += 1
            host.stop()
            print("%d kinds are refused" % refused)


def key_of(certificate):
    """SHA-256 of the public key, as the settings want it."""
    public = subprocess.run(["openssl", "x509", "-in", certificate[0], "-noout", "-pubkey"], capture_output=True, check=True)
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=public.stdout, capture_output=True, check=True)
    return hashlib.sha256(der.stdout).hexdigest()


def shows(relay, certificate):
    """The relay begins anew with this certificate."""
    relay.stop()
    shutil.copyfile(certificate[0], relay.folder + "/relay.crt")
    shutil.copyfile(certificate[1], relay.folder + "/relay.key")
    relay.start()


@check.bound(180)
def test_dates_of_a_certificate_only_raise_an_alarm_where_the_host_knows_the_relay():
    with relays.Relay(link.FAST) as relay, belay.Host() as host:
        os.mkdir(relay.folder + "/made")
        certificates = Certificates(relay.folder + "/made")
        make, root = certificates.make, certificates.root
        good = make("a", issuer=root)
        expired = make("a", issuer=root, dates=("20230101000000Z", "20240201000000Z"))
        future = make("a", issuer=root, dates=("20350101000000Z", "20360101000000Z"))
        alone = make("localhost", dates=("20230101000000Z", "20240201000000Z"))
        relay.ca = certificates.file
        relay.start()

        def stands(settings, certificate, environment=None):
            """What becomes of the link with these settings and this certificate: the phase, the error, the alarm."""
            host.write_settings({"link": settings})
            shows(relay, certificate)
            host.start(environment=environment)
            try:
                end = time.monotonic() + 30
                while time.monotonic() < end:
                    state = link.state(host)[0]
                    if state["phase"] == "connected" or (state.get("last_error") or {}).get("code", "").startswith("BLY-TLS"):
                        return state["phase"], (state.get("last_error") or {}).get("code"), state.get("alarm", "")
                    time.sleep(0.1)
                raise AssertionError("the link does not move: %s" % state)
            finally:
                checks.append([row for row in host.cli("doctor").data["checks"] if row["check"] == "link"])
                host.stop()
        checks = []
        shows(relay, good)
        host.write_settings({"link": {"ca_file": certificates.file}})
        host.init()
        host.start()
        ok = host.cli("link", "enrol", relay.url, "--token", relay.token())
        check.equal(0, ok.code, str(ok))
        host.stop()
        by_file = {"ca_file": certificates.file}
        check.equal(("connected", None, ""), stands(by_file, good))
        for certificate, why in ((expired, "it has expired"), (future, "it is not valid yet")):
            phase, error, alarm = stands(by_file, certificate)
            check.equal(("connected", None), (phase, error))
            check.has(alarm, why)
            check.equal("warn", checks[-1][0]["verdict"])
            check.has(checks[-1][0]["message"], why)
        check.has(host.log(), "link.certificate_dates")
        # The system's bundle says nothing about this relay that its dates could be overlooked for.
        system = dict(host.environment, SSL_CERT_FILE=certificates.file)
        check.equal(("BLY-TLS-CERTIFICATE", ""), stands({}, expired, system)[1:])
        check.equal(("connected", None, ""), stands({}, good, system))
        # A pin besides a bundle: both must hold.
        check.equal("connected", stands(dict(by_file, pin=["0" * 64, key_of(good)]), good)[0])
        check.equal("BLY-TLS-CERTIFICATE", stands(dict(by_file, pin=[key_of(expired)]), good)[1])
        check.equal("BLY-TLS-CERTIFICATE", stands(dict(by_file, pin=[key_of(alone)]), alone)[1])
        # A pin alone, whoever has signed.
        phase, error, alarm = stands({"pin": [key_of(alone)]}, alone)
        check.equal(("connected", None), (phase, error))
        check.has(alarm, "expired")
        check.equal("BLY-TLS-CERTIFICATE", stands({"pin": [key_of(good)]}, alone)[1])


def test_a_pin_that_is_none_is_refused():
    with belay.Host() as host:
        host.write_settings({"link": {"pin": ["sha256/abc"]}})
        answer = host.cli("config", "check")
        check.equal("BLY-SETTINGS-INVALID", answer.error.get("code"), str(answer))
        check.has(answer.error["message"], "link.pin")


def test_versions_and_suites_by_sslscan():
    check.program("sslscan")
    with relays.Relay() as relay:
        relay.start()
        text = subprocess.run(["sslscan", "--no-colour", "--ipv4", "localhost:%d" % relay.port], capture_output=True, text=True,
                              timeout=120, check=False).stdout
        for version, state in (("SSLv2", "disabled"), ("SSLv3", "disabled"), ("TLSv1.0", "disabled"),
                               ("TLSv1.1", "disabled"), ("TLSv1.2", "enabled"), ("TLSv1.3", "enabled")):
            check.equal(True, any(line.split() == [version, state] for line in text.splitlines()), version + "\n" + text)
        suites = {line.split()[4] for line in text.splitlines() if line.startswith(("Preferred", "Accepted"))}
        check.equal(True, len(suites) >= 5, text)
        for suite in suites:
            sound = suite.startswith("TLS_AES_") or suite.startswith("TLS_CHACHA20") or (
                suite.startswith("ECDHE-ECDSA-") and ("GCM" in suite or "CHACHA20" in suite))
            check.equal(True, sound, suite)
        check.has(text, "Session renegotiation not supported")
        check.lacks(text, "Compression enabled")
        check.lacks(text.replace("not vulnerable", ""), "vulnerable to heartbleed")


HEAD = b"POST /v1/session HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def smuggling():
    """Requests behind which another one hides for some reader."""
    for fields in (b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                   b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
                   b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", b"Content-Length: 2\r\nContent-Length: 45\r\n\r\n{}",
                   b"Content-Length: 2, 2\r\n\r\n{}", b"Content-Length: 2,45\r\n\r\n{}", b"Content-Length: +2\r\n\r\n{}",
                   b"Content-Length: -2\r\n\r\n{}", b"Content-Length: 0x2\r\n\r\n{}", b"Content-Length: 2 0\r\n\r\n{}",
                   b"Content-Length: 02x\r\n\r\n{}", b"Content-Length:\r\n\r\n{}", b"Content-Length: 1e0\r\n\r\n{}",
                   b"Content-Length: 18446744073709551618\r\n\r\n{}", b"Content-Length : 2\r\n\r\n{}",
                   b"Content-Length\t: 2\r\n\r\n{}", b" Content-Length: 2\r\n\r\n{}", b"X: y\r\n Content-Length: 2\r\n\r\n{}",
                   b"X: y\r\n\tTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"Content_Length 2\r\n\r\n{}",
                   b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                   b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", b"Transfer-Encoding: identity\r\n\r\n",
                   b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
                   b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
                   b"Transfer-Encoding: 'chunked'\r\n\r\n0\r\n\r\n", b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
                   b"X: a\nContent-Length: 2\r\n\r\n{}", b"X: a\rContent-Length: 2\r\n\r\n{}", b"X: a\0b\r\n\r\n",
                   b"X\0: a\r\n\r\n", b"Content-Length: 2\0\r\n\r\n{}", b"Host: b\r\nContent-Length: 2\r\n\r\n{}",
                   b": x\r\n\r\n", b"X y: z\r\n\r\n", b"(X): z\r\n\r\n", b"X\xff: z\r\n\r\n", b"Content-Length: 2\n\n{}"):
        yield HEAD + fields
    for chunks in (b"2\n{}\r\n0\r\n\r\n", b"2\r\n{}0\r\n\r\n", b"2\r\n{} \r\n0\r\n\r\n", b"2\r\n{}\n0\r\n\r\n", b"g\r\n", b"-2\r\n{}\r\n",
                   b"+2\r\n{}\r\n0\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n", b" 2\r\n{}\r\n0\r\n\r\n", b"2 \r\n{}\r\n0\r\n\r\n", b"\r\n",
                   b"10000000000000002\r\n{}\r\n", b"2;a\nb\r\n{}\r\n0\r\n\r\n", b"2;a\0\r\n{}\r\n0\r\n\r\n", b"0\r\nX y\r\n\r\n",
                   b"0\n\n", b"2;" + b"x" * 70_000 + b"\r\n{}\r\n0\r\n\r\n", b"2\r\n{}\r\n0\r\nContent-Length: 5\n\r\n"):
        yield CHUNKED + chunks
    for start in (b"GET /healthz HTTP/1.1\nHost: a\r\n\r\n", b"GET  /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
                  b"GET /healthz  HTTP/1.1\r\nHost: a\r\n\r\n", b"GET\t/healthz\tHTTP/1.1\r\nHost: a\r\n\r\n",
                  b"GET /healthz HTTP/1.1 \r\nHost: a\r\n\r\n", b"GET /healthz HTTP/1.2.3\r\nHost: a\r\n\r\n",
                  b"GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n", b"GET /healthz HTTP/0.9\r\nHost: a\r\n\r\n", b"GET /healthz\r\n\r\n",
                  b"GET http://a/healthz HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /health\0z HTTP/1.1\r\nHost: a\r\n\r\n",
                  b"GET healthz HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /healthz HTTP/1.1\r\n\r\n", b"\r\n\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
                  b"G\0T /healthz HTTP/1.1\r\nHost: a\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                  b"CONNECT localhost:22 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n"):
        yield start


def test_requests_that_two_readers_could_frame_differently():
    with relays.Relay({"rates": {"public": 1_000_000, "session": 1_000_000}}) as relay:
        relay.start()
        context = ssl.create_default_context(cafile=relay.ca)
        count = 0
        for request in smuggling():
            with context.wrap_socket(socket.create_connection(("localhost", relay.port), 5), server_hostname="localhost") as tls:
                tls.settimeout(10)
                tls.sendall(request + SMUGGLED)
                answer = b""
                # To the end: the connection has to be closed.
                while True:
                    piece = tls.recv(65536)
                    if not piece:
                        break
                    answer += piece
            what = "%r: %r" % (request[-80:], answer[:200])
            check.equal(1, answer.count(b"HTTP/1.1 "), what)
            check.equal(True, answer[9:12] in (b"400", b"501", b"505"), what)
            check.has(answer, b"Connection: close", what)
            check.equal(False, json.loads(answer.split(b"\r\n\r\n", 1)[1])["ok"])
            count += 1
        print("%d requests are refused" % count)
        check.equal(200, relay.request("GET", "/healthz")[0])


if __name__ == "__main__":
    check.main(globals())
