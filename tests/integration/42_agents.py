"""Coding agents in flows, on the shipped binary, with an agent of ours that does what its prompt says: workspaces by real
git, hostile ones too, sessions, budgets, quotas, drift, a daemon that is killed, and what is left behind."""

import json
import os
import shutil
import subprocess
import time

import belay
import check

FAKE = os.path.join(os.path.dirname(belay.__file__), "obedient_agent.py")


def settings_of(folder):
    return {"agents": {"claude": {"adapter": "claude-code", "binary": folder + "/claude",
                                  "permissions": {"default": "allow"}}},
            "jobs": {"grace": "1s"}}


def host_with_agent(**options):
    host = belay.Host(**options)
    shutil.copy(FAKE, host.folder + "/claude")
    os.chmod(host.folder + "/claude", 0o755)
    host.write_settings(settings_of(host.folder))
    host.init()
    host.start()
    return host


def git(folder, *words):
    done = subprocess.run(["git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@localhost", *words],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError("git %s: %s" % (words, done.stderr))
    return done.stdout.strip()


def repository(host, files=None):
    folder = host.folder + "/app"
    os.makedirs(folder)
    git(folder, "init", "--quiet", "-b", "main")
    for name, text in (files or {"readme.md": "hello\n"}).items():
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        host.write(os.path.join("app", name), text)
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", "first")
    return folder


def flow(*steps, handle=None, **more):
    return {"slug": "agents", "agents": {"coder": {"agent": "claude", **(handle or {})}, **more.pop("agents", {})},
            "steps": [{"id": "s%d" % i, **step} for i, step in enumerate(steps)], **more}


def agent(prompt, options=None, **step):
    return {"agent": {"use": "coder", "prompt": prompt, **(options or {})}, **step}


def output(shown, step="s0"):
    return belay.step_of(shown, step)["output"]


def error(shown, step="s0"):
    return belay.step_of(shown, step)["error"]


def workspaces(host):
    return os.listdir(host.state + "/agents")


def test_an_agent_works_in_a_clone_and_exactly_its_diff_is_applied():
    with host_with_agent() as host:
        app = repository(host)
        shown = host.run(flow(
            agent("write src/new.txt one\nsh rm readme.md\nsay I did it", {"workspace": {"git": app}}),
            {"run": {"command": ["git", "-C", app, "-c", "user.name=b", "-c", "user.email=b@localhost", "am", "--quiet"],
                     "stdin": "${{ steps.s0.output.diff }}"}}))
        check.equal("succeeded", shown["run"]["status"], json.dumps(shown["steps"])[:2000])
        told = output(shown)
        check.equal(2, told["files_changed"])
        check.equal([{"path": "readme.md", "status": "D"}, {"path": "src/new.txt", "status": "A"}], told["changes"])
        check.equal(0.25, told["cost_usd"])
        check.equal(107, told["usage"]["input"] + told["usage"]["output"])
        check.has(told["text"]["text"], "I did it")
        check.equal("one\n", open(app + "/src/new.txt", encoding="utf-8").read())
        check.equal(["src"], [name for name in os.listdir(app) if name != ".git"])
        check.equal("text/x-diff", told["diff"]["media_type"])
        belay.eventually(lambda: not workspaces(host), 10, "the workspace goes")


def test_files_go_in_and_out_by_resource():
    with host_with_agent() as host:
        shown = host.run(flow(
            {"run": {"command": ["seq", "1", "40000"]}},
            agent("sh wc -l < in/numbers.txt > count.txt",
                  {"files": {"in/numbers.txt": "${{ steps.s0.output.stdout }}", "in/note.txt": "hello"},
                   "collect": ["count.txt", "in/note.txt"]})))
        check.equal("succeeded", shown["run"]["status"], json.dumps(shown["steps"])[:2000])
        files = output(shown, "s1")["files"]
        check.equal("40000", host.cli("resource", "cat", files["count.txt"]["ref"], json_out=False).out.strip())
        check.equal("hello", host.cli("resource", "cat", files["in/note.txt"]["ref"], json_out=False).out.strip())


def test_a_failure_keeps_what_was_done_and_on_error_goes_on():
    with host_with_agent() as host:
        app = repository(host)
        shown = host.run(flow(agent("write half.txt x\nfail", {"workspace": {"git": app}}, on_error="skip"),
                              {"set": {"code": "${{ steps.s0.error.code }}"}}))
        check.equal("BLY-AGENT-FAILED", error(shown)["code"])
        check.equal("exit_code", error(shown)["class"])
        check.equal(1, output(shown)["files_changed"])
        check.equal("BLY-AGENT-FAILED", output(shown, "s1")["code"])


def test_what_was_denied_stands_in_the_output_or_fails():
    with host_with_agent() as host:
        shown = host.run(flow(agent("deny"), agent("deny", {"on_denied": "fail"}, on_error="skip")))
        check.equal("Bash", output(shown)["denials"][0]["tool"])
        check.equal("BLY-AGENT-DENIED", error(shown, "s1")["code"])


def test_budgets_end_an_agent_and_count_over_steps():
    with host_with_agent() as host:
        shown = host.run(flow(agent("hang", on_error="skip"), handle={"budget": {"wall_clock": "1s"}}))
        check.equal("BLY-AGENT-TIMEOUT", error(shown)["code"])
        # By the name that the flow has for it.
        check.has(error(shown)["message"], "budget.wall_clock is used up")
        shown = host.run(flow(agent("say a"), agent("say b", on_error="skip"), handle={"budget": {"usd": 0.2}}))
        check.equal("BLY-AGENT-BUDGET", error(shown, "s1")["code"])
        check.has(error(shown, "s1")["message"], "usd")


def test_a_session_goes_on_in_its_workspace():
    with host_with_agent() as host:
        app = repository(host)
        shown = host.run(flow(agent("write a.txt 1", {"workspace": {"git": app}}),
                              agent("write b.txt 2", {"resume": True}),
                              agent("write c.txt 3", {"workspace": {"git": app}})))
        check.equal("succeeded", shown["run"]["status"], json.dumps(shown["steps"])[:2000])
        check.equal(output(shown)["session_id"], output(shown, "s1")["session_id"])
        check.has(output(shown, "s1")["text"]["text"], "turn 2")
        check.equal(2, output(shown, "s1")["files_changed"])
        check.equal(1, output(shown, "s2")["files_changed"])


def test_the_daemon_is_killed_while_an_agent_works():
    with host_with_agent() as host:
        app = repository(host)
        run = host.start_run(flow(agent("sh echo $$ >> %s/pids\nsleep 3\nwrite late.txt x" % host.folder,
                                        {"workspace": {"git": app}})))
        belay.eventually(lambda: os.path.exists(host.folder + "/pids"), 20, "the agent works")
        host.kill()
        host.start()
        shown = host.wait_run(run, seconds=40)
        check.equal("succeeded", shown["run"]["status"], json.dumps(shown["steps"])[:2000])
        check.equal(1, output(shown)["files_changed"])
        check.equal(1, len(open(host.folder + "/pids", encoding="ascii").read().split()))
        # Again, while no daemon is there when it ends.
        run = host.start_run(flow(agent("sleep 1.5\nwrite late.txt x", {"workspace": {"git": app}})))
        belay.eventually(lambda: os.path.isdir(host.state + "/agents/" + run) and
                         [1 for _, _, names in os.walk(host.state + "/agents/" + run) if "stdout.log" in names], 20)
        host.kill()
        time.sleep(3)
        host.start()
        shown = host.wait_run(run, seconds=40)
        check.equal(("succeeded", 1), (shown["run"]["status"], output(shown)["files_changed"]))


def test_a_quota_is_waited_for_and_the_session_goes_on():
    with host_with_agent() as host:
        host.write("quota-left", "1")
        run = host.start_run(flow(agent("quota\nsay at last"), handle={"on_quota": "ask"}))
        wait = host.open_wait(run)
        check.has(json.dumps(host.get("/v1/waits/" + wait["id"])), "takes no more for now")
        check.equal(0, host.cli("approve", wait["id"]).code)
        shown = host.wait_run(run)
        check.equal("succeeded", shown["run"]["status"], json.dumps(shown["steps"])[:2000])
        check.has(output(shown)["text"]["text"], "at last (turn 2)")
        host.write("quota-left", "1")
        shown = host.run(flow(agent("quota"), handle={"on_quota": "fail"}))
        check.equal("failed", shown["run"]["status"])
        if error(shown)["code"] not in ("BLY-AGENT-QUOTA", "BLY-AGENT-RATE-LIMITED"):
            raise AssertionError(error(shown))


def test_another_agent_takes_over():
    with host_with_agent() as host:
        shown = host.run(flow(agent("say mine"), handle={"fallback": ["spare"]}, agents={
            "coder": {"adapter": "codex", "binary": "/not/there", "fallback": ["spare"]}, "spare": {"agent": "claude"}}))
        check.equal("succeeded", shown["run"]["status"], json.dumps(shown["steps"])[:2000])
        check.equal("spare", output(shown)["agent"])


def test_what_a_hostile_repository_and_agent_leave_runs_nowhere():
    with host_with_agent() as host:
        app = repository(host, {"readme.md": "hello\n", ".gitattributes": "* filter=evil diff=evil\n"})
        outside = host.folder + "/outside"
        os.mkdir(outside)
        os.symlink(outside, app + "/link")
        git(app, "add", "link")
        git(app, "commit", "--quiet", "-m", "link")
        trap = "sh -c 'echo $0 >> %s/caught; cat'" % host.folder
        evil = "; ".join([
            "git config filter.evil.clean \"%s\"" % trap, "git config filter.evil.smudge \"%s\"" % trap,
            "git config diff.evil.command \"%s\"" % trap, "git config diff.evil.textconv \"%s\"" % trap,
            "git config core.fsmonitor \"%s\"" % trap, "git config core.pager \"%s\"" % trap,
            "mkdir -p .git/hooks", "printf '#!/bin/sh\\n%s' > .git/hooks/pre-commit" % trap.replace("'", "'\\''"),
            "chmod +x .git/hooks/pre-commit", "mkfifo fifo", "ln -s /etc/passwd stolen",
            "mkdir inner && git -C inner init --quiet && git -C inner config core.fsmonitor \"%s\"" % trap])
        for name in ("post-checkout", "post-commit", "pre-auto-gc", "reference-transaction"):
            host.write("app/.git/hooks/" + name, "#!/bin/sh\necho %s >> %s/caught\n" % (name, host.folder))
            os.chmod(app + "/.git/hooks/" + name, 0o755)
        shown = host.run(flow(
            agent("sh %s\nwrite link/escaped x\nwrite new.txt y" % evil,
                  {"workspace": {"git": app}, "collect": ["stolen"]}, on_error="skip"),
            agent("say x", {"workspace": {"git": app}, "files": {"link/put": "x"}}, on_error="skip"),
            agent("say x", {"workspace": {"git": app}, "collect": ["../../workspace.json"]}, on_error="skip")))
        if os.path.exists(host.folder + "/caught"):
            raise AssertionError(open(host.folder + "/caught", encoding="utf-8").read())
        told = output(shown)
        if "changes" not in told:
            raise AssertionError(json.dumps(shown["steps"])[:3000])
        check.has(told["incomplete"], "inner")
        check.equal({"new.txt": "A", "stolen": "A"},
                    {c["path"]: c["status"] for c in told["changes"] if c["path"] in ("new.txt", "stolen")})
        # A link is kept as a link, and not what it leads to.
        check.has(host.cli("resource", "cat", told["diff"]["ref"], json_out=False).out, "+/etc/passwd")
        check.has(error(shown)["message"], "stolen")
        check.equal("BLY-AGENT-WORKSPACE", error(shown, "s1")["code"])
        check.has(error(shown, "s2")["message"], "no path of a file")
        # The agent's own hand: profile bare does not keep it from that.
        check.equal(["escaped"], os.listdir(outside))


def test_a_repository_that_is_not_there_is_said_and_nothing_has_begun():
    with host_with_agent() as host:
        shown = host.run(flow(agent("say x", {"workspace": {"git": host.folder + "/none"}})))
        check.equal("BLY-AGENT-WORKSPACE", error(shown)["code"])
        check.has(error(shown)["message"], "none")
        app = repository(host)
        shown = host.run(flow(agent("say x", {"workspace": {"git": app, "ref": "no-such-branch"}})))
        check.equal("BLY-AGENT-WORKSPACE", error(shown)["code"])


def test_a_folder_with_diff_and_workspaces_that_are_kept():
    with host_with_agent() as host:
        os.makedirs(host.folder + "/plain")
        host.write("plain/a.txt", "1\n")
        shown = host.run(flow(agent("write a.txt 2", {"workspace": {"dir": host.folder + "/plain", "diff": True}})))
        check.equal([{"path": "a.txt", "status": "M"}], output(shown)["changes"])
        check.equal("1\n2\n", open(host.folder + "/plain/a.txt", encoding="utf-8").read())
        failed = host.run(flow(agent("write kept.txt x\nfail", {"workspace": {"scratch": True, "keep": "on_failure"}})))
        well = host.run(flow(agent("say x", {"workspace": {"scratch": True, "keep": "on_failure"}})))
        belay.eventually(lambda: well["run"]["id"] not in workspaces(host), 10, "the workspace goes")
        belay.eventually(lambda: workspaces(host) == [failed["run"]["id"]], 10, "only one is kept")
        check.equal("x\n", open(output(failed)["workspace"] + "/kept.txt", encoding="utf-8").read())


def test_a_cancelled_agent_dies_and_its_workspace_goes_also_after_a_crash():
    with host_with_agent() as host:
        run = host.start_run(flow(agent("sh echo $PPID > %s/new && mv %s/new %s/pid\nhang" % ((host.folder,) * 3))))
        belay.eventually(lambda: os.path.exists(host.folder + "/pid"), 20, "the agent works")
        pid = open(host.folder + "/pid", encoding="ascii").read().strip()
        check.equal(0, host.cli("run", "cancel", run).code)
        belay.eventually(lambda: not os.path.exists("/proc/" + pid), 15, "the agent dies")
        host.kill()
        host.start()
        belay.eventually(lambda: not workspaces(host), 15, "the workspace goes")


def test_the_policy_says_which_agents_a_flow_may_use():
    with host_with_agent(policy={"agent": {"allow": [
            {"id": "scratch", "agents": ["claude"], "workspaces": ["scratch"], "flows": ["agents"]}]}}) as host:
        check.equal("succeeded", host.run(flow(agent("say x")))["run"]["status"])
        app = repository(host)
        shown = host.run(flow(agent("say x", {"workspace": {"git": app}})))
        check.equal("BLY-POLICY-REFUSED", error(shown)["code"])
        check.has(error(shown)["message"], "agent.allow")
        shown = host.run(flow(agent("say x"), agents={"coder": {"adapter": "claude-code", "binary": host.folder + "/claude"}}))
        check.equal("BLY-POLICY-REFUSED", error(shown)["code"])


def test_secrets_reach_the_agent_and_nothing_else():
    with host_with_agent() as host:
        check.equal(0, host.cli("secret", "set", "TOKEN", stdin="correct-horse-battery").code)
        app = repository(host)
        shown = host.run(flow(agent("sh echo $KEY > leak.txt\ntell KEY",
                                    {"workspace": {"git": app}, "env": {"KEY": {"secret": "TOKEN"}}, "collect": ["leak.txt"]})))
        check.equal("succeeded", shown["run"]["status"], json.dumps(shown["steps"])[:2000])
        told = output(shown)
        for ref in (told["diff"]["ref"], told["files"]["leak.txt"]["ref"]):
            check.has(host.cli("resource", "cat", ref, json_out=False).out, "***TOKEN***")
        for sink in (json.dumps(shown), host.log(), host.cli("run", "logs", shown["run"]["id"], json_out=False).out):
            if "correct-horse-battery" in sink:
                raise AssertionError(sink[:1000])


def test_logs_show_what_the_agent_does_and_the_page_what_it_cost():
    with host_with_agent() as host:
        shown = host.run(flow(agent("say hello from the agent")))
        run = shown["run"]["id"]
        check.has(host.cli("run", "logs", run, json_out=False).out, "hello from the agent")
        check.has(host.cli("run", "show", run, json_out=False).out, "$0.25")


if __name__ == "__main__":
    check.main(globals())
