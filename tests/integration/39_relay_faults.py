"""What goes wrong at a relay, and loses nothing: a store that was set back, a host that was taken out."""

import datetime
import hashlib
import hmac
import importlib
import json
import os
import shutil
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

import belay
import check
import relay as relays

approvals = importlib.import_module("32_approvals")
bots = importlib.import_module("37_bots")
link = importlib.import_module("31_link")
trust = importlib.import_module("20_trust")
ok = trust.ok

CI = ("slug: ci\ntriggers:\n  - webhook: push\n    auth: {type: hmac-sha256, secret: k}\n    input: {n: '${{ event.body.n }}'}\n"
      "steps:\n  - id: note\n    set: {n: '${{ input.n }}'}\nstate: {n: 0}\noutput: '${{ state }}'\n")


def hooked(host, relay):
    """Gives what delivers number N to the host's webhook, and what says which have come."""
    ok(host.cli("secret", "set", "k", stdin="key"))
    ok(host.cli("flow", "push", host.write("ci.flow.yaml", CI)))
    ok(host.cli("flow", "release", "ci"))
    ok(host.cli("flow", "promote", "ci"))
    link.linked(host, relay)
    link.told(host)
    path = "/h/%s/ci.push" % link.state(host)[1]["host"]

    def deliver(n):
        body = b'{"n":%d}' % n
        mac = hmac.new(b"key", body, hashlib.sha256).hexdigest()
        return relay.request("POST", path, body, {"X-Hub-Signature-256": "sha256=" + mac})[0]

    def runs():
        return sorted(host.get("/v1/runs/%s?outputs=full" % run["id"])["run"]["input"]["n"]
                      for run in host.get("/v1/runs?flow=ci")["runs"])
    return deliver, runs


def test_a_store_that_was_set_back_delivers_all_that_it_takes():
    with relays.Relay(link.FAST) as relay:
        relay.start()
        with belay.started(link.settings(relay)) as host:
            deliver, runs = hooked(host, relay)
            belay.eventually(lambda: deliver(0) == 202, what="the hook")
            belay.eventually(lambda: runs() == [0], what="the first run")
            relay.stop()
            store, backup = relay.folder + "/state/relay.db", relay.folder + "/backup"
            shutil.copyfile(store, backup)
            relay.start()
            link.connected(host)
            for n in range(1, 6):
                check.equal(202, deliver(n))
            belay.eventually(lambda: runs() == list(range(6)), what="five more")
            host.stop()
            relay.stop()
            for name in os.listdir(relay.folder + "/state"):
                if name.startswith("relay.db-"):
                    os.unlink(relay.folder + "/state/" + name)
            shutil.copyfile(backup, store)
            relay.start()
            # Fewer than were forgotten, and later more than that.
            for n in range(100, 103):
                check.equal(202, deliver(n))
            host.start()
            belay.eventually(lambda: runs() == [*range(6), *range(100, 103)], what="what came after the restore")
            for n in range(103, 110):
                check.equal(202, deliver(n))
            belay.eventually(lambda: runs() == [*range(6), *range(100, 110)], what="what came with the host back")


def test_a_host_that_was_removed_and_is_enrolled_again_gets_everything():
    with relays.Relay(link.FAST) as relay:
        relay.start()
        token = relay.token("release")
        with belay.started(policy=trust.POLICY) as maker, belay.started(link.settings(relay), policy=trust.POLICY) as host:
            fleet = trust.Fleet(maker)
            fleet.install()
            for word in ("one", "two"):
                trust.release(maker, word)
                content = trust.gate(word).encode()
                relay.request("PUT", "/v1/releases/" + hashlib.sha256(content).hexdigest(), content,
                              {"Content-Type": "application/octet-stream"}, bearer=token)
            ok(host.cli("trust", "install", "--root", fleet.root, "--root-digest", fleet.digest, "--roster", fleet.roster))
            link.linked(host, relay)

            def post(path):
                with open(path, encoding="ascii") as file:
                    check.equal(202, relay.request("POST", "/v1/pins", {"statement": file.read()}, bearer=token)[0])
            first = fleet.pin("1.jws", 1)
            post(first)
            ok(fleet.apply(first))
            belay.eventually(lambda: host.get("/v1/flows")["flows"] and trust.live(host) == 1, what="the first pin")
            relay.cli("hosts", "remove", link.state(host)[1]["host"])
            post(fleet.pin("2.jws", 2))
            ok(host.cli("link", "enrol", relay.url, "--token", relay.token(), "--label", "again"))
            link.connected(host)
            belay.eventually(lambda: trust.live(host) == 2, what="the second pin")


def spoilt(lines):
    """The same bytes with signatures that are none."""
    return "".join(line[:-10] + ("AAAA" if line[-10:-6] != "AAAA" else "BBBB") + line[-6:] + "\n" for line in lines.split())


def sign(key, kid, payload, typ):
    head = trust.b64(json.dumps({"alg": "ES256", "kid": kid, "typ": typ}, separators=(",", ":")).encode())
    text = head + "." + trust.b64(payload)
    r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return text + "." + trust.b64(r.to_bytes(32, "big") + s.to_bytes(32, "big")) + "\n"


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def test_wrong_signatures_posted_first_hold_up_no_pin():
    with relays.Relay(link.FAST) as relay:
        relay.start()
        token = relay.token("release")
        with belay.started(policy=trust.POLICY) as maker, belay.started(link.settings(relay), policy=trust.POLICY) as host:
            fleet = trust.Fleet(maker)
            trust.release(maker, "one")
            fleet.install()
            ok(host.cli("trust", "install", "--root", fleet.root, "--root-digest", fleet.digest, "--roster", fleet.roster))
            link.linked(host, relay)
            content = trust.gate("one").encode()
            relay.request("PUT", "/v1/releases/" + hashlib.sha256(content).hexdigest(), content,
                          {"Content-Type": "application/octet-stream"}, bearer=token)

            def post(lines):
                status, envelope = relay.request("POST", "/v1/pins", {"statement": lines}, bearer=token)
                check.equal((202, 1), (status, envelope["data"]["hosts"]))
            # Signed by one of two, and spoilt, before the right one.
            path = fleet.path("pin.jws")
            ok(maker.cli("pin", "create", "gate", "--release", "1", "--out", path, *fleet.by("ada")))
            post(read(path))
            ok(maker.cli("pin", "sign", path, *fleet.by("bob")))
            post(spoilt(read(path)))
            check.equal([], host.get("/v1/flows")["flows"])
            post(read(path))
            belay.eventually(lambda: host.get("/v1/flows")["flows"] and trust.live(host) == 1, what="the right pin")
            # A spoilt roster, then the right one: the revocation arrives.
            later = fleet.path("later.jws")
            ok(maker.cli("trust", "revoke", fleet.roster, fleet.keys["cy"]["thumbprint"], later, "--root", fleet.root,
                         *fleet.by("rosa")))
            for lines in (spoilt(read(later)), read(later)):
                check.equal(202, relay.request("POST", "/v1/rosters", {"statement": lines}, bearer=token)[0])
            belay.eventually(lambda: ok(host.cli("trust", "show"))["trust"]["roster"]["version"] == 2, what="the roster")


def test_decisions_are_told_apart_by_their_signatures():
    policy = "approvals: {to_relay: full, gates: [{slug: gate, quorum: 2}]}\n"
    with approvals.linked(policy) as (relay, host, people, words):
        run, wait = approvals.start(host)
        dora, emil = approvals.Approver(people, "dora"), approvals.Approver(people, "emil")
        request = approvals.asked(dora, words)[0]["request"]
        token = relay.token("approver")

        def hand_in(lines):
            status, envelope = relay.request("POST", "/v1/approvals/%s/decision" % request, {"statement": lines}, bearer=token)
            check.equal((202, False), (status, envelope["data"]["existing"]))
            return envelope["data"]["decision"]
        right = read(dora.by_file("approve", approvals.exported(host, wait)))
        payload = trust.unb64(right.split(".")[1])
        same = sign(approvals.open_key_file(people.path("emil.key")),
                    ok(host.cli("key", "show", people.pub("emil")))["thumbprint"], payload, "belay-decision+jws")
        names = [hand_in(lines) for lines in (spoilt(right), right, same)]
        host.wait_run(run)

        def outcomes():
            envelope = relay.request("GET", "/v1/approvals/" + request, bearer=token)[1]
            told = {row["decision"]: json.loads(trust.unb64(row["receipt"].split(".")[1]))
                    for row in envelope["data"]["decisions"] if row["receipt"]}
            return [(told[name]["decision"], told[name]["outcome"]) for name in names] if len(told) == 3 else None
        check.equal([(names[0], "refused"), (names[1], "accepted"), (names[2], "accepted")],
                    belay.eventually(outcomes, what="three receipts"))


def test_a_roster_that_comes_before_its_root_document_is_not_lost():
    with relays.Relay(link.FAST) as relay:
        relay.start()
        with belay.started() as maker, belay.started(link.settings(relay)) as host:
            fleet = trust.Fleet(maker)
            later = fleet.path("later.jws")
            ok(maker.cli("trust", "revoke", fleet.roster, fleet.keys["cy"]["thumbprint"], later, "--root", fleet.root,
                         *fleet.by("rosa")))
            link.linked(host, relay)
            check.equal(202, relay.request("POST", "/v1/rosters", {"statement": read(later)}, bearer=relay.token("release"))[0])
            belay.eventually(lambda: link.state(host)[1]["inbox"], what="the roster")
            check.equal("BLY-TRUST-NONE", link.state(host)[1]["inbox"][0]["refused"])
            host.stop()
            host.start()
            ok(host.cli("trust", "install", "--root", fleet.root, "--root-digest", fleet.digest, "--roster", fleet.roster,
                        "--least-roster", "1"))
            belay.eventually(lambda: ok(host.cli("trust", "show"))["trust"]["roster"]["version"] == 2, what="the later roster")


def test_what_the_relay_had_no_room_for_is_told_when_there_is_some():
    with relays.Relay({**link.FAST, "limits": {"approvals_per_host": 1, "callbacks_per_host": 1}}) as relay:
        relay.start()
        with belay.started(link.settings(relay)) as host:
            people = approvals.People(host)
            link.linked(host, relay)
            token = os.path.join(relay.folder, "token")
            with open(token, "w", encoding="ascii") as file:
                file.write(relay.token("approver") + "\n")
            words = ("--relay", relay.url, "--token-file", token, "--ca-file", relay.ca)
            dora = approvals.Approver(people, "dora")
            first, _ = approvals.start(host)
            request = approvals.asked(dora, words)[0]["request"]
            second, _ = approvals.start(host)

            def held():
                return link.state(host)[1].get("held", {})
            belay.eventually(lambda: held().get("requests") == 1, what="a refused request")
            check.equal("BLY-RELAY-QUOTA", held()["code"])
            check.has(held()["message"], "limits.approvals_per_host", "which bound it is")
            check.has(host.cli("link", "status", json_out=False).out, "1 requests and 0 callbacks", "for people")
            verdict, action = link.examined(host)
            check.equal("warn", verdict)
            check.has(action, "explain BLY-RELAY-QUOTA")
            ok(dora.decide("approve", request, *words))
            host.wait_run(first)
            later = belay.eventually(lambda: [row for row in approvals.asked(dora, words, 0) if not row["closed"]],
                                     what="the second request")
            ok(dora.decide("approve", later[0]["request"], *words))
            host.wait_run(second)
            runs = [host.start_run(link.calling(host.folder), {"n": n}) for n in range(2)]
            calls = [link.handed_out(host, n) for n in range(2)]
            belay.eventually(lambda: held().get("callbacks") == 1, what="a refused callback")
            open_now = [call for call in calls if link.post_callback(relay, *call, b'{"x":1}')[0] == 202]
            check.equal(1, len(open_now))
            other = calls[1 - calls.index(open_now[0])]
            belay.eventually(lambda: link.post_callback(relay, *other, b'{"x":2}')[0] == 202, 30, "room for the other")
            for run in runs:
                host.wait_run(run)
            belay.eventually(lambda: not held(), what="nothing held")
            check.equal(("ok", None), link.examined(host))


def test_unsigned_webhooks_keep_no_decision_from_a_host():
    with relays.Relay({**link.FAST, "limits": {"messages_per_host": 10}}) as relay:
        relay.start()
        with belay.started(link.settings(relay)) as host:
            people = approvals.People(host)
            hooked(host, relay)
            token = os.path.join(relay.folder, "token")
            with open(token, "w", encoding="ascii") as file:
                file.write(relay.token("approver") + "\n")
            words = ("--relay", relay.url, "--token-file", token, "--ca-file", relay.ca)
            run, _ = approvals.start(host)
            dora = approvals.Approver(people, "dora")
            request = approvals.asked(dora, words)[0]["request"]
            path = "/h/%s/ci.push" % people.thumbprint
            belay.eventually(lambda: relay.request("POST", path, b"{}")[0] == 202, what="the hook")
            host.stop()
            statuses = [relay.request("POST", path, b'{"junk":%d}' % n)[0] for n in range(12)]
            check.equal(429, statuses[-1])
            check.equal(True, ok(dora.decide("approve", request, "--timeout", "1s", *words))["handed_in"])
            host.start()
            host.wait_run(run)


def test_a_request_that_ends_while_its_host_is_away_is_closed():
    with relays.Relay(link.FAST) as relay, bots.Receiver() as receiver:
        bots.add(relay, receiver)
        relay.start()
        with belay.started(link.settings(relay)) as host:
            people = approvals.People(host)
            link.linked(host, relay)
            token = relay.token("approver")
            with open(os.path.join(relay.folder, "token"), "w", encoding="ascii") as file:
                file.write(token + "\n")
            words = ("--relay", relay.url, "--token-file", file.name, "--ca-file", relay.ca)
            run, _ = approvals.start(host, approvals.FLOW.replace("1h", "15s") % "")
            request = approvals.asked(approvals.Approver(people, "dora"), words)[0]["request"]
            host.stop()

            def told():
                return [event for _, event in receiver.taken if event["type"].startswith("request")]
            belay.eventually(lambda: len(told()) == 2, 60, "the end")
            check.equal(["request.created", "request.closed"], [event["type"] for event in told()])
            check.equal("expired", told()[1]["data"]["reason"])
            created, expires = (datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
                                for text in (told()[0]["timestamp"], told()[0]["data"]["expires"]))
            check.equal(True, 0 < (expires - created).total_seconds() <= 15)
            check.equal(True, relay.request("GET", "/v1/approvals/" + request, bearer=token)[1]["data"]["closed"])
            host.start()
            host.wait_run(run)
            link.told(host)
            check.equal(2, len(told()))


def test_who_is_connected_and_who_was_removed():
    with relays.Relay(link.FAST) as relay:
        relay.start()
        token = relay.token("operator")
        with belay.started(link.settings(relay)) as host:
            link.linked(host, relay)
            name = link.state(host)[1]["host"]

            def seen():
                return relay.request("GET", "/v1/hosts/" + name, bearer=token)[1]["data"]
            belay.eventually(lambda: seen()["connected"], what="the poll")
            time.sleep(2)
            check.equal(True, seen()["connected"])
            at = seen()["seen_at"]
            host.kill()
            belay.eventually(lambda: not seen()["connected"], what="the end of its connection")
            check.equal(at, seen()["seen_at"])
            host.start()
            belay.eventually(lambda: seen()["connected"], what="the host back")
            relay.cli("hosts", "remove", name)
            belay.eventually(lambda: link.state(host)[0]["phase"] != "connected", what="the end of the link")
            check.equal("BLY-RELAY-HOST", link.state(host)[0]["last_error"]["code"])
            check.lacks(host.log(), "BLY-RELAY-FENCED")


if __name__ == "__main__":
    check.main(globals())
