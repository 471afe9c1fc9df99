"""Tasks that a person's own coding agent takes: claims as leases, results by schema, attachments, failures, and a daemon
that is killed in between."""

import os
import time

import belay
import check

SCHEMA = {"type": "object", "required": ["ok"], "additionalProperties": False, "properties": {"ok": {"type": "boolean"}}}


def flow(schema=None, lease="30m", timeout="1h"):
    handoff = {"title": "Look at ${{ input.n }}", "task": "Do it for ${{ input.n }}.", "context": {"n": "${{ input.n }}"},
               "lease": lease}
    if schema:
        handoff["schema"] = schema
    return {"slug": "tasks", "steps": [{"id": "hand", "wait": {"handoff": handoff, "timeout": timeout}}],
            "output": "${{ steps.hand.output.body }}"}


def begun(host, **options):
    run = host.start_run(flow(**options), {"n": 7})
    tasks = belay.eventually(lambda: host.cli("task", "list").data["tasks"], 10, "a task")
    check.equal(1, len(tasks))
    return run, tasks[0]["id"]


def test_a_task_is_claimed_and_finished_with_a_folder():
    with belay.started() as host:
        run, task = begun(host, schema=SCHEMA)
        where = host.folder + "/task"
        answer = host.cli("task", "claim", task, "--dir", where)
        check.equal(0, answer.code, answer)
        check.equal(None, answer.data.get("token"))
        check.equal(0o600, os.stat(where + "/token").st_mode & 0o777)
        check.equal("Do it for 7.\n", open(where + "/task.md", encoding="utf-8").read())
        check.equal({"n": 7}, answer.data["task"]["context"])
        check.equal(1, host.cli("task", "claim", task).code)
        check.equal(0, host.cli("task", "progress", task, "half of it", "--dir", where).code)
        check.equal("half of it", host.cli("task", "list").data["tasks"][0]["progress"])
        wrong = host.cli("task", "finish", task, "--dir", where, "--result", '{"ok": "perhaps", "x": 1}')
        check.equal("BLY-SCHEMA-VIOLATION", wrong.error["code"])
        host.kill()
        host.start()
        check.equal(0, host.cli("task", "finish", task, "--dir", where, "--result", '{"ok": true}').code)
        shown = host.wait_run(run)
        check.equal(("succeeded", {"ok": True}), (shown["run"]["status"], shown["run"]["output"]))
        check.equal([], host.cli("task", "list").data["tasks"])


def test_attachments_come_with_the_result():
    with belay.started() as host:
        run, task = begun(host)
        where = host.folder + "/task"
        host.cli("task", "claim", task, "--dir", where)
        path = host.write("report.md", "all is well\n")
        check.equal(0, host.cli("task", "attach", task, path, "--dir", where).code)
        check.equal(0, host.cli("task", "finish", task, "--dir", where).code)
        attached = host.wait_run(run)["run"]["output"]["attachments"]
        check.equal("report.md", attached[0]["name"])
        check.equal("all is well\n", host.cli("resource", "cat", attached[0]["ref"], json_out=False).out)


def test_a_task_that_fails_fails_its_step():
    with belay.started() as host:
        run, task = begun(host, schema=SCHEMA)
        token = host.cli("task", "claim", task).data["token"]
        environment = {**host.environment, "BELAY_TASK_TOKEN": token}
        check.equal(0, host.cli("task", "fail", task, "no way to do it", environment=environment).code)
        error = host.wait_run(run)["run"]["error"]
        check.equal("BLY-STEP-FAILED", error["code"])
        check.has(error["message"], "no way to do it")


def test_a_lease_that_was_let_lapse_can_be_taken_and_the_old_token_is_worth_nothing():
    with belay.started() as host:
        run, task = begun(host, lease="1s")
        first = host.cli("task", "claim", task).data["token"]
        time.sleep(1.2)
        second = host.cli("task", "claim", task, "--lease", "10m").data["token"]
        old = host.cli("task", "finish", task, environment={**host.environment, "BELAY_TASK_TOKEN": first})
        check.equal("BLY-CALLBACK-TOKEN", old.error["code"])
        none = host.cli("task", "finish", task)
        check.equal(2, none.code)
        check.equal(0, host.cli("task", "finish", task, environment={**host.environment, "BELAY_TASK_TOKEN": second}).code)
        check.equal("succeeded", host.wait_run(run)["run"]["status"])


def test_what_is_no_task_cannot_be_claimed():
    with belay.started() as host:
        run = host.start_run({"slug": "cb", "steps": [{"id": "a", "wait": {"callback": {}, "timeout": "1h"}}]})
        wait = host.open_wait(run)["id"]
        check.equal("BLY-WAIT-KIND", host.cli("task", "claim", wait).error["code"])
        check.equal([], host.cli("task", "list").data["tasks"])


def test_a_task_that_nobody_takes_times_out():
    with belay.started() as host:
        shown = host.run(flow(timeout="500ms"), {"n": 1})
        check.equal("BLY-WAIT-TIMEOUT", shown["run"]["error"]["code"])


if __name__ == "__main__":
    check.main(globals())
