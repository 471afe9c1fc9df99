"""Decisions and rosters that a relay with all of a relay's keys can hand to a host, and with which code each is refused.

It has keys of its own, what people of other roles sign for it, and what the right people signed wrongly. Nothing of it decides
the approval that is waited for, and nothing of it becomes the roster.
"""

import hashlib
import importlib
import json
import os
import time

trust = importlib.import_module("20_trust")
links = importlib.import_module("31_link")

DECISION, ROSTER, ROOT = "belay-decision+jws", "belay-roster+jws", "belay-root+jws"
INVALID, ARGUMENT = "BLY-STATEMENT-INVALID", "BLY-INVALID-ARGUMENT"


def dumps(value):
    return json.dumps(value, separators=(",", ":"))


def instant(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def payload_of(statement):
    return trust.unb64(statement.split(".")[1])


def request_of(host, wait):
    """The digest of what an approval asks, as an approver sees it."""
    path = os.path.join(host.folder, "request-" + wait)
    if not os.path.exists(path):
        links.ok(host.cli("decision", "request", wait, "--out", path))
    with open(path, encoding="utf-8") as file:
        return hashlib.sha256(payload_of(json.load(file)["statement"])).hexdigest()


def decision_on(people, on, **more):
    return dumps({"v": 2, "fleet": people.fleet, "request": on, "decision": "approve", "form": {}, "comment": "",
                  "for": "", "unseen": [], "created": instant(-1), **more})


def next_roster(people, signer=None, **more):
    """A roster that follows the one that is installed, and knows eve."""
    now = json.loads(payload_of(people.roster))
    eve = {"key": json.loads(people.keys["eve"].jwk), "role": "approver", "class": "e2e", "person": "eve"}
    payload = dumps({**now, "version": "2", "prev": hashlib.sha256(payload_of(people.roster)).hexdigest(),
                     "keys": now["keys"] + [eve], **more})
    return (signer or people.keys["root"]).sign(ROSTER, payload)


def decisions(world):
    people, request = world.people, request_of(world.host, world.approval)

    def decision(**more):
        return decision_on(people, request, **more)

    def signed(payload=None, who="dora", typ=DECISION):
        return {"statement": people.keys[who].sign(typ, payload or decision())}

    def line(**how):
        return signed(**how)["statement"]
    spoilt = line()[:-6] + ("AAAAA\n" if line()[-6:-1] != "AAAAA" else "BBBBB\n")
    yield "by a signer of releases", "BLY-STATEMENT-ROLE", signed(who="ada")
    yield "by a starter", "BLY-STATEMENT-ROLE", signed(who="sam")
    yield "by the root", "BLY-STATEMENT-KEY", signed(who="root")
    yield "by nobody who is known", "BLY-STATEMENT-KEY", signed(who="eve")
    yield "by nobody who is known, in years to come", "BLY-STATEMENT-KEY", signed(decision(created="2035-01-01T00:00:00Z"), "eve")
    yield "with a spoilt signature", "BLY-STATEMENT-SIGNATURE", {"statement": spoilt}
    yield "with another's signature", "BLY-STATEMENT-SIGNATURE", {"statement": line().rsplit(".", 1)[0] + "." + line(who="eve").rsplit(".", 1)[1]}
    yield "of another fleet", "BLY-STATEMENT-FLEET", signed(decision(fleet="ab" * 32))
    yield "about another request", "BLY-DECISION-UNKNOWN", signed(decision(request="ab" * 32))
    yield "about no request", INVALID, signed(decision(request=""))
    yield "as a host signs for its own users", "BLY-STATEMENT-VERSION", signed(decision(v=1))
    yield "of a version to come", "BLY-STATEMENT-VERSION", signed(decision(v=3))
    yield "for an account of a chat", "BLY-DECISION-IDENTITY", signed(decision(**{"for": "slack:T1/U2"}))
    yield "that says maybe", INVALID, signed(decision(decision="maybe"))
    yield "in capitals", INVALID, signed(decision(decision="APPROVE"))
    yield "that says true", INVALID, signed(decision(decision=True))
    yield "with artifacts that nobody asked about", "BLY-DECISION-INVALID", signed(decision(unseen=["ab" * 32]))
    yield "with values that the form has not", "BLY-DECISION-INVALID", signed(decision(form={"x": 1}))
    yield "with a form that is a list", INVALID, signed(decision(form=[]))
    yield "with a member too many", INVALID, signed(decision(quorum=0))
    yield "with a member twice", INVALID, signed(decision()[:-1] + ',"decision":"approve"}')
    yield "without a comment", INVALID, signed(decision().replace('"comment":"",', ""))
    yield "signed twice", "BLY-STATEMENT-MIXED", {"statement": line() + line(payload=decision(comment="b"))}
    yield "signed by two", INVALID, {"statement": line(payload=decision(comment="z")) + line(payload=decision(comment="z"), who="ada")}
    yield "by the name of a start", "BLY-STATEMENT-KIND", signed(typ="belay-start+jws")
    yield "by the name of a receipt", "BLY-STATEMENT-KIND", signed(typ="belay-receipt+jws")
    yield "that is a pin", "BLY-STATEMENT-VERSION", {"statement": people.sign(world.first)}
    yield "that is a roster", "BLY-STATEMENT-VERSION", {"statement": people.roster}
    yield "that is not there", ARGUMENT, {}
    yield "that is a list", ARGUMENT, {"statement": [line()]}
    yield "with a word beside it", ARGUMENT, {**signed(), "approved": True}


def rosters(world):
    people = world.people
    second_root = trust.OpensslKey(world.host.folder, "root2")
    now = json.loads(payload_of(people.roster))
    root = json.loads(payload_of(people.root))

    def key(name, role, key_class, person):
        signer = second_root if name == "root2" else people.keys[name]
        return {"key": json.loads(signer.jwk), "role": role, "class": key_class, "person": person}

    def roster(signer=None, **more):
        if "keys" in more:
            more["keys"] = now["keys"] + more["keys"]
        return next_roster(people, signer, **more)

    def with_root(signer=None, **more):
        document = dumps({**root, "keys": [{"key": json.loads(second_root.jwk), "person": "mallory"}], **more})
        return {"statement": roster(second_root), "root": (signer or second_root).sign(ROOT, document)}
    good = roster()
    head, _, tail = good.split(".")
    altered = "%s.%s.%s" % (head, trust.b64(payload_of(good).replace(b'"eve"', b'"ann"', 1)), tail)
    yield "by a signer of releases", "BLY-STATEMENT-KEY", {"statement": roster(people.keys["ada"])}
    yield "by an approver", "BLY-STATEMENT-KEY", {"statement": roster(people.keys["dora"])}
    yield "by a stranger", "BLY-STATEMENT-KEY", {"statement": roster(second_root)}
    yield "another one under the signature", "BLY-STATEMENT-SIGNATURE", {"statement": altered}
    yield "another first one", "BLY-STATEMENT-FORK", {"statement": roster(version="1", prev="")}
    yield "that follows another", "BLY-STATEMENT-FORK", {"statement": roster(prev="ab" * 32)}
    yield "that follows none", INVALID, {"statement": roster(prev="")}
    yield "of another fleet", "BLY-STATEMENT-FLEET", {"statement": roster(fleet="ab" * 32)}
    yield "the version zero", INVALID, {"statement": roster(version="0")}
    yield "the version two, as a number", INVALID, {"statement": roster(version=2)}
    yield "with a root that names itself", "BLY-STATEMENT-QUORUM", with_root(fleet=people.fleet, version="2", prev=people.fleet)
    yield "with another first root", "BLY-STATEMENT-FLEET", with_root()
    yield "with a root that is a roster", "BLY-STATEMENT-KIND", {"statement": roster(second_root), "root": people.roster}
    yield "with the root's key as an approver", INVALID, {"statement": roster(keys=[key("root", "approver", "e2e", "rosa")])}
    yield "with one key in two roles", INVALID, {"statement": roster(keys=[key("dora", "release-signer", "none", "dora")])}
    yield "with a role that is none", INVALID, {"statement": roster(keys=[key("eve", "god", "e2e", "eve")])}
    yield "with a class that its role has not", INVALID, {"statement": roster(keys=[key("eve", "bot", "e2e", "eve")])}
    yield "where nobody need sign", INVALID, {"statement": roster(thresholds={"pin": 0, "upgrade": 1})}
    yield "that never grows old", INVALID, {"statement": roster(max_age="0")}
    yield "with a bot that is none", INVALID, {"statement": roster(identities=[
        {"id": "slack:T1/U2", "person": "dora", "bot": people.keys["dora"].kid}])}
    yield "with a member too many", INVALID, {"statement": roster(force=True)}
    yield "by the name of a pin", "BLY-STATEMENT-KIND", {"statement": people.keys["root"].sign("belay-pin+jws", payload_of(good).decode())}
    yield "that is a root", "BLY-STATEMENT-KIND", {"statement": people.root}
    yield "that is a pin", "BLY-STATEMENT-KIND", {"statement": people.sign(world.first)}
    yield "that is a list", ARGUMENT, {"statement": [1]}
    yield "that is not there", ARGUMENT, {}
