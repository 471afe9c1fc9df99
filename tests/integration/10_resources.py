"""Large outputs and resources: kept by digest, checked when they are read."""

import glob
import hashlib
import os

import belay
import check


def writer(script, **more):
    return {"slug": "big", "steps": [{"id": "a", "run": {"script": script, **more}, "persist": "always"}],
            "output": {"out": "${{ steps.a.output.stdout }}"}}


def ref_of(host, run):
    rows = host.get("/v1/resources?run=%s" % run)["resources"]
    return max(rows, key=lambda row: row["size"])


def test_100_megabytes_of_output():
    size = 100 << 20
    with belay.started() as host:
        shown = host.run(writer("head -c %d /dev/zero | tr '\\0' 'x'" % size), seconds=100)
        check.equal("succeeded", shown["run"]["status"], str(shown)[:800])
        row = ref_of(host, shown["run"]["id"])
        check.equal(size, row["size"])
        digest = row["digest"].split(":")[-1]
        block, wanted = b"x" * (1 << 20), hashlib.sha256()
        for _ in range(100):
            wanted.update(block)
        check.equal(wanted.hexdigest(), digest)
        content = host.get("/v1/resources/%s/content" % digest)
        check.equal(size, len(content))
        with open("/proc/%d/status" % host.daemon.pid, encoding="ascii") as file:
            peak = int([line for line in file if line.startswith("VmHWM")][0].split()[1])
        if peak > 64 << 10:
            raise AssertionError("the daemon took %d KiB for it" % peak)


def test_more_than_the_bound_is_dropped_and_said():
    with belay.started({"jobs": {"log_max": "1 MiB"}}) as host:
        flow = writer("head -c 3000000 /dev/zero | tr '\\0' 'y'; echo end >&2")
        flow["output"] = {"truncated": "${{ steps.a.output.stdout.truncated }}", "err": "${{ steps.a.output.stderr.text }}"}
        shown = host.run(flow)
        check.equal("succeeded", shown["run"]["status"], str(shown)[:800])
        check.equal({"truncated": True, "err": "end\n"}, shown["run"]["output"])


def test_what_is_larger_than_its_head_is_whole_however_much_may_be_inline():
    flow = {"slug": "large", "steps": [
        {"id": "a", "run": {"script": "head -c 300001 /dev/zero | tr '\\0' 'y'"}},
        {"id": "b", "run": {"command": ["wc", "-c"], "stdin": "${{ steps.a.output.stdout }}"}}],
        "output": {"truncated": "${{ steps.a.output.stdout.truncated }}", "bytes": "${{ steps.b.output.stdout.text.trim() }}"}}
    with belay.started({"limits": {"inline_output": "1 MiB"}}) as host:
        shown = host.run(flow)
        check.equal({"truncated": True, "bytes": "300001"}, shown["run"]["output"])


def test_what_was_dropped_is_not_passed_on_for_the_whole():
    flow = {"slug": "cut", "steps": [
        {"id": "a", "run": {"script": "head -c 5000 /dev/zero | tr '\\0' 'y'", "max_output": 100}},
        {"id": "b", "run": {"command": ["cat"], "stdin": "${{ steps.a.output.stdout }}"}}],
        "output": "${{ steps.a.output }}"}
    with belay.started() as host:
        shown = host.run(flow)
        check.equal("failed", shown["run"]["status"])
        check.has(shown["run"]["error"]["message"], "max_output")
        del flow["steps"][1]
        output = host.run(flow)["run"]["output"]
        check.equal({"text": "y" * 100, "truncated": True, "ref": None}, output["stdout"])
        check.equal([4900, False], [output["stdout_dropped"], "stderr_dropped" in output])


def test_a_beginning_is_not_put_into_a_text_for_the_whole():
    flow = {"slug": "head", "steps": [
        {"id": "a", "run": {"script": "head -c 200000 /dev/zero | tr '\\0' 'y'"}},
        {"id": "b", "run": {"command": ["cat"], "stdin": "all: ${{ steps.a.output.stdout }}"}}]}
    with belay.started() as host:
        shown = host.run(flow)
        check.equal("failed", shown["run"]["status"])
        check.has(shown["run"]["error"]["message"], "only the beginning")
        flow["steps"][1]["run"]["stdin"] = "head: ${{ steps.a.output.stdout.text }}"
        check.equal("succeeded", host.run(flow)["run"]["status"])


def test_bytes_that_are_no_text_are_kept():
    flow = {"slug": "bytes", "steps": [
        {"id": "a", "run": {"script": "printf '\\377\\000\\001'"}},
        {"id": "b", "run": {"script": "od -An -tx1", "stdin": "${{ steps.a.output.stdout }}"}}],
        "output": {"hex": "${{ steps.b.output.stdout.text.trim() }}", "shown": "${{ steps.a.output.stdout.text }}"}}
    with belay.started() as host:
        check.equal({"hex": "ff 00 01", "shown": "\ufffd\ufffd\x01"}, host.run(flow)["run"]["output"])


def test_an_output_that_cannot_be_read_fails_who_asks():
    flow = {"slug": "lost", "steps": [
        {"id": "a", "function": {"code": "return {big: 'x'.repeat(200000)}"}},
        {"id": "ask", "wait": {"approval": {"summary": "?"}, "timeout": "1h"}},
        {"id": "b", "when": "${{ !steps.a.output?.bad }}", "run": {"command": ["echo", "done"]}}]}
    with belay.started() as host:
        run = host.start_run(flow)
        wait = host.open_wait(run)["id"]
        digest = ref_of(host, run)["digest"].split(":")[-1]
        host.kill()
        path = glob.glob(host.state + "/resources/**/*" + digest[4:], recursive=True)[0]
        os.chmod(path, 0o600)
        with open(path, "r+b") as file:
            file.write(b"!")
        host.start()
        check.equal(0, host.cli("approve", wait).code)
        shown = host.wait_run(run)
        check.equal(["failed", "BLY-RESOURCE-DAMAGED"], [shown["run"]["status"], shown["run"]["error"]["code"]], str(shown)[:600])


def test_a_flipped_bit_is_found():
    with belay.started() as host:
        shown = host.run(writer("head -c 300000 /dev/zero | tr '\\0' 'z'"))
        row = ref_of(host, shown["run"]["id"])
        digest = row["digest"].split(":")[-1]
        paths = [p for p in glob.glob(host.state + "/resources/**", recursive=True)
                 if os.path.isfile(p) and os.path.getsize(p) == row["size"]]
        check.equal(1, len(paths), str(paths))
        os.chmod(paths[0], 0o600)
        with open(paths[0], "r+b") as file:
            file.seek(150000)
            file.write(b"{")
        for running in (True, False):
            if not running:
                host.stop()
            answer = host.cli("resource", "cat", row["ref"], json_out=False)
            check.equal(1, answer.code, answer.err)
            check.has(answer.err, "BLY-RESOURCE-DAMAGED")
            check.equal("", answer.out, "with the daemon" if running else "without it")
        check.has(host.log(), "resource.unreadable")


def test_the_next_step_reads_it_as_text():
    with belay.started() as host:
        flow = writer("head -c 200000 /dev/zero | tr '\\0' 'q'")
        flow["steps"].append({"id": "b", "run": {"script": "wc -c", "stdin": "${{ steps.a.output.stdout }}"}})
        flow["output"] = {"n": "${{ Number(steps.b.output.stdout) }}"}
        check.equal(200000, host.run(flow)["run"]["output"]["n"])


def test_the_same_output_in_several_runs_and_steps():
    # Regression: the second run could not record its output, and ran for ever.
    with belay.started() as host:
        flow = writer("head -c 200000 /dev/zero | tr '\\0' 'q'")
        flow["steps"].append({**flow["steps"][0], "id": "b"})
        runs = [host.run(flow)["run"] for _ in range(3)]
        check.equal(["succeeded"] * 3, [run["status"] for run in runs])
        rows = host.get("/v1/resources?limit=100")["resources"]
        check.equal({run["id"] for run in runs}, {row["run"] for row in rows})
        digests = {row["digest"] for row in rows if row["size"] == 200000}
        check.equal(1, len(digests))
        check.equal(200000, len(host.get("/v1/resources/%s/content" % digests.pop().split(":")[-1])))


if __name__ == "__main__":
    check.main(globals())
