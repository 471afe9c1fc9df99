"""`belay drive` with agents that play what real ones were seen to do: their ends, their habits, their traps.

Each plays one shape; what is looked at is the one result that a job gives, the log for people, and what is left behind.
"""

import hashlib
import os
import signal
import time

import check
from drive import ACP, FAKE, Drive

ALLOW = {"default": "allow"}
CLAUDE_ID = "0ecf8a4e-5f0a-4b3e-9a53-0f6f4a1a2b3c"


def outcome(adapter, play, **members):
    with Drive(adapter, play, **members) as drive:
        result = drive.run()
        return result["outcome"], result, drive.process.returncode


def ends(wanted, adapter, play, **members):
    got, result, code = outcome(adapter, play, **members)
    check.equal(wanted, got, "%s: %s" % (play, result))
    check.equal(0 if wanted == "ok" else 1, code, play)
    if wanted != "ok" and not result["detail"]:
        raise AssertionError("no detail: %s" % result)
    return result


def alive(folder):
    """Processes that work in a folder."""
    found = []
    for pid in os.listdir("/proc"):
        try:
            if pid.isdigit() and os.readlink("/proc/%s/cwd" % pid).startswith(folder):
                found.append(int(pid))
        except OSError:
            pass
    return found


def test_a_run_that_succeeds():
    with Drive("claude-code", "claude_ok", prompt="do\nit \u2026", model="m-1") as drive:
        result = drive.run()
        check.equal("ok", result["outcome"], result)
        check.equal(0, drive.process.returncode)
        check.equal("STUB: done.", result["text"])
        check.equal(CLAUDE_ID, result["session_id"])
        check.equal({"input": 125, "output": 7, "cached": 20, "reasoning": 0}, result["usage"])
        check.equal(0.000675, result["cost_usd"])
        check.equal(2, result["turns"])
        check.equal({"code": 0, "signal": None}, result["exit"])
        check.equal("2.1.197", result["agent"]["version"])
        check.equal("", drive.err)
        for line in ("agent 2.1.197", "says Working on it.", "tool Bash: git status", "done clean", "end ok"):
            check.has(drive.out, line + "\n")
        check.has(drive.raw_file("stdout.log"), '"type": "result"')
        check.equal("STUB: done.", drive.raw_file("text.txt"))
        given = drive.given()
        check.equal("do\nit \u2026", given["input"])
        check.equal(["-p", "--output-format", "stream-json", "--verbose", "--model", "m-1"], given["arguments"][:6])


def test_the_agent_gets_the_environment_of_the_job_and_no_descriptor_of_the_driver():
    with Drive("claude-code", "claude_ok") as drive:
        drive.run()
        given = drive.given()
        check.equal("of the job", given["environment"]["CANARY"])
        check.equal("1", given["environment"]["DISABLE_AUTOUPDATER"])
        check.lacks(given["environment"], "BELAY_RESULT_FD")
        check.equal([], [name for name in given["descriptors"] if "pipe" in name or "task.json" in name])


def test_the_driver_is_closed_to_others():
    with Drive("claude-code", "claude_stalls") as drive:
        drive.begin().wait_for("I begin.")
        # Not dumpable: its descriptors and memory belong to root, whoever runs it.
        check.equal(0, os.stat("/proc/%d/fd" % drive.process.pid).st_uid)
        with open("/proc/%d/status" % drive.process.pid, encoding="utf-8") as file:
            check.has(file.read(), "Name:\tbelay")
        drive.say_stop()
        drive.wait()


def test_success_needs_three_things_that_agree():
    ends("failed", "claude-code", "claude_interrupted")
    ends("failed", "claude-code", "claude_liar")
    ends("killed", "claude-code", "claude_cut")
    result = ends("rate_limited", "claude-code", "claude_error")
    check.equal(20000, result["retry_after_ms"])
    ends("quota", "claude-code", "claude_quota")
    ends("auth", "claude-code", "claude_login")


def test_a_denied_tool_is_told_and_fails_where_it_is_asked_for():
    result = ends("ok", "claude-code", "claude_denied")
    check.equal([{"tool": "Bash", "what": "rm -rf /", "reason": "denied by its rules"}], result["denials"])
    ends("denied", "claude-code", "claude_denied", permissions={"on_denied": "fail"})
    ends("denied", "codex", "codex_declined", permissions={"on_denied": "fail"})


def test_a_session_that_is_not_there():
    ends("session", "claude-code", "claude_unknown_session", session={"id": CLAUDE_ID, "resume": True})


def test_lines_of_many_megabytes():
    result = ends("ok", "claude-code", "claude_long_line")
    if result["output_bytes"] < 5_000_000:
        raise AssertionError(result["output_bytes"])
    result = ends("protocol", "claude-code", "claude_too_long_line")
    check.equal(1, result["lines_skipped"])
    check.equal("cut \ufffd", ends("ok", "claude-code", "claude_half_character")["text"])


def test_a_structured_result():
    result = ends("ok", "claude-code", "claude_structured", output_schema={"type": "object"})
    check.equal({"answer": 42}, result["structured"])


def test_an_agent_that_says_nothing():
    result = ends("no_output", "claude-code", "claude_silent", budgets={"first_output_ms": 500, "wall_ms": 30000})
    check.equal("first_output_ms", result["budget"])
    check.equal(15, result["exit"]["signal"])


def test_an_agent_that_stalls_keeps_what_it_had():
    result = ends("stalled", "claude-code", "claude_stalls", budgets={"no_progress_ms": 700})
    check.equal("I begin.", result["text"])
    check.equal(CLAUDE_ID, result["session_id"])
    check.equal(120, result["usage"]["input"])


def test_retries_are_no_progress_and_say_why():
    result = ends("auth", "claude-code", "claude_retries", budgets={"no_progress_ms": 1000})
    check.equal("no_progress_ms", result["budget"])
    check.has(result["detail"], "authentication_failed")


def test_budgets_of_time_output_and_turns():
    ends("timeout", "claude-code", "claude_stalls", budgets={"wall_ms": 700})
    result = ends("over_budget", "claude-code", "claude_floods", budgets={"output_bytes": 2_000_000})
    check.equal("output_bytes", result["budget"])
    result = ends("over_budget", "claude-code", "claude_floods", budgets={"turns": 20})
    check.equal("turns", result["budget"])
    result = ends("over_budget", "claude-code", "claude_floods", budgets={"tokens": 5000})
    check.equal("tokens", result["budget"])
    check.equal("turns", ends("over_budget", "claude-code", "claude_turns")["budget"])


def test_the_raw_output_is_bounded():
    with Drive("claude-code", "claude_floods", budgets={"output_bytes": 1_000_000}) as drive:
        drive.run()
        check.equal(1_000_000, os.path.getsize(os.path.join(drive.raw, "stdout.log")))


def test_secrets_are_masked_in_the_raw_files():
    for variables in ([], ["NONE", "TOKEN"]):
        with Drive("command", "command_echo", prompt="it is hunter2-secret", env={"TOKEN": "hunter2-secret"}, permissions=ALLOW,
                   command={"prompt_mode": "stdin", "prefix_args": ["run"]}, secret_variables=variables) as drive:
            check.equal("ok", drive.run()["outcome"])
            for name in ("stdout.log", "text.txt"):
                check.equal((not variables, bool(variables)), ("hunter2-secret" in drive.raw_file(name), "***TOKEN***" in drive.raw_file(name)))


def test_an_agent_that_ignores_the_request_to_end_is_killed():
    with Drive("claude-code", "claude_stubborn", grace_ms=700, budgets={"no_progress_ms": 500}) as drive:
        result = drive.run()
        check.equal("stalled", result["outcome"])
        check.equal(9, result["exit"]["signal"])
        check.equal(True, drive.seconds < 15, drive.seconds)
        check.equal([], alive(drive.folder))


def test_the_end_from_outside_is_graceful():
    with Drive("claude-code", "claude_graceful") as drive:
        drive.begin().wait_for("I begin.")
        drive.say_stop()
        result = drive.wait()
        check.equal("killed", result["outcome"])
        check.equal("I was asked to leave.", result["text"])
        check.equal({"code": 143, "signal": None}, result["exit"])


def test_the_agent_dies_with_its_driver():
    with Drive("claude-code", "claude_stalls") as drive:
        drive.begin().wait_for("I begin.")
        os.kill(drive.process.pid, signal.SIGKILL)
        check.equal(None, drive.wait())
        until = time.monotonic() + 10
        while alive(drive.folder) and time.monotonic() < until:
            time.sleep(0.05)
        check.equal([], alive(drive.folder))


def test_an_agent_that_lowers_the_limits_of_its_driver_has_failed():
    play = ("import os, resource, time\n"
            "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (2, 2))\n"
            "print('done', flush=True)\ntime.sleep(60)\n")
    with Drive("command", binary="/usr/bin/python3", args=["-c", play], permissions=ALLOW,
               command={"prompt_mode": "stdin"}) as drive:
        result = drive.run()
    check.equal("failed", result["outcome"], result)
    check.equal(None, result["exit"]["code"], result)


def test_a_child_that_escapes_does_not_hold_the_end_up():
    with Drive("claude-code", "claude_forks") as drive:
        result = drive.run()
        check.equal("ok", result["outcome"])
        check.equal(True, drive.seconds < 15, drive.seconds)
        for pid in alive(drive.folder):  # The supervisor of the job would do this.
            os.kill(pid, signal.SIGKILL)


def test_codex():
    first = ends("ok", "codex", "codex_ok")
    check.equal("01a1", first["session_id"])
    check.equal({"input": 200, "output": 14, "cached": 50, "reasoning": 3}, first["usage"])
    second = ends("ok", "codex", "codex_resumed",
                  session={"id": first["session_id"], "resume": True, "used": first["cumulative"]})
    check.equal({"input": 100, "output": 7, "cached": 0, "reasoning": 0}, second["usage"])
    check.equal(300, second["cumulative"]["input"])
    check.equal(None, second["cost_usd"])
    ends("ok", "codex", "codex_reconnects")
    ends("rate_limited", "codex", "codex_limited")
    ends("auth", "codex", "codex_no_key")


def test_gemini_and_opencode():
    check.equal("Finished.", ends("ok", "gemini", "gemini_ok")["text"])
    check.equal(144, ends("failed", "gemini", "gemini_400")["exit"]["code"])
    ends("auth", "gemini", "gemini_41")
    check.equal("turns", ends("over_budget", "gemini", "gemini_53")["budget"])
    result = ends("ok", "opencode", "opencode_ok")
    check.equal({"input": 36, "output": 7, "cached": 5, "reasoning": 1}, result["usage"])
    ends("auth", "opencode", "opencode_error")


def test_any_command():
    result = ends("ok", "command", "command_echo", permissions=ALLOW,
                  command={"prompt_mode": "stdin", "prefix_args": ["run"], "option_flags": {"--yes": True}})
    check.has(result["text"], 'arguments: ["run", "--yes"]')
    check.has(result["text"], "input: do it")
    result = ends("failed", "command", "command_fails", permissions=ALLOW)
    check.has(result["detail"], "exit status 3: it went wrong")
    result = ends("failed", "command", "command_echo")
    check.has(result["detail"], "BLY-UNSUPPORTED")


def test_a_program_that_is_not_there_or_not_the_locked_one():
    result = ends("not_found", "codex", "codex_ok", binary="/nowhere/codex")
    check.equal({"code": None, "signal": None}, result["exit"])
    with open(FAKE, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    check.equal(digest, ends("ok", "codex", "codex_ok", digest=digest)["agent"]["digest"])
    with Drive("codex", "codex_ok", digest="0" * 64) as drive:
        check.equal("drifted", drive.run()["outcome"])
        check.equal(digest, drive.result["agent"]["digest"])
        check.equal(False, os.path.exists(drive.path("given.json")))


def test_a_task_that_cannot_be_read_has_no_result():
    with Drive("codex", "codex_ok", budgets={"turn": 1}) as drive:
        check.equal(None, drive.run())
        check.equal(2, drive.process.returncode)
        check.has(drive.err, "BLY-INVALID-ARGUMENT")
        check.has(drive.err, "budgets.turn; did you mean turns?")


# The Agent Client Protocol, with an agent that really does what it says.

def acp(script, args=(), **members):
    import json
    return Drive("acp", binary=ACP, prompt=json.dumps(script), args=list(args), **members)


EDITS = [{"say": "I write."}, {"write": {"path": "a.txt", "content": "new\n"}},
         {"run": ["sh", "-c", "cat a.txt > b.txt"]}, {"say": "Written."}]


def test_acp_edits_what_its_rules_allow():
    rules = {"allow": [{"tool": "edit", "path": "*"}, {"command": "sh *"}]}
    with acp(EDITS, permissions=rules) as drive:
        result = drive.run()
        check.equal("ok", result["outcome"], result)
        check.equal("Written.", result["text"])
        check.equal([], result["denials"])
        check.equal("belay-acp-agent", result["agent"]["name"])
        check.equal(400, result["usage"]["input"])
        with open(os.path.join(drive.cwd, "b.txt"), encoding="utf-8") as file:
            check.equal("new\n", file.read())
        check.has(drive.out, "asks write: ")
        check.equal(True, drive.seconds < 15, drive.seconds)


def test_acp_does_not_do_what_is_denied():
    with acp(EDITS, permissions={"allow": [{"tool": "edit"}], "deny": [{"command": "sh *"}]}) as drive:
        result = drive.run()
        check.equal("ok", result["outcome"], result)
        check.equal("permissions.deny[0]", result["denials"][0]["reason"])
        check.equal(["a.txt"], os.listdir(drive.cwd))
    outside = [{"write": {"path": "../outside.txt", "content": "x"}}]
    with acp(outside, permissions={"allow": [{"tool": "edit", "path": "*"}, {"path": "*.txt"}]}) as drive:
        check.equal(1, len(drive.run()["denials"]))
        check.equal(False, os.path.exists(drive.path("outside.txt")))
    with acp(EDITS, permissions={"on_denied": "fail"}) as drive:
        check.equal("denied", drive.run()["outcome"])
        check.equal([], os.listdir(drive.cwd))


def test_acp_goes_on_with_a_session():
    for args in ((), ("--only-load",)):
        with acp([{"say": "first"}]) as drive:
            session = drive.run()["session_id"]
            drive.task.update(session={"id": session, "resume": True, "used": drive.result["cumulative"]},
                              args=list(args), prompt='[{"say": "second"}]')
            result = drive.run()
            check.equal("ok", result["outcome"], result)
            check.equal("second", result["text"])
            check.equal(session, result["session_id"])
            check.equal(200, result["cumulative"]["input"])
            drive.task.update(cwd=drive.folder)
            check.equal("session", drive.run()["outcome"])
            drive.task.update(args=["--cannot-resume"])
            check.equal("session", drive.run()["outcome"])


def test_acp_is_cancelled_in_its_own_way():
    script = [{"say": "begun"}, {"sleep": 60}]
    with acp(script, budgets={"no_progress_ms": 700}) as drive:
        result = drive.run()
        check.equal("stalled", result["outcome"])
        check.equal("begun", result["text"])
        check.equal({"code": 0, "signal": None}, result["exit"])
    with acp(script, ("--deaf",), budgets={"no_progress_ms": 700}, grace_ms=1000) as drive:
        result = drive.run()
        check.equal("stalled", result["outcome"])
        check.equal(15, result["exit"]["signal"])


def test_acp_other_ends():
    say = [{"say": "x"}]
    for args, wanted in (("--other-protocol", "protocol"), ("--needs-login", "auth"), ("--dies", "failed"),
                         ("--noise", "ok"), ("--stays", "ok")):
        with acp(say, (args,)) as drive:
            result = drive.run()
            check.equal(wanted, result["outcome"], "%s: %s" % (args, result))
    with acp([{"stop": "refusal"}]) as drive:
        check.equal("failed", drive.run()["outcome"])
    # A program that speaks something else.
    with Drive("acp", "command_fails", env={"FAKE_LOG": ""}) as drive:
        check.equal("protocol", drive.run()["outcome"])


if __name__ == "__main__":
    check.main(globals())
