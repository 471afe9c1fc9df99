"""Artifacts of approvals over a relay: a host uploads them sealed, an approver anywhere fetches, opens and compares
them. Over kills of both, a roster that changes, and a relay whose store was tampered with."""

import contextlib
import hashlib
import importlib
import json
import os
import sqlite3
import subprocess
import time

import belay
import check

approvals = importlib.import_module("32_approvals")
link = importlib.import_module("31_link")
ok, refused, Approver, asked, linked = (approvals.ok, approvals.refused, approvals.Approver, approvals.asked,
                                        approvals.linked)

PLAN = "plan: drop table users\n\u202e\n"
BIG = ("slug: gate\nsteps:\n  - id: make\n    run: {script: seq 1 %d}\n    persist: always\n"
       "  - id: review\n    wait:\n      approval: {summary: Go?, artifacts: ['${{ steps.make.output.stdout.ref }}']}\n"
       "      timeout: 1h\noutput: '${{ steps.review.output }}'\n")


def small(text=PLAN):
    return approvals.FLOW % (", artifacts: [%s]" % json.dumps(text))


def rows(relay, sql, *values):
    with contextlib.closing(sqlite3.connect(relay.folder + "/state/relay.db", timeout=5)) as store:
        return store.execute(sql, values).fetchall()


def parts_of(relay):
    """Looked at with the relay down: nobody else may have its store open. Before, it gets a second in which to work."""
    time.sleep(1)
    relay.kill()
    found = rows(relay, "SELECT have, parts FROM blobs")
    relay.start()
    return found


def uploaded(relay, count):
    token = relay.token("metrics")
    belay.eventually(lambda: relay.metric("artifact_parts_taken_total", token) >= count, seconds=30, what="the upload")


def test_an_artifact_is_fetched_opened_and_compared():
    with linked() as (relay, host, people, words):
        run, _ = approvals.start(host, small())
        dora = Approver(people, "dora")
        request = asked(dora, words)[0]["request"]
        uploaded(relay, 1)
        # Without a folder and without eyes it stays unseen.
        refused("BLY-ARTIFACT-UNSEEN", dora.decide("approve", request, *words))
        folder = os.path.join(dora.folder, "artifacts")
        done = ok(dora.decide("approve", request, "--artifacts", folder, *words))
        check.equal("approved", done["gate"])
        with open(os.path.join(folder, "artifact-1"), encoding="utf-8") as file:
            check.equal(PLAN, file.read())
        check.equal(["artifact-1"], os.listdir(folder))
        check.equal(True, host.wait_run(run)["run"]["output"]["approved"])
        # What is over is not kept, and what was kept could not be read.
        belay.eventually(lambda: parts_of(relay) == [], 30, what="an empty store")
        for name in os.listdir(relay.folder + "/state"):
            with open(os.path.join(relay.folder, "state", name), "rb") as file:
                data = file.read()
            for secret in (b"drop table", hashlib.sha256(PLAN.encode()).hexdigest().encode()):
                check.equal(False, secret in data, "%s has %s" % (name, secret))


def test_a_short_text_is_shown_with_what_it_hides():
    with linked() as (relay, host, people, words):
        approvals.start(host, small())
        dora = Approver(people, "dora")
        request = asked(dora, words)[0]["request"]
        done = subprocess.run([belay.BINARY, "approve", request, "--host", people.thumbprint, "--yes",
                               *people.by("dora"), *words], capture_output=True, text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL, env=dora.home)
        check.equal(0, done.returncode, done.stderr)
        check.has(done.stderr, "drop table users")
        check.has(done.stderr, "\\u{202e}")
        check.lacks(done.stderr, "\u202e")


def test_a_large_one_over_kills_of_both():
    last = 750_000
    with linked() as (relay, host, people, words):
        run, _ = approvals.start(host, BIG % last)
        dora = Approver(people, "dora")
        request = asked(dora, words)[0]["request"]
        for _ in range(3):
            time.sleep(0.05)
            relay.kill()
            relay.start()
            host.kill()
            host.start()
        folder = os.path.join(dora.folder, "artifacts")
        done = dora.decide("approve", request, "--artifacts", folder, "--timeout", "50s", *words)
        check.equal("approved", ok(done)["gate"])
        (name,) = os.listdir(folder)
        with open(os.path.join(folder, name), "rb") as file:
            check.equal("".join("%d\n" % n for n in range(1, last + 1)), file.read().decode())
        host.wait_run(run)


def test_a_new_approver_can_open_what_was_uploaded_before():
    with linked() as (relay, host, people, words):
        approvals.start(host, small())
        request = asked(Approver(people, "dora"), words)[0]["request"]
        uploaded(relay, 1)
        ok(host.cli("key", "new", people.path("fred.key"), "--iterations", "10000", *people.secret))
        people.change("add-approver", "fred", people.pub("fred"))
        people.install()
        uploaded(relay, 2)
        fred = Approver(people, "fred")
        done = ok(fred.decide("approve", request, "--artifacts", fred.folder + "/a", *words))
        check.equal("approved", done["gate"])


def test_a_relay_that_exchanges_cuts_and_withholds_is_named():
    """Each lie is in the relay's own store, and the approver refuses it by its name."""
    with linked() as (relay, host, people, words):
        approvals.start(host, BIG % 200_000)
        approvals.start(host, small("something else"))
        dora = Approver(people, "dora")
        asked(dora, words, 2)
        uploaded(relay, 4)
        relay.stop()
        (name, request), = rows(relay, "SELECT name, request FROM blobs WHERE parts = 3")
        (other,), = rows(relay, "SELECT content FROM blob_parts WHERE request <> ?", request)
        originals = dict(rows(relay, "SELECT part, content FROM blob_parts WHERE name = ?", name))
        check.equal([0, 1, 2], sorted(originals))

        def lie(changed, missing=()):
            """The store as the liar has it, until the next lie."""
            host.stop()  # It would bring what is missing.
            with contextlib.closing(sqlite3.connect(relay.folder + "/state/relay.db")) as store:
                store.execute("DELETE FROM blob_parts WHERE name = ?", (name,))
                for part, content in {**originals, **changed}.items():
                    if part not in missing:
                        store.execute("INSERT INTO blob_parts (request, name, part, content) VALUES (?,?,?,?)",
                                      (request, name, part, content))
                store.commit()
            relay.start()
            answer = dora.decide("approve", request, "--artifacts", dora.folder + "/lies", "--timeout", "1s", *words)
            relay.stop()
            # Nothing of it stays where somebody could take it for the artifact.
            check.equal([], os.listdir(dora.folder + "/lies"))
            return answer

        spoilt = originals[1][:-40] + ("A" if originals[1][-40] != "A" else "B") + originals[1][-39:]
        for code, changed, missing in (
                ("BLY-ARTIFACT-CHANGED", {0: originals[1], 1: originals[0]}, ()),  # In another order.
                ("BLY-ARTIFACT-CHANGED", {1: originals[2]}, ()),  # A shorter part in its place.
                ("BLY-ARTIFACT-CHANGED", {1: other}, ()),  # Of another request.
                ("BLY-SEALED", {1: spoilt}, ()),
                ("BLY-SEALED", {1: "{}"}, ()),
                ("BLY-SEALED", {1: "x" * 900_000}, ()),
                ("BLY-ARTIFACT-UNSEEN", {}, (2,)),  # Withheld.
                ("BLY-ARTIFACT-UNSEEN", {}, (0, 1, 2))):
            answer = lie(changed, missing)
            refused(code, answer)
            check.has(answer.error["message"], "artifact")


def test_the_policy_keeps_artifacts_here():
    with linked("approvals: {artifacts: none}\n") as (relay, host, people, words):
        run, _ = approvals.start(host, small())
        dora = Approver(people, "dora")
        request = asked(dora, words)[0]["request"]
        time.sleep(1)
        check.equal(0, relay.metric("artifact_parts_taken_total", relay.token("metrics")))
        refused("BLY-ARTIFACT-UNSEEN", dora.decide("approve", request, "--artifacts", dora.folder + "/a", "--timeout", "1s",
                                                   *words))
        # By another way it can still be shown.
        path = os.path.join(dora.folder, "plan")
        with open(path, "w", encoding="utf-8") as file:
            file.write(PLAN)
        check.equal("approved", ok(dora.decide("approve", request, "--artifact", path, *words))["gate"])
        host.wait_run(run)


def test_a_card_comes_over_the_relay():
    with linked() as (relay, host, people, words):
        approvals.start(host)
        dora = Approver(people, "dora")
        request = asked(dora, words)[0]["request"]
        ok(host.cli("host", "key", "--out", people.path("host.pub")))
        trusted = ("--root", people.root, "--root-digest", people.digest, "--roster", people.roster, "--yes",
                   *people.by("dora"))
        refused("BLY-HOST-UNKNOWN", dora.cli("approve", request, *trusted, *words))
        token = os.path.join(relay.folder, "release")
        with open(token, "w", encoding="ascii") as file:
            file.write(relay.token("release"))
        to_relay = ("--relay", relay.url, "--token-file", token, "--ca-file", relay.ca)

        def card(name, signer, counter, label="web-1", key="host.pub"):
            return host.cli("trust", "card", people.path(key), people.path(name), "--fleet", people.digest, "--label", label,
                            "--counter", str(counter), *people.by(signer), *to_relay)

        # Whoever is no registrar convinces the relay, and nobody else.
        ok(card("forged.jws", "ada", 1, "prod-1"))
        refused("BLY-STATEMENT-ROLE", dora.cli("approve", request, *trusted, *words))
        ok(card("right.jws", "reg", 2))
        refused("BLY-STATEMENT-OLD", card("old.jws", "reg", 1, "old"))
        refused("BLY-RELAY-HOST", card("other.jws", "reg", 1, key="dora.key.pub"), 8)
        done = subprocess.run([belay.BINARY, "approve", request, *trusted, *words], capture_output=True, text=True,
                              timeout=60, check=False, stdin=subprocess.DEVNULL, env=dora.home)
        check.equal(0, done.returncode, done.stderr)
        check.has(done.stderr, "web-1  " + people.thumbprint)


if __name__ == "__main__":
    check.main(globals())
