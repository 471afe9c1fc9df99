"""Approvals that people of the roster answer: with files alone, and over a relay with real TLS by an approver who has
nothing but a key, a token and the relay's URL. Then with what an adversary would change."""

import contextlib
import hashlib
import http.client
import importlib
import json
import os
import ssl
import subprocess
import tempfile
import urllib.parse
import time

import belay
import check
import relay as relays
from servers import Server

trust = importlib.import_module("20_trust")
link = importlib.import_module("31_link")
ok, refused = trust.ok, trust.refused

FLOW = ("slug: gate\nsteps:\n  - id: review\n    wait:\n      approval: {summary: \"Ship \\u202Eit\\u001b[2J?\"%s}\n"
        "      timeout: 1h\noutput: '${{ steps.review.output }}'\n")


class People(trust.Fleet):
    """A fleet with two approvers, a registrar, and a host that believes its roster."""

    def __init__(self, host, names=("dora", "emil")):
        super().__init__(host)
        ok(host.cli("key", "new", self.path("reg.key"), "--iterations", "10000", *self.secret))
        for name in names:
            ok(host.cli("key", "new", self.path(name + ".key"), "--iterations", "10000", *self.secret))
            self.change("add-approver", name, self.pub(name))
        self.change("add-registrar", "reg", self.pub("reg"))
        self.install()
        self.thumbprint = ok(host.cli("host", "key"))["host"]

    def change(self, verb, *words, more=()):
        """The next version of the roster, signed."""
        out = self.path("roster-%d.jws" % (int(self.roster.rsplit("-", 1)[1].split(".")[0]) + 1))
        ok(self.host.cli("trust", verb, self.roster, *words, out, "--root", self.root, *more, *self.by("rosa")))
        self.roster = out
        return out


def start(host, text=FLOW % ""):
    ok(host.cli("flow", "push", host.write("gate.flow.yaml", text)))
    run = ok(host.cli("flow", "run", "gate", "--draft"))["run"]["id"]
    wait = belay.eventually(lambda: host.get("/v1/waits?run=" + run)["waits"], what="the wait")[0]["id"]
    return run, wait


def named(words):
    """The digest of the request that is meant: who sees no page names it."""
    if "--request" not in words:
        return words[0]
    with open(words[words.index("--request") + 1], encoding="utf-8") as file:
        payload = json.load(file)["statement"].split(".")[1]
    try:
        return hashlib.sha256(trust.unb64(payload)).hexdigest()
    except ValueError:
        return "0" * 64


class Approver:
    """Somewhere else: a folder with a key, and no daemon."""

    def __init__(self, people, name):
        self.people, self.name = people, name
        self.folder = tempfile.mkdtemp(prefix="belay-approver-", dir="/tmp")
        self.home = {"HOME": self.folder, "PATH": os.environ["PATH"]}

    def cli(self, *words, env=None):
        done = subprocess.run([belay.BINARY, *words, "--json"], capture_output=True, text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL, env={**self.home, **(env or {})})
        return belay.Answer(done.returncode, done.stdout, done.stderr)

    def decide(self, verb, *words, host=None, env=None):
        return self.cli(verb, *words, "--host", host or self.people.thumbprint, "--yes", "--digest", named(words),
                        *self.people.by(self.name), env=env)

    def by_file(self, verb, request, *more):
        out = os.path.join(self.folder, "decision-%d" % len(os.listdir(self.folder)))
        ok(self.decide(verb, "--request", request, "--out", out, *more))
        return out


def exported(host, wait):
    path = os.path.join(host.folder, "request-" + wait)
    if not os.path.exists(path):
        ok(host.cli("decision", "request", wait, "--out", path))
    return path


def test_an_approval_with_files_alone():
    with belay.started() as host:
        people = People(host)
        run, wait = start(host)
        # No operator of the host may answer, and not with the host's own key.
        refused("BLY-DECISION-CLASS", host.cli("approve", wait))
        request = exported(host, wait)
        dora = Approver(people, "dora")
        refused("BLY-HOST-UNKNOWN", dora.decide("approve", "--request", request, "--out", "x", host="A" * 43))
        decision = dora.by_file("approve", request, "-m", "fine")
        done = ok(host.cli("decision", "apply", decision))
        check.equal("approved", done["gate"])
        output = host.wait_run(run)["run"]["output"]
        check.equal((True, "dora", "fine"), (output["approved"], output["by"], output["comment"]))
        # The same again is told the same again; another one comes too late.
        check.equal("approved", ok(host.cli("decision", "apply", decision))["gate"])
        late = Approver(people, "emil").by_file("reject", request)
        check.equal("BLY-WAIT-CLOSED", host.cli("decision", "apply", late).error["code"])


def test_what_is_shown_is_made_visible():
    with belay.started() as host:
        people = People(host)
        _, wait = start(host)
        dora = Approver(people, "dora")
        done = subprocess.run([belay.BINARY, "approve", "--request", exported(host, wait), "--out", dora.folder + "/o",
                               "--host", people.thumbprint, "--yes", *people.by("dora")], capture_output=True, text=True,
                              timeout=60, check=False, stdin=subprocess.DEVNULL, env=dora.home)
        check.equal(0, done.returncode, done.stderr)
        check.has(done.stderr, "Ship \\u{202e}it\\x1b[2J?")
        check.lacks(done.stderr, "\x1b[2J")
        check.lacks(done.stderr, "\u202e")
        # Nobody is asked for nothing: without a terminal and without --yes nothing is signed.
        silent = subprocess.run([belay.BINARY, "approve", "--request", exported(host, wait), "--out", dora.folder + "/p",
                                 "--host", people.thumbprint, *people.by("dora")], capture_output=True, text=True,
                                timeout=60, check=False, stdin=subprocess.DEVNULL, env=dora.home)
        check.equal(2, silent.returncode, silent.stderr)
        check.equal(False, os.path.exists(dora.folder + "/p"))


def test_who_sees_no_page_names_the_request():
    with belay.started() as host:
        people = People(host)
        run, wait = start(host, "slug: gate\nsteps:\n  - id: ship\n    run: {command: ['true'], stdin: \"one\\ntwo\"}\n"
                                "    review: true\n")
        request = exported(host, wait)
        dora = Approver(people, "dora")
        who = ("--host", people.thumbprint, *people.by("dora"))
        for quiet in ((), ("--quiet",)):
            answer = dora.cli("approve", "--request", request, "--out", dora.folder + "/o", "--yes", *who, *quiet)
            refused("BLY-USAGE", answer, 2)
            check.has(answer.error["message"], "--digest")
        refused("BLY-DECISION-UNKNOWN", dora.cli("approve", "--request", request, "--out", dora.folder + "/o", "--yes",
                                                 "--digest", "a" * 64, *who))
        check.equal(False, os.path.exists(dora.folder + "/o"))
        seen = ok(dora.cli("approvals", "show", "--request", request, *who))
        check.equal(named(("--request", request)), seen["request"])
        check.equal((run, "review"), (seen["asked"]["run"], seen["asked"]["kind"]))
        for part in ("true", "one", "two", hashlib.sha256(b"one\ntwo").hexdigest(), "bare"):
            check.has(seen["page"], part)
        check.equal(True, os.listdir(dora.folder) == [])
        ok(dora.cli("approve", "--request", request, "--out", dora.folder + "/o", "--yes", "--digest", seen["request"], *who))
        check.equal("approved", ok(host.cli("decision", "apply", dora.folder + "/o"))["gate"])
        check.equal("succeeded", host.wait_run(run)["run"]["status"])


class Page:
    """`belay approve --browser` and a browser that it never expected."""

    def __init__(self, approver, request, out, *more):
        self.process = subprocess.Popen(
            [belay.BINARY, "approve", "--request", request, "--out", out, "--browser", "--json", "--host",
             approver.people.thumbprint, *approver.people.by(approver.name), *more],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=approver.home)
        line = self.process.stderr.readline()
        self.url = line.split(": ", 1)[1].strip()
        self.port, self.path = int(self.url.split(":")[2].split("/")[0]), "/" + self.url.rsplit("/", 1)[1]

    def ask(self, method, path, fields=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            body = urllib.parse.urlencode(fields) if fields is not None else None
            if body is not None:
                headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def end(self):
        out, _ = self.process.communicate(timeout=30)
        return self.process.returncode, json.loads(out)


def test_a_browser_shows_the_same_page():
    with belay.started() as host:
        people = People(host)
        run, wait = start(host)
        dora = Approver(people, "dora")
        page = Page(dora, exported(host, wait), dora.folder + "/o", "-m", "<b>fine</b>")
        check.equal("127.0.0.1", page.url.split("/")[2].split(":")[0])
        check.equal(403, page.ask("GET", page.path, Host="evil.example:%d" % page.port)[0])
        check.equal(404, page.ask("GET", "/" + "A" * len(page.path[1:]))[0])
        check.equal(405, page.ask("PUT", page.path)[0])
        check.equal(403, page.ask("POST", "/decision", {"do": "sign", "form": "x"})[0])
        status, headers, text = page.ask("GET", page.path)
        check.equal(200, status)
        check.has(headers["Content-Security-Policy"], "default-src 'none'")
        check.has(headers["Content-Security-Policy"], "frame-ancestors 'none'")
        check.equal("no-store", headers["Cache-Control"])
        check.has(text, "Ship \\u{202e}it\\x1b[2J?")
        check.has(text, "&lt;b&gt;fine&lt;/b&gt;")
        for part in ("\x1b", "\u202e", "<script", "src=", "http://", "https://", "<b>"):
            check.lacks(text, part)
        cookie = headers["Set-Cookie"].split(";")[0]
        for word in ("HttpOnly", "SameSite=Strict"):
            check.has(headers["Set-Cookie"], word)
        # The address is good for one browser.
        check.equal(410, page.ask("GET", page.path)[0])
        check.equal(200, page.ask("GET", page.path, Cookie=cookie)[0])
        form = text.split('name="form" value="')[1].split('"')[0]
        good = {"do": "sign", "form": form, "comment": "a & b\r\nc"}
        check.equal(403, page.ask("POST", "/decision", good)[0])
        check.equal(403, page.ask("POST", "/decision", {**good, "form": "A" * len(form)}, Cookie=cookie)[0])
        check.equal(403, page.ask("POST", "/decision", good, Cookie=cookie, Origin="https://evil.example")[0])
        check.equal(400, page.ask("POST", "/decision", {**good, "do": "x"}, Cookie=cookie)[0])
        check.equal(413, page.ask("POST", "/decision", {**good, "comment": "x" * 100000}, Cookie=cookie)[0])
        check.equal(False, os.path.exists(dora.folder + "/o"))
        check.equal(200, page.ask("POST", "/decision", good, Cookie=cookie, Origin="http://127.0.0.1:%d" % page.port)[0])
        code, said = page.end()
        check.equal((0, True), (code, said["data"]["approved"]))
        check.equal("approved", ok(host.cli("decision", "apply", dora.folder + "/o"))["gate"])
        check.equal("a & b\nc", host.wait_run(run)["run"]["output"]["comment"])


def test_a_browser_that_leaves_signs_nothing():
    with belay.started() as host:
        people = People(host)
        _, wait = start(host)
        dora = Approver(people, "dora")
        page = Page(dora, exported(host, wait), dora.folder + "/o")
        _, headers, text = page.ask("GET", page.path)
        form = text.split('name="form" value="')[1].split('"')[0]
        page.ask("POST", "/decision", {"do": "leave", "form": form}, Cookie=headers["Set-Cookie"].split(";")[0])
        code, said = page.end()
        check.equal((True, "BLY-CANCELLED"), (code != 0, said["error"]["code"]))
        check.equal(False, os.path.exists(dora.folder + "/o"))
        refused("BLY-USAGE", dora.decide("approve", "--request", exported(host, wait), "--out", "x", "--browser"), 2)


def test_a_card_names_the_host():
    with belay.started() as host:
        people = People(host)
        _, wait = start(host)
        ok(host.cli("host", "key", "--out", people.path("host.pub")))
        card = people.path("card.jws")
        ok(host.cli("trust", "card", people.path("host.pub"), card, "--fleet", people.digest, "--label", "web-1",
                    "--thumbprint", people.thumbprint, *people.by("reg")))
        forged = people.path("forged.jws")
        ok(host.cli("trust", "card", people.path("host.pub"), forged, "--fleet", people.digest, "--label", "web-1",
                    *people.by("ada")))
        dora = Approver(people, "dora")
        words = ("--root", people.root, "--root-digest", people.digest, "--roster", people.roster, "--yes",
                 "--digest", named(("--request", exported(host, wait))), *people.by("dora"))
        out = dora.folder + "/d"
        refused("BLY-STATEMENT-ROLE", dora.cli("approve", "--request", exported(host, wait), "--out", out, "--card",
                                               forged, *words))
        ok(dora.cli("approve", "--request", exported(host, wait), "--out", out, "--card", card, *words))
        check.equal("approved", ok(host.cli("decision", "apply", out))["gate"])


def test_artifacts_are_looked_at():
    artifact = "b" * 100
    with belay.started() as host:
        people = People(host)
        run, wait = start(host, FLOW % (", artifacts: ['%s']" % artifact))
        dora = Approver(people, "dora")
        request = exported(host, wait)
        refused("BLY-ARTIFACT-UNSEEN", dora.decide("approve", "--request", request, "--out", dora.folder + "/x"))
        with open(dora.folder + "/file", "w", encoding="ascii") as file:
            file.write(artifact[:-1] + "c")
        refused("BLY-ARTIFACT-CHANGED", dora.decide("approve", "--request", request, "--out", dora.folder + "/x",
                                                    "--artifact", dora.folder + "/file"))
        with open(dora.folder + "/file", "w", encoding="ascii") as file:
            file.write(artifact)
        decision = dora.by_file("approve", request, "--artifact", dora.folder + "/file")
        with open(decision, encoding="ascii") as file:
            payload = json.loads(trust.unb64(file.read().split(".")[1]))
        check.equal([], payload["unseen"])
        unseen = dora.by_file("approve", request, "--unseen")
        with open(unseen, encoding="ascii") as file:
            payload = json.loads(trust.unb64(file.read().split(".")[1]))
        check.equal([hashlib.sha256(artifact.encode()).hexdigest()], payload["unseen"])
        check.equal("approved", ok(host.cli("decision", "apply", decision))["gate"])
        host.wait_run(run)


def test_an_adversarys_files():
    """Each is made of something right, with one thing changed; after all of them the wait is as it was."""
    with belay.started() as host, belay.started() as other:
        people = People(host)
        run, wait = start(host)
        _, second = start(host)
        dora, emil = Approver(people, "dora"), Approver(people, "emil")
        request = exported(host, wait)
        with open(request, encoding="utf-8") as file:
            dossier = json.load(file)
        good = dora.by_file("approve", request)

        # Another host's request, and this request at another host.
        strangers = People(other)
        _, theirs = start(other)
        refused("BLY-HOST-UNKNOWN", dora.decide("approve", "--request", exported(other, theirs), "--out", "x"))
        refused("BLY-STATEMENT-FLEET", other.cli("decision", "apply", good))
        alien = Approver(strangers, "dora").by_file("approve", exported(other, theirs))
        refused("BLY-STATEMENT-FLEET", host.cli("decision", "apply", alien))

        # Bytes of the request changed on its way to the approver: nothing is signed.
        for position in range(0, len(dossier["statement"]), 97):
            spoiled = dict(dossier)
            text = dossier["statement"]
            spoiled["statement"] = text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1:]
            path = host.write("spoiled", json.dumps(spoiled))
            answer = dora.decide("approve", "--request", path, "--out", dora.folder + "/never")
            check.equal(True, answer.code != 0, str(answer))
        check.equal(False, os.path.exists(dora.folder + "/never"))

        # Bytes of the decision changed on its way to the host.
        with open(good, encoding="ascii") as file:
            text = file.read().strip()
        for position in range(0, len(text), 61):
            changed = text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1:]
            check.equal(True, host.cli("decision", "apply", host.write("changed", changed)).code != 0)

        # By a signer of pins, whom nobody asked.
        ada = os.path.join(host.folder, "ada.decision")
        ok(host.cli("approve", "--request", request, "--out", ada, "--host", people.thumbprint, "--yes",
                    "--digest", named(("--request", request)), *people.by("ada")))
        refused("BLY-STATEMENT-ROLE", host.cli("decision", "apply", ada))

        # Revoked since it signed.
        people.change("revoke", ok(dora.cli("key", "show", people.pub("dora")))["thumbprint"])
        people.install()
        refused("BLY-STATEMENT-REVOKED", host.cli("decision", "apply", good))
        check.equal("waiting", host.show(run)["run"]["status"])

        # And the right ones, each for its own wait.
        first, again = emil.by_file("approve", request), emil.by_file("reject", exported(host, second))
        check.equal("approved", ok(host.cli("decision", "apply", first))["gate"])
        check.equal("rejected", ok(host.cli("decision", "apply", again))["gate"])
        check.equal(True, host.wait_run(run)["run"]["output"]["approved"])


@contextlib.contextmanager
def linked(policy="", **more):
    """A relay, a host in a session with it, its people, and an approver's words."""
    with relays.Relay(link.FAST) as relay:
        relay.start()
        kind = {"policy": "run: {allow: []}\n" + policy} if policy else {}
        with belay.started(link.settings(relay, **more), **kind) as host:
            people = People(host)
            link.linked(host, relay)
            token = os.path.join(relay.folder, "token")
            with open(token, "w", encoding="ascii") as file:
                file.write(relay.token("approver") + "\n")
            yield relay, host, people, ("--relay", relay.url, "--token-file", token, "--ca-file", relay.ca)


def asked(approver, words, count=1):
    """The requests that the relay has."""
    def look():
        found = ok(approver.cli("approvals", "list", *words))["approvals"]
        return found if len(found) >= count else None
    return belay.eventually(look, what="the request at the relay")


def test_an_approval_over_the_relay():
    with linked() as (relay, host, people, words):
        run, _ = start(host)
        dora = Approver(people, "dora")
        row = asked(dora, words)[0]
        check.equal(("", False), (row["summary"], row["closed"]))
        # Whoever has only a token of another role is not let in.
        wrong = os.path.join(relay.folder, "wrong")
        with open(wrong, "w", encoding="ascii") as file:
            file.write(relay.token("release"))
        refused("BLY-RELAY-ROLE", dora.cli("approvals", "list", "--relay", relay.url, "--ca-file", relay.ca, "--token-file",
                                           wrong))
        # A key for which it was not sealed opens nothing.
        refused("BLY-SEALED", Approver(people, "ada").decide("approve", row["request"], *words))
        done = ok(dora.decide("approve", row["request"], "-m", "over the relay", *words))
        check.equal(("accepted", "approved"), (done["receipt"], done["gate"]))
        output = host.wait_run(run)["run"]["output"]
        check.equal((True, "dora", "over the relay"), (output["approved"], output["by"], output["comment"]))
        belay.eventually(lambda: ok(dora.cli("approvals", "list", *words))["approvals"] == [], what="the end")
        # A second decision is told that it comes too late.
        check.equal(True, Approver(people, "emil").decide("reject", row["request"], *words).code != 0)
        # The relay's disk shows nothing of what was asked.
        for name in os.listdir(relay.folder + "/state"):
            with open(os.path.join(relay.folder, "state", name), "rb") as file:
                data = file.read()
            for secret in (b"Ship", b"review", run.encode()):
                check.equal(False, secret in data, "%s has %s" % (name, secret))


def test_a_relay_that_gives_another_request_is_found_out():
    with linked("approvals: {to_relay: full}\n") as (relay, host, people, words):
        start(host), start(host)
        dora = Approver(people, "dora")
        first, second = [row["request"] for row in asked(dora, words, 2)]
        other = relay.request("GET", "/v1/approvals/" + second, bearer=relay.token("approver"))[1]["data"]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(relay.folder + "/relay.crt", relay.folder + "/relay.key")
        lie = json.dumps({"ok": True, "data": other, "meta": {"schema": 1}}).encode()
        with Server(lambda _: (200, {"Content-Type": "application/json"}, lie), context) as liar:
            lies = ("--relay", "https://localhost:%d" % liar.port, *words[2:], "--host", people.thumbprint)
            check.equal(second, ok(dora.cli("approvals", "show", second, *lies, *people.by("dora")))["request"])
            for words in (("approvals", "show", first), ("approve", first, "--yes", "--digest", second)):
                error = refused("BLY-DECISION-UNKNOWN", dora.cli(*words, *lies, *people.by("dora")))
                check.has(error["message"], "another request, " + second)


def test_an_approver_who_asks_too_often_is_slowed_down():
    with relays.Relay({"rates": {"approver": 9}}) as relay:
        relay.start()
        with belay.Host() as host:
            words = ("approvals", "list", "--relay", relay.url, "--ca-file", relay.ca)
            words += ("--token-file", "token")
            host.write("token", relay.token("approver"))
            begun = time.monotonic()
            for _ in range(4):
                check.equal([], ok(host.cli(*words))["approvals"])
            check.equal(True, time.monotonic() - begun > 3)


def test_what_the_policy_lets_the_relay_read():
    with linked("approvals: {to_relay: summary, gates: [{slug: gate, quorum: 2}]}\n") as (_, host, people, words):
        run, _ = start(host)
        dora, emil = Approver(people, "dora"), Approver(people, "emil")
        row = asked(dora, words)[0]
        check.has(row["summary"], "Ship")
        check.equal("open", ok(dora.decide("approve", row["request"], *words))["gate"])
        # The first decision of a person stands.
        refused("BLY-DECISION-REPEATED", dora.decide("reject", row["request"], *words))
        check.equal("approved", ok(emil.decide("approve", row["request"], *words))["gate"])
        check.equal("dora, emil", host.wait_run(run)["run"]["output"]["by"])


def test_a_relay_that_lies():
    """All that a relay could put in the place of what was signed: the approver refuses, or the host does."""
    with linked("approvals: {to_relay: full}\n") as (relay, host, people, words):
        run, _ = start(host)
        dora = Approver(people, "dora")
        request = asked(dora, words)[0]["request"]
        token = relay.token("approver")
        status, envelope = relay.request("GET", "/v1/approvals/" + request, bearer=token)
        check.equal(200, status)
        dossier = envelope["data"]
        # Another key for the host, with the right thumbprint asked for: the approver has it from elsewhere.
        fake = relays.FakeHost(relay, "liar")
        forged = dict(dossier, host_key=fake.jwk, statement=fake.sign(
            json.loads(trust.unb64(dossier["statement"].split(".")[1])), "belay-request+jws"))
        refused("BLY-HOST-UNKNOWN", dora.decide("approve", "--request", host.write("f1", json.dumps(forged)), "--out", "x"))
        # The right key beside another's signature.
        forged["host_key"] = dossier["host_key"]
        refused("BLY-STATEMENT-KEY", dora.decide("approve", "--request", host.write("f2", json.dumps(forged)), "--out", "x"))
        # Decisions that nobody signed, handed in as the relay could: the host names each.
        decision = dora.by_file("approve", host.write("d", json.dumps(dossier)))
        with open(decision, encoding="ascii") as file:
            head, payload, signature = file.read().strip().split(".")
        told = json.loads(trust.unb64(payload))
        told["decision"] = "reject"
        for text in ("%s.%s.%s" % (head, trust.b64(json.dumps(told).encode()), signature),
                     fake.sign(told, "belay-decision+jws")):
            status, _ = relay.request("POST", "/v1/approvals/%s/decision" % request, {"statement": text + "\n"}, bearer=token)
            check.equal(202, status)
        belay.eventually(lambda: len([row for row in link.state(host)[1]["inbox"] if row["kind"] == "decision"]) == 2,
                         what="two refusals")
        check.equal(["BLY-STATEMENT-KEY", "BLY-STATEMENT-SIGNATURE"],
                    [row["refused"] for row in link.state(host)[1]["inbox"] if row["kind"] == "decision"])
        check.equal("waiting", host.show(run)["run"]["status"])
        # An invented request: there is no such host key, and the host knows nothing of it.
        check.equal("approved", ok(dora.decide("approve", request, *words))["gate"])
        host.wait_run(run)


def test_a_new_roster_over_the_relay():
    with linked() as (relay, host, people, words):
        run, _ = start(host)
        ok(host.cli("key", "new", people.path("finn.key"), "--iterations", "10000", *people.secret))
        finn = Approver(people, "finn")
        row = asked(finn, words)[0]
        refused("BLY-SEALED", finn.decide("approve", row["request"], *words))
        people.change("add-approver", "finn", people.pub("finn"))
        with open(people.roster, encoding="ascii") as file:
            lines = file.read()
        status, envelope = relay.request("POST", "/v1/rosters", {"statement": lines}, bearer=relay.token("release"))
        check.equal(202, status, str(envelope))
        # It is sealed anew, for him too.
        belay.eventually(lambda: finn.decide("approve", row["request"], *words).code == 0, what="a request for finn")
        check.equal("finn", host.wait_run(run)["run"]["output"]["by"])


def test_the_list_is_bounded():
    with linked() as (relay, host, people, words):
        for _ in range(3):
            start(host)
        dora = Approver(people, "dora")
        check.equal(3, len(asked(dora, words, 3)))
        first = ok(dora.cli("approvals", "list", "--limit", "2", *words))
        check.equal((2, True), (len(first["approvals"]), first["more"]))
        rest = ok(dora.cli("approvals", "list", "--after", str(first["after"]), *words))
        check.equal((1, False), (len(rest["approvals"]), rest["more"]))
        seen = ok(dora.cli("approvals", "show", rest["approvals"][0]["request"], "--host", people.thumbprint, *words,
                           *people.by("dora")))
        check.equal(rest["approvals"][0]["request"], seen["request"])


def test_doctor_names_what_is_below_e2e():
    with belay.started(policy="run: {allow: []}\napprovals:\n  gates:\n    - {id: easy, slug: notes, class: local}\n") as host:
        def found():
            return [row for row in host.cli("doctor").data["checks"] if row["check"] == "approvals"]
        check.equal([], found())
        People(host)
        row = found()[0]
        check.equal("warn", row["verdict"])
        check.has(row["message"], "notes (local, by approvals.gates[0] (easy))")


def test_whoever_emits_an_event_has_asked_for_what_it_starts():
    flow = ("slug: gate\ntriggers:\n  - event: go\nsteps:\n  - {id: ask, wait: {approval: {summary: s}, timeout: 1h}}\n")
    tell = "slug: tell\nsteps:\n  - {id: tell, emit: {event: go}}\n"
    persons = "approvals: {persons: {\"uid:%d\": dora}}\n" % os.getuid()
    with belay.started(policy="run: {allow: []}\n" + persons) as host:
        people = People(host)
        ok(host.cli("flow", "push", host.write("gate.flow.yaml", flow)))
        ok(host.cli("flow", "release", "gate"))
        ok(host.cli("flow", "promote", "gate"))
        ok(host.cli("flow", "push", host.write("tell.flow.yaml", tell)))
        ok(host.cli("flow", "run", "tell", "--draft"))
        ok(host.cli("event", "emit", "go"))
        waits = belay.eventually(lambda: [row["id"] for row in host.get("/v1/waits")["waits"]], what="the waits")
        check.equal(2, len(waits))
        dora, emil = Approver(people, "dora"), Approver(people, "emil")
        for wait in waits:
            refused("BLY-DECISION-REQUESTER", host.cli("decision", "apply", dora.by_file("approve", exported(host, wait))))
            check.equal("approved", ok(host.cli("decision", "apply", emil.by_file("approve", exported(host, wait))))["gate"])


def test_kills_of_both_between_decision_and_receipt():
    """Whoever handed in a decision hears what became of it, and the gate opens once, whatever is killed meanwhile."""
    with linked() as (relay, host, people, words):
        dora = Approver(people, "dora")
        for turn in range(4):
            run, _ = start(host)
            row = belay.eventually(lambda: [each for each in asked(dora, words) if not each["closed"]], what="the request")[0]
            if turn % 2 == 0:
                # Handed in while the host is away, which then comes back.
                host.kill()
                done = ok(dora.decide("approve", row["request"], "--timeout", "1s", *words))
                check.lacks(str(done), "receipt")
                relay.kill()
                relay.start()
                host.start()
            else:
                ok(dora.decide("approve", row["request"], "--timeout", "1s", *words))
                relay.kill()
                host.kill()
                host.start()
                relay.start()
            check.equal(True, host.wait_run(run)["run"]["output"]["approved"])
            def receipt(name=row["request"]):
                with contextlib.suppress(OSError):
                    _, envelope = relay.request("GET", "/v1/approvals/" + name, bearer=relay.token("approver"))
                    return [each["receipt"] for each in envelope["data"]["decisions"]] if envelope["data"]["closed"] else None
                return None
            receipts = belay.eventually(receipt, 40, what="the receipt")
            check.equal(1, len(receipts))
            said = json.loads(trust.unb64(receipts[0].split(".")[1]))
            check.equal(("accepted", "approved"), (said["outcome"], said["gate"]))


def unseal(sealed, key, kid):
    """By the letter of RFC 7516 and RFC 7518, with another library."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
    jwe = json.loads(sealed)
    header = json.loads(trust.unb64(jwe["protected"]))
    check.equal(("ECDH-ES+A256KW", "A256GCM", "belay-request+jwe"), (header["alg"], header["enc"], header["typ"]))
    x, y = (int.from_bytes(trust.unb64(header["epk"][name]), "big") for name in "xy")
    ephemeral = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    secret = key.exchange(ec.ECDH(), ephemeral)
    name = header["alg"].encode()
    wrapping = hashlib.sha256(b"\0\0\0\1" + secret + len(name).to_bytes(4, "big") + name + bytes(8) +
                              (256).to_bytes(4, "big")).digest()
    wrapped = [each["encrypted_key"] for each in jwe["recipients"] if each["header"]["kid"] == kid][0]
    content = aes_key_unwrap(wrapping, trust.unb64(wrapped))
    return AESGCM(content).decrypt(trust.unb64(jwe["iv"]), trust.unb64(jwe["ciphertext"]) + trust.unb64(jwe["tag"]),
                                   jwe["protected"].encode()).decode()


def open_key_file(path):
    """By the letter of docs/format/statements.md."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    with open(path, encoding="ascii") as file:
        key = json.load(file)
    secret = hashlib.pbkdf2_hmac("sha256", trust.PASSPHRASE.encode(), trust.unb64(key["salt"]), key["iterations"])
    public = json.dumps({name: key["public"][name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    bound = "\n".join(["belay-key/1", key["kdf"], str(key["iterations"]), key["salt"], public]).encode()
    sealed = trust.unb64(key["sealed"])
    jwk = json.loads(AESGCM(secret).decrypt(sealed[:12], sealed[12:], bound))
    return ec.derive_private_key(int.from_bytes(trust.unb64(jwk["d"]), "big"), ec.SECP256R1())


def test_another_library_opens_what_is_sealed():
    try:
        importlib.import_module("cryptography.hazmat.primitives.keywrap")
    except ImportError:
        raise check.Skip("no python3-cryptography") from None
    with linked() as (relay, host, people, words):
        run, _ = start(host)
        request = asked(Approver(people, "dora"), words)[0]["request"]
        _, envelope = relay.request("GET", "/v1/approvals/" + request, bearer=relay.token("approver"))
        sealed = envelope["data"]["sealed"]
        check.equal(2, len(json.loads(sealed)["recipients"]))
        for name in ("dora", "emil"):
            kid = ok(host.cli("key", "show", people.pub(name)))["thumbprint"]
            statement = unseal(sealed, open_key_file(people.path(name + ".key")), kid)
            payload = trust.unb64(statement.split(".")[1])
            check.equal(request, hashlib.sha256(payload).hexdigest())
            check.equal(run, json.loads(payload)["run"])


if __name__ == "__main__":
    check.main(globals())
