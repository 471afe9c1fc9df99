"""Real coding agents, driven by `belay drive`, against a model of ours on 127.0.0.1 (stub_model.py).

Each agent that is installed runs a tool, goes on with its session, is denied a tool, hits a limit of turns or tokens, and
meets a provider that refuses it. What is not installed, or not offered by an agent, is said and counts as neither.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request

import check
from drive import Drive

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.environ.get("BELAY_AGENTS", os.path.abspath(os.path.join(HERE, "..", "..", "build", "agents")))
PORT = 18080
URL = "http://127.0.0.1:%d" % PORT
MODULES = os.path.join(ROOT, "node_modules")
SLOW = {"wall_ms": 100_000, "first_output_ms": 80_000, "no_progress_ms": 80_000}


def first(*paths):
    for path in paths:
        whole = os.path.join(MODULES, path)
        if os.path.exists(whole):
            return os.path.realpath(whole)
    return ""


PROGRAMS = {
    "claude-code": first("@anthropic-ai/claude-code-linux-x64/claude"),
    "codex": first("@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex",
                   "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/codex/codex"),
    "gemini": first(".bin/gemini"),
    "opencode": first("opencode-linux-x64-baseline/bin/opencode", "opencode-linux-x64/bin/opencode"),
}


def prepared(adapter, prompt, folder=None, **members):
    """A drive with what the agent needs to find our model."""
    if not PROGRAMS.get(adapter.replace("-acp", "")):
        raise check.Skip("%s is not installed below %s" % (adapter, ROOT))
    program = PROGRAMS[adapter.replace("-acp", "")]
    members.setdefault("budgets", SLOW)
    members.setdefault("permissions", {"default": "allow"})
    drive = Drive("acp" if adapter.endswith("-acp") else adapter, binary=program, prompt=prompt, grace_ms=5000, **members)
    if folder is not None:
        drive.cwd, drive.env["HOME"] = folder.cwd, folder.env["HOME"]
        drive.task["cwd"] = folder.cwd
    home = drive.env["HOME"]
    drive.env.update(PATH="/usr/local/bin:/usr/bin:/bin", XDG_CACHE_HOME=home + "/.cache", XDG_DATA_HOME=home + "/.data",
                     XDG_STATE_HOME=home + "/.state", XDG_CONFIG_HOME=home + "/.config")
    if adapter == "claude-code":
        drive.env.update(ANTHROPIC_BASE_URL=URL, ANTHROPIC_API_KEY="x", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
                         CLAUDE_CODE_MAX_RETRIES="1", CLAUDE_CONFIG_DIR=home + "/.claude")
    elif adapter == "codex":
        drive.env.update(CODEX_HOME=home + "/.codex", STUB_KEY="x")
        write(home + "/.codex/config.toml", 'model = "m"\nmodel_provider = "stub"\n[model_providers.stub]\nname = "stub"\n'
              'base_url = "%s/v1"\nenv_key = "STUB_KEY"\nwire_api = "responses"\nrequest_max_retries = 1\n'
              'stream_max_retries = 1\n' % URL)
    elif adapter.startswith("gemini"):
        if adapter == "gemini":
            drive.task.setdefault("model", "gemini-2.5-flash")  # Without it, it asks a model which model to ask.
        drive.env.update(GEMINI_API_KEY="x", GOOGLE_GEMINI_BASE_URL=URL)
        write(home + "/.gemini/settings.json", '{"security":{"auth":{"selectedType":"gemini-api-key"}}}')
    else:
        drive.task.setdefault("model", "stub/m") if adapter == "opencode" else None
        write(home + "/.config/opencode/opencode.json", json.dumps({"model": "stub/m", "provider": {"stub": {
            "npm": "@ai-sdk/openai-compatible", "options": {"baseURL": URL + "/v1", "apiKey": "x"},
            "models": {"m": {"name": "m"}}}}}))
    return drive


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def expect(drive, wanted):
    result = drive.begin().wait(150)
    if result is None or result["outcome"] != wanted:
        raise AssertionError("wanted %s: %s\n%s\n%s\n%s" % (wanted, json.dumps(result)[:1500], drive.out[-1500:],
                                                            drive.raw_file("stdout.log")[-2500:],
                                                            drive.raw_file("stderr.log")[-1500:]))
    return result


def runs_a_tool_and_goes_on(adapter):
    with prepared(adapter, "[[tool]] do it") as drive:
        done = expect(drive, "ok")
        check.equal("STUB: done.", done["text"].strip())
        with open(os.path.join(drive.cwd, "made.txt"), encoding="utf-8") as file:
            check.equal("made\n", file.read())
        if not done["session_id"]:
            raise AssertionError("no session")
        session = {"id": done["session_id"], "resume": True, "used": done["cumulative"]}
        with prepared(adapter, "[[tool]] again", folder=drive, session=session) as second:
            more = expect(second, "ok")
            check.equal(done["session_id"], more["session_id"])
            with open(os.path.join(drive.cwd, "made.txt"), encoding="utf-8") as file:
                check.equal("made\nmade\n", file.read())
            return done, more


def is_denied(adapter, permissions):
    with prepared(adapter, "[[tool]] do it", permissions=permissions) as drive:
        drive.begin().wait(150)
        check.equal(False, os.path.exists(os.path.join(drive.cwd, "made.txt")), drive.out)
        if drive.result["outcome"] not in ("ok", "denied", "failed"):
            raise AssertionError(drive.result)
        return drive.result


def unknown(adapter, session):
    with prepared(adapter, "go on", session={"id": session, "resume": True}) as drive:
        return expect(drive, "session")


@check.bound(300)
def test_claude_code_runs_a_tool_and_goes_on():
    done, _ = runs_a_tool_and_goes_on("claude-code")
    if not done["cost_usd"] or done["usage"]["input"] < 200 or not done["agent"]["version"]:
        raise AssertionError(done)


@check.bound(300)
def test_claude_code_is_denied():
    result = is_denied("claude-code", {"allow": [{"command": "git *"}], "deny": [{"command": "echo *"}]})
    check.equal("Bash", result["denials"][0]["tool"])
    result = is_denied("claude-code", {"default": "allow", "deny": [{"command": "echo *"}], "on_denied": "fail"})
    check.equal("denied", result["outcome"])


@check.bound(300)
def test_claude_code_hits_limits():
    with prepared("claude-code", "[[loop]]", budgets={**SLOW, "turns": 3}) as drive:
        check.equal("turns", expect(drive, "over_budget")["budget"])
    with prepared("claude-code", "[[loop]]", budgets={**SLOW, "tokens": 500}) as drive:
        check.equal("tokens", expect(drive, "over_budget")["budget"])
    with prepared("claude-code", "[[limit]]") as drive:
        expect(drive, "rate_limited")
    with prepared("claude-code", "[[auth]]") as drive:
        expect(drive, "auth")
    unknown("claude-code", "0ecf8a4e-5f0a-4b3e-9a53-0f6f4a1a2b3c")


@check.bound(300)
def test_codex_runs_a_tool_and_goes_on():
    _, more = runs_a_tool_and_goes_on("codex")
    check.equal(200, more["usage"]["input"], more)
    check.equal(400, more["cumulative"]["input"], more)


@check.bound(300)
def test_codex_is_denied():
    is_denied("codex", {})


@check.bound(300)
def test_codex_hits_limits():
    with prepared("codex", "[[loop]]", budgets={**SLOW, "turns": 3}) as drive:
        check.equal("turns", expect(drive, "over_budget")["budget"])
    with prepared("codex", "[[limit]]") as drive:
        expect(drive, "rate_limited")
    with prepared("codex", "[[auth]]") as drive:
        expect(drive, "auth")
    unknown("codex", "0ecf8a4e-5f0a-4b3e-9a53-0f6f4a1a2b3c")


@check.bound(300)
def test_gemini_runs_a_tool_and_goes_on():
    runs_a_tool_and_goes_on("gemini")


@check.bound(300)
def test_gemini_is_denied():
    is_denied("gemini", {"default": "allow", "deny": [{"command": "echo *"}]})
    is_denied("gemini", {"allow": [{"tool": "read"}]})


@check.bound(300)
def test_gemini_hits_limits():
    with prepared("gemini", "[[loop]]", budgets={**SLOW, "turns": 2}) as drive:
        check.equal("turns", expect(drive, "over_budget")["budget"])
    with prepared("gemini", "[[bad]]") as drive:
        expect(drive, "failed")


@check.bound(300)
def test_opencode_runs_a_tool_and_goes_on():
    runs_a_tool_and_goes_on("opencode")


@check.bound(300)
def test_opencode_is_denied():
    is_denied("opencode", {"default": "allow", "deny": [{"command": "echo *"}]})
    is_denied("opencode", {"allow": [{"tool": "read"}]})


@check.bound(300)
def test_opencode_hits_limits():
    with prepared("opencode", "[[loop]]", budgets={**SLOW, "turns": 3}) as drive:
        check.equal("turns", expect(drive, "over_budget")["budget"])
    with prepared("opencode", "[[auth]]") as drive:
        expect(drive, "auth")


@check.bound(300)
def test_opencode_speaks_acp():
    with prepared("opencode-acp", "[[tool]] do it", args=["acp"]) as drive:
        check.equal("STUB: done.", expect(drive, "ok")["text"].strip())


@check.bound(300)
def test_gemini_speaks_acp():
    with prepared("gemini-acp", "[[tool]] do it", args=["--acp", "--skip-trust", "-m", "gemini-2.5-flash"]) as drive:
        check.equal("STUB: done.", expect(drive, "ok")["text"].strip())
        check.equal(True, os.path.exists(os.path.join(drive.cwd, "made.txt")), drive.out)
    with prepared("gemini-acp", "[[tool]] do it", args=["--acp", "--skip-trust", "-m", "gemini-2.5-flash"], permissions={}) as drive:
        drive.begin().wait(150)
        check.equal(False, os.path.exists(os.path.join(drive.cwd, "made.txt")), drive.out)


def main():
    log = os.environ.get("STUB_LOG", os.devnull)
    server = subprocess.Popen([sys.executable, os.path.join(HERE, "stub_model.py"), str(PORT), log])
    try:
        until = time.monotonic() + 10
        while True:
            try:
                urllib.request.urlopen(URL + "/", timeout=1).read()
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        check.main(globals())
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
