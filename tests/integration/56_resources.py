"""What is kept, for how long, by whom and within which bounds: persist, quotas, search, URLs, deletion, viewers, and a daemon
that is killed again and again while it stores and sweeps."""

import hashlib
import json
import os
import random
import time

import belay
import check


def writer(text, persist, slug="keeps", **more):
    return {"slug": slug, "steps": [{"id": "w", "run": {"command": ["printf", "%s", text]}, "persist": persist, **more}],
            "output": "${{ steps.w.output.stdout.ref }}"}


def rows(host, **query):
    return host.get("/v1/resources?limit=1000" + "".join("&%s=%s" % pair for pair in query.items()))["resources"]


def files(host):
    found = {}
    for folder, _, names in os.walk(host.state + "/resources"):
        for name in names:
            if not folder.endswith("/tmp"):
                found[os.path.basename(folder) + name] = os.path.join(folder, name)
    return found


def make_old(host):
    for path in files(host).values():
        try:
            os.utime(path, (1, 1))
        except FileNotFoundError:
            pass  # The sweep was there first.


def test_what_a_step_says_of_it():
    with belay.started() as host:
        shown = host.run(writer("# words", {"keep": "retained", "filename": "post.md", "content_type": "text/markdown", "index": True}))
        row = [r for r in rows(host, run=shown["run"]["id"]) if r["name"] == "post.md"]
        check.equal([("text/markdown", "retained", True, "keeps")],
                    [tuple(r[k] for k in ("media_type", "keep", "indexed", "flow")) for r in row])
        for bad in ({"keep": "for ever"}, {"when": "often"}, {"index": "yes"}, "sometimes", {"name": "x"}, 3):
            done = host.cli("flow", "validate", host.write("bad.flow.json", json.dumps(writer("x", bad))))
            check.equal(2, done.code, (bad, str(done)[:500]))


def test_search_finds_words():
    with belay.started() as host:
        for topic, slug in (("red foxes", "one"), ("red wolves", "one"), ("red foxes elsewhere", "two")):
            host.run(writer("all about " + topic, {"index": True}, slug=slug))
        host.run(writer("red foxes in secret", "always", slug="one"))

        def search(query, slug="one", **more):
            flow = {"slug": slug, "steps": [{"id": "s", "search": {"query": query, **more}}], "output": "${{ steps.s.output.hits }}"}
            return host.run(flow)["run"]

        hits = search("red fox*", hydrate=True)["output"]
        check.equal(["all about red foxes"], [h["text"] for h in hits])
        check.equal(2, len(search("red")["output"]))
        check.equal(1, len(search("red -foxes")["output"]))
        check.equal(2, len(search("foxes OR wolves", limit=5)["output"]))
        check.equal(1, len(search("red", limit=1)["output"]))
        check.equal(3, len(search("red", scope="host")["output"]))
        check.equal(True, len(search("one succeeded", targets=["runs"])["output"]) >= 4)
        found = search("two", targets=["flows"], scope="host")["output"]
        check.equal(True, {"target": "flow", "flow": "two"} in found, found)
        for bad in ('"red', "OR red", "  *  "):
            run = search(bad)
            check.equal(("failed", "BLY-SEARCH-QUERY"), (run["status"], run["error"]["code"]), bad)
        done = host.cli("resource", "search", "red foxes")
        check.equal(2, len(done.data["hits"]), str(done))
        host.stop()
        check.equal(2, len(host.cli("resource", "search", "red foxes").data["hits"]))


def test_search_of_the_host_needs_the_policy():
    with belay.Host() as host:
        host.write("policy.yaml", json.dumps({"search": {"host": ["trusted"]}}))
        host.write_settings({"connections": {"web": {"type": "http", "base_url": "http://127.0.0.1:9"}}})
        host.init()
        host.start()
        flow = {"slug": "trusted", "steps": [{"id": "s", "search": {"query": "web", "targets": ["connections"], "scope": "host"}}],
                "output": "${{ steps.s.output.hits }}"}
        check.equal([{"target": "connection", "name": "web", "type": "http"}], host.run(flow)["run"]["output"])
        run = host.run({**flow, "slug": "other"})["run"]
        check.equal("BLY-POLICY-REFUSED", run["error"]["code"], run)


def test_quotas():
    with belay.started({"resources": {"flow_max": "100 KiB", "total_max": "400 KiB"}}) as host:
        text = "x" * 30000
        for i in range(3):
            check.equal("succeeded", host.run(writer(text + str(i), "always"))["run"]["status"])
        run = host.run(writer(text + "more", "always"))["run"]
        check.equal(("failed", "BLY-RESOURCE-QUOTA"), (run["status"], run["error"]["code"]), run)
        usage = {u["flow"]: u for u in host.cli("resource", "list", "--usage").data["flows"]}
        check.equal(True, 90000 <= usage["keeps"]["bytes"] <= 100 << 10, usage)
        check.equal("succeeded", host.run(writer("small", "never"))["run"]["status"])
        # Another flow has its own; both together are bounded by the disk's.
        for slug in ("b", "c", "d", "e", "f"):
            for i in range(3):
                run = host.run(writer(text + slug + str(i), "always", slug=slug))["run"]
        check.equal(("failed", "BLY-RESOURCE-QUOTA"), (run["status"], run["error"]["code"]), run)
        check.equal(True, sum(os.path.getsize(p) for p in files(host).values()) <= 410 << 10)
        ref = max(rows(host, flow="keeps"), key=lambda r: r["size"])["ref"]
        check.equal(0, host.cli("resource", "delete", ref).code)
        check.equal("BLY-RESOURCE-NOT-FOUND", host.cli("resource", "delete", ref).error["code"])


def test_one_that_is_used_stays():
    with belay.started() as host:
        flow = writer("kept for now", "always")
        flow["steps"].append({"id": "ask", "wait": {"approval": {"summary": "ok?"}, "timeout": "1h"}})
        run = host.start_run(flow)
        host.open_wait(run)
        ref = max(rows(host, run=run), key=lambda r: r["size"])["ref"]
        done = host.cli("resource", "delete", ref)
        check.equal("BLY-RESOURCE-IN-USE", done.error["code"], str(done))
        host.cli("run", "cancel", run)
        host.wait_run(run)
        check.equal(0, host.cli("resource", "delete", ref).code)
        check.equal([], [r for r in rows(host, run=run) if r["ref"] == ref])


def test_urls_count_for_a_time():
    with belay.started() as host:
        shown = host.run(writer("for your eyes", "always"))
        ref = shown["run"]["output"]
        url = host.cli("resource", "url", ref, "--expires", "1h").data["url"]
        check.equal("for your eyes", host.cli("resource", "cat", url, json_out=False).out)
        path = url[url.index("/v1/"):]
        check.equal(b"for your eyes", host.get(path))
        for wrong in (path.replace("until=", "until=9"), path[:-1] + ("A" if path[-1] != "A" else "B"), path.split("&")[0],
                      path.replace(ref[-64:], hashlib.sha256(b"other").hexdigest())):
            try:
                host.get(wrong)
                raise AssertionError(wrong)
            except belay.ApiError as error:
                check.equal("BLY-RESOURCE-URL", error.error["code"])
        short = host.cli("resource", "url", ref, "--expires", "1s").data["url"]
        time.sleep(1.1)
        check.equal(7, host.cli("resource", "cat", short, json_out=False).code)
        check.equal("BLY-RESOURCE-NOT-FOUND", host.cli("resource", "url", "0" * 64).error["code"])
        check.equal("BLY-INVALID-ARGUMENT", host.cli("resource", "url", ref, "--expires", "30d").error["code"])


def test_viewers():
    with belay.started() as host:
        def cat(text, *words):
            return host.cli("resource", "cat", host.run(writer(text, "always"))["run"]["output"], *words, json_out=False).out
        check.equal('{\n  "a": 1\n}', cat('{"a":1}', "--as", "json").strip())
        out = cat('[{"id":1,"name":"one"},{"id":2,"name":"two"}]', "--as", "table")
        check.equal(True, "id" in out.lower() and "two" in out and out.count("\n") >= 3, out)
        out = cat('a,b\n1,"x, y"\n', "--as", "table")
        check.equal(True, "x, y" in out and '"' not in out, out)
        check.equal("+new\n-old\n", cat("+new\n-old\n", "--as", "diff"))
        check.equal("\x1b[31mred", cat("\x1b[31mred"))
        check.equal(False, "\x1b" in cat("\x1b[31mred", "--as", "table"))


@check.bound(300)
def test_killed_at_any_moment_no_row_is_without_its_content():
    """The daemon is killed while it stores, prunes, deletes and sweeps. The oracle: every row has a file of its digest; what no row
    has goes with the sweep once it is old."""
    seed = random.randrange(1 << 30)
    rng = random.Random(seed)
    settings = {"journal": {"retention": "1s"}, "resources": {"ephemeral": "0s"}}
    with belay.started(settings) as host:
        for round_number in range(12):
            try:
                for i in range(rng.randrange(1, 6)):
                    keep = rng.choice(["run", "retained", "ephemeral"])
                    text = "round %d %d " % (round_number, rng.randrange(3)) + "y" * rng.randrange(1, 100000)
                    host.start_run(writer(text, {"keep": keep, "index": True}))
                if rng.random() < 0.5:
                    host.api.request("POST", "/v1/journal/prune", json.dumps({"older_than": "0s"}))
                    listed = rows(host)
                    if listed:
                        host.cli("resource", "delete", rng.choice(listed)["ref"])
            except (OSError, belay.ApiError):
                pass
            time.sleep(rng.random() * 0.3)
            # What is old is swept at the next start.
            make_old(host)
            host.kill()
            host.start()
            for row in rows(host):
                digest = row["digest"].split(":")[-1]
                path = files(host).get(digest)
                # Runs go on meanwhile: a row may have gone with its content since the rows were read.
                if path is None and row["ref"] not in [r["ref"] for r in rows(host)]:
                    continue
                check.equal(True, path is not None, "seed %d, round %d: %s has no content" % (seed, round_number, row))
                try:
                    with open(path, "rb") as file:
                        check.equal(digest, hashlib.sha256(file.read()).hexdigest(), "seed %d" % seed)
                except FileNotFoundError:
                    check.equal(False, row["ref"] in [r["ref"] for r in rows(host)], "seed %d" % seed)
        for run in host.get("/v1/runs?limit=1000")["runs"]:
            try:
                host.wait_run(run["id"])
            except belay.ApiError as error:  # Old enough to be gone.
                check.equal("BLY-RUN-NOT-FOUND", error.error["code"])
        host.stop()
        make_old(host)
        host.start()

        def clean():
            wanted = {row["digest"].split(":")[-1] for row in rows(host)}
            return set(files(host)) == wanted
        belay.eventually(clean, seconds=30, what="nothing is kept that no row has (seed %d)" % seed)
        check.equal(True, len(files(host)) > 0)


def test_a_full_quota_leaves_no_half_content():
    with belay.started({"resources": {"total_max": "1 MiB"}}) as host:
        flow = {"slug": "big", "steps": [{"id": "w", "run": {"script": "head -c 3000000 /dev/zero | tr '\\0' z"}, "persist": "always"}]}
        run = host.run(flow)["run"]
        check.equal(("failed", "BLY-RESOURCE-QUOTA"), (run["status"], run["error"]["code"]), run)
        check.equal([], os.listdir(host.state + "/resources/tmp"))
        check.equal("succeeded", host.run(writer("small", "always"))["run"]["status"])


if __name__ == "__main__":
    check.main(globals())
