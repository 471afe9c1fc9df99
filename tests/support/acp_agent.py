#!/usr/bin/env python3
"""A coding agent without a model: it speaks the Agent Client Protocol (version 1) on its standard input and output
and does what a script says. It really reads, writes and runs, and asks for permission before it does.

    acp_agent.py [--script FILE] [--version] [TRAP...]

The script is a JSON list; without --script the prompt is one, or the agent only answers. A step is one of

    {"say": TEXT}                           a message, in two chunks
    {"think": TEXT}
    {"write": {"path": P, "content": T}}    asks; P is below the working folder, or absolute
    {"append": {"path": P, "content": T}}   asks
    {"replace": {"path": P, "old": A, "new": B}}   asks
    {"run": [WORD, ...]}                    asks; its output becomes the content of the tool call
    {"read": P}                             does not ask
    {"sleep": SECONDS}
    {"stop": REASON}                        ends the turn: end_turn, refusal, max_turn_requests, ...

"ask": false beside a step does it without asking. What is rejected is not done, and the script goes on. Sessions are
kept in $ACP_AGENT_HOME (default ~/.acp-agent) and can be loaded and resumed, from the folder in which they were made.

Traps, for tests: --other-protocol, --needs-login, --cannot-resume, --only-load, --stays (ignores the end of its
input), --deaf (ignores session/cancel), --dies (in the middle of the turn), --noise (lines that are no JSON).
"""

import json
import os
import select
import subprocess
import sys
import time
import uuid

VERSION = "1.0.0"
TRAPS = ("--other-protocol", "--needs-login", "--cannot-resume", "--only-load", "--stays", "--deaf", "--dies", "--noise")


class Cancelled(Exception):
    """The client has cancelled the turn."""


class Peer:
    """Lines of JSON-RPC, in both directions."""

    def __init__(self):
        self.buffer = b""
        self.calls = 0

    def send(self, **message):
        line = json.dumps({"jsonrpc": "2.0", **message}) + "\n"
        sys.stdout.write(line)
        sys.stdout.flush()

    def receive(self, seconds=None):
        """The next message; None: the input has ended, or nothing came in time."""
        while b"\n" not in self.buffer:
            if seconds is not None and not select.select([0], [], [], seconds)[0]:
                return None
            more = os.read(0, 65536)
            if not more:
                return None
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)


class Agent:
    """One process, any number of sessions and turns."""

    def __init__(self, traps, script):
        self.traps, self.script, self.peer = traps, script, Peer()
        self.home = os.environ.get("ACP_AGENT_HOME") or os.path.expanduser("~/.acp-agent")
        self.session, self.cwd, self.tools = None, None, 0

    def serve(self):
        while True:
            message = self.peer.receive()
            if message is None:
                break
            method = message.get("method")
            if method is None or "id" not in message:
                continue
            answer = getattr(self, "do_" + method.replace("/", "_"), None)
            if answer is None:
                self.fail(message, -32601, "no method " + method)
                continue
            try:
                result = answer(message.get("params") or {})
            except LookupError as error:
                self.fail(message, -32602, str(error))
            except PermissionError as error:
                self.fail(message, -32000, str(error))
            else:
                self.peer.send(id=message["id"], result=result)
        while "--stays" in self.traps:
            time.sleep(1)

    def fail(self, message, code, text):
        self.peer.send(id=message["id"], error={"code": code, "message": text})

    def do_initialize(self, _):
        if "--noise" in self.traps:
            print("Warning: this line is no JSON", flush=True)
        capabilities = {"loadSession": "--cannot-resume" not in self.traps, "promptCapabilities": {}}
        if not {"--cannot-resume", "--only-load"} & self.traps:
            capabilities["sessionCapabilities"] = {"resume": {}}
        return {"protocolVersion": 2 if "--other-protocol" in self.traps else 1, "agentCapabilities": capabilities,
                "agentInfo": {"name": "belay-acp-agent", "version": VERSION}, "authMethods": []}

    def do_session_new(self, params):
        if "--needs-login" in self.traps:
            raise PermissionError("Authentication required")
        self.session, self.cwd = str(uuid.uuid4()), params["cwd"]
        self.keep([])
        return {"sessionId": self.session}

    def file(self):
        return os.path.join(self.home, self.session + ".json")

    def keep(self, history):
        os.makedirs(self.home, exist_ok=True)
        with open(self.file(), "w", encoding="utf-8") as file:
            json.dump({"cwd": self.cwd, "history": history}, file)

    def open_session(self, params):
        self.session, self.cwd = os.path.basename(params["sessionId"]), params["cwd"]
        try:
            with open(self.file(), encoding="utf-8") as file:
                kept = json.load(file)
        except OSError as error:
            raise LookupError("Session not found: " + self.session) from error
        if kept["cwd"] != self.cwd:
            raise LookupError("Session not found in " + self.cwd)
        return kept["history"]

    def do_session_resume(self, params):
        self.open_session(params)
        return {}

    def do_session_load(self, params):
        for text in self.open_session(params):
            self.update("agent_message_chunk", content={"type": "text", "text": text})
        return {}

    def update(self, what, **fields):
        self.peer.send(method="session/update",
                       params={"sessionId": self.session, "update": {"sessionUpdate": what, **fields}})

    def say(self, text, what="agent_message_chunk"):
        half = len(text) // 2
        for part in (text[:half], text[half:]):
            if part:
                self.update(what, content={"type": "text", "text": part})

    def do_session_prompt(self, params):
        prompt = "".join(block.get("text", "") for block in params["prompt"])
        script = self.script
        if script is None and prompt.lstrip().startswith("["):
            script = json.loads(prompt)
        if script is None:
            script = [{"say": "There is nothing to do."}]
        with open(self.file(), encoding="utf-8") as file:
            history = json.load(file)["history"]
        stop = "end_turn"
        try:
            for step in script:
                if "say" in step:
                    history.append(step["say"])
                stop = self.perform(step) or stop
                self.keep(history)
        except Cancelled:
            stop = "cancelled"
        return {"stopReason": stop,
                "usage": {"inputTokens": 100 * len(script), "outputTokens": 10 * len(script), "totalTokens": 0}}

    def perform(self, step):
        self.look_for_cancel(0)
        if "say" in step:
            self.say(step["say"])
        elif "think" in step:
            self.say(step["think"], "agent_thought_chunk")
        elif "sleep" in step:
            self.look_for_cancel(step["sleep"])
        elif "stop" in step:
            return step["stop"]
        else:
            self.tool(step)
        if "--dies" in self.traps:
            os._exit(3)
        return None

    def look_for_cancel(self, seconds):
        until = time.monotonic() + seconds
        while True:
            message = self.peer.receive(max(0, until - time.monotonic()))
            if message and message.get("method") == "session/cancel" and "--deaf" not in self.traps:
                raise Cancelled()
            if message is None and time.monotonic() >= until:
                return

    def tool(self, step):
        kind = next(name for name in ("write", "append", "replace", "run", "read") if name in step)
        about = step[kind]
        self.tools += 1
        call = {"toolCallId": "call_%d" % self.tools, "status": "pending"}
        if kind == "run":
            call.update(kind="execute", title="run", rawInput={"command": " ".join(about)})
        else:
            path = about if kind == "read" else about["path"]
            path = os.path.join(self.cwd, path)
            call.update(kind="read" if kind == "read" else "edit", title=kind, rawInput={"path": path},
                        locations=[{"path": path}])
        self.update("tool_call", **call)
        ended = {"toolCallId": call["toolCallId"], "status": "completed"}
        if kind != "read" and step.get("ask", True) and not self.may(call):
            self.update("tool_call_update", toolCallId=call["toolCallId"], status="failed",
                        content=[{"type": "content", "content": {"type": "text", "text": "not permitted"}}])
            return
        try:
            text = self.run(about) if kind == "run" else self.touch(kind, about, path)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            ended["status"], text = "failed", str(error)
        self.update("tool_call_update", content=[{"type": "content", "content": {"type": "text", "text": text}}], **ended)

    def may(self, call):
        self.peer.calls += 1
        number = self.peer.calls
        options = [{"optionId": "yes", "name": "Allow", "kind": "allow_once"},
                   {"optionId": "no", "name": "Reject", "kind": "reject_once"}]
        self.peer.send(id=number, method="session/request_permission",
                       params={"sessionId": self.session, "toolCall": {"toolCallId": call["toolCallId"]},
                               "options": options})
        while True:
            message = self.peer.receive()
            if message is None:
                sys.exit(0)
            if message.get("method") == "session/cancel":
                raise Cancelled()
            if message.get("id") == number and "method" not in message:
                outcome = message["result"]["outcome"]
                return outcome.get("outcome") == "selected" and outcome.get("optionId") == "yes"

    def run(self, words):
        done = subprocess.run(words, cwd=self.cwd, capture_output=True, text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise ValueError("exit status %d\n%s" % (done.returncode, done.stdout + done.stderr))
        return done.stdout

    def touch(self, kind, about, path):
        if kind == "read":
            with open(path, encoding="utf-8") as file:
                return file.read()
        if kind == "replace":
            with open(path, encoding="utf-8") as file:
                text = file.read()
            if about["old"] not in text:
                raise ValueError("the old text is not in " + path)
            text = text.replace(about["old"], about["new"], 1)
        else:
            text = about["content"]
        with open(path, "a" if kind == "append" else "w", encoding="utf-8") as file:
            file.write(text)
        return "%d bytes" % len(text)


def main():
    words, script, traps = sys.argv[1:], None, set()
    while words:
        word = words.pop(0)
        if word == "--version":
            print("belay-acp-agent " + VERSION)
            return
        if word == "--script":
            with open(words.pop(0), encoding="utf-8") as file:
                script = json.load(file)
        elif word in TRAPS:
            traps.add(word)
        else:
            sys.exit("acp_agent.py: there is no argument " + word)
    Agent(traps, script).serve()


if __name__ == "__main__":
    main()
