"""The templates of the patterns that Belay was made for, each run for real: their flow as `belay flow new` gives it, stub
servers that keep count, SQLite files, git, a coding agent of ours, people who approve."""

import hashlib
import importlib
import json
import os
import shutil
import sqlite3
import subprocess
import time

import belay
import check
import relay as relays
import sshd
from servers import Server

FAKE = os.path.join(os.path.dirname(belay.__file__), "obedient_agent.py")


def template(host, name):
    """The template as a file of its own; its slug stays."""
    path = "%s/%s.flow.yaml" % (host.folder, name)
    done = host.cli("flow", "new", name, "--template", name, "--output", path)
    check.equal(0, done.code, str(done))
    with open(path, encoding="utf-8") as file:
        return file.read()


def bind(host, slug, **names):
    done = host.cli("flow", "configure", slug, *["%s=%s" % pair for pair in names.items()])
    check.equal(0, done.code, str(done))


def approve(host, run, **form):
    wait = host.open_wait(run)["id"]
    done = host.cli("approve", wait, *[word for name, value in form.items() for word in ("--form", "%s=%s" % (name, value))])
    check.equal(0, done.code, str(done))


def reply(value, status=200):
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


class Items:
    """An API with items that change, and a place to report progress to."""

    def __init__(self, count):
        self.items = [{"id": i, "name": "item %d %s" % (i, "x" * 300), "changed": i + 1} for i in range(count)]
        self.progress = []
        self.broken = 0

    def __call__(self, request):
        if self.broken > 0:
            self.broken -= 1
            return reply({"error": "not now"}, 503)
        if request.method == "PUT":
            self.progress.append(json.loads(request.body))
            return reply({})
        query = dict(pair.split("=") for pair in request.path.split("?")[1].split("&"))
        found = [item for item in self.items if item["changed"] > int(query["since"])]
        return reply({"items": found[:int(query["limit"])]})


@check.bound(180)
def test_backend_sync():
    source = Items(700)
    with Server(source) as server, belay.Host() as host:
        path = host.folder + "/target.db"
        base = sqlite3.connect(path)
        base.execute("create table items (id integer primary key, name text, changed integer, digest text)")
        base.commit()
        host.write_settings({"connections": {
            "api": {"type": "http", "base_url": "http://127.0.0.1:%d" % server.port},
            "db": {"type": "db", "file": path, "write": True}}})
        host.init()
        host.start()
        flow = template(host, "backend-sync")
        host.cli("flow", "push", host.folder + "/backend-sync.flow.yaml")
        bind(host, "backend-sync", source="api", target="db")
        source.broken = 2
        shown = host.run(flow, seconds=60)
        check.equal("succeeded", shown["run"]["status"], json.dumps(shown)[:2500])
        check.equal({"taken": 500, "items": 500}, shown["run"]["output"])
        # An answer above limits.inline_output is a resource, kept as the step says.
        large = [r for r in host.get("/v1/resources?run=%s" % shown["run"]["id"])["resources"] if r["step"] == "fetch"]
        check.equal(["ephemeral"], [r["keep"] for r in large], large)
        shown = host.run(flow, seconds=60)
        check.equal({"taken": 200, "items": 700}, shown["run"]["output"], json.dumps(shown)[:2500])
        check.equal([500, 700], [p["cursor"] for p in source.progress])
        shown = host.run(flow, seconds=60)
        check.equal(0, shown["run"]["output"]["taken"])
        source.items[5].update(name="other", changed=1000)
        check.equal(1, host.run(flow, seconds=60)["run"]["output"]["taken"])
        rows = base.execute("select name, digest from items where id = 5").fetchall()
        check.equal([("other", hashlib.sha256(b"5 other").hexdigest())], rows)
        check.equal(700, base.execute("select count(*) from items").fetchone()[0])
        base.close()


@check.bound(180)
def test_content_pipeline():
    posts = []

    def blog(request):
        if request.headers.get("idempotency-key") not in [key for key, _ in posts]:
            posts.append((request.headers.get("idempotency-key"), json.loads(request.body)))
        return reply({"url": "https://blog.example/posts/%d" % len(posts)}, 201)

    with Server(blog) as server, belay.Host() as host:
        host.write_settings({"connections": {"blog": {"type": "http", "base_url": "http://127.0.0.1:%d" % server.port}}})
        host.init()
        host.start()
        flow = template(host, "content-pipeline")
        text = host.write("draft.sh", "#!/bin/sh\necho \"# About $POST_TOPIC\"; echo; echo Some words.\n")
        picture = host.write("draw.sh", "#!/bin/sh\necho '<svg xmlns=\"http://www.w3.org/2000/svg\"/>'\n")
        for script in (text, picture):
            os.chmod(script, 0o755)
        given = {"topic": "zebra crossings", "draft": [text], "picture": [picture]}
        run = host.start_run(flow, given)
        approve(host, run, title="Zebras")
        shown = host.wait_run(run, seconds=60)
        check.equal("succeeded", shown["run"]["status"], json.dumps(shown)[:2500])
        check.equal({"published": "https://blog.example/posts/1", "known": False}, shown["run"]["output"])
        check.equal(1, len(posts))
        check.equal(("Zebras", "# About zebra crossings\n\nSome words.\n"), (posts[0][1]["title"], posts[0][1]["text"]))
        check.equal(hashlib.sha256(posts[0][1]["text"].encode()).hexdigest(), posts[0][1]["digest"])
        kept = {r["name"]: r for r in host.get("/v1/resources?run=%s" % run)["resources"]}
        check.equal(("text/markdown", "retained", True),
                    tuple(kept["post.md"][k] for k in ("media_type", "keep", "indexed")), kept)
        check.equal("image/svg+xml", kept["picture.svg"]["media_type"])
        # A topic that was written about is known; and a rejected post goes nowhere.
        shown = host.run(flow, given, seconds=60)
        check.equal({"published": None, "known": True}, shown["run"]["output"], json.dumps(shown)[:2500])
        run = host.start_run(flow, {**given, "topic": "lighthouses"})
        done = host.cli("reject", host.open_wait(run)["id"], "-m", "no")
        check.equal(0, done.code, str(done))
        check.equal(None, host.wait_run(run, seconds=60)["run"]["output"]["published"])
        check.equal(1, len(posts))


class Desk:
    """A ticket system with a watch that ends."""

    def __init__(self):
        self.renewed, self.answers = 0, {}
        self.tickets = {
            "t1": 'how do I log in\ngive {"answer": "With your name.", "sensitive": false}',
            "t2": 'I want my money back\ngive {"answer": "Of course.", "sensitive": true}',
            "t3": 'this is a shame\ngive {"answer": "Never.", "sensitive": true}'}

    def __call__(self, request):
        if request.path == "/watch":
            self.renewed += 1
            ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 7 * 86400))
            return reply({"ends_at": ends})
        if request.method == "POST":
            self.answers.setdefault(request.path.split("/")[2], []).append(json.loads(request.body)["text"])
            return reply({}, 201)
        return reply({"tickets": [{"id": i, "text": t} for i, t in self.tickets.items() if i not in self.answers]})


def with_agent(host, name, connections):
    shutil.copy(FAKE, host.folder + "/claude")
    os.chmod(host.folder + "/claude", 0o755)
    host.write_settings({"connections": connections, "agents": {
        name: {"adapter": "claude-code", "binary": host.folder + "/claude", "permissions": {"default": "allow"}}}})
    host.init()
    host.start()


@check.bound(240)
def test_support_agent():
    desk = Desk()
    with Server(desk) as server, belay.Host() as host:
        with_agent(host, "support", {"desk": {"type": "http", "base_url": "http://127.0.0.1:%d" % server.port}})
        flow = template(host, "support-agent")
        run = host.start_run(flow)
        waits = belay.eventually(lambda: len(host.waits(run)) == 2 and host.waits(run), seconds=60, what="two questions")
        # The tickets go side by side: that of no question may be the last.
        belay.eventually(lambda: desk.answers, seconds=60, what="an answer")
        check.equal({"t1": ["With your name."]}, desk.answers)
        for wait in waits:
            yes = "Of course." in json.dumps(wait)
            done = host.cli(*(["approve", wait["id"]] if yes else ["reject", wait["id"], "-m", "no"]))
            check.equal(0, done.code, str(done))
        shown = host.wait_run(run, seconds=60)
        check.equal("succeeded", shown["run"]["status"], json.dumps(shown)[:3000])
        check.equal({"renewed": True, "tickets": 3}, shown["run"]["output"])
        check.equal({"t1": ["With your name."], "t2": ["Of course."]}, desk.answers)
        # The watch still counts; the one that was refused is not asked about again.
        shown = host.run(flow, seconds=60)
        check.equal({"renewed": False, "tickets": 1}, shown["run"]["output"], json.dumps(shown)[:3000])
        check.equal(1, desk.renewed)
        # Once it is about to end, it is renewed before tickets are asked for.
        done = host.cli("kv", "set", "watch-ends", "2020-01-01T00:00:00Z", "--space", "support-agent")
        check.equal(0, done.code, str(done))
        check.equal(True, host.run(flow, seconds=60)["run"]["output"]["renewed"])
        check.equal(2, desk.renewed)


def git(folder, *words):
    done = subprocess.run(["git", "-C", folder, "-c", "user.name=t", "-c", "user.email=t@localhost", *words],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError("git %s: %s" % (words, done.stderr))
    return done.stdout.strip()


@check.bound(240)
def test_pull_request():
    pulls, told = [], []

    def forge(request):
        if request.path == "/hook":
            told.append(json.loads(request.body))
            return reply({})
        body = json.loads(request.body)
        if any(p["head"] == body["head"] for p in pulls):
            return reply({"message": "A pull request already exists"}, 422)
        pulls.append({**body, "path": request.path})
        return reply({"html_url": "https://forge.example/pulls/%d" % len(pulls)}, 201)

    with Server(forge) as server, belay.Host() as host:
        with_agent(host, "coder", {
            "forge": {"type": "http", "base_url": "http://127.0.0.1:%d" % server.port},
            "team": {"type": "chat", "url": "http://127.0.0.1:%d/hook" % server.port}})
        app, remote = host.folder + "/app", host.folder + "/remote.git"
        os.makedirs(app)
        git(app, "init", "--quiet", "-b", "main")
        host.write("app/readme.md", "hello\n")
        git(app, "add", "-A")
        git(app, "commit", "--quiet", "-m", "first")
        git(host.folder, "clone", "--quiet", "--bare", app, remote)
        flow = template(host, "pull-request")
        given = {"repository": app, "remote": remote, "project": "acme/app",
                 "task": "write src/new.txt one\nsay I did it"}
        run = host.start_run(flow, given)
        approve(host, run, title="A new file")
        shown = host.wait_run(run, seconds=90)
        check.equal("succeeded", shown["run"]["status"], json.dumps(shown)[:3000])
        check.equal("https://forge.example/pulls/1", shown["run"]["output"]["url"])
        check.equal([("A new file", "belay/" + run, "main", "/repos/acme/app/pulls")],
                    [(p["title"], p["head"], p["base"], p["path"]) for p in pulls])
        check.equal("one", git(remote, "show", "belay/%s:src/new.txt" % run))
        check.equal(True, len(told) == 1 and "https://forge.example/pulls/1" in json.dumps(told))
        # Nobody's approval, no branch and no request.
        run = host.start_run(flow, {**given, "task": "write src/more.txt two"})
        check.equal(0, host.cli("reject", host.open_wait(run, seconds=60)["id"], "-m", "no").code)
        check.equal(None, host.wait_run(run, seconds=60)["run"]["output"]["url"])
        check.equal(1, len(pulls))
        check.equal(False, run in git(remote, "branch", "--list"))


AGENT = """#!/bin/sh
# What a coding agent would do: reads its task, works in the folder that it finds itself in, says something.
task=$(cat)
[ "$task" = "give up" ] && { echo I give up; exit 3; }
[ "$task" = "do nothing" ] && exit 0
sleep 1
printf '%s\\n' "$task" > notes.txt
printf '\\000\\001binary' > data.bin
echo I did: "$task" with $#
"""


class Machine:
    """A server with ssh, a repository, an agent, and what curl there has to believe."""

    def __init__(self, host, relay):
        folder = host.folder + "/machine"
        self.repository, self.files, self.agent = folder + "/app", folder + "/runs", folder + "/agent"
        for path in (self.repository, self.files):
            os.makedirs(path)
        git(self.repository, "init", "--quiet", "-b", "main")
        git(self.repository, "config", "user.name", "machine")
        git(self.repository, "config", "user.email", "machine@localhost")
        git(self.repository, "commit", "--quiet", "--allow-empty", "-m", "first")
        host.write("machine/agent", AGENT)
        os.chmod(self.agent, 0o755)
        self.key, public = sshd.make_key(host.folder + "/client")
        self.server = sshd.Sshd(host.folder + "/sshd", ['environment="CURL_CA_BUNDLE=%s" %s' % (relay.ca, public)],
                                options=("PermitUserEnvironment CURL_CA_BUNDLE",))

    def given(self, task):
        return {"repository": self.repository, "folder": self.files, "task": task, "agent": self.agent + " --fast"}


def after(host, run, slug, seconds=60):
    """The run, once it waits at an approval or has ended."""
    def look():
        # In this order: what is shown is not older than the question.
        asked = host.waits(run, "approval")
        shown = host.show(run)
        return shown if asked or shown["run"]["status"] in ("failed", "succeeded") else None
    return belay.eventually(look, seconds, slug)


@check.bound(240)
def test_remote_agent():
    link = importlib.import_module("31_link")
    with relays.Relay() as relay, belay.Host({"link": {"ca_file": relay.ca}}) as host:
        relay.start()
        machine = Machine(host, relay)
        try:
            host.init()
            host.start()
            link.linked(host, relay)
            check.equal(0, host.cli("secret", "set", "SSH_KEY", stdin=machine.key, json_out=False).code)
            definition = {**machine.server.connection(), "host_keys": None}
            added = host.cli("connection", "add", "vm", "-f", "-", stdin=json.dumps({k: v for k, v in definition.items() if v}))
            check.equal(0, added.code, str(added))
            print_ = subprocess.run(["ssh-keygen", "-lf", machine.server.folder + "/host_ed25519.pub"], capture_output=True,
                                    text=True, check=True).stdout.split()[1]
            for words in (["--learn", "--fingerprint", print_], []):
                check.equal(0, host.cli("connection", "test", "vm", *words).code, str(words))
            flow = template(host, "remote-agent")
            check.equal(0, host.cli("flow", "push", host.folder + "/remote-agent.flow.yaml").code)
            check.equal("BLY-CONNECTION-UNBOUND", host.cli("flow", "configure", "remote-agent", "--check").error["code"])
            bind(host, "remote-agent", machine="vm")
            check.equal(0, host.cli("flow", "configure", "remote-agent", "--check").code)

            run = host.start_run(flow, machine.given("write the notes"))
            belay.eventually(lambda: belay.step_of(host.show(run), "start")["status"] == "succeeded", 20, "the start")
            # The daemon needs no connection meanwhile, nor to be there.
            host.kill()
            host.start()
            shown = after(host, run, "the review")
            wait = host.open_wait(run)
            files = {a["name"]: a for a in host.get("/v1/waits/" + wait["id"])["wait"]["request"]["artifacts"]}
            patch = host.cli("resource", "cat", belay.step_of(shown, "collect")["output"]["files"]["changes.patch"]["ref"],
                             json_out=False).out
            check.has(patch, "+write the notes")
            check.equal(2, len(files), str(files))
            # Nothing is changed there before somebody has approved it.
            check.equal("first", git(machine.repository, "log", "--format=%s"))
            check.equal(0, host.cli("approve", wait["id"], "--form", "message=Notes").code)
            shown = host.wait_run(run, seconds=60)
            check.equal("succeeded", shown["run"]["status"], json.dumps(shown)[:3000])
            check.equal(git(machine.repository, "rev-parse", "HEAD"), shown["run"]["output"]["applied"])
            check.has(git(machine.repository, "log", "-1", "--format=%B"), "Notes\n\nRun %s, approved by " % run)
            check.equal("write the notes", git(machine.repository, "show", "HEAD:notes.txt"))
            with open(machine.repository + "/data.bin", "rb") as file:
                check.equal(b"\0\1binary", file.read())
            log = host.cli("resource", "cat", belay.step_of(shown, "collect")["output"]["files"]["agent.log"]["ref"], json_out=False)
            check.has(log.out, "I did: write the notes with 1")
            check.equal("", git(machine.repository, "status", "--porcelain"))

            # Rejected, nothing done, and an agent that gives up.
            run = host.start_run(flow, machine.given("write more notes"))
            after(host, run, "the review")
            check.equal(0, host.cli("reject", host.open_wait(run)["id"], "-m", "no").code)
            check.equal(None, host.wait_run(run)["run"]["output"]["applied"])
            shown = after(host, host.start_run(flow, machine.given("do nothing")), "the end")
            check.equal(("succeeded", None), (shown["run"]["status"], shown["run"]["output"]["applied"]), json.dumps(shown)[:2000])
            shown = after(host, host.start_run(flow, machine.given("give up")), "the end")
            check.equal("failed", shown["run"]["status"], json.dumps(shown)[:2000])
            check.equal({"exit_code": 3}, belay.step_of(shown, "finished")["output"]["body"])
            check.equal(1, len(git(machine.repository, "worktree", "list").splitlines()))
        finally:
            machine.server.stop()


if __name__ == "__main__":
    check.main(globals())
