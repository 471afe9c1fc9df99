"""Starts from elsewhere and the fleet: with files alone, and over a relay with real TLS by a starter who has nothing but a
key, a token and the relay's URL. Then over kills of both sides, and with what an adversary would change."""

import contextlib
import importlib
import json
import os
import subprocess
import tempfile
import threading
import time

import belay
import check
import relay as relays

approvals = importlib.import_module("32_approvals")
trust = importlib.import_module("20_trust")
link = importlib.import_module("31_link")
ok, refused = trust.ok, trust.refused

POLICY = ("run: {allow: []}\nstarts:\n  allow:\n    - {id: ours, flows: [gate, other], persons: [sam]}\n  expires: 2h\n"
          "approvals: {gates: [{slug: '*', class: local}]}\n")
FAST = {"rates": {name: 1_000_000 for name in ("public", "session", "host", "enrol", "release", "approver", "starter", "fleet")}}


def flow(word="one", more="", slug="gate"):
    return ("slug: %s\n%sinput: {type: object, properties: {n: {type: integer}}}\nsteps:\n  - id: say\n"
            "    set: {said: %s, n: '${{ input.n }}'}\nstate: {said: none, n: 0}\noutput: '${{ state }}'\n" % (slug, more, word))


class Company(trust.Fleet):
    """A fleet with two starters and a registrar, and a host that believes its roster and has a pinned flow."""

    def __init__(self, host, pinned=True):
        super().__init__(host)
        for name in ("sam", "tess", "reg"):
            ok(host.cli("key", "new", self.path(name + ".key"), "--iterations", "10000", *self.secret))
        for verb, name in (("add-starter", "sam"), ("add-starter", "tess"), ("add-registrar", "reg")):
            self.change(verb, name, self.pub(name))
        self.install()
        self.thumbprint = ok(host.cli("host", "key", "--out", self.path("host.pub")))["host"]
        if pinned:
            self.publish(flow())

    change = approvals.People.change

    def kid(self, name):
        return ok(self.host.cli("key", "show", self.pub(name)))["thumbprint"]

    def publish(self, text, name="pin-1.jws", *more):
        ok(self.host.cli("flow", "push", self.host.write("gate.flow.yaml", text)))
        number = ok(self.host.cli("flow", "release", "gate"))["release"]["number"]
        ok(self.apply(self.pin(name, number, *more)))
        return number

    def card(self, label="web-1", counter=1):
        out = self.path("card-%d.jws" % counter)
        ok(self.host.cli("trust", "card", self.path("host.pub"), out, "--fleet", self.digest, "--label", label,
                         "--counter", str(counter), *self.by("reg")))
        return out


class Starter:
    """Somewhere else: a folder with a key, and no daemon."""

    def __init__(self, company, name="sam", words=()):
        self.company, self.name, self.words = company, name, words
        self.folder = tempfile.mkdtemp(prefix="belay-starter-", dir="/tmp")

    def cli(self, *words, seconds=60):
        done = subprocess.run([belay.BINARY, *words, "--json"], capture_output=True, text=True, timeout=seconds, check=False,
                              stdin=subprocess.DEVNULL, env={"HOME": self.folder, "PATH": os.environ["PATH"]})
        return belay.Answer(done.returncode, done.stdout, done.stderr)

    def start(self, *words, slug="gate", on=None, seconds=60):
        return self.cli("start", slug, "--on", on or self.company.thumbprint, *words, *self.words,
                        *self.company.by(self.name), seconds=seconds)

    def by_file(self, offer, *words, **named):
        out = os.path.join(self.folder, "start-%d" % len(os.listdir(self.folder)))
        ok(self.start("--offer", offer, "--out", out, *words, **named))
        return out


def offered(host, name="offer"):
    path = os.path.join(host.folder, "%s-%d" % (name, time.monotonic_ns()))
    ok(host.cli("host", "offer", "--out", path))
    return path


def runs(host, slug="gate"):
    return host.get("/v1/runs?flow=%s&limit=1000" % slug)["runs"]


def test_a_start_with_files_alone():
    with belay.started(policy=POLICY) as host:
        company = Company(host)
        offer = offered(host)
        said = ok(host.cli("host", "offer"))["offered"]["flows"]
        check.equal([("gate", "1", True)], [(each["flow"], each["pin"], each["startable"]) for each in said])
        sam = Starter(company)
        file = sam.by_file(offer, "-i", "n:=7", "--idempotency-key", "k1")
        with open(file, encoding="utf-8") as text:
            sealed = json.load(text)
        check.equal([company.thumbprint], [each["header"]["kid"] for each in sealed["recipients"]])
        done = ok(host.cli("start", "apply", file))
        check.equal(("sam", False), (done["person"], done["existing"]))
        run = host.wait_run(done["run"]["id"])["run"]
        check.equal({"said": "one", "n": 7}, run["output"])
        check.equal(("start", "sam", "k1"), (run["trigger"]["type"], run["trigger"]["person"], run["trigger"]["key"]))
        check.equal("start", run["triggered_by"])
        # The same again, and what another signature says about the same: one run.
        for again in (file, sam.by_file(offer, "-i", "n:=7", "--idempotency-key", "k1")):
            more = ok(host.cli("start", "apply", again))
            check.equal((True, run["id"]), (more["existing"], more["run"]["id"]))
        refused("BLY-START-CONFLICT", host.cli("start", "apply", sam.by_file(offer, "-i", "n:=8", "--idempotency-key", "k1")))
        refused("BLY-INPUT-INVALID", host.cli("start", "apply", sam.by_file(offer, "-i", "n=x")), 2)
        check.equal(1, len(runs(host)))
        # It is in the record of the run, and lists find it.
        check.equal([run["id"]], [each["id"] for each in host.get("/v1/runs?trigger=start")["runs"]])


def test_who_may_not_and_what_may_not():
    with belay.started(policy=POLICY) as host:
        company = Company(host)
        offer = offered(host)
        # Of the roster, but not of the policy; of another role; and unknown to both.
        refused("BLY-POLICY-REFUSED", host.cli("start", "apply", Starter(company, "tess").by_file(offer)))
        refused("BLY-STATEMENT-ROLE", host.cli("start", "apply", Starter(company, "ada").by_file(offer)))
        refused("BLY-STATEMENT-KEY", host.cli("start", "apply", Starter(company, "eve").by_file(offer)))
        sam = Starter(company)
        # What the host does not offer is not even signed.
        check.equal("BLY-NOT-FOUND", sam.start("--offer", offer, "--out", "x", slug="secret").error["code"])
        refused("BLY-HOST-UNKNOWN", sam.start("--offer", offer, "--out", "x", on="A" * 43))
        refused("BLY-HOST-UNKNOWN", sam.start("--offer", offer, "--out", "x", on="web-1"))
        refused("BLY-START-EXPIRED", host.cli("start", "apply", sam.by_file(offer, "--not-after", "3h")))
        brief = sam.by_file(offer, "--not-after", "1s")
        time.sleep(1.2)
        refused("BLY-START-EXPIRED", host.cli("start", "apply", brief))
        # Another release is live than was offered; what names none takes the new one.
        early, any_release = sam.by_file(offer), sam.by_file(offer, "--any-release", "-i", "n:=1")
        company.publish(flow("two"), "pin-2.jws")
        refused("BLY-START-RELEASE", host.cli("start", "apply", early))
        done = ok(host.cli("start", "apply", any_release))
        check.equal("two", host.wait_run(done["run"]["id"])["run"]["output"]["said"])
        # A release that was made live by hand is not what the pin names.
        ok(host.cli("flow", "push", host.write("gate.flow.yaml", flow("three"))))
        ok(host.cli("flow", "release", "gate"))
        ok(host.cli("flow", "promote", "gate"))
        refused("BLY-PIN-REQUIRED", host.cli("start", "apply", sam.by_file(offer, "--any-release")))
        check.equal([], ok(host.cli("host", "offer"))["offered"]["flows"])
        # A revoked key signs nothing any more.
        company.change("revoke", company.kid("sam"))
        company.install()
        refused("BLY-STATEMENT-REVOKED", host.cli("start", "apply", any_release))
        check.equal(1, len(runs(host)))


def test_a_host_without_a_rule_starts_nothing():
    with belay.started(policy="run: {allow: []}\n") as host:
        company = Company(host)
        check.equal([], ok(host.cli("host", "offer"))["offered"]["flows"])
        check.equal("BLY-NOT-FOUND", Starter(company).start("--offer", offered(host), "--out", "x").error["code"])


def test_the_starter_does_not_count_in_the_approval():
    policy = POLICY.replace("approvals: {gates: [{slug: '*', class: local}]}", "approvals: {expires: 2h}")
    with belay.started(policy=policy) as host:
        company = Company(host, pinned=False)
        ok(host.cli("key", "new", company.path("sam2.key"), "--iterations", "10000", *company.secret))
        ok(host.cli("key", "new", company.path("dora.key"), "--iterations", "10000", *company.secret))
        company.change("add-approver", "sam", company.pub("sam2"))
        company.change("add-approver", "dora", company.pub("dora"))
        company.install()
        company.publish("slug: gate\nsteps:\n  - id: review\n    wait: {approval: {summary: 'Go?'}, timeout: 1h}\n")
        done = ok(host.cli("start", "apply", Starter(company).by_file(offered(host))))
        wait = belay.eventually(lambda: host.get("/v1/waits?run=" + done["run"]["id"])["waits"], what="the wait")[0]["id"]
        request = approvals.exported(host, wait)
        for name, code in (("sam2", "BLY-DECISION-REQUESTER"), ("dora", "")):
            person = approvals.Approver(company, name)
            answer = host.cli("decision", "apply", person.by_file("approve", request))
            check.equal(code, answer.error.get("code", "") if answer.code else "", str(answer))
        check.equal("succeeded", host.wait_run(done["run"]["id"])["run"]["status"])


@contextlib.contextmanager
def linked(policy=POLICY, settings=None):
    """A relay, a host that has a link to it, its fleet, and a starter with the words for the relay."""
    with relays.Relay(settings or FAST) as relay:
        relay.start()
        with belay.started(link.settings(relay), policy=policy) as host:
            company = Company(host)
            link.linked(host, relay)
            token = os.path.join(host.folder, "starter-token")
            with open(token, "w", encoding="ascii") as file:
                file.write(relay.token("starter") + "\n")
            words = ("--relay", relay.url, "--token-file", token, "--ca-file", relay.ca)
            starter = Starter(company, words=words)
            belay.eventually(lambda: starter.cli("fleet", "flows", *words).data["flows"], what="the offer")
            yield relay, host, company, starter


def test_a_start_over_a_relay():
    with linked() as (relay, host, company, sam):
        done = ok(sam.start("-i", "n:=3", "--idempotency-key", "k1"))
        check.equal(("accepted", True), (done["outcome"], done["handed_in"]))
        check.equal({"said": "one", "n": 3}, host.wait_run(done["run"])["run"]["output"])
        # Whoever has heard nothing asks again with the same key, and is told the same.
        check.equal(done["run"], ok(sam.start("-i", "n:=3", "--idempotency-key", "k1"))["run"])
        refused("BLY-START-CONFLICT", sam.start("-i", "n:=4", "--idempotency-key", "k1"))
        tess = Starter(company, "tess", sam.words)
        refused("BLY-POLICY-REFUSED", tess.start())
        refused("BLY-STATEMENT-ROLE", Starter(company, "ada", sam.words).start())
        check.equal(1, len(runs(host)))
        # By its card, which the relay has, and not by the label that the relay says.
        label = relay.cli("hosts").data["hosts"][0]["label"]
        roster = ("--root", company.root, "--root-digest", company.digest, "--roster", company.roster)
        refused("BLY-HOST-UNKNOWN", sam.start(on=label))
        refused("BLY-HOST-UNKNOWN", sam.start(*roster, on=label))
        # A card that is given says by itself which host it is, whatever the relay calls it.
        card = company.card("web-1")
        for on, code in (("web-1", ""), (company.thumbprint, ""), (label, "BLY-HOST-UNKNOWN"), ("A" * 43, "BLY-HOST-UNKNOWN")):
            answer = sam.start(*roster, "--card", card, on=on)
            check.equal(code, answer.error.get("code", ""), str(answer))
        refused("BLY-RELAY-HOST", sam.start(*roster, on="web-1"), 8)
        # And one that the relay has: its label is what starters call the host.
        with open(card, encoding="ascii") as file:
            check.equal(202, relay.request("POST", "/v1/cards", {"statement": file.read()}, bearer=relay.token("release"))[0])
        check.equal("accepted", ok(sam.start(*roster, on="web-1"))["outcome"])
        check.equal("web-1", ok(sam.cli("fleet", "flows", *sam.words))["flows"][0]["label"])
        answer = sam.start(*roster, on=label)
        refused("BLY-RELAY-HOST", answer, 8)
        check.equal(0, sam.cli(*answer.error["actions"][0].split()[1:]).code)
        # The relay has nothing of it that could be read.
        relay.kill()
        with open(os.path.join(relay.folder, "state", "relay.db"), "rb") as file:
            store = file.read()
        check.equal(False, b'"input"' in store or b"idempotency" in store)


def test_words_that_contradict_each_other_start_nothing():
    with linked() as (_, host, company, sam):
        out = os.path.join(host.folder, "start.jwe")
        refused("BLY-USAGE", sam.start("--idempotency-key", ""), 2)
        refused("BLY-USAGE", sam.start("--out", out), 2)
        refused("BLY-USAGE", sam.start("--offer", out), 2)
        refused("BLY-USAGE", sam.start("--host", company.kid("ada")), 2)
        check.equal(([], False), (runs(host), os.path.exists(out)))
        # The same said twice is no contradiction.
        check.equal("accepted", ok(sam.start("--host", company.thumbprint))["outcome"])


def test_a_refusal_is_not_taken_for_pending():
    with linked() as (_, host, company, sam):
        answer = sam.start("--not-after", "3h")
        refused("BLY-START-EXPIRED", answer)
        check.has(answer.error["message"], "starts.expires")
        check.equal("belay explain BLY-START-EXPIRED", answer.error["actions"][0])
        done = subprocess.run([belay.BINARY, "start", "gate", "--on", company.thumbprint, "--not-after", "3h", *sam.words,
                               *company.by("sam")], capture_output=True, text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL, env={"HOME": sam.folder, "PATH": os.environ["PATH"]})
        check.equal((7, ""), (done.returncode, done.stdout))
        check.equal([], runs(host))


def test_a_card_is_not_written_without_a_token():
    with linked() as (relay, host, company, sam):
        host.write("empty", "")
        out = company.path("sent.jws")
        words = ("trust", "card", company.path("host.pub"), out, "--fleet", company.digest, "--label", "web-1",
                 *company.by("reg"), "--relay", relay.url, "--ca-file", relay.ca)
        for more, says in (((), "--token-file FILE is missing"), (("--token-file", host.folder + "/empty"), "is empty")):
            answer = host.cli(*words, *more)
            refused("BLY-USAGE", answer, 2)
            check.has(answer.error["message"], says)
            check.equal(False, os.path.exists(out))
        # What is advised makes a token that does.
        made = relay.cli(*answer.error["actions"][0].split()[1:])
        host.write("token", ok(made)["secret"] + "\n")
        ok(host.cli(*words, "--token-file", host.folder + "/token"))


def test_a_skip_is_said():
    with linked() as (_, host, company, sam):
        text = flow("two", "concurrency: {limit: 1, on_conflict: skip}\n").replace(
            "steps:\n", "steps:\n  - {id: hold, wait: {approval: {summary: Go?}, timeout: 1h}}\n")
        company.publish(text, "pin-2.jws")
        belay.eventually(lambda: sam.start("--any-release").data.get("outcome") == "accepted", what="the first run")
        answer = sam.start("--any-release")
        refused("BLY-START-SKIPPED", answer, 1)
        check.equal(("skipped", True), (answer.data["outcome"], answer.data["skipped"]))
        check.equal(1, len(runs(host)))


def test_the_fleet_shows_who_offers_what_and_how_fresh_that_is():
    with linked() as (relay, host, company, sam):
        operator = os.path.join(host.folder, "operator-token")
        with open(operator, "w", encoding="ascii") as file:
            file.write(relay.token("operator") + "\n")
        words = ("--relay", relay.url, "--token-file", operator, "--ca-file", relay.ca)
        row = ok(sam.cli("fleet", "flows", *words))["flows"][0]
        check.equal(("gate", 1, True, True), (row["flow"], row["pin"], row["startable"], row["connected"]))
        check.equal(company.thumbprint, row["host"])
        check.equal(host.get("/v1/flows/gate")["flow"]["live"]["digest"], "sha256:" + row["release"])
        check.equal([], ok(sam.cli("fleet", "flows", "--flow", "other", *words))["flows"])
        shown = ok(sam.cli("fleet", "hosts", *words))["hosts"]
        check.equal([(company.thumbprint, True, 1)], [(each["host"], each["connected"], each["flows"]) for each in shown])
        # An operator looks, and starts nothing.
        status, envelope = relay.request("POST", "/v1/starts", {}, bearer=relay.token("operator"))
        check.equal((403, "BLY-RELAY-ROLE"), (status, envelope["error"]["code"]))
        # A new release is told of.
        company.publish(flow("two"), "pin-2.jws")
        belay.eventually(lambda: ok(sam.cli("fleet", "flows", *words))["flows"][0]["pin"] == 2, what="the newer pin")
        # What is not offered any more goes.
        company.change("revoke", company.kid("ada"), more=("--void",))
        company.install()
        belay.eventually(lambda: not ok(sam.cli("fleet", "flows", *words))["flows"], what="the void pin")
        # Without --json it is a table.
        done = subprocess.run([belay.BINARY, "fleet", "hosts", *words], capture_output=True, text=True, timeout=30,
                              check=False, stdin=subprocess.DEVNULL)
        check.has(done.stdout, "connected")


def test_kills_of_both_sides_between_start_and_receipt():
    count = 40
    with linked() as (relay, host, company, sam):
        answers, wrong = {}, []

        def work(lane):
            for n in range(lane, count, 4):
                key = "k%d" % n
                end = time.monotonic() + 120
                while time.monotonic() < end:
                    answer = sam.start("-i", "n:=%d" % n, "--idempotency-key", key, "--timeout", "3s")
                    if answer.code == 0 and answer.data.get("run"):
                        answers.setdefault(n, set()).add(answer.data["run"])
                        break
                    code = answer.error.get("code", "") if answer.code else ""
                    if code not in ("", "BLY-CONNECT", "BLY-TLS", "BLY-HTTP-PROTOCOL", "BLY-TIMEOUT", "BLY-RELAY-START",
                                    "BLY-NOT-FOUND"):
                        wrong.append((n, str(answer)))
                        return
                    time.sleep(0.1)

        lanes = [threading.Thread(target=work, args=(lane,)) for lane in range(4)]
        for lane in lanes:
            lane.start()
        for turn in range(10):
            time.sleep(0.9)
            side = host if turn % 2 else relay
            side.kill()
            side.start()
            if not any(lane.is_alive() for lane in lanes):
                break
        for lane in lanes:
            lane.join(180)
        check.equal([], wrong)
        check.equal(count, len(answers))
        check.equal(count, len(set.union(*answers.values())))
        found = runs(host)
        got = sorted(host.get("/v1/runs/%s?outputs=full" % run["id"])["run"]["input"]["n"] for run in found)
        check.equal(list(range(count)), got)


def test_a_start_waits_for_a_host_that_is_away():
    with linked() as (relay, host, company, sam):
        host.stop()
        done = sam.start("-i", "n:=5", "--idempotency-key", "k1", "--timeout", "1s")
        check.equal(0, done.code, str(done))
        check.equal("", done.data.get("run", ""))
        host.start()
        again = belay.eventually(lambda: sam.start("-i", "n:=5", "--idempotency-key", "k1").data.get("run"), 30, "the run")
        check.equal({"said": "one", "n": 5}, host.wait_run(again)["run"]["output"])
        check.equal(1, len(runs(host)))


if __name__ == "__main__":
    check.main(globals())
