"""From draft to live on the real binary: releases, promotions, and what runs keep."""

import json
import os
import random
import threading
import time

import belay
import check


def gate(word):
    return ("slug: gate\nname: Gate\ntags: [prod]\nsteps:\n  - id: review\n    wait: {approval: {summary: 'Go on?'}, "
            "timeout: 1h}\n  - id: say\n    set: {said: %s}\nstate: {said: none}\noutput: '${{ state }}'\n" % word)


def ok(answer):
    check.equal(0, answer.code, str(answer))
    return answer.data


def refused(code, exit_code, answer):
    check.equal(code, answer.error.get("code"), str(answer))
    check.equal(exit_code, answer.code, str(answer))
    return answer.error


def release(host, word):
    """Makes the next release of gate; its number."""
    ok(host.cli("flow", "push", host.write("gate.flow.yaml", gate(word))))
    return ok(host.cli("flow", "release", "gate", "--note", word))["release"]["number"]


def live(host):
    return (host.get("/v1/flows/gate")["flow"].get("live") or {}).get("release")


def test_nothing_is_live_before_a_promotion():
    with belay.started() as host:
        check.equal(1, release(host, "one"))
        error = refused("BLY-FLOW-NOT-LIVE", 1, host.cli("flow", "run", "gate"))
        check.has(str(error["actions"]), " flow promote gate")
        check.equal("draft", ok(host.cli("flow", "run", "gate", "--draft"))["run"]["source"])
        check.equal("release:1", ok(host.cli("flow", "run", "gate", "--release", "1"))["run"]["source"])
        ok(host.cli("flow", "promote", "gate"))
        check.equal("live:1", ok(host.cli("flow", "run", "gate"))["run"]["source"])
        refused("BLY-FLOW-UNCHANGED", 1, host.cli("flow", "release", "gate"))


def test_a_release_is_named_by_its_number_as_text_or_as_number():
    with belay.started() as host:
        release(host, "one")
        release(host, "two")
        for which in (2, "2"):
            check.equal("release:2", host.show(host.post("/v1/runs", {"flow": "gate", "release": which})["run"]["id"])["run"]["source"])
            check.equal(1, host.post("/v1/flows/gate/promote", {"release": 1 if which == 2 else "1"})["live"])
            check.equal(2, host.post("/v1/flows/gate/promote", {"release": which})["live"])
        check.equal(1, host.post("/v1/flows/gate/rollback", {"release": 1})["live"])
        for which, code in ((3, "BLY-RELEASE-NOT-FOUND"), (1.5, "BLY-INVALID-ARGUMENT"), (True, "BLY-INVALID-ARGUMENT")):
            try:
                host.post("/v1/flows/gate/promote", {"release": which})
                raise AssertionError("release %s was promoted" % which)
            except belay.ApiError as error:
                check.equal(code, error.code, str(error))


def test_no_edit_is_lost():
    with belay.started() as host:
        mine = host.write("gate.flow.yaml", gate("mine"))
        os.mkdir(host.folder + "/other")
        theirs = host.write("other/gate.flow.yaml", gate("theirs"))
        first = ok(host.cli("flow", "push", mine))["digest"]
        host.write("gate.flow.yaml", gate("more"))
        second = ok(host.cli("flow", "push", mine))["digest"]
        for words in ((), ("--if-draft", first)):
            error = refused("BLY-FLOW-DRAFT-CHANGED", 1, host.cli("flow", "push", theirs, *words))
            check.has(error["message"], second)
            place = "belay --user --config " + host.config + " "
            check.equal([place + "flow diff gate --from draft --to " + theirs, place + "flow push " + theirs + " --if-draft " + second],
                        error["actions"])
        check.equal(gate("more"), host.cli("flow", "draft", "gate", json_out=False).out)
        diff = host.cli("flow", "diff", "gate", "--from", "draft", "--to", theirs, json_out=False).out
        check.has(diff, "-    set: {said: more}\n+    set: {said: theirs}\n")
        ok(host.cli("flow", "push", theirs, "--if-draft", second))
        refused("BLY-FLOW-DRAFT-CHANGED", 1, host.cli("flow", "push", mine))
        check.equal(gate("more"), host.cli("flow", "draft", "gate", "--digest", second, json_out=False).out)
        # To run a file replaces the draft, and says so.
        answer = host.cli("flow", "run", mine, json_out=False)
        check.has(answer.err, "replaced the draft of")


def test_two_pushes_at_once_do_not_both_win():
    with belay.started() as host:
        base = ok(host.cli("flow", "push", host.write("gate.flow.yaml", gate("base"))))["digest"]
        won = []

        def push(n):
            client = host.client()
            try:
                client.post("/v1/flows", {"content": gate("w%d" % n), "file": "g.yaml", "if_draft": base})
                won.append(n)
            except belay.ApiError as error:
                check.equal("BLY-FLOW-DRAFT-CHANGED", error.code)
            finally:
                client.close()
        threads = [threading.Thread(target=push, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check.equal(1, len(won), "winners")
        check.has(host.get("/v1/flows/gate/content")["content"], "said: w%d" % won[0])


def test_a_waiting_run_keeps_its_release_through_rollback_and_kill():
    with belay.started() as host:
        release(host, "one")
        ok(host.cli("flow", "promote", "gate"))
        first = ok(host.cli("flow", "run", "gate"))["run"]["id"]
        release(host, "two")
        ok(host.cli("flow", "promote", "gate", "2"))
        second = ok(host.cli("flow", "run", "gate"))["run"]["id"]
        host.open_wait(first)
        host.open_wait(second)
        check.equal(1, ok(host.cli("flow", "rollback", "gate"))["live"])
        host.kill()
        host.start()
        check.equal(1, live(host))
        third = ok(host.cli("flow", "run", "gate"))["run"]["id"]
        for run, source, word in ((first, "live:1", "one"), (second, "live:2", "two"), (third, "live:1", "one")):
            host.open_wait(run)
            ok(host.cli("approve", run))
            shown = host.wait_run(run)["run"]
            check.equal(source, shown["source"])
            check.equal(word, shown["output"]["said"])
        refused("BLY-FLOW-NOT-LIVE", 1, host.cli("flow", "rollback", "gate"))


def test_an_export_becomes_the_same_release_elsewhere():
    with belay.started() as host, belay.started() as other:
        release(host, "one")
        release(host, "two")
        ok(host.cli("flow", "promote", "gate", "2"))
        path = host.folder + "/gate.json"
        ok(host.cli("flow", "export", "gate", path))
        again = host.cli("flow", "export", "gate", path)
        refused("BLY-CONFLICT", 1, again)
        check.equal("belay --user --config %s flow export gate %s --force" % (host.config, path), again.error["actions"][0])
        made = ok(other.cli("flow", "import", path))
        check.equal(1, made["release"]["number"])
        check.equal("two", made["release"]["note"])
        check.equal(host.get("/v1/flows/gate")["flow"]["live"]["digest"], made["digest"])
        check.equal(None, live(other))
        refused("BLY-FLOW-NOT-LIVE", 1, other.cli("flow", "run", "gate"))
        ok(other.cli("flow", "promote", "gate", made["digest"][:20]))
        check.equal(gate("two"), other.cli("flow", "draft", "gate", "--digest", "live", json_out=False).out)
        check.equal(True, ok(other.cli("flow", "import", path))["existing"])
        with open(path, encoding="utf-8") as file:
            exported = json.load(file)
        exported["content"] = exported["content"].replace("two", "evil")
        refused("BLY-FLOW-DIGEST", 2, other.cli("flow", "import", other.write("evil.json", exported)))
        check.equal(1, len(other.get("/v1/flows/gate/releases")["releases"]))


def test_an_archived_flow_starts_nothing_and_keeps_its_history():
    with belay.started() as host:
        release(host, "one")
        ok(host.cli("flow", "promote", "gate"))
        run = ok(host.cli("flow", "run", "gate"))["run"]["id"]
        host.open_wait(run)
        ok(host.cli("flow", "archive", "gate"))
        for words in (("run", "gate"), ("run", "gate", "--draft"), ("run", host.folder + "/gate.flow.yaml"),
                      ("promote", "gate"), ("release", "gate", "--force")):
            refused("BLY-FLOW-ARCHIVED", 1, host.cli("flow", *words))
        ok(host.cli("approve", run))
        check.equal("succeeded", host.wait_run(run)["run"]["status"])
        check.equal(1, len(host.get("/v1/flows/gate/releases")["releases"]))
        ok(host.cli("flow", "archive", "gate", "--undo"))
        ok(host.cli("flow", "run", "gate"))


def test_everything_reads_without_a_daemon():
    with belay.started() as host:
        release(host, "one")
        ok(host.cli("flow", "promote", "gate"))
        host.write("gate.flow.yaml", gate("two"))
        ok(host.cli("flow", "push", host.folder + "/gate.flow.yaml"))
        host.stop()
        for words in (("releases", "gate"), ("diff", "gate"), ("draft", "gate"), ("export", "gate"),
                      ("search", "gate"), ("search", "--tag", "prod"), ("show", "gate"), ("list",)):
            answer = host.cli("flow", *words)
            check.equal(0, answer.code, str(answer))
            check.equal("journal", answer.envelope["meta"]["source"])
        check.equal(9, host.cli("flow", "promote", "gate").code)


def test_pruning_keeps_what_releases_point_to():
    with belay.started() as host:
        release(host, "one")
        ok(host.cli("flow", "promote", "gate"))
        run = ok(host.cli("flow", "run", "gate"))["run"]["id"]
        ok(host.cli("run", "cancel", run))
        host.wait_run(run)
        release(host, "two")
        time.sleep(0.05)
        check.equal(1, ok(host.cli("journal", "prune", "--older-than", "10ms"))["runs"])
        host.stop()
        host.start()
        check.equal("live:1", ok(host.cli("flow", "run", "gate"))["run"]["source"])
        verified = ok(host.cli("journal", "verify"))
        check.equal(True, verified["verified"])
        check.equal(5, verified["flow_changes"])


def test_kills_around_promotions_lose_nothing_that_was_said():
    # Promotes one release after another, and kills the daemon at random moments. What was acknowledged is live, or
    # what was asked for last is; never anything else, and the chains are whole.
    dice = random.Random(13)
    with belay.started() as host:
        for n in range(1, 4):
            release(host, "w%d" % n)
        said = None
        for _ in range(12):
            asked = [said]
            stop = threading.Event()

            def promote():
                client = host.client()
                try:
                    while not stop.is_set():
                        which = dice.randint(1, 3)
                        asked.append(which)
                        asked.append(client.post("/v1/flows/gate/promote", {"release": str(which)})["live"])
                except (OSError, belay.ApiError, ValueError, AssertionError, belay.http.client.HTTPException):
                    pass
            thread = threading.Thread(target=promote)
            thread.start()
            time.sleep(dice.uniform(0.02, 0.2))
            host.kill()
            stop.set()
            thread.join()
            host.start()
            now = live(host)
            # The last one that was answered, or the one that was asked for after it.
            if now not in asked[-2:]:
                raise AssertionError("release %s is live, after %s" % (now, asked[-4:]))
            said = now
        verified = ok(host.cli("journal", "verify"))
        check.equal(True, verified["verified"])
        shown = host.get("/v1/flows/gate/releases?limit=1000")
        check.equal([3, 2, 1], [row["number"] for row in shown["releases"]])


if __name__ == "__main__":
    check.main(globals())
