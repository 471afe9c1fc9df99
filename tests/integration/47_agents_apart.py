"""Coding agents as jobs of users of their own: workspaces that belong to the user of the flow, a repository of somebody
else, what the agent can reach, and that nothing is left. Budgets of memory, and of steps at once. Needs root but for these."""

import json
import os
import shutil
import subprocess
import tempfile

import belay
import check

HERE = os.path.dirname(os.path.abspath(__file__))
FAKE = os.path.join(os.path.dirname(belay.__file__), "obedient_agent.py")
USER = 72_300
PROFILES = ("user", "strong") if os.path.exists("/usr/bin/bwrap") else ("user",)


def need_root():
    if os.geteuid() != 0:
        raise check.Skip("jobs can have users of their own only where the tests are root")


class Place:
    """A host with an agent that everybody can read, as /usr/local would have it, and a repository of root's."""

    def __init__(self, profile=None, **jobs):
        self.profile, self.jobs = profile, jobs

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="belay-apart-", dir="/tmp")
        os.chmod(self.path, 0o755)
        self.agent = shutil.copy(FAKE, self.path + "/claude")
        os.chmod(self.agent, 0o755)
        self.app = self.path + "/app"
        os.makedirs(self.app)
        self.git("init", "--quiet", "-b", "main")
        with open(self.app + "/readme.md", "w", encoding="ascii") as file:
            file.write("hello\n")
        self.git("add", "-A")
        self.git("-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "--quiet", "-m", "first")
        jobs = {"grace": "500ms", **self.jobs}
        if self.profile:
            jobs.update(users=["%d-%d" % (USER, USER + 2)], user_folder=self.path + "/of-flows", profile="bare",
                        read_paths=[self.agent, self.app, belay.BINARY])
        settings = {"agents": {"claude": {"adapter": "claude-code", "binary": self.agent,
                                          "permissions": {"default": "allow"}}}, "jobs": jobs}
        self.host = belay.started(settings)
        return self

    def __exit__(self, *_):
        self.host.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def git(self, *words):
        subprocess.run(["git", "-C", self.app, *words], capture_output=True, check=True)

    def flow(self, *steps, handle=None, **more):
        coder = {"agent": "claude", **({"profile": self.profile} if self.profile else {}), **(handle or {})}
        return {"slug": "apart", "agents": {"coder": coder}, "steps": [{"id": "s%d" % i, **s} for i, s in enumerate(steps)],
                **more}

    def left(self):
        """Folders of workspaces, of the daemon and of the flow."""
        away = self.path + "/of-flows/apart/agents"
        return os.listdir(self.host.state + "/agents") + (os.listdir(away) if os.path.isdir(away) else [])

    def cat(self, resource):
        return self.host.cli("resource", "cat", resource["ref"], json_out=False).out


def agent(prompt, options=None, **step):
    return {"agent": {"use": "coder", "prompt": prompt, **(options or {})}, **step}


def succeeded(shown):
    check.equal("succeeded", shown["run"]["status"], json.dumps(shown)[:3000])
    return shown


def output(shown, step="s0"):
    return belay.step_of(shown, step)["output"]


@check.bound(300)
def test_an_agent_works_as_the_user_of_its_flow():
    need_root()
    for profile in PROFILES:
        with Place(profile) as place:
            shown = succeeded(place.host.run(place.flow(
                agent("sh id -u > who.txt; cp in/data.txt out.txt\nwrite new.txt one\nsay I did it",
                      {"workspace": {"git": place.app}, "files": {"in/data.txt": "from the flow"},
                       "collect": ["who.txt", "out.txt"]}),
                agent("write more.txt two", {"resume": True})), seconds=60))
            told = output(shown)
            check.equal(str(USER), place.cat(told["files"]["who.txt"]).strip(), profile)
            check.equal("from the flow", place.cat(told["files"]["out.txt"]))
            check.has([c["path"] for c in told["changes"]], "new.txt")
            check.has(place.cat(told["diff"]), "+one")
            check.equal(told["session_id"], output(shown, "s1")["session_id"])
            check.has([c["path"] for c in output(shown, "s1")["changes"]], "more.txt")
            belay.eventually(lambda: not place.left(), 20, "the workspaces go")
            check.equal("hello\n", open(place.app + "/readme.md", encoding="ascii").read())


@check.bound(300)
def test_what_the_agent_cannot_reach():
    need_root()
    for profile in PROFILES:
        with Place(profile) as place:
            state = place.host.state
            tries = ["cat %s/keys/local.key" % state, "ls %s/agents" % state, "ls %s" % state, "cat %s/journal.db" % state,
                     "touch %s/touched" % place.app, "git -C %s config x.y z" % place.app, "ls /root",
                     "echo '{}' >&3", "echo '{}' >&4", "%s job result 1" % belay.BINARY, "%s job progress x" % belay.BINARY]
            prompt = "\n".join("sh (%s) && echo won %d >> won.txt" % (each, i) for i, each in enumerate(tries))
            shown = succeeded(place.host.run(place.flow(
                agent(prompt + "\nwrite won.txt end", {"collect": ["won.txt"]})), seconds=60))
            check.equal("end\n", place.cat(output(shown)["files"]["won.txt"]), profile)
            # What it leaves behind dies with it, and what it makes of its workspace stays there.
            shown = place.host.run(place.flow(
                agent("sh (setsid sleep 600 &); ln -s %s/keys stolen; mkdir -p a/b; chmod 000 a/b; mkfifo pipe; "
                      "ln -s %s/keys/local.key key" % (state, state),
                      {"workspace": {"git": place.app}, "collect": ["key", "stolen/local.key", "pipe"]})), seconds=60)
            check.equal("BLY-JOB-RESULT", shown["run"]["error"]["code"], json.dumps(shown)[:1500])
            belay.eventually(lambda: not place.left(), 20, "the workspaces go")
            found = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if user_of(pid) == USER]
            check.equal([], found, "processes of the user")


def user_of(pid):
    try:
        return os.stat("/proc/" + pid).st_uid
    except OSError:
        return None


@check.bound(300)
def test_a_daemon_that_is_killed_leaves_no_workspace():
    need_root()
    with Place("user") as place:
        run = place.host.start_run(place.flow(agent("write a.txt 1\nsh sleep 2", {"workspace": {"git": place.app}})))
        belay.eventually(lambda: len(place.left()) == 2, 20, "the workspace")
        for _ in range(3):
            place.host.kill()
            place.host.start()
        shown = succeeded(place.host.wait_run(run, seconds=60))
        check.equal(1, output(shown)["files_changed"])
        place.host.kill()
        place.host.start()
        belay.eventually(lambda: not place.left(), 30, "the workspaces go")


@check.bound(200)
def test_a_workspace_that_is_kept_goes_with_its_run():
    need_root()
    with Place("user") as place:
        shown = place.host.run(place.flow(agent("fail", {"workspace": {"scratch": True, "keep": "on_failure"}})))
        check.equal("failed", shown["run"]["status"])
        check.equal(2, len(place.left()))
        place.host.kill()
        place.host.start()
        check.equal(2, len(place.left()))


@check.bound(200)
def test_a_budget_of_memory_ends_an_agent():
    with Place() as place:
        take = "sh python3 -c 'x = bytearray(300 << 20); import time; time.sleep(20)'"
        shown = place.host.run(place.flow(agent(take), handle={"budget": {"memory": "100 MiB"}}), seconds=60)
        check.equal("BLY-AGENT-BUDGET", shown["run"]["error"]["code"], json.dumps(shown)[:1500])
        check.has(shown["run"]["error"]["message"], "memory")
        succeeded(place.host.run(place.flow(agent("say small"), handle={"budget": {"memory": "1 GiB"}}), seconds=60))


@check.bound(200)
def test_steps_at_once_share_a_budget():
    """Each costs 0.25: of eight at once no more begin than there is money for."""
    with Place() as place:
        flow = place.flow(handle={"budget": {"usd": 0.6}})
        flow["steps"] = [{"id": "all", "parallel": {"branches": {
            "b%d" % i: [{"id": "s%d" % i, **agent("say x", on_error="skip")}] for i in range(8)}}}]
        shown = place.host.run(flow, seconds=60)
        ended = [step for step in shown["steps"] if step.get("family") == "agent"]
        check.equal(8, len(ended), json.dumps(shown)[:2000])
        codes = [(step.get("error") or {}).get("code") for step in ended]
        check.equal(3, codes.count(None), str(codes))
        check.equal(5, codes.count("BLY-AGENT-BUDGET"), str(codes))


if __name__ == "__main__":
    check.main(globals())
