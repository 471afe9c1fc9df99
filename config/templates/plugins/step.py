#!/usr/bin/env python3
"""belay-step-PLUGIN_NAME: a plugin of Belay (docs/plugins.md). One JSON object in on standard input, one out on descriptor 3."""

import json
import os
import sys

DESCRIPTION = {
    "v": 1,
    "name": "PLUGIN_NAME",
    "version": "0.1",
    "summary": "Greets somebody.",
    "input": {"type": "object", "required": ["who"], "properties": {"who": {"type": "string"}}},
    "connection": {"type": "object", "properties": {"greeting": {"type": "string"}}},
    "examples": [
        {"input": {"who": "you"}, "connection": {"greeting": "Hi"}, "output": {"text": "Hi, you"}},
        {"input": {}, "error": {"code": "NOBODY"}},
    ],
}


def work(request):
    """The result of one step. What is printed to standard output and standard error is the log of the step."""
    who = request["input"].get("who")
    if not who:
        # effect: none, nothing has happened (it may be tried again); done, what happened is known; unknown.
        # class: one of retry.on, where trying again may help.
        return {"ok": False, "effect": "none", "error": {"code": "NOBODY", "message": "who is missing"}}
    # Credentials come with the connection; do not print them.
    greeting = (request.get("connection") or {}).get("greeting", "Hello")
    return {"ok": True, "output": {"text": "%s, %s" % (greeting, who)}}


def main():
    if sys.argv[1:] == ["--describe"]:
        print(json.dumps(DESCRIPTION))
        return
    result = work(json.load(sys.stdin))
    with os.fdopen(int(os.environ["BELAY_RESULT_FD"]), "w", encoding="utf-8") as out:
        json.dump(result, out)


if __name__ == "__main__":
    main()
