"""The templates of the patterns that Belay was made for, each run for real: their flow as `belay flow new` gives it, stub
servers that keep count, SQLite files, git, a coding agent of ours, people who approve."""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import time

import belay
import check
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


if __name__ == "__main__":
    check.main(globals())
