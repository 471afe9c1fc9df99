"""A host that was copied, set back or moved: it says so, begins nothing, and goes on when root has looked."""

import importlib
import os
import shutil
import time

import belay
import check
import relay as relays

link = importlib.import_module("31_link")
ok, state, connected, linked, settings = link.ok, link.state, link.connected, link.linked, link.settings

NAP = {"slug": "nap", "steps": [{"id": "nap", "sleep": {"for": "4s"}}]}
NOTE = {"slug": "note", "steps": [{"id": "a", "set": {"x": 1}}]}


def quarantine(host):
    return ok(host.cli("host", "show"))["host"].get("quarantine")


def refused(host, code="BLY-HOST-QUARANTINED"):
    try:
        host.start_run(NOTE)
    except belay.ApiError as error:
        check.equal(code, error.code)
        return
    raise AssertionError("a run began in quarantine")


def works(host):
    check.equal("succeeded", host.run(NOTE)["run"]["status"])


def machine(host_folder, text):
    path = os.path.join(host_folder, "machine-id")
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


def taken(host):
    """A snapshot of the host, which goes on; its path."""
    host.stop()
    snapshot = os.path.join(host.folder, "snapshot")
    shutil.copytree(host.state, snapshot)
    host.start()
    connected(host)
    return snapshot


def restored(host, snapshot):
    """The host is set back to the snapshot, and notices."""
    host.stop()
    shutil.rmtree(host.state)
    os.rename(snapshot, host.state)
    host.start()
    belay.eventually(lambda: quarantine(host), 20, "the proof")


def test_another_machine_is_a_reason_to_stop():
    with belay.Host() as host:
        path = machine(host.folder, "one\n")
        host.write_settings({"host": {"machine_files": [path, "/nonexistent"]}})
        host.init()
        host.start()
        works(host)
        run = host.start_run(NAP)
        host.stop()
        machine(host.folder, "two\n")
        # A read needs no daemon, and nothing is known yet.
        check.equal(None, quarantine(host))
        host.start()
        found = quarantine(host)
        check.equal("machine", found["cause"])
        check.has(found["message"], path)
        refused(host)
        time.sleep(4.5)
        check.equal("waiting", host.show(run)["run"]["status"])
        doctor = host.cli("doctor")
        check.equal("fail", [row["verdict"] for row in doctor.data["checks"] if row["check"] == "host"][0])
        # It outlasts kills, and that the old machine comes back.
        host.kill()
        machine(host.folder, "one\n")
        host.start()
        check.equal("machine", quarantine(host)["cause"])
        answer = host.cli("host", "release-quarantine")
        check.equal("BLY-INVALID-ARGUMENT", answer.error["code"])
        check.has(answer.error["message"], "1 runs have not ended")
        before = ok(host.cli("host", "show"))["host"]["epoch"]
        ok(host.cli("host", "release-quarantine", "--runs", "continue"))
        after = ok(host.cli("host", "show"))["host"]
        check.equal(False, after["quarantined"])
        check.equal("2.", after["epoch"][:2])
        if before == after["epoch"]:
            raise AssertionError("the epoch did not change")
        check.equal("succeeded", host.wait_run(run)["run"]["status"])
        works(host)
        check.equal("BLY-CONFLICT", host.cli("host", "release-quarantine").error["code"])
        host.stop()
        host.start()
        works(host)


def test_a_copy_and_the_host_that_was_copied_both_stop():
    with relays.Relay(link.FAST) as relay:
        relay.start()
        with belay.started(settings(relay)) as host:
            linked(host, relay)
            host.stop()
            with belay.Host(settings(relay)) as copy:
                shutil.copytree(host.state, copy.state)
                copy.start()
                connected(copy)
                works(copy)
                host.start()
                belay.eventually(lambda: quarantine(host), 20, "the proof")
                check.equal("session", quarantine(host)["cause"])
                check.equal("quarantined", state(host)[0]["phase"])
                refused(host)
                check.has(host.log(), "host.quarantined")
                # The copy has lost its session; when it asks for another it sees that there are two.
                belay.eventually(lambda: state(copy)[0]["phase"] == "fenced", 20, "the fence")
                check.has(copy.log(), "link.fenced")
                copy.kill()
                copy.start()
                belay.eventually(lambda: quarantine(copy), 20, "the proof")
                # The copy becomes a host of its own, the other one goes on.
                ok(copy.cli("host", "rekey"))
                check.equal("unlinked", state(copy)[0]["phase"])
                check.equal(True, ok(copy.cli("host", "show"))["host"]["quarantined"])
                ok(copy.cli("host", "release-quarantine"))
                ok(host.cli("host", "release-quarantine"))
                linked(copy, relay)
                connected(host)
                if state(copy)[1]["host"] == state(host)[1]["host"]:
                    raise AssertionError("two hosts have one key")
                for each in (copy, host):
                    works(each)
                    check.equal(None, quarantine(each))
                    check.equal("connected", state(each)[0]["phase"])


def test_a_snapshot_that_was_restored_stops():
    with relays.Relay(link.FAST) as relay:
        relay.start()
        with belay.started(settings(relay)) as host:
            linked(host, relay)
            run = host.start_run({"slug": "ask", "steps": [{"id": "ask", "wait": {"approval": {"summary": "?"}, "timeout": "1h"}}]})
            wait = host.open_wait(run)
            snapshot = taken(host)
            ok(host.cli("approve", wait["id"]))
            check.equal("succeeded", host.wait_run(run)["run"]["status"])
            restored(host, snapshot)
            # Approved already, in what is not there any more: not once more.
            check.equal("BLY-HOST-QUARANTINED", host.cli("approve", wait["id"]).error["code"])
            check.equal("waiting", host.show(run)["run"]["status"])
            host.kill()
            host.start()
            check.equal("session", quarantine(host)["cause"])
            data = ok(host.cli("host", "release-quarantine", "--runs", "cancel"))
            check.equal([1, True], [data["open_runs"], data["cancelled"]])
            check.equal("cancelled", host.wait_run(run)["run"]["status"])
            connected(host)
            works(host)
            # And it stays so: the next session is a later one.
            host.stop()
            host.start()
            connected(host)
            check.equal(None, quarantine(host))


def test_what_people_were_asked_is_asked_anew():
    """A host whose snapshot was restored: what was approved in what is gone does not count, and the same is asked again
    under the new epoch, over kills; whoever decides about the old request hears that it was superseded."""
    approvals = importlib.import_module("32_approvals")
    with approvals.linked() as (relay, host, people, words):
        run, wait = approvals.start(host)
        dora = approvals.Approver(people, "dora")
        old = approvals.asked(dora, words)[0]["request"]
        decision = dora.by_file("approve", approvals.exported(host, wait))
        snapshot = taken(host)
        check.equal("approved", ok(host.cli("decision", "apply", decision))["gate"])
        check.equal("succeeded", host.wait_run(run)["run"]["status"])
        restored(host, snapshot)
        check.equal("BLY-HOST-QUARANTINED", host.cli("decision", "apply", decision).error["code"])
        before = ok(host.cli("host", "show"))["host"]["epoch"]
        ok(host.cli("host", "release-quarantine", "--runs", "continue"))
        host.kill()
        host.start()
        after = belay.eventually(lambda: [row for row in host.get("/v1/waits?run=" + run)["waits"] if row["id"] != wait],
                                 20, "the new wait")
        check.equal(1, len(after))
        check.equal("BLY-DECISION-EPOCH", host.cli("decision", "apply", decision).error["code"])
        anew = approvals.exported(host, after[0]["id"])
        seen = ok(dora.cli("approvals", "show", "--request", anew, "--host", people.thumbprint, *people.by("dora")))
        if seen["asked"]["epoch"] == before or seen["request"] == old:
            raise AssertionError("the epoch or the request is the old one")
        # The relay has the new request; the old one is over, and its receipt says why.
        connected(host)
        def open_ones():
            found = ok(dora.cli("approvals", "list", *words))["approvals"]
            return [row["request"] for row in found] == [seen["request"]]
        belay.eventually(open_ones, 20, "the new request at the relay")
        done = ok(dora.decide("approve", seen["request"], *words))
        check.equal(("accepted", "approved"), (done["receipt"], done["gate"]))
        check.equal("succeeded", host.wait_run(run)["run"]["status"])
        check.equal("dora", host.show(run)["run"]["output"]["by"])


def test_a_new_key_asks_anew():
    approvals = importlib.import_module("32_approvals")
    with belay.started() as host:
        people = approvals.People(host)
        run, wait = approvals.start(host)
        dora = approvals.Approver(people, "dora")
        decision = dora.by_file("approve", approvals.exported(host, wait))
        ok(host.cli("host", "rekey"))
        anew = belay.eventually(lambda: [row["id"] for row in host.get("/v1/waits?run=" + run)["waits"] if row["id"] != wait],
                                20, "the new wait")[0]
        check.equal("BLY-DECISION-EPOCH", host.cli("decision", "apply", decision).error["code"])
        thumbprint = ok(host.cli("host", "key"))["host"]
        if thumbprint == people.thumbprint:
            raise AssertionError("the key is the old one")
        people.thumbprint = thumbprint
        again = dora.by_file("approve", approvals.exported(host, anew))
        check.equal("approved", ok(host.cli("decision", "apply", again))["gate"])
        check.equal("succeeded", host.wait_run(run)["run"]["status"])


if __name__ == "__main__":
    check.main(globals())
