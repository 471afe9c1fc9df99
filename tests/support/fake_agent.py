#!/usr/bin/env python3
"""Plays a coding agent's process: its stream, its exit status and its bad habits, as they were seen of real ones.

The variable FAKE names the play. What it was given is written to $FAKE_LOG: arguments, standard input, environment,
and which descriptors were open.
"""

import json
import os
import signal
import sys
import time

SESSION = "0ecf8a4e-5f0a-4b3e-9a53-0f6f4a1a2b3c"


def line(**value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def hang():
    while True:
        time.sleep(1)


# Claude Code.

def init():
    line(type="system", subtype="init", cwd=os.getcwd(), session_id=SESSION, tools=["Bash"], model="m-1",
         permissionMode="dontAsk", apiKeySource="none", claude_code_version="2.1.197")


def assistant(text, number=1, **usage):
    line(type="assistant", session_id=SESSION, parent_tool_use_id=None,
         message={"id": "msg_%d" % number, "role": "assistant", "content": [{"type": "text", "text": text}],
                  "usage": {"input_tokens": 100, "output_tokens": 7, "cache_read_input_tokens": 20, **usage}})


def result(**fields):
    line(**{"type": "result", "subtype": "success", "is_error": False, "api_error_status": None, "num_turns": 1,
            "result": "STUB: done.", "stop_reason": "end_turn", "session_id": SESSION, "total_cost_usd": 0.000675,
            "usage": {"input_tokens": 100, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 20,
                      "output_tokens": 7}, "permission_denials": [], **fields})


def claude_ok():
    init()
    assistant("Working on it.")
    line(type="assistant", session_id=SESSION, message={"id": "msg_1", "role": "assistant", "content": [
        {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "git status"}}],
        "usage": {"input_tokens": 100, "output_tokens": 7}})
    line(type="user", session_id=SESSION, message={"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "clean\n", "is_error": False}]})
    line(type="of_a_later_version", session_id=SESSION)
    assistant("STUB: done.", 2)
    result(num_turns=2)


def claude_structured():
    init()
    result(structured_output={"answer": 42})


def claude_denied():
    init()
    result(permission_denials=[{"tool_name": "Bash", "tool_use_id": "t", "tool_input": {"command": "rm -rf /"}}])


def claude_error():
    init()
    assistant("API Error: 429")
    result(is_error=True, api_error_status=429, result="API Error: 429 rate limit, try again in 20 seconds")
    sys.exit(1)


def claude_quota():
    init()
    result(is_error=True, api_error_status=429, result="Claude usage limit reached")
    sys.exit(1)


def claude_login():
    init()
    result(is_error=True, result="Not logged in \u00b7 Please run /login")
    sys.exit(1)


def claude_turns():
    init()
    result(subtype="error_max_turns", is_error=True, errors=["Reached maximum number of turns (1)"], result=None)
    sys.exit(1)


def claude_liar():
    init()
    result()
    sys.exit(1)


def claude_interrupted():
    init()
    assistant("Half of")


def claude_cut():
    init()
    sys.stdout.write('{"type":"result","subtype":"success","is_err')
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def claude_unknown_session():
    sys.stderr.write("No conversation found with session ID: %s\n" % SESSION)
    sys.exit(1)


def claude_long_line():
    init()
    line(type="user", session_id=SESSION, message={"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "t", "content": "x" * 5_000_000}]})
    assistant("read it")
    result()


def claude_too_long_line():
    init()
    sys.stdout.write('{"type":"result","result":"' + "x" * 20_000_000 + '"}\n')
    sys.stdout.flush()


def claude_half_character():
    init()
    sys.stdout.write('{"type":"result","subtype":"success","is_error":false,"result":"cut \\ud83d","session_id":"'
                     + SESSION + '","num_turns":1,"usage":{}}\n')
    sys.stdout.flush()


def claude_silent():
    hang()


def claude_stalls():
    init()
    assistant("I begin.")
    hang()


def claude_retries():
    init()
    attempt = 0
    while True:
        attempt += 1
        line(type="system", subtype="api_retry", attempt=attempt, max_retries=10, retry_delay_ms=100,
             error_status=401, error="authentication_failed")
        time.sleep(0.1)


def claude_forks():
    init()
    if os.fork() == 0:
        os.setsid()
        time.sleep(30)  # It holds the pipes.
        os._exit(0)
    result()


def claude_stubborn():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    init()
    hang()


def claude_floods():
    init()
    number = 0
    while True:
        number += 1
        assistant("x" * 1000, number)


def claude_stays():
    init()
    result()
    hang()


def claude_graceful():
    def leave(*_):
        assistant("I was asked to leave.", 9)
        sys.exit(143)
    signal.signal(signal.SIGTERM, leave)
    init()
    assistant("I begin.")
    hang()


# Codex.

def item(kind, number, **fields):
    line(type="item." + kind, item={"id": "item_%d" % number, **fields})


def codex_ok(usage=(200, 14)):
    line(type="thread.started", thread_id="01a1")
    line(type="turn.started")
    item("started", 1, type="command_execution", command="/bin/bash -lc 'echo hi'", aggregated_output="",
         exit_code=None, status="in_progress")
    item("completed", 1, type="command_execution", command="/bin/bash -lc 'echo hi'", aggregated_output="hi\n",
         exit_code=0, status="completed")
    item("completed", 2, type="agent_message", text="STUB: done.")
    line(type="turn.completed", usage={"input_tokens": usage[0], "cached_input_tokens": 50,
                                       "output_tokens": usage[1], "reasoning_output_tokens": 3})


def codex_resumed():
    codex_ok((300, 21))


def codex_reconnects():
    line(type="thread.started", thread_id="01a1")
    line(type="error", message="Reconnecting... 1/5 (stream disconnected)")
    codex_ok()


def codex_limited():
    line(type="thread.started", thread_id="01a1")
    line(type="error", message="Reconnecting... 1/1 (429)")
    line(type="error", message="exceeded retry limit, last status: 429 Too Many Requests")
    line(type="turn.failed", error={"message": "exceeded retry limit, last status: 429 Too Many Requests"})
    sys.exit(1)


def codex_declined():
    line(type="thread.started", thread_id="01a1")
    item("completed", 1, type="command_execution", command="rm x", status="declined")
    item("completed", 2, type="agent_message", text="I could not.")
    line(type="turn.completed", usage={"input_tokens": 1, "output_tokens": 1})


def codex_no_key():
    sys.stderr.write("Error: Missing environment variable: `OPENAI_API_KEY`.\n")
    sys.exit(1)


# Gemini CLI and opencode.

def gemini_ok():
    line(type="init", session_id="g-1", model="gemini")
    line(type="message", role="user", content="p")
    line(type="message", role="assistant", content="STUB: ", delta=True)
    line(type="message", role="assistant", content="done.", delta=True)
    line(type="tool_use", tool_name="run_shell_command", tool_id="t1", parameters={"command": "ls"})
    line(type="tool_result", tool_id="t1", status="success", output="a")
    line(type="message", role="assistant", content="Finished.", delta=True)
    line(type="result", status="success", stats={"total_tokens": 30, "input_tokens": 20, "output_tokens": 10, "cached": 4})


def gemini_400():
    line(type="init", session_id="g-1", model="gemini")
    line(type="result", status="error", error={"type": "Error", "message": "got status: 400"}, stats={})
    sys.exit(144)


def gemini_41():
    sys.stderr.write("Please set an Auth method\n")
    sys.exit(41)


def gemini_53():
    line(type="init", session_id="g-1", model="gemini")
    sys.exit(53)


def opencode_ok():
    for kind, part in (("step_start", {}), ("text", {"text": "STUB: done."}),
                       ("step_finish", {"reason": "tool-calls", "cost": 0.1,
                                        "tokens": {"input": 10, "output": 2, "reasoning": 1, "cache": {"read": 5, "write": 1}}}),
                       ("step_finish", {"reason": "stop", "cost": 0.2,
                                        "tokens": {"input": 20, "output": 4, "reasoning": 0, "cache": {"read": 0, "write": 0}}})):
        line(type=kind, timestamp=1, sessionID="ses_1", part=part)


def opencode_error():
    line(type="error", timestamp=1, sessionID="ses_1",
         error={"name": "APIError", "data": {"message": "Unauthorized", "statusCode": 401, "isRetryable": False}})
    sys.exit(1)


# Anything else.

def command_echo():
    print("arguments:", json.dumps(sys.argv[1:]))
    print("input:", sys.stdin.read())
    sys.stderr.write("to stderr\n")


def command_fails():
    sys.stderr.write("it went wrong\n")
    sys.exit(3)


def main():
    if "--version" in sys.argv[1:]:
        print("fake-agent 9.8.7")
        return
    play = os.environ["FAKE"]
    if os.environ.get("FAKE_LOG"):
        given = "" if play == "command_echo" else sys.stdin.read()
        with open(os.environ["FAKE_LOG"], "w", encoding="utf-8") as file:
            json.dump({"arguments": sys.argv[1:], "input": given, "environment": dict(os.environ),
                       "descriptors": [os.readlink("/proc/self/fd/" + fd) for fd in os.listdir("/proc/self/fd")
                                       if int(fd) > 2 and os.path.exists("/proc/self/fd/" + fd)]}, file)
    globals()[play]()


if __name__ == "__main__":
    main()
