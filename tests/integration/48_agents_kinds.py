"""Every kind of agent in flows, as its fake plays it, with sessions over steps; drift from what was locked; and the agents of
the settings in `belay agents`."""

import json
import os
import shutil

import belay
import check
from drive import ACP, FAKE

OBEDIENT = os.path.join(os.path.dirname(belay.__file__), "obedient_agent.py")
ALLOW = {"permissions": {"default": "allow"}}


def flow(handle, *steps):
    return {"slug": "kinds", "agents": {"a": handle},
            "steps": [{"id": "s%d" % i, "on_error": "skip", "agent": {"use": "a", "prompt": "do it", **step}}
                      for i, step in enumerate(steps)]}


def ran(host, handle, *steps):
    shown = host.run(flow(handle, *steps), seconds=60)
    check.equal("succeeded", shown["run"]["status"], json.dumps(shown)[:2000])
    return [belay.step_of(shown, "s%d" % i) for i in range(len(steps))]


def fake(adapter, **more):
    return {"adapter": adapter, "binary": FAKE, **more}


def play(name, **more):
    return {"env": {"FAKE": name}, **more}


def test_codex():
    with belay.started() as host:
        first, second, limited, keyless = ran(host, fake("codex"), play("codex_ok"), play("codex_resumed", resume=True),
                                              play("codex_limited"), play("codex_no_key"))
        check.equal("01a1", first["output"]["session_id"])
        check.equal({"input": 200, "output": 14, "cached": 50, "reasoning": 3}, first["output"]["usage"])
        # It counts the whole thread: the second one's share is what is new.
        check.equal({"input": 100, "output": 7, "cached": 0, "reasoning": 0}, second["output"]["usage"])
        check.equal(None, second["output"]["cost_usd"])
        check.equal("BLY-AGENT-RATE-LIMITED", limited["error"]["code"])
        check.equal("BLY-AGENT-AUTH", keyless["error"]["code"])


def test_gemini_and_opencode():
    with belay.started() as host:
        good, bad, keyless, turns = ran(host, fake("gemini"), play("gemini_ok"), play("gemini_400"), play("gemini_41"),
                                        play("gemini_53"))
        check.equal("Finished.", good["output"]["text"]["text"])
        check.equal(144, bad["output"]["exit_code"])
        check.equal(["BLY-AGENT-FAILED", "BLY-AGENT-AUTH", "BLY-AGENT-BUDGET"],
                    [step["error"]["code"] for step in (bad, keyless, turns)])
        good, bad = ran(host, fake("opencode"), play("opencode_ok"), play("opencode_error"))
        check.equal({"input": 36, "output": 7, "cached": 5, "reasoning": 1}, good["output"]["usage"])
        check.equal("BLY-AGENT-AUTH", bad["error"]["code"])


def test_any_command():
    command = {"prompt_mode": "stdin", "prefix_args": ["run"], "option_flags": {"--yes": True}}
    with belay.started() as host:
        good, bad = ran(host, fake("command", command=command, **ALLOW), play("command_echo"), play("command_fails"))
        check.has(good["output"]["text"]["text"], 'arguments: ["run", "--yes"]')
        check.has(good["output"]["text"]["text"], "input: do it")
        check.has(bad["error"]["message"], "it went wrong")
        # Rules that an agent cannot be told are an error, before it starts.
        (refused,) = ran(host, fake("command"), play("command_echo"))
        check.has(refused["error"]["message"], "BLY-UNSUPPORTED")


def test_acp():
    with belay.started() as host:
        script = json.dumps([{"write": {"path": "made.txt", "content": "by acp"}}, {"say": "written"}])
        first, second = ran(host, {"adapter": "acp", "binary": ACP, **ALLOW},
                            {"prompt": script, "collect": ["made.txt"]}, {"prompt": json.dumps([{"read": "made.txt"}]), "resume": True})
        check.equal("by acp", host.cli("resource", "cat", first["output"]["files"]["made.txt"]["ref"], json_out=False).out)
        check.equal(first["output"]["session_id"], second["output"]["session_id"])


class Locked:
    """A host whose agent of the settings is locked."""

    def __init__(self, drift):
        self.host = belay.Host()
        self.program = shutil.copy(OBEDIENT, self.host.folder + "/coder-program")
        os.chmod(self.program, 0o755)
        self.host.write_settings({"agents": {"coder": {"adapter": "claude-code", "binary": self.program, "drift": drift,
                                                       **ALLOW}}})

    def __enter__(self):
        self.host.init()
        self.host.start()
        return self

    def __exit__(self, *_):
        self.host.close()

    def state(self):
        listed = self.host.cli("agents", "list").data["agents"]
        return [each for each in listed if each["name"] == "coder"][0]["lock"]

    def change(self):
        with open(self.program, "a", encoding="utf-8") as file:
            file.write("# another one\n")

    def run(self):
        return self.host.start_run(flow({"agent": "coder"}, {"prompt": "say mine"}))


def test_agents_of_the_settings_are_listed_probed_and_locked():
    with Locked("refuse") as place:
        check.equal("none", place.state())
        answer = place.host.cli("agents", "probe", "coder")
        check.has(str(answer.data), "0.0.0 (obedient)")
        answer = place.host.cli("agents", "lock", "coder")
        check.equal(0, answer.code, str(answer))
        check.equal("new", answer.data["agents"][0]["what"])
        check.equal(place.program, answer.data["agents"][0]["binary"])
        check.equal("same", place.state())
        place.change()
        check.equal("other", place.state())
        check.has(str(place.host.cli("agents", "probe", "cooder").error), 'did you mean \\"coder\\"'.replace("\\", ""))


def test_drift_refuses_warns_or_asks():
    for drift in ("refuse", "warn", "ask"):
        with Locked(drift) as place:
            check.equal(0, place.host.cli("agents", "lock", "coder").code)
            step = belay.step_of(place.host.wait_run(place.run()), "s0")
            check.has(step["output"]["text"]["text"], "mine")
            place.change()
            run = place.run()
            if drift == "ask":
                wait = place.host.open_wait(run)
                check.has(json.dumps(wait), "not the locked one")
                check.equal(0, place.host.cli("approve", wait["id"]).code)
            step = belay.step_of(place.host.wait_run(run), "s0")
            if drift == "refuse":
                check.equal("BLY-AGENT-DRIFTED", step["error"]["code"])
            else:
                check.has(step["output"]["text"]["text"], "mine")


def test_a_program_that_changes_between_two_steps_does_not_run():
    with Locked("refuse") as place:
        check.equal(0, place.host.cli("agents", "lock", "coder").code)
        prompt = "write ready x\nsh " + place.host.gate()
        run = place.host.start_run(flow({"agent": "coder"}, {"prompt": prompt}, {"prompt": "say second"}))
        # What the first step writes: its program has begun.
        belay.eventually(lambda: [1 for _, _, names in os.walk(place.host.state) if "ready" in names], 20, "the first step")
        place.change()
        place.host.write("go", "")
        shown = place.host.wait_run(run)
        check.equal("done (turn 1)", belay.step_of(shown, "s0")["output"]["text"]["text"])
        check.equal("BLY-AGENT-DRIFTED", belay.step_of(shown, "s1")["error"]["code"])


if __name__ == "__main__":
    check.main(globals())
