"""Approvals, callbacks, events and times; through the CLI and the API."""

import json
import time

import belay
import check

FORM = {"type": "object", "required": ["reason"], "additionalProperties": False,
        "properties": {"reason": {"type": "string", "minLength": 3}, "count": {"type": "integer"}}}


def asking(**more):
    return {"slug": "ask", "steps": [{"id": "ask", "wait": {"approval": {"summary": "Go on?", "form": FORM}, **more}}],
            "output": {"answer": "${{ steps.ask.output }}"}}


def test_an_approval_with_a_form():
    with belay.started() as host:
        run = host.start_run(asking(timeout="1h"))
        wait = host.open_wait(run)
        check.equal("Go on?", wait["summary"])
        # What answers it is said with the flags that lead to this daemon.
        place = "belay --user --config " + host.config + " "
        shown = host.cli("wait", "show", wait["id"])
        check.equal([place + "approve " + wait["id"], place + "reject " + wait["id"]], shown.data["wait"]["actions"])
        check.has(host.cli("wait", "show", wait["id"], json_out=False).out, "  " + place + "reject " + wait["id"])
        check.has(host.cli("run", "watch", run, "--timeout", "5s", json_out=False).out, "→ " + place + "approve " + wait["id"])
        check.has(host.cli("link", "status", json_out=False).out, place + "link enrol URL")
        wrong = host.cli("approve", wait["id"])
        check.equal(2, wrong.code, str(wrong))
        check.equal("BLY-SCHEMA-VIOLATION", wrong.error["code"])
        wrong = host.cli("approve", wait["id"], "--form", "reason=because", "--form", "other=1")
        check.equal(2, wrong.code, str(wrong))
        check.equal("waiting", host.show(run)["run"]["status"])
        good = host.cli("approve", wait["id"], "--form", "reason=because", "--form", "count:=3", "-m", "fine")
        check.equal(0, good.code, str(good))
        answer = host.wait_run(run)["run"]["output"]["answer"]
        check.equal({"reason": "because", "count": 3}, answer["form"])
        check.equal(True, answer["approved"])
        check.equal("fine", answer["comment"])
        again = host.cli("reject", wait["id"])
        check.equal("BLY-WAIT-CLOSED", again.error.get("code"), str(again))


def test_a_rejection_and_its_ways():
    with belay.started() as host:
        run = host.start_run(asking(timeout="1h"))
        check.equal(0, host.cli("reject", host.open_wait(run)["id"], "--form", "reason=not now").code)
        check.equal(False, host.wait_run(run)["run"]["output"]["answer"]["approved"])
        run = host.start_run(asking(timeout="1h", on_reject="fail"))
        check.equal(0, host.cli("reject", host.open_wait(run)["id"], "-m", "no").code)
        check.equal("BLY-WAIT-REJECTED", host.wait_run(run)["run"]["error"]["code"])


def test_a_decision_is_bound_to_what_was_seen():
    with belay.started() as host:
        wait = host.open_wait(host.start_run(asking(timeout="1h")))
        other = host.open_wait(host.start_run(asking(timeout="1h")))
        answer = host.cli("approve", wait["id"], "--form", "reason=because", "--digest", other["request_digest"])
        check.equal(7, answer.code, str(answer))
        for cut in ("00", ""):
            answer = host.cli("approve", wait["id"], "--form", "reason=because", "--digest", cut)
            check.equal((2, "BLY-USAGE"), (answer.code, answer.error.get("code")), str(answer))
            check.has(answer.error["message"], "--digest takes")
        answer = host.cli("approve", wait["id"], "--form", "reason=because", "--digest", wait["request_digest"])
        check.equal(0, answer.code, str(answer))


def test_a_decision_is_signed_and_recorded():
    with belay.started() as host:
        run = host.start_run(asking(timeout="1h"))
        host.cli("approve", host.open_wait(run)["id"], "--form", "reason=because")
        wait = belay.step_of(host.wait_run(run), "ask")["wait"]
        check.has(wait["decision"], ".", "a JWS")
        if not wait["by"]:
            raise AssertionError("nobody decided")


def test_silence_is_denial():
    with belay.started() as host:
        answer = host.run(asking(timeout="200ms"))["run"]["output"]["answer"]
        check.equal(False, answer["approved"])
        check.equal(True, answer["timed_out"])
        shown = host.run(asking(timeout="100ms", on_timeout="fail"))
        check.equal("BLY-WAIT-TIMEOUT", shown["run"]["error"]["code"])


def test_a_timeout_passes_while_no_daemon_runs():
    with belay.started() as host:
        run = host.start_run(asking(timeout="3s"))
        host.open_wait(run)
        host.kill()
        time.sleep(3.2)
        host.start()
        check.equal(True, host.wait_run(run, seconds=20)["run"]["output"]["answer"]["timed_out"])


def test_a_job_gives_no_approval():
    """Neither its command nor what it leaves behind in a session of its own; whoever started the daemon does."""
    with belay.started() as host:
        run = host.start_run({"slug": "gate", "steps": [{"id": "ok", "wait": {"approval": {"summary": "go?"}, "timeout": "1h"}}]})
        wait = belay.eventually(lambda: host.waits(run), what="the wait")[0]["id"]
        approve = " ".join(host.command("approve", wait))
        left = "setsid -f sh -c '%s > said; mv said told' & until [ -e told ]; do sleep 0.1; done; cat told" % approve
        for script in (approve, left):
            shown = host.run({"slug": "eager", "steps": [{"id": "a", "run": {"script": script}, "on_error": "skip"}]})
            check.has(json.dumps(belay.step_of(shown, "a")), "BLY-PERMISSION")
        check.equal("waiting", host.show(run)["run"]["status"])
        check.equal(0, host.cli("approve", wait).code)
        check.equal("succeeded", host.wait_run(run)["run"]["status"])


def test_a_callback_with_its_token():
    with belay.started() as host:
        flow = {"slug": "c", "steps": [
            {"id": "start", "run": {"script": "echo \"$BELAY_CALLBACK_WAIT $BELAY_CALLBACK_TOKEN\" | tee %s/token" %
                                    host.folder, "callback": "done"}},
            {"id": "done", "wait": {"callback": {"schema": {"type": "object", "required": ["ok"],
                                                            "properties": {"ok": {"type": "boolean"}}}},
                                    "timeout": "1h"}}],
            "output": {"body": "${{ steps.done.output.body }}"}}
        run = host.start_run(flow)
        belay.eventually(lambda: belay.step_of(host.show(run), "start")["status"] == "succeeded", what="the job")
        with open(host.folder + "/token", encoding="ascii") as file:
            wait, token = file.read().split()
        check.equal("%s ***BELAY_CALLBACK_TOKEN***" % wait, host.cli("run", "logs", run, "--step", "start", json_out=False).out.strip())
        wrong = host.cli("callback", wait, "--body", "{\"ok\": \"maybe not\"}")
        check.equal("BLY-SCHEMA-VIOLATION", wrong.error.get("code"), str(wrong))
        if len(token) < 32:
            raise AssertionError("a short token")
        good = host.api.request("POST", "/v1/callbacks/" + wait, {"ok": True}, {"Authorization": "Bearer " + token})
        check.equal(200, good[0], str(good))
        check.equal({"ok": True}, host.wait_run(run)["run"]["output"]["body"])
        twice = host.api.request("POST", "/v1/callbacks/" + wait, {"ok": True}, {"Authorization": "Bearer " + token})
        check.equal("BLY-WAIT-CLOSED", twice[1]["error"]["code"])


def test_an_event_answers_those_that_wait_for_it():
    with belay.started() as host:
        flow = {"slug": "e", "input": {"type": "object", "properties": {"who": {"type": "string"}}}, "steps": [
            {"id": "e", "wait": {"event": {"name": "built", "match": "${{ event.body.who === input.who }}"}, "timeout": "1h"}}],
            "output": {"body": "${{ steps.e.output.body }}"}}
        one, two = host.start_run(flow, {"who": "one"}), host.start_run(flow, {"who": "two"})
        host.open_wait(one)
        host.open_wait(two)
        answer = host.cli("event", "emit", "built", "--body", "{\"who\": \"two\"}")
        check.equal(0, answer.code, str(answer))
        check.equal(1, answer.data["answered"])
        check.equal({"who": "two"}, host.wait_run(two)["run"]["output"]["body"])
        check.equal("waiting", host.show(one)["run"]["status"])


def test_a_time_is_waited_for():
    with belay.started() as host:
        begun = time.monotonic()
        host.run({"slug": "t", "steps": [{"id": "a", "wait": {"for": "300ms"}}, {"id": "b", "sleep": {"for": "200ms"}}]})
        took = time.monotonic() - begun
        if not 0.49 <= took < 10:
            raise AssertionError("%.2f s" % took)


def test_waits_close_with_their_run():
    with belay.started() as host:
        run = host.start_run(asking(timeout="1h"))
        wait = host.open_wait(run)
        host.cli("run", "cancel", run)
        host.wait_run(run)
        check.equal([], host.waits(run))
        check.equal("BLY-WAIT-CLOSED", host.cli("approve", wait["id"], "--form", "reason=late").error.get("code"))


def test_a_step_emits_an_event_that_other_runs_wait_for():
    with belay.started() as host:
        listens = {"slug": "listens", "steps": [{"id": "wait", "wait": {"event": {"name": "built", "match": "${{ event.body.n === input.n }}"},
                                                                        "timeout": "1h"}}],
                   "input": {"type": "object"}, "output": "${{ steps.wait.output.body.text }}"}
        runs = [host.start_run(listens, {"n": n}) for n in (1, 2)]
        shown = host.run({"slug": "emits", "steps": [{"id": "tell", "emit": {"event": "built", "body": {"n": 2, "text": "${{ run.flow }}"}}}],
                          "output": "${{ steps.tell.output.answered }}"})
        check.equal(1, shown["run"]["output"])
        check.equal("emits", host.wait_run(runs[1])["run"]["output"])
        check.equal("waiting", host.show(runs[0])["run"]["status"])


def test_what_a_step_emits_is_heard_once_however_often_it_is_killed():
    with belay.started() as host:
        def live(flow):
            host.post("/v1/flows", {"content": json.dumps(flow), "file": flow["slug"] + ".flow.json"})
            check.equal(0, host.cli("flow", "release", flow["slug"]).code)
            check.equal(0, host.cli("flow", "promote", flow["slug"]).code)

        live({"slug": "hears", "triggers": [{"event": "built", "input": {"n": "${{ event.body.n }}"}}],
              "steps": [{"id": "count", "kv": {"increment": "heard-${{ input.n }}"}}]})
        emits = {"slug": "emits", "steps": [{"id": "tell", "emit": {"event": "built", "body": {"n": "${{ input.n }}"}}},
                                            {"id": "rest", "sleep": {"for": "100ms"}}], "output": "${{ steps.tell.output }}"}
        for n in range(12):
            run = host.start_run(emits, {"n": n})
            host.kill()
            host.start()
            output = host.wait_run(run)["run"]["output"]
            check.equal(1, len(output["runs"]))
            check.equal("succeeded", host.wait_run(output["runs"][0])["run"]["status"])
        listed = host.cli("run", "list", "--flow", "hears").data["runs"]
        check.equal(12, len(listed))
        for n in range(12):
            check.equal(1, host.get("/v1/kv/default/value?key=heard-%d" % n)["entry"]["value"])


if __name__ == "__main__":
    check.main(globals())
