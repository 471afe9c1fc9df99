"""A model without a mind, for agents that are real: it answers on the four interfaces that they speak, as the last tag
in what it is asked says.

    stub_model.py PORT LOG      listens on 127.0.0.1; each request is a line of LOG

[[tool]] one call that writes made.txt, then a text; [[loop]] the same call again and again; [[limit]] 429 for ever;
[[auth]] 401 for ever; [[bad]] 400; anything else a text. What is asked besides (titles, summaries) gets a text.
"""

import json
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RESULTS = ('"tool_result"', "function_call_output", '"role":"tool"', '"role": "tool"', "functionResponse")
TEXT = "STUB: done."
COMMAND = "echo made >> made.txt"
REFUSALS = {"limit": (429, "rate_limit_error", "rate limit reached, try again in 20 seconds"),
            "auth": (401, "authentication_error", "invalid api key"), "bad": (400, "invalid_request_error", "bad request")}


def plan_for(text):
    """'tool', 'text', or a refusal."""
    tags = list(re.finditer(r"\[\[(tool|loop|limit|auth|bad|talk)\]\]", text))
    tag = tags[-1][1] if tags else ""
    if tag in REFUSALS:
        return tag
    # Whether something was called since it was asked for.
    answered = tags and max(text.rfind(mark) for mark in RESULTS) > tags[-1].start()
    return "tool" if tag == "loop" or (tag == "tool" and not answered) else "text"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(200, "text/plain", b"")

    def do_GET(self):
        self.answer(200, "application/json", b'{"data":[],"models":[]}')

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(errors="replace")
        with open(self.server.log, "a", encoding="utf-8") as file:
            file.write(self.path + " " + raw[:200_000].replace("\n", " ") + "\n")
        try:
            body = json.loads(raw)
        except ValueError:
            return self.answer(200, "application/json", b"{}")
        plan = plan_for(raw)
        if plan in REFUSALS:
            status, kind, message = REFUSALS[plan]
            error = {"type": "error", "error": {"type": kind, "code": status, "status": kind, "message": message}}
            return self.answer(status, "application/json", json.dumps(error).encode())
        for part, speak in (("/v1/messages", self.anthropic), ("/responses", self.openai),
                            ("enerateContent", self.gemini), ("/chat/completions", self.chat)):
            if part in self.path:
                return speak(body, plan)
        return self.answer(200, "application/json", b'{"input_tokens":10,"totalTokens":10}')

    def answer(self, status, kind, content):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.close_connection = True

    def events(self, events, named=False):
        out = ""
        for event in events:
            if named:
                out += "event: " + event["type"] + "\n"
            out += "data: " + (event if isinstance(event, str) else json.dumps(event)) + "\n\n"
        self.answer(200, "text/event-stream", out.encode())

    def anthropic(self, body, plan):
        if "count_tokens" in self.path:
            return self.answer(200, "application/json", b'{"input_tokens":10}')
        tools = [tool.get("name") for tool in body.get("tools") or []]
        call = plan == "tool" and "Bash" in tools
        message = {"id": "msg_%d" % time.monotonic_ns(), "type": "message", "role": "assistant",
                   "model": body.get("model", "m"), "content": [], "stop_reason": None, "stop_sequence": None,
                   "usage": {"input_tokens": 100, "output_tokens": 1}}
        if call:
            block = {"type": "tool_use", "id": "toolu_%d" % time.monotonic_ns(), "name": "Bash", "input": {}}
            delta = {"type": "input_json_delta",
                     "partial_json": json.dumps({"command": COMMAND, "description": "write"})}
        else:
            block, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": TEXT}
        done = {"type": "message_delta", "delta": {"stop_reason": "tool_use" if call else "end_turn"},
                "usage": {"output_tokens": 7}}
        if not body.get("stream"):
            block = {**block, "input": {"command": COMMAND, "description": "write"}} if call else {**block, "text": TEXT}
            message.update(content=[block], stop_reason=done["delta"]["stop_reason"])
            return self.answer(200, "application/json", json.dumps(message).encode())
        return self.events([{"type": "message_start", "message": message},
                            {"type": "content_block_start", "index": 0, "content_block": block},
                            {"type": "content_block_delta", "index": 0, "delta": delta},
                            {"type": "content_block_stop", "index": 0}, done, {"type": "message_stop"}], named=True)

    def openai(self, body, plan):
        names = [tool.get("name") for tool in body.get("tools") or []]
        shell = next((name for name in ("exec_command", "shell_command", "shell") if name in names), None)
        arguments = {"exec_command": {"cmd": COMMAND}, "shell_command": {"command": COMMAND},
                     "shell": {"command": ["bash", "-lc", COMMAND]}}
        number = str(time.monotonic_ns())
        if plan == "tool" and shell:
            item = {"type": "function_call", "id": "fc_" + number, "call_id": "call_" + number, "name": shell,
                    "arguments": json.dumps(arguments[shell])}
        else:
            item = {"type": "message", "id": "m_" + number, "role": "assistant",
                    "content": [{"type": "output_text", "text": TEXT, "annotations": []}]}
        usage = {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 7,
                 "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 107}
        response = {"id": "resp_" + number, "status": "in_progress", "output": []}
        self.events([{"type": "response.created", "response": response},
                     {"type": "response.output_item.added", "output_index": 0, "item": item},
                     {"type": "response.output_item.done", "output_index": 0, "item": item},
                     {"type": "response.completed",
                      "response": {**response, "status": "completed", "output": [item], "usage": usage}}], named=True)

    def gemini(self, body, plan):
        names = [each.get("name") for tool in body.get("tools") or [] for each in tool.get("functionDeclarations") or []]
        part = {"text": TEXT}
        if plan == "tool" and "run_shell_command" in names:
            part = {"functionCall": {"name": "run_shell_command", "args": {"command": COMMAND, "description": "write"}}}
        answer = {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
                  "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 7, "totalTokenCount": 107},
                  "modelVersion": "stub"}
        if "stream" in self.path:
            return self.events([answer])
        return self.answer(200, "application/json", json.dumps(answer).encode())

    def chat(self, body, plan):
        names = [tool.get("function", {}).get("name") for tool in body.get("tools") or []]
        delta = {"role": "assistant", "content": TEXT}
        if plan == "tool" and "bash" in names:
            delta = {"role": "assistant", "content": None,
                     "tool_calls": [{"index": 0, "id": "call_%d" % time.monotonic_ns(), "type": "function",
                                     "function": {"name": "bash",
                                                  "arguments": json.dumps({"command": COMMAND, "description": "write"})}}]}
        finish = "tool_calls" if delta.get("tool_calls") else "stop"
        usage = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}
        common = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": body.get("model", "m")}
        if not body.get("stream"):
            message = {k: v for k, v in delta.items() if k != "index"}
            return self.answer(200, "application/json", json.dumps(
                {**common, "object": "chat.completion", "usage": usage,
                 "choices": [{"index": 0, "message": message, "finish_reason": finish}]}).encode())
        return self.events([{**common, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
                            {**common, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}], "usage": usage},
                            "[DONE]"])


def main():
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.log = sys.argv[2]
    server.serve_forever()


if __name__ == "__main__":
    main()
