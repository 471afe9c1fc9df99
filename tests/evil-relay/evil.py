"""The real host and a relay that lies: every lie is refused, with a code of its own, and nothing that was refused did
anything. What is right comes first and last, so that nothing here passes because nothing works.

A row of the table: what it is called, the code, and what is said. More rows are welcome; see attacks() and answers().
"""

import base64
import contextlib
import hashlib
import hmac
import importlib
import json
import os
import re
import subprocess
import time

import belay
import check
import lies_of_people
import relay as relays
import sealing
from relay_of_lies import RelayOfLies

trust = importlib.import_module("20_trust")
links = importlib.import_module("31_link")
NIGHTLY = os.environ.get("EVIL_MODE") == "nightly"
N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
PIN = "belay-pin+jws"
POLICY = ("flows:\n  - {id: production, slug: gate, pin: required}\nrun:\n  allow:\n    - id: save\n      executable: %s\n"
          "      argv: [%s, {any: true}]\n")


def dumps(value):
    return json.dumps(value, separators=(",", ":"))


class People:
    """A fleet whose keys openssl has made: two of three signers sign a pin; ada has two keys."""

    def __init__(self, host, name="evil"):
        self.host, self.name = host, name
        self.keys = {each: trust.OpensslKey(host.folder, name + each) for each in
                     ("root", "ada", "ada2", "bob", "eve", "dora", "sam", "tess")}
        created = "2026-11-21T01:02:03Z"
        root = dumps({"v": 1, "fleet": "", "version": "1", "prev": "", "name": name, "threshold": 1, "created": created,
                      "keys": [{"key": json.loads(self.keys["root"].jwk), "person": "rosa"}]})
        self.fleet = hashlib.sha256(root.encode()).hexdigest()
        signers = [(each, "ada" if each == "ada2" else each) for each in ("ada", "ada2", "bob")]
        keys = [{"key": json.loads(self.keys[each].jwk), "role": "release-signer", "class": "none", "person": person}
                for each, person in signers]
        keys.append({"key": json.loads(self.keys["dora"].jwk), "role": "approver", "class": "e2e", "person": "dora"})
        keys += [{"key": json.loads(self.keys[each].jwk), "role": "starter", "class": "none", "person": each}
                 for each in ("sam", "tess")]
        roster = dumps({"v": 1, "fleet": self.fleet, "version": "1", "prev": "", "created": created, "max_age": "864000",
                        "thresholds": {"pin": 2, "upgrade": 1}, "identities": [], "revocations": [], "pin_floors": [],
                        "relays": [], "keys": keys})
        self.root = self.keys["root"].sign("belay-root+jws", root)
        self.roster = self.keys["root"].sign("belay-roster+jws", roster)

    def install(self, host):
        links.ok(host.cli("trust", "install", "--root", host.write("root.jws", self.root), "--root-digest", self.fleet,
                          "--roster", host.write("roster.jws", self.roster), "--least-roster", "1"))

    def payload(self, place, prev, content, **more):
        return dumps({"v": 1, "fleet": self.fleet, "flow": "gate", "channel": "stable", "counter": str(place),
                      "prev": prev, "release": hashlib.sha256(content).hexdigest(), "size": str(len(content)),
                      "selector": ["*"], "created": "2026-11-21T01:02:03Z", **more})

    def sign(self, payload, who=("ada", "bob"), typ=PIN, header=None):
        return "".join(self.keys[each].sign(typ, payload, header) for each in who)


def b64(data):
    return base64.b64encode(data).decode()


def with_signature(line, raw):
    return line.strip().rsplit(".", 1)[0] + "." + trust.b64(raw)


def number(value):
    return value.to_bytes(32, "big")


def calling(host):
    """A run that waits for a callback, whose job its policy knows."""
    return {"slug": "call", "input": {"type": "object", "properties": {"n": {"type": "integer"}}}, "steps": [
        {"id": "start", "run": {"command": [host.folder + "/save", "${{ String(input.n) }}"], "callback": "done"}},
        {"id": "done", "wait": {"callback": {}, "timeout": "1h"}}], "output": {"body": "${{ steps.done.output.body }}"}}


class World:
    """A host with something to win: a pinned flow, a webhook, a callback and an approval that are waited for."""

    def __init__(self, host, relay):
        self.host, self.relay = host, relay
        self.people = People(host)
        self.people.install(host)
        links.ok(host.cli("secret", "set", "git", stdin="key"))
        links.ok(host.cli("secret", "set", "other", stdin="another key"))
        for slug, secret in (("ci", "git"), ("cd", "other")):
            text = ("slug: %s\ntriggers:\n  - webhook: push\n    auth: {type: hmac-sha256, secret: %s}\n"
                    "steps:\n  - id: note\n    set: {x: 1}\nstate: {x: 0}\n" % (slug, secret))
            links.ok(host.cli("flow", "push", host.write(slug + ".flow.yaml", text)))
            links.ok(host.cli("flow", "release", slug))
            links.ok(host.cli("flow", "promote", slug))
        links.ok(host.cli("link", "enrol", relay.url, "--token", "t", "--label", "victim"))
        links.connected(host)
        self.call = host.start_run(calling(host), {"n": 0})
        self.words = links.handed_out(host)
        self.other = host.start_run(calling(host), {"n": 1})
        self.other_words = links.handed_out(host, 1)
        self.spent_run = host.start_run(calling(host), {"n": 2})
        self.spent = links.handed_out(host, 2)
        self.approval = host.open_wait(host.start_run(
            {"slug": "ask", "steps": [{"id": "s", "wait": {"approval": {"summary": "?"}, "timeout": "1h"}}]}))["id"]
        self.one, self.two = trust.gate("one").encode(), trust.gate("two").encode()
        self.first = self.people.payload(1, "", self.one)
        self.prev = hashlib.sha256(self.first.encode()).hexdigest()

    def callback(self, words=None, body=b'{"ok":true}', at="1700000000", **more):
        wait, token, _ = words or self.words
        mac = hmac.new(token.encode(), b"%s.%s." % (wait.encode(), at.encode()) + body, hashlib.sha256).hexdigest()
        return {"wait": wait, "timestamp": at, "signature": "v1=" + mac, "body": b64(body), **more}

    def hook(self, flow="ci", key=b"key", body=b'{"n":1}', fields=(), **more):
        mac = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
        return {"flow": flow, "webhook": "push", "headers": [["X-Hub-Signature-256", mac], *fields], "body": b64(body),
                **more}

    def pin(self, payload=None, **how):
        return {"statement": self.people.sign(payload or self.people.payload(2, self.prev, self.two), **how)}

    def outcomes(self):
        """The code of each message that was refused, by its number."""
        found = {}
        for line in self.host.log().splitlines():
            if "link.message_refused" in line:
                found[int(re.search(r"seq=(\d+)", line)[1])] = re.search(r"code=(\S+)", line)[1]
        return found

    def taken(self, seq, seconds=60):
        try:
            belay.eventually(lambda: links.state(self.host)[1]["received"] >= seq, seconds, "message %d" % seq)
        except AssertionError as error:
            raise AssertionError("%s: %s" % (error, links.state(self.host))) from error

    def accept(self, kind, body):
        seq = self.relay.say(kind, body)
        self.taken(seq)
        check.equal(None, self.outcomes().get(seq), "what is right is refused: %s" % kind)

    def unmoved(self, runs):
        """Nothing of what must not happen has happened."""
        check.equal("waiting", self.host.show(self.call)["run"]["status"])
        check.equal("waiting", self.host.show(self.other)["run"]["status"])
        check.equal([self.approval], [wait["id"] for wait in self.host.waits(kind="approval")])
        check.equal(1, trust.live(self.host))
        check.equal("1", str(links.ok(self.host.cli("trust", "show"))["trust"]["roster"]["version"]))
        check.equal(runs, sum(len(self.host.get("/v1/runs?flow=%s&limit=1000" % flow)["runs"]) for flow in ("ci", "cd")))
        check.equal(["ask", "call", "cd", "ci", "gate"], sorted(each["slug"] for each in self.host.get("/v1/flows")["flows"]))


SIGNATURE, MESSAGE, INVALID = "BLY-CALLBACK-SIGNATURE", "BLY-LINK-MESSAGE", "BLY-STATEMENT-INVALID"
ARGUMENT, HOOK = "BLY-INVALID-ARGUMENT", "BLY-WEBHOOK-REFUSED"


def callbacks(world):
    wait, token, _ = world.words
    good = world.callback()
    mac = good["signature"][3:]
    empty = hmac.new(b"", b"%s.1." % wait.encode(), hashlib.sha256).hexdigest()
    yield "unsigned", SIGNATURE, {**good, "signature": ""}
    yield "signed with another wait's token", SIGNATURE, world.callback((wait, world.other_words[1], ""))
    yield "another wait's callback", SIGNATURE, {**world.callback(world.other_words), "wait": wait}
    yield "another body", SIGNATURE, {**good, "body": b64(b'{"ok":false}')}
    yield "another time", SIGNATURE, {**good, "timestamp": "1700000001"}
    yield "time and body moved into one another", SIGNATURE, {**good, "timestamp": "1700000000.{", "body": b64(b'"ok":true}')}
    yield "in capitals", SIGNATURE, {**good, "signature": "v1=" + mac.upper()}
    yield "without its version", SIGNATURE, {**good, "signature": mac}
    yield "another version", SIGNATURE, {**good, "signature": "v2=" + mac}
    yield "several signatures", SIGNATURE, {**good, "signature": "v1=%s,v1=%s" % ("0" * 64, mac)}
    yield "half a signature", SIGNATURE, {**good, "signature": "v1=" + mac[:32]}
    yield "signed with the empty key", SIGNATURE, {"wait": wait, "timestamp": "1", "signature": "v1=" + empty, "body": ""}
    yield "signed with the wait's id", SIGNATURE, world.callback((wait, wait, ""))
    yield "a wait that is not there", SIGNATURE, world.callback(("w9999", token, ""))
    yield "a wait that is a path", SIGNATURE, world.callback(("../../etc", token, ""))
    yield "an approval's wait", SIGNATURE, world.callback((world.approval, token, ""))
    yield "no wait at all", SIGNATURE, {**good, "wait": {"id": wait}}
    yield "no base64", MESSAGE, {**good, "body": "*** "}
    yield "base64 with spaces", MESSAGE, {**good, "body": good["body"][:4] + "\n" + good["body"][4:]}
    yield "a body over the bound", MESSAGE, {**good, "body": b64(b" " * ((1 << 20) + 1))}
    yield "a member too many", ARGUMENT, {**good, "approved": True}
    yield "spent, under a new number", "BLY-WAIT-CLOSED", world.callback(world.spent)


def webhooks(world):
    good = world.hook()
    yield "unsigned", HOOK, {**good, "headers": []}
    yield "with the wrong key", HOOK, world.hook(key=b"guess")
    yield "with the other hook's key", HOOK, world.hook(key=b"another key")
    yield "for another hook", HOOK, {**good, "flow": "cd"}
    yield "another body", HOOK, {**good, "body": b64(b'{"n":2}')}
    yield "two signatures", HOOK, {**good, "headers": good["headers"] * 2}
    yield "a weaker hash", HOOK, {**good, "headers": [["X-Hub-Signature", "sha1=" + hmac.new(
        b"key", b'{"n":1}', "sha1").hexdigest()]]}
    yield "a field that is a number", MESSAGE, {**good, "headers": [["X-Hub-Signature-256", 1]]}
    yield "a field with three parts", MESSAGE, {**good, "headers": [["a", "b", "c"]]}
    yield "fields that are a text", MESSAGE, {**good, "headers": "X: y"}
    yield "no fields", MESSAGE, {"flow": "ci", "webhook": "push", "body": good["body"]}
    yield "no base64", MESSAGE, {**good, "body": "%%%"}
    yield "a member too many", ARGUMENT, {**good, "run": "r1"}
    yield "a flow that is not there", "BLY-NOT-FOUND", {**good, "flow": "nothing"}
    yield "a hook that is not there", "BLY-NOT-FOUND", {**good, "webhook": "pull"}
    yield "a flow that is a path", "BLY-NOT-FOUND", {**good, "flow": "../ci"}


def pins(world):
    people, payload = world.people, world.people.payload
    second = payload(2, world.prev, world.two)
    line = people.sign(second, ("ada",)).strip()
    raw = trust.unb64(line.rsplit(".", 1)[1])
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    bob = people.sign(second, ("bob",))
    stranger = People(world.host, "strange")

    def one(text, header=None, who="ada"):
        return {"statement": people.keys[who].sign(PIN, text, header) + people.keys["bob"].sign(PIN, text)}

    def spoilt(signature):
        return {"statement": with_signature(line, signature) + "\n" + bob}

    def head(**more):
        return json.dumps({"alg": "ES256", "kid": people.keys["ada"].kid, "typ": PIN, **more})
    yield "one signer of two", "BLY-STATEMENT-QUORUM", world.pin(second, who=("ada",))
    yield "two keys of one person", "BLY-STATEMENT-PERSON", world.pin(second, who=("ada", "ada2"))
    yield "the same signature twice", "BLY-STATEMENT-PERSON", {"statement": line + "\n" + line + "\n"}
    yield "a key that nobody knows", "BLY-STATEMENT-KEY", world.pin(second, who=("ada", "eve"))
    yield "the key of an approver", "BLY-STATEMENT-ROLE", world.pin(second, who=("ada", "dora"))
    yield "the root's key", "BLY-STATEMENT-KEY", world.pin(second, who=("ada", "root"))
    yield "another fleet", "BLY-STATEMENT-FLEET", {"statement": stranger.sign(stranger.payload(2, world.prev, world.two))}
    yield "another fleet's name by our signers", "BLY-STATEMENT-FLEET", world.pin(payload(2, world.prev, world.two, fleet=stranger.fleet))
    yield "our fleet by strangers", "BLY-STATEMENT-KEY", {"statement": stranger.sign(second)}
    yield "a roster as a pin", "BLY-STATEMENT-KIND", {"statement": people.roster}
    yield "a root document as a pin", "BLY-STATEMENT-KIND", {"statement": people.root}
    yield "the host's own session as a pin", "BLY-STATEMENT-KIND", {"statement": world.relay.statements[0] + "\n"}
    yield "a pin by the name of a decision", "BLY-STATEMENT-KIND", world.pin(second, typ="belay-decision+jws")
    yield "two payloads", "BLY-STATEMENT-MIXED", {"statement": line + "\n" + people.sign(second.replace('"2"', '"3"', 1), ("bob",))}
    yield "another payload under the signature", "BLY-STATEMENT-SIGNATURE", {"statement": "".join(
        "%s.%s.%s\n" % (a, trust.b64(second.replace('"stable"', '"stable" ').encode()), c)
        for a, _, c in (each.split(".") for each in (line + "\n" + bob).split()))}
    yield "bob's signature as ada's", "BLY-STATEMENT-SIGNATURE", spoilt(trust.unb64(bob.strip().rsplit(".", 1)[1]))
    yield "a flipped bit", "BLY-STATEMENT-SIGNATURE", spoilt(raw[:-1] + bytes([raw[-1] ^ 1]))
    yield "r and s exchanged", "BLY-STATEMENT-SIGNATURE", spoilt(raw[32:] + raw[:32])
    yield "the negative of r", "BLY-STATEMENT-SIGNATURE", spoilt(number(N - r) + number(s))
    yield "r of one, s of one", "BLY-STATEMENT-SIGNATURE", spoilt(number(1) + number(1))
    yield "r and s one below the order", "BLY-STATEMENT-SIGNATURE", spoilt(number(N - 1) * 2)
    for name, pair in (("zeros", (0, 0)), ("r of zero", (0, s)), ("s of zero", (r, 0)), ("r of the order", (N, s)),
                       ("s of the order", (r, N)), ("r above the order", (N + 1, s)), ("s above the order", (r, N + 1)),
                       ("all ones", (2**256 - 1, 2**256 - 1)), ("s and the order", (r, (s + N) % 2**256 if s + N >= 2**256 else s + N))):
        code = INVALID if any(not 0 < each < N for each in pair) else "BLY-STATEMENT-SIGNATURE"
        yield name, code, spoilt(number(pair[0]) + number(pair[1]))
    yield "DER", INVALID, spoilt(trust.to_der(raw))
    yield "63 bytes", INVALID, spoilt(raw[:63])
    yield "65 bytes", INVALID, spoilt(raw + b"\0")
    yield "no signature", INVALID, spoilt(b"")
    yield "alg none", INVALID, one(second, head(alg="none"))
    yield "alg HS256", INVALID, one(second, head(alg="HS256"))
    yield "alg ES384", INVALID, one(second, head(alg="ES384"))
    yield "a key in the header", INVALID, one(second, head(jwk=json.loads(people.keys["eve"].jwk)), who="eve")
    yield "a crit header", INVALID, one(second, head(crit=["exp"]))
    yield "a header twice", INVALID, one(second, head()[:-1] + ', "alg": "ES256"}')
    yield "padding", INVALID, {"statement": line + "=\n" + bob}
    yield "a space behind it", INVALID, {"statement": line + " \n" + bob}
    yield "CRLF", INVALID, {"statement": line + "\r\n" + bob}
    yield "an empty line", INVALID, {"statement": line + "\n\n" + bob}
    yield "nothing", INVALID, {"statement": ""}
    yield "a statement that is a list", ARGUMENT, {"statement": [line, bob]}
    yield "no statement", ARGUMENT, {}
    yield "forty signatures", "BLY-STATEMENT-PERSON", {"statement": (line + "\n") * 40}
    yield "v of two", "BLY-STATEMENT-VERSION", world.pin(payload(2, world.prev, world.two, v=2))
    yield "a member too many", INVALID, world.pin(payload(2, world.prev, world.two, force=True))
    yield "a member twice", INVALID, world.pin(second[:-1] + ',"counter":"9"}')
    yield "a member in capitals", INVALID, world.pin(second.replace('"counter"', '"Counter"'))
    yield "a counter that is a number", INVALID, world.pin(payload(2, world.prev, world.two, counter=2))
    for text in ("02", "-2", "0", "2.0", "9223372036854775808", "2e3", ""):
        yield "the counter %r" % text, INVALID, world.pin(payload(text, world.prev, world.two))
    yield "a digest in capitals", INVALID, world.pin(payload(2, world.prev.upper(), world.two))
    yield "bytes behind the payload", INVALID, world.pin(second + " {}")
    yield "deep nesting in a payload", INVALID, world.pin(payload(2, world.prev, world.two, selector="X").replace('"X"', "[" * 5000 + "]" * 5000))
    yield "another channel", "BLY-PIN-CHANNEL", world.pin(payload(2, world.prev, world.two, channel="beta"))
    yield "another host", "BLY-PIN-SELECTOR", world.pin(payload(2, world.prev, world.two, selector=["host:" + "ab" * 32]))
    yield "a fork of the first", "BLY-STATEMENT-FORK", world.pin(payload(1, "", world.two))
    yield "a fork by what it follows", "BLY-STATEMENT-FORK", world.pin(payload(2, "1" * 64, world.two))
    yield "a member beside the statement", ARGUMENT, {"statement": line + "\n" + bob, "live": True}


def releases(world):
    def content(text, **more):
        return {"digest": hashlib.sha256(text).hexdigest(), "content": text.decode(), **more}
    yield "that nobody pinned", "BLY-RELEASE-UNPINNED", content(trust.gate("evil").encode())
    yield "of a flow without a pin", "BLY-RELEASE-UNPINNED", content(b"slug: evil\nsteps:\n  - id: a\n    set: {x: 1}\nstate: {x: 0}\n")
    yield "with another's digest", "BLY-FLOW-DIGEST", {**content(world.two), "digest": hashlib.sha256(world.one).hexdigest()}
    yield "with a byte too many", "BLY-FLOW-DIGEST", {**content(world.one), "content": world.one.decode() + "\n"}
    yield "without content", "BLY-FLOW-DIGEST", {"digest": hashlib.sha256(world.one).hexdigest()}
    yield "with a member too many", ARGUMENT, content(world.two, promote=True)
    yield "that is no flow", None, content(b"rm -rf /\n")


def kinds(world):
    for kind in ("exec", "shell", "run", "upgrade", "CALLBACK", "callback ", "", "rosters", "x" * 5000, "\x1b[2J", "\u202e"):
        yield "%r" % kind[:20], MESSAGE, kind, world.callback()
    yield "a body that is deep", MESSAGE, "exec", "{\"a\":" * 50 + "1" + "}" * 50


def attacks(world):
    for kind, rows in (("callback", callbacks), ("webhook", webhooks), ("pin", pins), ("release", releases),
                       ("decision", lies_of_people.decisions), ("roster", lies_of_people.rosters)):
        for name, code, body in rows(world):
            yield "%s: %s" % (kind, name), code, kind, body
    for name, code, kind, body in kinds(world):
        yield "kind " + name, code, kind, body


@contextlib.contextmanager
def stage():
    with belay.Host() as host, RelayOfLies(host.folder) as relay:
        save = host.write("save", "#!/bin/sh\nprintf '%%s\\n%%s\\n%%s\\n' \"$BELAY_CALLBACK_WAIT\" \"$BELAY_CALLBACK_TOKEN\""
                          " \"$BELAY_CALLBACK_URL\" > %s/call-$1.tmp && mv %s/call-$1.tmp %s/call-$1\n" % ((host.folder,) * 3))
        os.chmod(save, 0o755)
        host.write("policy.yaml", POLICY % (save, save))
        host.write_settings({"link": {"ca_file": relay.ca}})
        host.init()
        host.start()
        world = World(host, relay)
        world.accept("pin", {"statement": world.people.sign(world.first)})
        world.accept("release", {"digest": hashlib.sha256(world.one).hexdigest(), "content": world.one.decode()})
        world.accept("callback", world.callback(world.spent))
        world.accept("webhook", world.hook(body=b'{"n":0}'))
        belay.eventually(lambda: trust.live(host) == 1, what="the pinned release")
        yield world


def test_every_lie_has_its_code_and_no_effect():
    with stage() as world:
        said = [(world.relay.say(kind, body), name, code) for name, code, kind, body in attacks(world)]
        print("%d lies" % len(said))
        world.taken(said[-1][0])
        outcomes, wrong = world.outcomes(), []
        for seq, name, code in said:
            got = outcomes.get(seq)
            if got is None or (code and got != code):
                wrong.append("%s: wanted %s, got %s" % (name, code, got))
        if wrong:
            raise AssertionError("\n".join(wrong))
        world.unmoved(1)
        # What was right before, again, under new numbers, with other header fields, and after a restart: nothing new.
        replays = [("webhook", world.hook(body=b'{"n":0}')),
                   ("webhook", world.hook(body=b'{"n":0}', fields=[["X-GitHub-Delivery", "new"], ["Date", "now"]])),
                   ("pin", {"statement": world.people.sign(world.first)}),
                   ("pin", {"statement": world.people.sign(world.first, ("bob", "ada"))}),
                   ("release", {"digest": hashlib.sha256(world.one).hexdigest(), "content": world.one.decode()})]
        for restart in (False, True):
            if restart:
                world.host.kill()
                world.host.start()
            last = [world.relay.say(kind, body) for kind, body in replays][-1]
            spent = world.relay.say("callback", world.callback(world.spent))
            world.taken(spent)
            check.equal("BLY-WAIT-CLOSED", world.outcomes()[spent])
            check.equal(True, last < spent)
            world.unmoved(1)
        # And what is right still is.
        world.accept("callback", world.callback())
        check.equal({"ok": True}, world.host.wait_run(world.call)["run"]["output"]["body"])
        world.accept("webhook", world.hook(body=b'{"n":5}'))
        request = lies_of_people.request_of(world.host, world.approval)
        decision = {"statement": world.people.keys["dora"].sign(
            lies_of_people.DECISION, lies_of_people.decision_on(world.people, request))}
        world.accept("decision", decision)
        belay.eventually(lambda: not world.host.waits(kind="approval"), what="the decision")
        roster = {"statement": lies_of_people.next_roster(world.people)}
        world.accept("roster", roster)
        # The same decision again is no other; a second one comes too late. An old roster, and another one in the new one's place.
        world.accept("decision", decision)
        changed = lies_of_people.decision_on(world.people, request, decision="reject")
        late = [world.relay.say(kind, body) for kind, body in (
            ("roster", {"statement": world.people.roster}),
            ("decision", {"statement": world.people.keys["dora"].sign(lies_of_people.DECISION, changed)}),
            ("roster", {"statement": lies_of_people.next_roster(world.people, max_age="864001")}))]
        world.taken(late[-1])
        check.equal(["BLY-STATEMENT-OLD", "BLY-WAIT-CLOSED", "BLY-STATEMENT-FORK"], [world.outcomes().get(each) for each in late])
        check.equal("2", str(links.ok(world.host.cli("trust", "show"))["trust"]["roster"]["version"]))
        world.accept("pin", world.pin())
        world.accept("release", {"digest": hashlib.sha256(world.two).hexdigest(), "content": world.two.decode()})
        belay.eventually(lambda: trust.live(world.host) == 2, what="the second release")


START, JOB = "belay-start+jws", (b"slug: job\ninput: {type: object, properties: {n: {type: integer}}}\nsteps:\n"
                                 b"  - id: a\n    set: {n: '${{ input.n }}'}\nstate: {n: 0}\noutput: '${{ state }}'\n")
JOBS = ("flows:\n  - {slug: job, pin: required}\nstarts:\n  allow:\n    - {flows: [job, free], persons: [sam]}\n  expires: 2h\n"
        "run: {allow: []}\n")


def instant(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


class Starts:
    """A host whose policy lets sam start a pinned flow, and what is signed and sealed for it."""

    def __init__(self, host, relay):
        self.host, self.relay = host, relay
        self.people = People(host)
        self.people.install(host)
        links.ok(host.cli("link", "enrol", relay.url, "--token", "t", "--label", "victim"))
        links.connected(host)
        self.pin = self.people.payload(1, "", JOB, flow="job")
        for kind, body in (("pin", {"statement": self.people.sign(self.pin)}), ("release", self.content(JOB))):
            self.taken(relay.say(kind, body))
        belay.eventually(lambda: host.get("/v1/flows/job")["flow"].get("live"), what="the pinned release")
        # Live, and named by no pin.
        links.ok(host.cli("flow", "push", host.write("free.flow.yaml", "slug: free\nsteps:\n  - {id: a, set: {x: 1}}\nstate: {x: 0}\n")))
        links.ok(host.cli("flow", "release", "free"))
        links.ok(host.cli("flow", "promote", "free"))
        self.jwk = links.ok(host.cli("host", "key"))["key"]
        self.name = sealing.thumbprint(self.jwk)

    taken, outcomes = World.taken, World.outcomes

    @staticmethod
    def content(text):
        return {"digest": hashlib.sha256(text).hexdigest(), "content": text.decode()}

    def epoch(self):
        return links.ok(self.host.cli("host", "show"))["host"]["epoch"]

    def payload(self, **more):
        return dumps({"v": 1, "fleet": self.people.fleet, "host": self.name, "epoch": self.epoch(), "flow": "job",
                      "release": hashlib.sha256(JOB).hexdigest(), "input": {"n": 1}, "key": "k", "created": instant(-5),
                      "not_after": instant(600), **more})

    def body(self, payload=None, who="sam", typ=START, lines=None, jwk=None, kind="belay-start+jwe", **more):
        payload = payload or self.payload()
        lines = lines if lines is not None else self.people.keys[who].sign(typ, payload)
        return {"start": hashlib.sha256(payload.encode()).hexdigest(), "sealed": sealing.seal(lines, kind, jwk or self.jwk),
                **more}

    def runs(self):
        return sum(len(self.host.get("/v1/runs?flow=%s&limit=1000" % flow)["runs"]) for flow in ("job", "free"))

    def receipts(self):
        """What the host has signed about starts, by their digests."""
        out = {}
        for message in list(self.relay.handed):
            if message["kind"] == "start_receipt":
                said = json.loads(trust.unb64(message["body"]["statement"].split(".")[1]))
                out.setdefault(said["start"], []).append(said)
        return out


def starts(world):
    """Name, code, whether the host says so, and the body."""
    people, payload = world.people, world.payload
    stranger = People(world.host, "odd")
    other = trust.OpensslKey(world.host.folder, "otherhost")
    good = people.keys["sam"].sign(START, payload()).strip()
    raw = trust.unb64(good.rsplit(".", 1)[1])
    changed = payload(input={"n": 666})

    def spoilt(lines):
        return world.body(trust.unb64(lines.split(".")[1]).decode(), lines=lines)
    yield "another role", "BLY-STATEMENT-ROLE", True, world.body(payload(), "dora")
    yield "a release signer", "BLY-STATEMENT-ROLE", True, world.body(payload(), "ada")
    yield "a key that nobody knows", "BLY-STATEMENT-KEY", True, world.body(payload(), "eve")
    yield "the root's key", "BLY-STATEMENT-KEY", True, world.body(payload(), "root")
    yield "another fleet", "BLY-STATEMENT-FLEET", True, world.body(payload(fleet=stranger.fleet))
    yield "our fleet by strangers", "BLY-STATEMENT-KEY", True, world.body(payload(), lines=stranger.keys["sam"].sign(START, payload()))
    yield "another host", "BLY-START-HOST", True, world.body(payload(host=sealing.thumbprint(json.loads(other.jwk))))
    yield "an earlier epoch", "BLY-START-EPOCH", True, world.body(payload(epoch="0." + world.epoch().split(".")[1]))
    yield "a later epoch", "BLY-START-EPOCH", True, world.body(payload(epoch="9." + world.epoch().split(".")[1]))
    yield "no epoch", "BLY-START-EPOCH", True, world.body(payload(epoch=""))
    yield "its end is over", "BLY-START-EXPIRED", True, world.body(payload(created=instant(-600), not_after=instant(-1)))
    yield "it lives for a year", "BLY-START-EXPIRED", True, world.body(payload(not_after=instant(365 * 86400)))
    yield "a person whom no rule names", "BLY-POLICY-REFUSED", True, world.body(payload(), "tess")
    yield "a flow that no rule names", "BLY-POLICY-REFUSED", True, world.body(payload(flow="gate"))
    yield "a release that is not live", "BLY-START-RELEASE", True, world.body(payload(release="ab" * 32))
    yield "a flow that no pin names", "BLY-PIN-REQUIRED", True, world.body(payload(flow="free", release=""))
    yield "an input that does not fit", "BLY-INPUT-INVALID", True, world.body(payload(input={"n": "rm -rf /"}))
    yield "another input under the signature", "BLY-STATEMENT-SIGNATURE", False, world.body(
        changed, lines="%s.%s.%s" % (good.split(".")[0], trust.b64(changed.encode()), good.split(".")[2]))
    yield "a flipped bit", "BLY-STATEMENT-SIGNATURE", False, spoilt(with_signature(good, raw[:-1] + bytes([raw[-1] ^ 1])))
    yield "zeros", INVALID, False, spoilt(with_signature(good, bytes(64)))
    yield "two signatures", INVALID, False, world.body(payload(), lines="".join(
        people.keys[each].sign(START, payload()) for each in ("sam", "tess")))
    yield "a pin as a start", "BLY-STATEMENT-KIND", False, world.body(world.pin, lines=people.sign(world.pin, ("ada",)))
    yield "a start by the name of a decision", "BLY-STATEMENT-KIND", False, world.body(payload(), typ="belay-decision+jws")
    yield "v of two", "BLY-STATEMENT-VERSION", False, world.body(payload(v=2))
    yield "a member too many", INVALID, False, world.body(payload(user="root"))
    yield "a member twice", INVALID, False, world.body(payload()[:-1] + ',"flow":"free"}')
    yield "no key", INVALID, False, world.body(payload(key=""))
    yield "an end before its beginning", INVALID, False, world.body(payload(not_after=instant(-3600)))
    yield "an input that is a list", INVALID, False, world.body(payload(input=[1]))
    yield "a flow that is a path", INVALID, False, world.body(payload(flow="../job"))
    yield "sealed for another host", "BLY-SEALED", False, world.body(jwk=json.loads(other.jwk))
    yield "sealed as a request", "BLY-SEALED", False, world.body(kind="belay-request+jwe")
    yield "not sealed", "BLY-SEALED", False, {**world.body(), "sealed": good}
    yield "sealed, and changed", "BLY-SEALED", False, {**world.body(), "sealed": world.body()["sealed"].replace(
        '"tag": "', '"tag": "AAAA', 1)}
    yield "under another name", MESSAGE, False, {**world.body(), "start": "ab" * 32}
    yield "a member beside it", ARGUMENT, False, world.body(run="r1")
    yield "nothing", ARGUMENT, False, {"start": "ab" * 32}


def test_lies_about_starts_start_nothing():
    with belay.Host(policy=JOBS) as host, RelayOfLies(host.folder) as relay:
        host.write_settings({"link": {"ca_file": relay.ca}})
        host.init()
        host.start()
        world = Starts(host, relay)
        said = [(relay.say("start", body), name, code, told, body["start"]) for name, code, told, body in starts(world)]
        print("%d lies about starts" % len(said))
        world.taken(said[-1][0])
        outcomes, wrong = world.outcomes(), []
        for seq, name, code, _, _ in said:
            if outcomes.get(seq) != code:
                wrong.append("%s: wanted %s, got %s" % (name, code, outcomes.get(seq)))
        check.equal([], wrong)
        check.equal(0, world.runs())
        # Whoever sent it is told, and in no other words; what anybody could have forged has no answer that could be passed off.
        told = [(name, code, start) for _, name, code, tell, start in said if tell]
        belay.eventually(lambda: sum(map(len, world.receipts().values())) >= len(told), what="the receipts")
        receipts = world.receipts()
        for name, code, start in told:
            check.equal(True, code in [each["code"] for each in receipts.get(start, [])], name)
        check.equal(len(told), sum(map(len, receipts.values())))
        # What is right begins one run. Then it comes again: under another number, sealed anew, signed anew, after kill -9.
        good = world.payload(key="good", input={"n": 7})
        first = world.body(good)
        world.taken(relay.say("start", first))
        belay.eventually(lambda: world.receipts().get(first["start"]), what="the receipt")
        accepted = world.receipts()[first["start"]][0]
        check.equal("accepted", accepted["outcome"])
        check.equal({"n": 7}, host.wait_run(accepted["run"])["run"]["output"])
        for turn in range(2):
            again = [relay.say("start", body) for body in (first, world.body(good), world.body(good), first)]
            world.taken(again[-1])
            if not turn:
                host.kill()
                host.start()
                links.connected(host)
        late = [relay.say("start", world.body(payload)) for payload in (
            world.payload(key="good", input={"n": 8}), world.payload(key="good", input={"n": 7}))]
        world.taken(late[-1])
        check.equal(("BLY-START-CONFLICT", None), tuple(world.outcomes().get(each) for each in late))
        check.equal(1, world.runs())
        belay.eventually(lambda: len(world.receipts()[first["start"]]) >= 9, what="the same receipt, each time")
        check.equal([accepted], [dict(each) for each in {dumps(each): each for each in world.receipts()[first["start"]]}.values()])
        # In another epoch nothing of that counts any more, not even what was right.
        links.ok(host.cli("host", "rekey"))
        check.equal(True, world.epoch() != json.loads(good)["epoch"])
        links.ok(host.cli("link", "enrol", relay.url, "--token", "t", "--label", "victim"))
        links.connected(host)
        world.jwk = links.ok(host.cli("host", "key"))["key"]
        moved = relay.say("start", world.body(world.payload(key="moved")))
        world.name = sealing.thumbprint(world.jwk)
        old = relay.say("start", world.body(world.payload(epoch=json.loads(good)["epoch"], key="old")))
        belay.eventually(lambda: {old, moved} <= set(world.outcomes()), 30, "what is old")
        check.equal(("BLY-START-HOST", "BLY-START-EPOCH"), (world.outcomes()[moved], world.outcomes()[old]))
        check.equal(1, world.runs())


class LiesToPeople(RelayOfLies):
    """What it says to starters is what `says` has for the method and the path without its last part."""

    def __init__(self, folder):
        super().__init__(folder)
        self.says = {}

    def answer(self, asked):
        path = asked.path.split("?")[0]
        for method, front in self.says:
            if asked.method == method and path.startswith(front):
                told = self.says[(method, front)]
                return self.ok(told(asked) if callable(told) else told)
        return super().answer(asked)


def test_a_relay_that_lies_to_a_starter():
    """Forged offers, swapped labels and receipts that are none: nothing is signed for whom it is not meant, and nothing that
    the host has not said is told as its word."""
    with belay.Host(policy=JOBS) as host, LiesToPeople(host.folder) as relay:
        host.write_settings({"link": {"ca_file": relay.ca}})
        host.init()
        host.start()
        world = Starts(host, relay)
        secret = ("--passphrase-file", host.write("passphrase", "correct horse battery\n"))
        mine = links.ok(host.cli("host", "offer"))
        key_file = os.path.join(host.folder, "new-sam.key")
        links.ok(host.cli("key", "new", key_file, "--iterations", "10000", *secret))
        words = ("start", "job", "--relay", relay.url, "--ca-file", relay.ca, "--key", key_file, *secret, "--timeout", "1s")

        def start(on=None, *more):
            return host.cli(*words, "--on", on or world.name, *more, environment={"BELAY_RELAY_TOKEN": "t"})
        forger = trust.OpensslKey(host.folder, "forger")
        payload = json.loads(trust.unb64(mine["offer"].split(".")[1]))
        dossier = {"host": world.name, "label": "victim", "host_key": world.jwk, "offer": mine["offer"]}

        def forged(**more):
            return forger.sign("belay-offer+jws", dumps({**payload, **more})).strip()
        head, _, tail = mine["offer"].split(".")
        altered = "%s.%s.%s" % (head, trust.b64(dumps({**payload, "epoch": "9.x"}).encode()), tail)
        lies = [("the key of a forger", "BLY-HOST-UNKNOWN", {**dossier, "host_key": json.loads(forger.jwk), "offer": forged(
                    host=sealing.thumbprint(json.loads(forger.jwk)))}),
                ("an offer of a forger", "BLY-STATEMENT-KEY", {**dossier, "offer": forged()}),
                ("a forger who says who he is", "BLY-STATEMENT-KEY", {**dossier, "offer": forged(
                    host=sealing.thumbprint(json.loads(forger.jwk)))}),
                ("an offer that was altered", "BLY-STATEMENT-SIGNATURE", {**dossier, "offer": altered}),
                ("a pin as an offer", INVALID, {**dossier, "offer": world.people.sign(world.pin, ("ada",)).strip()}),
                ("no offer", "BLY-NOT-FOUND", {**dossier, "offer": ""}),
                ("no key", "BLY-HOST-UNKNOWN", {"host": world.name, "offer": mine["offer"]})]
        for name, code, told in lies:
            relay.says = {("GET", "/v1/hosts/"): told}
            answer = start()
            check.equal(code, answer.error.get("code") if answer.code else "taken", name)
        # A label is worth what a registrar's card says, and there is none.
        relay.says = {("GET", "/v1/hosts/"): dossier}
        check.equal("BLY-HOST-UNKNOWN", start("victim").error["code"])
        # It is signed and handed in; then the relay says what has become of it.
        handed = []
        relay.says = {("GET", "/v1/hosts/"): dossier, ("POST", "/v1/starts"): lambda asked: handed.append(json.loads(asked.body)) or {},
                      ("GET", "/v1/starts/"): {"receipt": ""}}
        check.equal((0, False), (start().code, "run" in start().data))
        check.equal([sealing.thumbprint(world.jwk)] * 2, [json.loads(each["sealed"])["recipients"][0]["header"]["kid"] for each in handed])

        def receipt(asked, key=forger, typ="belay-start-receipt+jws", **more):
            return {"receipt": key.sign(typ, dumps({
                "v": 1, "fleet": world.people.fleet, "host": world.name, "start": asked.path.rsplit("/", 1)[1], "signer": "A" * 43,
                "outcome": "accepted", "code": "", "run": "r1", "created": "2026-11-21T01:02:03Z", **more})).strip()}
        # The host's own word about another start.
        world.taken(relay.say("start", world.body(world.payload(key="real"))))
        belay.eventually(lambda: [each for each in relay.handed if each["kind"] == "start_receipt"], what="a receipt")
        real = [each for each in relay.handed if each["kind"] == "start_receipt"][-1]["body"]["statement"]
        for name, code, told in (
                ("a receipt of a forger", "BLY-STATEMENT-KEY", receipt),
                ("a receipt of a forger in his name", "BLY-STATEMENT-KEY",
                 lambda asked: receipt(asked, host=sealing.thumbprint(json.loads(forger.jwk)))),
                ("the receipt of another start", INVALID, {"receipt": real}),
                ("a receipt about a decision", "BLY-STATEMENT-KIND", lambda asked: receipt(asked, typ="belay-receipt+jws")),
                ("no receipt", INVALID, {"receipt": "it is done, believe me"})):
            relay.says[("GET", "/v1/starts/")] = told
            answer = start()
            check.equal(code, answer.error.get("code") if answer.code else "taken", name)
            check.equal("", (answer.data or {}).get("run", ""), name)


def answers(base):
    """Answers to a poll that are not what an answer is. Their code stands in `belay link status`."""
    def messages(text):
        return '{"ok":true,"data":{"messages":[%s]},"meta":{"schema":1}}' % text
    message = '{"seq":%s,"kind":"exec","at_ms":1,"body":%s}'
    protocol = "BLY-HTTP-PROTOCOL"
    rows = [("a number that goes back", protocol, messages(message % (base + 9, "{}") + "," + message % (base + 8, "{}"))),
            ("a number twice", protocol, messages(message % (base + 9, "{}") + "," + message % (base + 9, "{}"))),
            ("the number zero", protocol, messages(message % (0, "{}"))),
            ("a negative number", protocol, messages(message % (-1, "{}"))),
            ("the number 2^63", protocol, messages(message % (2**63, "{}"))),
            ("the number 2^63 - 1", protocol, messages(message % (2**63 - 1, "{}"))),
            ("the number 2^53", protocol, messages(message % (2**53, "{}"))),
            ("half a number", protocol, messages(message % ("1.5", "{}"))),
            ("a number as text", protocol, messages(message % ('"9"', "{}"))),
            ("a body that is a list", protocol, messages(message % (base + 9, "[]"))),
            ("a body that is a text", protocol, messages(message % (base + 9, '"x"'))),
            ("messages that are no list", protocol, '{"ok":true,"data":{"messages":{}}}'),
            ("messages that are not there", protocol, '{"ok":true,"data":{}}'),
            ("messages that are numbers", protocol, messages("1,2")),
            ("no JSON", protocol, "<html>"),
            ("half of the JSON", protocol, messages(message % (base + 9, "{}"))[:-5]),
            ("nothing", protocol, ""),
            ("a member twice", protocol, '{"ok":true,"ok":true,"data":{"messages":[]}}'),
            ("bytes that are no UTF-8", protocol, b'{"ok":true,"data":{"messages":[{"\xff\xfe":1}]}}'),
            ("a NUL in a text", protocol, messages(message % (base + 9, '{"statement":"a\\u0000b"}'))),
            ("half of a character", protocol, messages(message % (base + 9, '{"statement":"\\ud800"}'))),
            ("deep nesting in a message", protocol, messages(message % (base + 9, '{"a":' * 500 + "1" + "}" * 500))),
            ("deep nesting", protocol, "[" * 200_000 + "]" * 200_000),
            ("more than an answer may have", "BLY-HTTP-BODY-TOO-LARGE", b" " * (40 << 20)),
            ("an answer of somebody else", protocol, "not found", 404, {"Content-Type": "text/html"}),
            ("a redirect", None, "", 302, {"Location": "https://localhost:1/"}),
            ("an error that nobody knows", None, '{"ok":false,"error":{"code":"BLY-NO-SUCH","message":"m"}}', 400),
            ("the code of another thing", None, '{"ok":false,"error":{"code":"BLY-OK","message":"m","actions":[1]}}', 500)]
    return rows if NIGHTLY else rows[::3]


@check.bound(240)
def test_answers_that_are_none():
    with belay.Host() as host, RelayOfLies(host.folder) as relay:
        host.write_settings({"link": {"ca_file": relay.ca}})
        host.init()
        host.start()
        links.ok(host.cli("link", "enrol", relay.url, "--token", "t", "--label", "victim"))
        links.connected(host)
        for row in range(len(answers(0))):
            base = len(relay.messages)
            name, code, *lie = answers(base)[row]
            sessions, polls = relay.sessions, relay.polls
            relay.lie(*lie)
            # It is told apart from a relay that is not there, and is asked again.
            belay.eventually(lambda n=sessions, m=polls: relay.sessions > n or relay.polls > m + 1, 30, name)
            status, link = links.state(host)
            check.equal(base, link["received"], name)
            if code:
                check.equal(code, (status.get("last_error") or {}).get("code"), name)
            heard(host, relay, name)
        print("%d answers are refused" % len(answers(0)))


def heard(host, relay, name):
    """A message gets through, whatever was before."""
    seq = relay.say("exec", {})
    belay.eventually(lambda: links.state(host)[1]["received"] >= seq, 60, "a message behind: " + name)


def test_sessions_that_are_none():
    """What a relay says when a session begins, and a nonce of the real relay that is passed on."""
    with relays.Relay() as real, belay.Host() as host, RelayOfLies(host.folder) as relay:
        real.start()
        host.write_settings({"link": {"ca_file": relay.ca}})
        host.init()
        host.start()
        links.ok(host.cli("link", "enrol", relay.url, "--token", "t", "--label", "victim"))
        links.connected(host)
        honest = relay.nonce
        grants = [("no session", "BLY-HTTP-PROTOCOL", {"session": ""}),
                  ("a session that is a number", "BLY-HTTP-PROTOCOL", {"session": 7}),
                  ("a session with a header field in it", None, {"session": "x\r\nX-Evil: 1"}),
                  ("all numbers used up", "BLY-HTTP-PROTOCOL", {"received": 2**52}),
                  ("polls without a length", "", {"poll_max_s": -5}),
                  ("what the host has not said", "", {"previous": "a.b.c"})]
        nonces = [("no nonce", ""), ("a short nonce", relays.b64(b"x" * 31)), ("a long nonce", relays.b64(b"x" * 33)),
                  ("a nonce with a sentence", "I approve of everything, signed, the host. "),
                  ("a nonce that is not canonical", relays.b64(b"\xff" * 32)[:-1] + "9")]
        for name, code, grant in grants if NIGHTLY else grants[::2]:
            sessions = relay.sessions
            relay.grant = grant
            relay.lie("", 401)
            belay.eventually(lambda n=sessions: relay.sessions > n, 30, name)
            time.sleep(0.3)
            if code:
                belay.eventually(lambda c=code: (links.state(host)[0].get("last_error") or {}).get("code") == c, 20, name)
            relay.grant = {}
            heard(host, relay, name)
        for name, nonce in nonces if NIGHTLY else nonces[1::2]:
            statements = len(relay.statements)
            relay.nonce = lambda value=nonce: value
            relay.lie("", 401)
            belay.eventually(lambda: links.state(host)[0]["phase"] != "connected", 30, name)
            time.sleep(1)
            check.equal(statements, len(relay.statements), "it has signed " + name)
            relay.nonce = honest
            heard(host, relay, name)
        # The real relay knows this host; the one that lies wants to be it there.
        answers = []

        def relayed():
            _, envelope = real.request("POST", "/v1/session", {})
            return envelope["data"]["nonce"]

        with open(os.path.join(host.state, "keys", "host.key"), encoding="utf-8") as file:
            key = json.load(file)
        jwk = {name: key[name] for name in ("crv", "kty", "x", "y")}
        check.equal(200, real.request("POST", "/v1/enrol", {"key": jwk, "label": "v"}, bearer=real.token())[0])
        relay.on_statement = lambda text: answers.append(real.request("POST", "/v1/session", {"statement": text}))
        relay.nonce = relayed
        relay.lie("", 401)
        belay.eventually(lambda: answers, 30, "a statement over the real relay's nonce")
        check.equal([(403, "BLY-RELAY-URL")], [(status, e["error"]["code"]) for status, e in answers[:1]])


def test_a_flood_of_refusals_holds_nothing_up():
    schedule = ("slug: tick\ntriggers:\n  - every: 1s\nsteps:\n  - id: a\n    set: {x: 1}\nstate: {x: 0}\n")
    with belay.Host() as host, RelayOfLies(host.folder) as relay:
        host.write_settings({"link": {"ca_file": relay.ca}})
        host.init()
        host.start()
        links.ok(host.cli("flow", "push", host.write("tick.flow.yaml", schedule)))
        links.ok(host.cli("flow", "release", "tick"))
        links.ok(host.cli("flow", "promote", "tick"))
        links.ok(host.cli("link", "enrol", relay.url, "--token", "t", "--label", "victim"))
        links.connected(host)
        for n in range(20_000):
            relay.say(("exec", "callback", "webhook", "pin")[n % 4], {"wait": "w", "n": n})

        def runs():
            return len(host.get("/v1/runs?flow=tick&limit=1000")["runs"])
        begun, before, took = time.monotonic(), runs(), []
        state_bytes = sum(os.path.getsize(os.path.join(host.state, name)) for name in os.listdir(host.state)
                          if os.path.isfile(os.path.join(host.state, name)))
        lasted, ticks, received = 0, 0, 0
        # Longer where too little came to be.
        while lasted < 15 or (lasted < 90 and (ticks < 5 or received < 200)):
            at = time.monotonic()
            shown = host.run({"slug": "local", "steps": [{"id": "a", "set": {"x": 1}}], "state": {"x": 0}})
            check.equal("succeeded", shown["run"]["status"])
            took.append(time.monotonic() - at)
            time.sleep(0.05)
            ticks, received = runs() - before, links.state(host)[1]["received"]
            lasted = time.monotonic() - begun
        if not lasted / 2 <= ticks <= lasted + 2:
            raise AssertionError("%d runs in %.1f s" % (ticks, lasted))
        # One may meet a machine that stands still; half of them may not.
        slowest, usual = max(took), sorted(took)[len(took) // 2]
        if slowest > 20 or usual > 1:
            raise AssertionError("a run took %.1f s, half of them more than %.1f s" % (slowest, usual))
        print("%d of 20,000 refused in %.0f s, slowest run %.2f s" % (received, lasted, slowest))
        if not 200 <= received <= 100 * lasted:
            raise AssertionError("%d were taken" % received)
        check.has(host.log(), "link.over_budget")
        grown = sum(os.path.getsize(os.path.join(host.state, name)) for name in os.listdir(host.state)
                    if os.path.isfile(os.path.join(host.state, name))) - state_bytes
        if grown > 16 << 20:
            raise AssertionError("the state has grown by %d bytes" % grown)


@check.bound(3600)
def test_statements_spoilt_at_random():
    seed = int.from_bytes(os.urandom(4), "big")
    count = 1_000_000 if NIGHTLY else 20_000
    program = os.path.join(os.environ.get("BELAY_BUILD", "build"), "tests", "statement_mutations")
    done = subprocess.run([program, str(count), str(seed)], capture_output=True, text=True, check=False)
    print("seed %d\n%s" % (seed, done.stdout[-3000:]))
    check.equal(0, done.returncode, done.stderr)


if __name__ == "__main__":
    check.main(globals())
