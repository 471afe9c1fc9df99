#!/usr/bin/env python3
"""Stands in for a coding agent: does what the words of its prompt say, and tells it as Claude Code does (stream-json).

Words: `write FILE TEXT`, `sh COMMAND` (to the end of the line), `sleep SECONDS`, `say TEXT`, `give JSON`, `tell VARIABLE`, `quota` (once for each
file `quota-left` of its home counts), `deny`, `fail`, `hang`. Its sessions are files in its home; one that is resumed
counts on.
"""

import json
import os
import subprocess
import sys
import time
import uuid

HOME = os.environ["HOME"]


def emit(kind, **members):
    print(json.dumps({"type": kind, **members}), flush=True)


def quota():
    """Whether the provider refuses now; each refusal is taken off."""
    path = os.path.join(HOME, "quota-left")
    try:
        with open(path, encoding="ascii") as file:
            left = int(file.read())
    except OSError:
        return False
    with open(path, "w", encoding="ascii") as file:
        file.write(str(left - 1))
    return left > 0


def session_of(arguments):
    """(id, how often it was resumed)"""
    name, turns = str(uuid.uuid4()), 0
    if "--resume" in arguments:
        name = arguments[arguments.index("--resume") + 1]
        try:
            with open(os.path.join(HOME, "session-" + name), encoding="ascii") as file:
                cwd, turns = json.load(file)
        except OSError:
            sys.exit("No conversation found with session ID: " + name)
        if cwd != os.getcwd():
            sys.exit("No conversation found with session ID: " + name)
    elif "--session-id" in arguments:
        name = arguments[arguments.index("--session-id") + 1]
    with open(os.path.join(HOME, "session-" + name), "w", encoding="ascii") as file:
        json.dump([os.getcwd(), turns + 1], file)
    return name, turns


def obey(prompt):
    said, denials, given = "done", [], None
    for line in prompt.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "write":
            path, _, text = rest.partition(" ")
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(path, "a", encoding="utf-8") as file:
                file.write(text + "\n")
        elif word == "sh":
            subprocess.run(rest, shell=True, check=False)
        elif word == "sleep":
            time.sleep(float(rest))
        elif word == "say":
            said = rest
        elif word == "give":
            given = json.loads(rest)
        elif word == "tell":
            said = os.environ[rest]
        elif word == "deny":
            denials.append({"tool_name": "Bash", "tool_use_id": "t1", "tool_input": {"command": "rm -rf /"}})
        elif word == "hang":
            while True:
                time.sleep(60)
    return said, denials, given


def main():
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        print("0.0.0 (obedient)")
        return 0
    prompt = sys.stdin.read() if not sys.stdin.isatty() else ""
    if not prompt.strip():
        prompt = arguments[-1]
    name, turns = session_of(arguments)
    emit("system", subtype="init", session_id=name, cwd=os.getcwd(), model="fake", claude_code_version="0.0.0-fake")
    usage = {"input_tokens": 100, "output_tokens": 7, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    result = {"session_id": name, "usage": usage, "total_cost_usd": 0.25, "num_turns": 1, "permission_denials": []}
    if "quota" in prompt and quota():
        emit("result", subtype="success", is_error=True, api_error_status=429, result="usage limit reached", **result)
        return 1
    said, denials, given = obey(prompt)
    if given is not None:
        result["structured_output"] = given
    emit("assistant", session_id=name,
         message={"role": "assistant", "content": [{"type": "text", "text": said}], "usage": usage})
    if "fail" in prompt.split():
        emit("result", subtype="error_during_execution", is_error=True, **result)
        return 1
    result["permission_denials"] = denials
    emit("result", subtype="success", is_error=False, result="%s (turn %d)" % (said, turns + 1), **result)
    return 0


sys.exit(main())
