"""`llm` steps against stub servers that speak both APIs: they stream, limit, cut off, and answer what is no answer."""

import json
import time

import belay
import check
from check import error, output
from rawserver import RawServer, anthropic, openai

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


def flow(step=None, **llm):
    return {"slug": "l", "requires": [{"name": "brain", "type": "llm"}],
            "steps": [{"id": "ask", "llm": {"connection": "brain", "prompt": "What is 6 * 7?", **llm},
                       "retry": {"max_attempts": 1}, **(step or {})}],
            "output": "${{ steps.ask.output }}"}


def connect(host, server, api="openai", *more):
    added = host.cli("connection", "add", "--replace", "brain", "type=llm", "api=" + api, "model=stub", "secret=KEY",
                     "base_url=http://127.0.0.1:%d/v1" % server.port, *more)
    check.equal(0, added.code, str(added))
    check.equal(0, host.cli("secret", "set", "KEY", stdin="sk-canary-0123456789abcdef").code)


def test_an_answer_of_openai():
    with RawServer(lambda _, peer: peer.stream(openai("It is 42."), 0.02)) as server, belay.started() as host:
        connect(host, server, "openai", "prices:=" + json.dumps({"stub": {"input": 2, "output": 10}}))
        out = output(host.run(flow(system="Be short.", max_tokens=50, temperature=0.2, stop=["END"], extra={"seed": 7})))
        check.equal("It is 42.", out["text"]["text"])
        check.equal(["stop", "stub-1"], [out["stop_reason"], out["model"]])
        check.equal({"input_tokens": 11, "cached_tokens": 0, "output_tokens": 5, "requests": 1}, out["usage"])
        check.equal(round((11 * 2 + 5 * 10) / 1e6, 9), round(out["cost_usd"], 9))
        asked = server.seen[0]
        check.equal("/v1/chat/completions", asked.path)
        check.equal("Bearer sk-canary-0123456789abcdef", asked.headers["authorization"])
        sent = asked.json()
        check.equal([True, "stub", 50, 0.2, ["END"], 7],
                    [sent[k] for k in ("stream", "model", "max_tokens", "temperature", "stop", "seed")])
        check.equal([{"role": "system", "content": "Be short."}, {"role": "user", "content": "What is 6 * 7?"}], sent["messages"])


def test_an_answer_of_anthropic_by_schema():
    with RawServer(lambda _, peer: peer.stream(anthropic(tool={"n": 42}, stop="tool_use"))) as server, belay.started() as host:
        connect(host, server, "anthropic")
        out = output(host.run(flow(schema=SCHEMA)))
        check.equal({"n": 42}, out["json"])
        check.equal({"input_tokens": 20, "cached_tokens": 0, "output_tokens": 6, "requests": 1}, out["usage"])
        asked = server.seen[0]
        check.equal(["/v1/messages", "sk-canary-0123456789abcdef", "2023-06-01"],
                    [asked.path, asked.headers["x-api-key"], asked.headers["anthropic-version"]])
        check.equal({"type": "tool", "name": "answer"}, asked.json()["tool_choice"])


def test_an_answer_that_does_not_match_is_repaired():
    answers = iter(["no idea", "```json\n{\"n\": \"42\"}\n```", "{\"n\": 42}"])
    with RawServer(lambda _, peer: peer.stream(openai(next(answers)))) as server, belay.started() as host:
        connect(host, server)
        out = output(host.run(flow(schema=SCHEMA)))
        check.equal({"n": 42}, out["json"])
        check.equal([3, 33, 15], [out["usage"][k] for k in ("requests", "input_tokens", "output_tokens")])
        told = server.seen[2].json()["messages"]
        check.equal(5, len(told))
        check.has(told[2]["content"], "not JSON")
        check.has(told[4]["content"], "/n")


def test_repairs_have_a_bound():
    with RawServer(lambda _, peer: peer.stream(openai("never"))) as server, belay.started() as host:
        connect(host, server)
        failed = error(host.run(flow(schema=SCHEMA, repairs=1)))
        check.equal("BLY-LLM-SCHEMA", failed["code"])
        check.equal(2, len(server.seen))


def test_an_answer_that_was_cut_at_its_length():
    with RawServer(lambda _, peer: peer.stream(openai("{\"n\": 4", "length"))) as server, belay.started() as host:
        connect(host, server)
        check.equal("BLY-LLM-LENGTH", error(host.run(flow(schema=SCHEMA)))["code"])
        check.equal("length", output(host.run(flow()))["stop_reason"])


def test_errors_have_their_classes():
    cases = [(401, {"error": {"message": "bad key"}}, "BLY-AUTHENTICATION", "other"),
             (400, {"error": {"message": "context too long", "type": "invalid_request_error"}}, "BLY-LLM-REQUEST", "other"),
             (429, {"error": {"code": "insufficient_quota", "message": "pay"}}, "BLY-LLM-QUOTA", "other"),
             (429, {"error": {"message": "slow"}}, "BLY-RATE-LIMITED", "rate_limited"),
             (529, {"error": {"type": "overloaded_error", "message": "busy"}}, "BLY-HTTP-STATUS", "unavailable"),
             (500, b"<html>oops", "BLY-HTTP-STATUS", "server_error"),
             (200, b"{\"choices\": [", "BLY-LLM-ANSWER", "server_error"),
             (200, {"hello": 1}, "BLY-LLM-ANSWER", "server_error")]
    current = []
    with RawServer(lambda _, peer: peer.whole(*current[0])) as server, belay.started() as host:
        connect(host, server)
        for status, document, code, kind in cases:
            current[:] = [(status, document)]
            failed = error(host.run(flow()))
            check.equal((code, kind), (failed["code"], failed["class"]), str((status, document, failed)))


def test_streams_that_go_wrong():
    def cut(_, peer):
        peer.head(200, "text/event-stream", "Transfer-Encoding: chunked")
        peer.chunk(openai("It is 42.")[0])

    def ended(_, peer):
        return peer.stream(openai("It is 42.")[:1])

    def reset(_, peer):
        cut(_, peer)
        time.sleep(0.1)
        peer.reset()

    def inside(_, peer):
        return peer.stream([openai("It")[0], "data: {\"error\": {\"type\": \"server_error\", \"message\": \"gone\"}}\n\n"])

    def rubbish(_, peer):
        return peer.stream(["data: {\"choices\": [{\"delta\": {\"content\": \n\n"])

    def stalls(_, peer):
        cut(_, peer)
        time.sleep(10)

    def drips(_, peer):
        peer.head(200, "text/event-stream")
        for _ in range(90):
            peer.send(": x\n")
            time.sleep(0.1)

    current = []
    with RawServer(lambda asked, peer: current[0](asked, peer)) as server, belay.started() as host:
        connect(host, server)
        for answer, code, kind in ((cut, "BLY-CONNECT", "connection"), (ended, "BLY-LLM-ANSWER", "connection"),
                                   (reset, "BLY-CONNECT", "connection"), (inside, "BLY-HTTP-STATUS", "server_error"),
                                   (rubbish, "BLY-LLM-ANSWER", "server_error"), (stalls, "BLY-STEP-TIMEOUT", "timeout"),
                                   (drips, "BLY-STEP-TIMEOUT", "timeout")):
            current[:] = [answer]
            failed = error(host.run(flow({"timeout": "1500ms" if kind == "timeout" else "20s"})))
            check.equal((code, kind), (failed["code"], failed["class"]), answer.__name__ + str(failed))


def test_a_limit_is_obeyed_and_the_step_tried_again():
    answers = iter([lambda peer: peer.whole(429, {"error": {"message": "slow"}}, "Retry-After: 1"),
                    lambda peer: peer.stream(openai("done"))])
    with RawServer(lambda _, peer: next(answers)(peer)) as server, belay.started() as host:
        connect(host, server)
        began = time.time()
        out = output(host.run(flow({"retry": {"max_attempts": 2, "on": ["rate_limited"], "backoff": {"initial": "10ms"}}})))
        check.equal("done", out["text"]["text"])
        check.equal(True, time.time() - began >= 0.9)


def test_a_whole_answer_of_a_server_that_does_not_stream():
    document = {"model": "local", "choices": [{"message": {"content": "{\"n\": 1}"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    with RawServer(lambda _, peer: peer.whole(200, document)) as server, belay.started() as host:
        connect(host, server)
        check.equal({"n": 1}, output(host.run(flow(schema=SCHEMA)))["json"])


def test_tools_go_through_and_their_calls_come_back():
    def answer(_, peer):
        call = {"index": 0, "id": "c1", "function": {"name": "look", "arguments": "{\"where\": \"here\"}"}}
        return peer.stream(["data: %s\n\n" % json.dumps({"choices": [{"delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}),
                            "data: [DONE]\n\n"])
    with RawServer(answer) as server, belay.started() as host:
        connect(host, server)
        out = output(host.run(flow(tools=[{"name": "look", "description": "looks", "schema": {"type": "object"}}])))
        check.equal([{"id": "c1", "name": "look", "arguments": {"where": "here"}}], out["tool_calls"])
        check.equal("look", server.seen[0].json()["tools"][0]["function"]["name"])


def test_the_key_is_masked_when_it_comes_back():
    with RawServer(lambda _, peer: peer.stream(openai("your key is sk-canary-0123456789abcdef !"))) as server, belay.started() as host:
        connect(host, server)
        out = output(host.run(flow()))
        check.equal("your key is ***KEY*** !", out["text"]["text"])


def test_the_policy_judges_it_and_the_connection_is_tested():
    def answer(_, peer):
        return peer.whole(200, {"data": [{"id": "a"}, {"id": "b"}]})
    with RawServer(answer) as server, belay.started(
            policy="http: {allow: [{hosts: [127.0.0.1], ports: [%d], schemes: [http], methods: [GET]}], addresses: [127.0.0.1]}\n" % server.port) as host:
        connect(host, server)
        tested = host.cli("connection", "test", "brain")
        check.equal(["a", "b"], tested.data["found"]["models"], str(tested))
        check.equal("BLY-POLICY-REFUSED", error(host.run(flow()))["code"])
        check.equal(1, len(server.seen))


def test_templates_and_large_prompts():
    big = "x" * 300000
    spec = flow(system={"template": "role"}, prompt="${{ steps.make.output.stdout }}")
    spec["templates"] = {"role": "You are ${{ input.who }}."}
    spec["input"] = {"type": "object", "properties": {"who": {"type": "string"}}}
    spec["steps"].insert(0, {"id": "make", "run": {"script": "head -c 300000 /dev/zero | tr '\\0' x"}})
    with RawServer(lambda _, peer: peer.stream(openai("ok"))) as server, belay.started() as host:
        connect(host, server)
        output(host.run(spec, {"who": "a clerk"}))
        check.equal(["You are a clerk.", big], [one["content"] for one in server.seen[0].json()["messages"]])


if __name__ == "__main__":
    check.main(globals())
