"""Signed release pins on the real binary: keys, root, roster and pins by the commands, and by openssl."""

import base64
import hashlib
import json
import os
import random
import subprocess
import threading

import belay
import check

PASSPHRASE = "correct horse battery"
POLICY = "flows:\n  - {id: production, slug: gate, pin: required}\nrun: {allow: []}\n"


def gate(word, more=""):
    return ("slug: gate\nname: Gate\n" + more + "steps:\n  - id: review\n    wait: {approval: {summary: 'Go on?'}, timeout: 1h}\n"
            "  - id: say\n    set: {said: %s}\nstate: {said: none}\noutput: '${{ state }}'\n" % word)


def ok(answer):
    check.equal(0, answer.code, str(answer))
    return answer.data


def refused(code, answer, exit_code=7):
    check.equal(code, answer.error.get("code"), str(answer))
    check.equal(exit_code, answer.code, str(answer))
    return answer.error


class Fleet:
    """A host with files of a fleet: two root keys of which one signs, three signers of whom two sign."""

    def __init__(self, host):
        self.host = host
        self.secret = ("--passphrase-file", host.write("passphrase", PASSPHRASE + "\n"))
        self.keys = {}
        for name in ("rosa", "ada", "bob", "cy", "eve"):
            path = os.path.join(host.folder, name + ".key")
            self.keys[name] = ok(host.cli("key", "new", path, "--iterations", "10000", *self.secret))
        answer = ok(host.cli("trust", "init", self.path("fleet"), "--name", "test", "--root", "rosa=" + self.pub("rosa"),
                             "--signer", "ada=" + self.pub("ada"), "--signer", "bob=" + self.pub("bob"),
                             "--signer", "cy=" + self.pub("cy"), "--pin-threshold", "2", *self.by("rosa")))
        self.root, self.roster, self.digest = answer["root_file"], answer["roster_file"], answer["root_digest"]

    def path(self, name):
        return os.path.join(self.host.folder, name)

    def pub(self, name):
        return self.path(name + ".key.pub")

    def by(self, name):
        return ("--key", self.path(name + ".key"), *self.secret)

    def install(self):
        return ok(self.host.cli("trust", "install", "--root", self.root, "--root-digest", self.digest, "--roster",
                                self.roster, "--least-roster", "1"))

    def pin(self, name, release, *more, signers=("ada", "bob")):
        out = self.path(name)
        ok(self.host.cli("pin", "create", "gate", "--release", str(release), "--out", out, *more, *self.by(signers[0])))
        for signer in signers[1:]:
            ok(self.host.cli("pin", "sign", out, *self.by(signer)))
        return out

    def apply(self, path):
        return self.host.cli("pin", "apply", path)


def release(host, word, more=""):
    host.cli("flow", "push", host.write("gate.flow.yaml", gate(word, more)))
    return ok(host.cli("flow", "release", "gate", "--note", word))["release"]["number"]


def flow(host):
    return host.get("/v1/flows/gate")["flow"]


def live(host):
    return (flow(host).get("live") or {}).get("release")


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def openssl(*words, stdin=b""):
    return subprocess.run(("openssl",) + words, input=stdin, capture_output=True, check=True).stdout


def der_integer(data):
    data = data.lstrip(b"\0") or b"\0"
    data = (b"\0" if data[0] & 0x80 else b"") + data
    return b"\x02" + bytes([len(data)]) + data


def to_der(raw):
    body = der_integer(raw[:32]) + der_integer(raw[32:])
    return b"\x30" + bytes([len(body)]) + body


def from_der(der):
    out, at = b"", 2
    for _ in range(2):
        size = der[at + 1]
        out += der[at + 2:at + 2 + size].lstrip(b"\0").rjust(32, b"\0")
        at += 2 + size
    return out


class OpensslKey:
    """A key that Belay has never seen the private part of."""

    def __init__(self, folder, name):
        self.pem = os.path.join(folder, name + ".pem")
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.pem)
        point = openssl("ec", "-in", self.pem, "-pubout", "-outform", "DER")[-64:]
        self.jwk = '{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}' % (b64(point[:32]), b64(point[32:]))
        self.kid = b64(hashlib.sha256(self.jwk.encode()).digest())

    def sign(self, typ, payload, header=None):
        header = header or json.dumps({"typ": typ, "kid": self.kid, "alg": "ES256"})
        signed = b64(header.encode()) + "." + b64(payload.encode())
        der = openssl("dgst", "-sha256", "-sign", self.pem, stdin=signed.encode())
        return signed + "." + b64(from_der(der)) + "\n"


def test_two_of_three_make_a_release_live():
    with belay.started(policy=POLICY) as host:
        fleet = Fleet(host)
        check.equal(1, release(host, "one"))
        error = refused("BLY-PIN-REQUIRED", host.cli("flow", "promote", "gate"))
        check.has(error["message"], "flows[0] (production)")
        refused("BLY-PIN-REQUIRED", host.cli("flow", "run", "gate", "--draft"))
        refused("BLY-PIN-REQUIRED", host.cli("flow", "run", "gate", "--release", "1"))
        first = fleet.path("first.jws")
        refused("BLY-TRUST-NONE", host.cli("pin", "create", "gate", "--release", "1", "--out", first, *fleet.by("ada")))
        refused("BLY-TRUST-DIGEST", host.cli("trust", "install", "--root", fleet.root, "--root-digest", "0" * 63 + "1",
                                             "--roster", fleet.roster))
        fleet.install()
        first = fleet.pin("first.jws", 1, signers=("ada",))
        refused("BLY-STATEMENT-QUORUM", fleet.apply(first))
        ok(host.cli("pin", "sign", first, *fleet.by("bob")))
        applied = ok(fleet.apply(first))
        check.equal((1, False), (applied["live"], applied["existing"]))
        shown = flow(host)
        check.equal(["ada", "bob"], shown["pin"]["signers"])
        check.has(shown["live"]["promoted_by"], "pin:" + shown["pin"]["digest"])
        check.equal("live:1", ok(host.cli("flow", "run", "gate"))["run"]["source"])
        # The draft is what was pinned; another one is not.
        check.equal("draft", ok(host.cli("flow", "run", "gate", "--draft"))["run"]["source"])
        ok(host.cli("flow", "push", host.write("gate.flow.yaml", gate("other"))))
        refused("BLY-PIN-REQUIRED", host.cli("flow", "run", "gate", "--draft"))
        refused("BLY-PIN-REQUIRED", host.cli("flow", "rollback", "gate"))
        check.equal(True, ok(fleet.apply(first))["existing"])


def test_forward_back_and_forks():
    with belay.started(policy=POLICY) as host:
        fleet = Fleet(host)
        fleet.install()
        release(host, "one"), release(host, "two"), release(host, "three")
        first = fleet.pin("1.jws", 1)
        ok(fleet.apply(first))
        fork = fleet.pin("fork.jws", 3, signers=("cy", "bob"))
        second = fleet.pin("2.jws", 2)
        ok(fleet.apply(second))
        check.equal(2, live(host))
        refused("BLY-STATEMENT-OLD", fleet.apply(first))
        refused("BLY-STATEMENT-FORK", fleet.apply(fork))
        forks = ok(host.cli("trust", "show"))["trust"]["forks"]
        check.equal([("pin", "gate/stable", 2)], [(f["kind"], f["chain"], f["counter"]) for f in forks])
        check.has(host.log(), "trust.fork")
        check.equal(2, live(host))
        back = fleet.pin("3.jws", 1)
        ok(fleet.apply(back))
        check.equal((1, 3), (live(host), flow(host)["pin"]["counter"]))
        # A host that missed some takes any higher one.
        far = fleet.pin("9.jws", 3, "--counter", "9")
        ok(fleet.apply(far))
        check.equal(3, live(host))
        verified = ok(host.cli("journal", "verify"))
        check.equal(2 + 4 + 1, verified["statements"])
        host.stop()
        check.equal(9, ok(host.cli("flow", "show", "gate"))["flow"]["pin"]["counter"])
        shown = ok(host.cli("trust", "show"))["trust"]
        check.equal((fleet.digest, 1), (shown["fleet"], len(shown["forks"])))
        check.equal(7, ok(host.cli("journal", "verify"))["statements"])


def test_a_pin_names_hosts_and_groups():
    with belay.started(policy=POLICY) as host, belay.started(policy=POLICY) as other:
        fleet = Fleet(host)
        registrar = fleet.path("registrar.jws")
        ok(host.cli("trust", "add-registrar", fleet.roster, "eve", fleet.pub("eve"), registrar, "--root", fleet.root,
                    *fleet.by("rosa")))
        fleet.roster = registrar
        for each in (host, other):
            ok(each.cli("trust", "install", "--root", fleet.root, "--root-digest", fleet.digest, "--roster", registrar))
            release(each, "one")
        thumbprint = ok(host.cli("host", "key", "--out", fleet.path("host.pub")))["host"]
        first = fleet.pin("1.jws", 1, "--selector", "host:" + thumbprint)
        check.has(refused("BLY-PIN-SELECTOR", other.cli("pin", "apply", first))["message"], thumbprint)
        check.equal(1, ok(fleet.apply(first))["live"])
        second = fleet.pin("2.jws", 1, "--selector", "group:prod")
        error = refused("BLY-PIN-SELECTOR", fleet.apply(second))
        check.has(error["actions"][0], " trust install --card")
        card = fleet.path("card.jws")
        ok(host.cli("trust", "card", fleet.path("host.pub"), card, "--fleet", fleet.digest, "--label", "db", "--group",
                    "prod", *fleet.by("eve")))
        refused("BLY-HOST-UNKNOWN", other.cli("trust", "install", "--card", card))
        forged = fleet.path("forged.jws")
        ok(host.cli("trust", "card", fleet.path("host.pub"), forged, "--fleet", fleet.digest, "--label", "db", "--group",
                    "prod", *fleet.by("ada")))
        refused("BLY-STATEMENT-ROLE", host.cli("trust", "install", "--card", forged))
        check.equal(True, ok(host.cli("trust", "install", "--card", card))["new_card"])
        shown = ok(host.cli("trust", "show"))["trust"]["card"]
        check.equal((thumbprint, "db", ["prod"]), (shown["host"], shown["label"], shown["groups"]))
        check.has(host.cli("trust", "show", json_out=False).out, "db, groups prod")
        host.stop(), host.start()
        check.equal(2, ok(fleet.apply(second))["pin"]["counter"])
        # Whoever takes the registrar away takes its cards.
        without = fleet.path("without.jws")
        ok(host.cli("trust", "revoke", registrar, fleet.keys["eve"]["thumbprint"], without, "--root", fleet.root,
                    *fleet.by("rosa")))
        ok(host.cli("trust", "install", "--roster", without))
        refused("BLY-STATEMENT-REVOKED", fleet.apply(fleet.pin("3.jws", 1, "--selector", "group:prod")))
        check.has(ok(host.cli("trust", "show"))["trust"]["card"]["void"], "revoked")


def test_a_pin_waits_for_its_release():
    with belay.started() as maker, belay.started(policy=POLICY) as host:
        fleet = Fleet(maker)
        fleet.install()
        release(maker, "one")
        exported = maker.folder + "/gate.json"
        ok(maker.cli("flow", "export", "gate", "1", exported))
        pin = fleet.pin("1.jws", 1)
        ok(host.cli("trust", "install", "--root", fleet.root, "--root-digest", fleet.digest, "--roster", fleet.roster))
        check.equal(True, ok(host.cli("pin", "apply", pin))["waiting"])
        host.kill()
        host.start()
        check.equal(1, ok(host.cli("flow", "import", exported))["live"])
        check.equal("live:1", ok(host.cli("flow", "run", "gate"))["run"]["source"])


def test_what_a_pin_makes_live_replaces_what_is_queued():
    more = "concurrency: {}\non_new_release: supersede\n"
    with belay.started() as maker, belay.started(policy=POLICY) as host:
        fleet = Fleet(maker)
        fleet.install()
        pins, exports = [], []
        for number in (1, 2, 3):
            release(maker, "word-%d" % number, more)
            exports.append(maker.folder + "/gate-%d.json" % number)
            ok(maker.cli("flow", "export", "gate", str(number), exports[-1]))
            pins.append(fleet.pin("%d.jws" % number, number))
            ok(fleet.apply(pins[-1]))
        ok(host.cli("trust", "install", "--root", fleet.root, "--root-digest", fleet.digest, "--roster", fleet.roster))
        ok(host.cli("flow", "import", exports[0]))
        ok(host.cli("pin", "apply", pins[0]))
        first = ok(host.cli("flow", "run", "gate"))["run"]["id"]
        queued = ok(host.cli("flow", "run", "gate"))["run"]["id"]
        ok(host.cli("flow", "import", exports[1]))
        check.equal("queued", host.show(queued)["run"]["status"])
        ok(host.cli("pin", "apply", pins[1]))
        second = host.wait_run(queued)["run"]["error"]["message"].split()[-1]
        check.equal(("queued", "live:2"), (host.show(second)["run"]["status"], host.show(second)["run"]["source"]))
        # The pin comes first, and its release makes itself live.
        check.equal(True, ok(host.cli("pin", "apply", pins[2]))["waiting"])
        check.equal("queued", host.show(second)["run"]["status"])
        ok(host.cli("flow", "import", exports[2]))
        third = host.wait_run(second)["run"]["error"]["message"].split()[-1]
        check.equal("live:3", host.show(third)["run"]["source"])
        check.equal("waiting", host.show(first)["run"]["status"])


def test_rosters_change_who_signs():
    with belay.started(policy=POLICY) as host:
        fleet = Fleet(host)
        fleet.install()
        release(host, "one")
        ok(fleet.apply(fleet.pin("1.jws", 1)))
        stranger = fleet.pin("2.jws", 1, signers=("ada", "eve"))
        refused("BLY-STATEMENT-KEY", fleet.apply(stranger))
        second = fleet.path("roster-2.jws")
        ok(host.cli("trust", "add-signer", fleet.roster, "eve", fleet.pub("eve"), second, "--root", fleet.root,
                    "--thumbprint", fleet.keys["eve"]["thumbprint"], *fleet.by("rosa")))
        ok(host.cli("trust", "install", "--roster", second))
        ok(fleet.apply(stranger))
        refused("BLY-STATEMENT-OLD", host.cli("trust", "install", "--roster", fleet.roster))
        third = fleet.path("roster-3.jws")
        ok(host.cli("trust", "roster", second, third, "--root", fleet.root, "--void", fleet.keys["eve"]["thumbprint"],
                    "--reason", "stolen", *fleet.by("rosa")))
        ok(host.cli("trust", "install", "--roster", third))
        refused("BLY-PIN-VOID", host.cli("flow", "run", "gate"))
        check.has(flow(host)["pin"]["void"], "voids")
        refused("BLY-STATEMENT-REVOKED", fleet.apply(fleet.pin("3.jws", 1, signers=("cy", "eve"))))
        ok(fleet.apply(fleet.pin("3b.jws", 1, signers=("cy", "bob"))))
        check.equal("live:1", ok(host.cli("flow", "run", "gate"))["run"]["source"])
        by_ada = fleet.path("roster-4.jws")
        refused("BLY-STATEMENT-KEY", host.cli("trust", "roster", third, by_ada, "--root", fleet.root, *fleet.by("ada")))
        check.equal(False, os.path.exists(by_ada))
        # A root key has no other role.
        refused("BLY-STATEMENT-INVALID", host.cli("trust", "add-approver", third, "rosa", fleet.pub("rosa"), by_ada,
                                                  "--root", fleet.root, *fleet.by("rosa")))
        check.equal(False, os.path.exists(by_ada))
        # Without the root document nobody can know; the host does.
        ok(host.cli("trust", "roster", third, by_ada, "--root", fleet.root, *fleet.by("rosa")))
        refused("BLY-STATEMENT-KEY", host.cli("trust", "sign", by_ada, "--root", fleet.root, *fleet.by("ada")))
        ok(host.cli("trust", "sign", by_ada, *fleet.by("ada")))
        refused("BLY-STATEMENT-KEY", host.cli("trust", "install", "--roster", by_ada))
        refused("BLY-STATEMENT-KEY", host.cli("trust", "rotate", fleet.root, fleet.path("r.jws"), "--add",
                                              "eve=" + fleet.pub("eve"), *fleet.by("ada")))


def test_the_key_of_a_host_is_revoked():
    with belay.started(policy=POLICY) as host:
        fleet = Fleet(host)
        fleet.install()
        registrar = fleet.path("registrar.jws")
        ok(host.cli("trust", "add-registrar", fleet.roster, "eve", fleet.pub("eve"), registrar, "--root", fleet.root,
                    *fleet.by("rosa")))
        ok(host.cli("trust", "install", "--roster", registrar))
        thumbprint = ok(host.cli("host", "key", "--out", fleet.path("host.pub")))["host"]
        card = fleet.path("card.jws")
        ok(host.cli("trust", "card", fleet.path("host.pub"), card, "--fleet", fleet.digest, "--label", "db", "--group",
                    "prod", *fleet.by("eve")))
        ok(host.cli("trust", "install", "--card", card))
        words = ("--root", fleet.root, *fleet.by("rosa"))
        error = refused("BLY-USAGE", host.cli("trust", "revoke", registrar, thumbprint, fleet.path("x.jws"), *words), 2)
        check.equal(["host:" + thumbprint + " where it is the key of a host"], error["actions"])
        refused("BLY-STATEMENT-KIND", host.cli("trust", "revoke", registrar, "host:" + fleet.roster, fleet.path("x.jws"),
                                               *words))
        by_file, by_name = fleet.path("by-file.jws"), fleet.path("by-name.jws")
        ok(host.cli("trust", "revoke", registrar, "host:" + card, by_file, "--void", *words))
        ok(host.cli("trust", "roster", registrar, by_name, "--void", "host:" + thumbprint, "--reason", "stolen", *words))
        ok(host.cli("trust", "install", "--roster", by_name))
        shown = ok(host.cli("trust", "show"))["trust"]
        check.equal([(thumbprint, "void", "stolen")], [(r["key"], r["mode"], r["reason"]) for r in shown["roster"]["revocations"]])
        check.has(shown["card"]["void"], "revoked")
        refused("BLY-STATEMENT-REVOKED", host.cli("trust", "install", "--card", card))
        # And to those who believe hosts by their cards.
        answer = host.cli("approvals", "show", "--request", host.write("request", '{"host_key": {}}'), "--card", card, "--root",
                          fleet.root, "--root-digest", fleet.digest, "--roster", by_file, *fleet.by("ada"))
        refused("BLY-STATEMENT-REVOKED", answer)


def rotate(host, fleet):
    """The root key of rosa is replaced by eve's."""
    root = fleet.path("root-2.jws")
    made = ok(host.cli("trust", "rotate", fleet.root, root, "--add", "eve=" + fleet.pub("eve"), "--remove",
                       fleet.keys["rosa"]["thumbprint"], *fleet.by("rosa")))
    check.equal((2, 1), (made["version"], made["old_threshold"]))
    ok(host.cli("trust", "sign", root, *fleet.by("eve")))
    return root


def test_another_root_key_signs_the_next_roster():
    with belay.started(policy=POLICY) as host:
        fleet = Fleet(host)
        fleet.install()
        release(host, "one")
        ok(fleet.apply(fleet.pin("1.jws", 1)))
        half = fleet.path("half.jws")
        ok(host.cli("trust", "rotate", fleet.root, half, "--add", "eve=" + fleet.pub("eve"), *fleet.by("eve")))
        refused("BLY-STATEMENT-QUORUM", host.cli("trust", "install", "--root", half))
        root = rotate(host, fleet)
        ok(host.cli("trust", "install", "--root", root))
        # The roster in force stays so, and its signer is in the older root document only.
        ok(fleet.apply(fleet.pin("2.jws", 1)))
        second, words = fleet.path("roster-2.jws"), (*fleet.by("eve"), "--root", root)
        error = refused("BLY-STATEMENT-KEY", host.cli("trust", "roster", fleet.roster, second, *words))
        check.has(error["actions"][0], "--root-before FILE: root document 1, " + fleet.digest)
        refused("BLY-STATEMENT-KEY", host.cli("trust", "roster", fleet.roster, second, *words, "--root-before", root))
        check.equal(False, os.path.exists(second))
        words += ("--root-before", fleet.root)
        check.equal(2, ok(host.cli("trust", "roster", fleet.roster, second, *words))["version"])
        ok(host.cli("trust", "install", "--roster", second))
        # From here on the new root document is all that it takes.
        third = fleet.path("roster-3.jws")
        ok(host.cli("trust", "revoke", second, fleet.keys["cy"]["thumbprint"], third, *words[:-2]))
        ok(host.cli("trust", "install", "--roster", third))
        check.equal((fleet.digest, 3), (ok(host.cli("trust", "show"))["trust"]["fleet"],
                                        ok(host.cli("trust", "show"))["trust"]["roster"]["version"]))
        refused("BLY-STATEMENT-REVOKED", fleet.apply(fleet.pin("3.jws", 1, signers=("ada", "cy"))))
        # What the removed key signs counts no more.
        old = fleet.path("roster-4.jws")
        ok(host.cli("trust", "roster", fleet.roster, old, "--root", fleet.root, *fleet.by("rosa")))
        refused("BLY-STATEMENT-KEY", host.cli("trust", "install", "--roster", old))
        with belay.started(policy=POLICY) as other:
            digest = hashlib.sha256(unb64(open(root).read().split(".")[1])).hexdigest()
            ok(other.cli("trust", "install", "--root", root, "--root-digest", digest, "--roster", third))
            check.equal(fleet.digest, ok(other.cli("trust", "show"))["trust"]["fleet"])


def test_openssl_makes_and_checks_statements():
    with belay.started() as host:
        release(host, "one")
        root_key, signer = OpensslKey(host.folder, "root"), OpensslKey(host.folder, "signer")
        created = "2026-11-21T01:02:03Z"
        root = ('{"v":1,"fleet":"","version":"1","prev":"","name":"foreign","threshold":1,"created":"%s","keys":[{"key":%s,'
                '"person":"rosa"}]}' % (created, root_key.jwk))
        fleet = hashlib.sha256(root.encode()).hexdigest()
        roster = json.dumps({
            "v": 1, "fleet": fleet, "version": "1", "prev": "", "created": created, "max_age": "86400",
            "thresholds": {"pin": 1, "upgrade": 1}, "identities": [], "revocations": [], "pin_floors": [], "relays": [],
            "keys": [{"key": json.loads(signer.jwk), "role": "release-signer", "class": "none", "person": "ada"}]},
            indent=1)
        content = host.get("/v1/flows/gate/export?release=1")["export"]["content"].encode()
        pin = json.dumps({"created": created, "selector": ["*"], "size": str(len(content)), "channel": "stable", "prev": "",
                          "release": hashlib.sha256(content).hexdigest(), "counter": "1", "flow": "gate", "fleet": fleet,
                          "v": 1})
        ok(host.cli("trust", "install", "--root", host.write("root.jws", root_key.sign("belay-root+jws", root)),
                    "--root-digest", fleet, "--roster", host.write("roster.jws", root_key.sign("belay-roster+jws", roster))))

        def apply(text):
            return host.cli("pin", "apply", host.write("pin.jws", text))

        good = signer.sign("belay-pin+jws", pin)
        for alg in ("none", "HS256", "ES384"):
            header = json.dumps({"typ": "belay-pin+jws", "kid": signer.kid, "alg": alg})
            refused("BLY-STATEMENT-INVALID", apply(signer.sign("", pin, header)))
        refused("BLY-STATEMENT-KIND", apply(signer.sign("belay-roster+jws", pin)))
        refused("BLY-STATEMENT-INVALID", apply(signer.sign("belay-pin+jws", pin[:-1] + ',"v":1}')))
        refused("BLY-STATEMENT-VERSION", apply(signer.sign("belay-pin+jws", pin.replace('"v": 1', '"v": 2'))))
        refused("BLY-STATEMENT-KEY", apply(root_key.sign("belay-pin+jws", pin)))
        refused("BLY-STATEMENT-FLEET",
                apply(signer.sign("belay-pin+jws", pin.replace(fleet, hashlib.sha256(b"x").hexdigest()))))
        parts = good.strip().split(".")
        forged = ".".join((parts[0], b64(pin.replace("stable", "other").encode()), parts[2]))
        refused("BLY-STATEMENT-SIGNATURE", apply(forged))
        check.equal(1, ok(apply(good))["live"])

        # And the other way round.
        maker = Fleet(host)
        for line in open(maker.roster).read().splitlines():
            header, payload, signature = line.split(".")
            key = json.loads(open(maker.pub("rosa")).read())
            point = unb64(key["x"]) + unb64(key["y"])
            spki = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004") + point
            host.write("sig.der", "")
            open(host.folder + "/sig.der", "wb").write(to_der(unb64(signature)))
            open(host.folder + "/pub.der", "wb").write(spki)
            openssl("dgst", "-sha256", "-keyform", "DER", "-verify", host.folder + "/pub.der", "-signature",
                    host.folder + "/sig.der", stdin=(header + "." + payload).encode())
            check.equal({"alg": "ES256", "kid": maker.keys["rosa"]["thumbprint"], "typ": "belay-roster+jws"},
                        json.loads(unb64(header)))
            check.equal(maker.digest, json.loads(unb64(payload))["fleet"])


def test_key_files_are_closed_and_sealed():
    with belay.Host() as host:
        secret = host.write("passphrase", PASSPHRASE + "\n")
        key = host.folder + "/a.key"
        made = ok(host.cli("key", "new", key, "--passphrase-file", secret))
        check.equal(0o600, os.stat(key).st_mode & 0o777)
        check.equal(made["thumbprint"], ok(host.cli("key", "show", key))["thumbprint"])
        check.equal(made["thumbprint"], ok(host.cli("key", "show", key + ".pub"))["thumbprint"])
        refused("BLY-CONFLICT", host.cli("key", "new", key, "--passphrase-file", secret), 1)
        words = ("trust", "init", host.folder + "/f", "--root", "a=" + key + ".pub", "--key", key, "--passphrase-file")
        refused("BLY-KEY-PASSPHRASE", host.cli(*words, host.write("wrong", "another one\n")))
        os.chmod(key, 0o640)
        refused("BLY-KEY-FILE", host.cli(*words, secret), 2)
        check.equal(False, os.path.exists(host.folder + "/f/root-1.jws"))


def test_kills_around_pins_lose_nothing_that_was_said():
    # Applies one pin after another, and kills the daemon at random moments. What was acknowledged is in force and live, or
    # something later is; and the two never differ.
    seed = int(os.environ.get("BELAY_SEED", random.randrange(1 << 32)))
    dice = random.Random(seed)
    with belay.started(policy=POLICY) as host:
        fleet = Fleet(host)
        fleet.install()
        release(host, "one"), release(host, "two")
        pins, previous = [], ()
        for counter in range(1, 13):
            path = fleet.pin("p%d.jws" % counter, 1 + counter % 2, *previous)
            pins.append(path)
            previous = ("--previous", path)
        acknowledged = 0
        for path in pins:
            for attempt in range(20):
                # The last ones are not disturbed: on a slow machine every kill comes first.
                killer = threading.Timer(dice.random() * 0.05, host.kill) if dice.random() < 0.7 and attempt < 15 else None
                if killer:
                    killer.start()
                answer = fleet.apply(path)
                if killer:
                    killer.join()
                    host.start()
                shown = flow(host)
                counter = (shown.get("pin") or {}).get("counter", 0)
                check.equal(True, counter >= acknowledged, "seed %d: %d < %d" % (seed, counter, acknowledged))
                if counter:
                    check.equal(shown["pin"]["release"], shown["live"]["digest"], "seed %d" % seed)
                if answer.code == 0:
                    acknowledged = pins.index(path) + 1
                    break
            check.equal(pins.index(path) + 1, flow(host)["pin"]["counter"], "seed %d" % seed)
        check.equal(2 + 12, ok(host.cli("journal", "verify"))["statements"])


if __name__ == "__main__":
    check.main(globals())
