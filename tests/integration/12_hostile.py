"""Much of everything: long flows, many waiting runs, processes without end, hostile input."""

import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import threading
import time

import belay
import check


def test_a_flow_of_1000_steps():
    with belay.started() as host:
        steps = [{"id": "s%d" % i, "set": {"n": "${{ state.n + 1 }}"}} for i in range(1000)]
        shown = host.run({"slug": "long", "state": {"n": 0}, "steps": steps, "output": {"n": "${{ state.n }}"}}, seconds=60)
        check.equal("succeeded", shown["run"]["status"], str(shown["run"])[:600])
        check.equal(1000, shown["run"]["output"]["n"])


def test_a_loop_without_end_is_bounded():
    with belay.started() as host:
        shown = host.run({"slug": "loop", "steps": [{"id": "a", "set": {"x": 1}, "next": "a"}]})
        check.equal("failed", shown["run"]["status"])
        check.equal("BLY-STEP-VISITS", shown["run"]["error"]["code"])


@check.bound(240)
def test_10000_waiting_runs():
    with belay.started() as host:
        ask = {"slug": "ask", "steps": [{"id": "a", "wait": {"event": {"name": "go"}, "timeout": "24h"}}]}
        host.post("/v1/flows", {"content": json.dumps(ask), "file": "ask.flow.json"})

        def start(count):
            client = host.client()
            for _ in range(count):
                client.post("/v1/runs", {"flow": "ask", "draft": True})
            client.close()
        threads = [threading.Thread(target=start, args=(1250,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        waiting = lambda: host.get("/v1/journal/stats")["journal"]["open_waits"]  # noqa: E731
        belay.eventually(lambda: waiting() == 10000, 30, "10,000 waits")
        host.kill()
        begun = time.monotonic()
        host.start(wait=30)
        print("    ready after %.2f s" % (time.monotonic() - begun))
        check.equal(10000, waiting())
        answered = 0
        while answered < 10000:
            now = host.post("/v1/events", {"name": "go"})["answered"]
            if not now:
                break
            answered += now
        check.equal(10000, answered)
        belay.eventually(lambda: not host.get("/v1/runs?status=waiting,running&limit=1")["runs"], 60, "the end of all")


def processes_of(user):
    count = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            count += os.stat("/proc/" + pid).st_uid == user
        except OSError:
            continue
    return count


def test_a_fork_bomb_is_ended():
    # Root is not bound by RLIMIT_NPROC, so the bomb counts its own fuse; what is tested is that the whole tree goes.
    with belay.started({"jobs": {"grace": "100ms", "processes_max": 400}}) as host:
        bomb = "n=$1; [ \"$n\" -le 0 ] && exec sleep 60; setsid sh %s/bomb $((n - 1)) & sh %s/bomb $((n - 1)) & wait"
        host.write("bomb", bomb % (host.folder, host.folder))
        run = host.start_run({"slug": "bomb", "steps": [{"id": "a", "run": {"command": ["sh", host.folder + "/bomb", "6"]},
                                                         "timeout": "5s"}]})
        belay.eventually(lambda: len(belay.processes_of_run(run)) > 20, what="the bomb")
        host.wait_run(run)
        host.get("/v1/daemon")
        belay.eventually(lambda: not belay.processes_of_run(run), what="the end of the bomb")


def test_a_boot_clock_that_jumps():
    # A time namespace moves the boot clock by two hours between two lives, as a suspended machine does, and then back.
    # (Nobody may set the wall clock of a machine for a test; tests/unit/runtime and tests/sim do that.)
    later = ["unshare", "--time", "--boottime", "7200", "--monotonic", "7200", "--kill-child"]
    if shutil.which("unshare") is None or subprocess.run([*later, "true"], check=False, capture_output=True).returncode:
        raise check.Skip("no time namespaces here")
    ask = {"approval": {"summary": "?"}, "on_timeout": "reject"}
    with belay.started() as host:
        soon = host.start_run({"slug": "soon", "steps": [{"id": "a", "wait": {**ask, "timeout": "1h"}}]})
        late = host.start_run({"slug": "late", "steps": [{"id": "a", "wait": {**ask, "timeout": "3h"}}]})
        nap = host.start_run({"slug": "nap", "steps": [{"id": "a", "sleep": {"for": "30m"}}]})
        wait = host.open_wait(late)["id"]
        host.open_wait(soon)
        host.kill()
        host.start(prefix=later)
        host.wait_run(soon)
        host.wait_run(nap)
        check.equal(["open"], [w["status"] for w in host.waits(late)])
        host.kill()
        host.start()
        check.equal(["open"], [w["status"] for w in host.waits(late)])
        host.post("/v1/waits/%s/approve" % wait, {})
        check.equal("succeeded", host.wait_run(late)["run"]["status"])
        check.equal(0, host.cli("journal", "verify").code)


def test_more_runs_than_the_bound_are_refused():
    with belay.started({"limits": {"active_runs": 5}}) as host:
        ask = {"slug": "ask", "steps": [{"id": "a", "wait": {"approval": {"summary": "?"}}}]}
        for _ in range(5):
            host.start_run(ask)
        try:
            host.start_run(ask)
        except belay.ApiError as error:
            check.equal("BLY-QUEUE-FULL", error.code)
            check.has(error.error["message"], "5")
        else:
            raise AssertionError("a sixth run was taken")


def test_values_that_do_not_fit_fail_their_step_and_not_the_daemon():
    deep = "let v = 1; for (let i = 0; i < 115; i++) v = [v]; return v"
    nested = "${{ steps.a.output }}"
    for _ in range(20):
        nested = {"a": nested}
    large = [{"id": "s%d" % i, "set": {"x%d" % i: "${{ 'x'.repeat(3e6) }}"}} for i in range(7)]
    with belay.started() as host:
        for steps, code in (([{"id": "a", "function": {"code": "return '\\u0000'"}}], "BLY-EXPRESSION-OUTPUT"),
                            ([{"id": "a", "function": {"code": deep}}, {"id": "b", "set": nested}], "BLY-LIMIT"),
                            (large, "BLY-LIMIT"),
                            ([{"id": "a", "run": {"script": "printf '{\"a\":\"\\\\u0000\"}' >&3"}}], "BLY-JOB-RESULT")):
            run = host.start_run({"slug": "odd", "steps": steps})
            check.equal(code, host.wait_run(run)["run"]["error"]["code"])
        run = host.start_run({"slug": "odd", "steps": [
            {"id": "a", "run": {"script": "printf 'a\\0b\\377c'; printf '\\0e' >&2"}},
            {"id": "b", "set": {"text": "${{ steps.a.output.stdout }}"}}]})
        check.equal("succeeded", host.wait_run(run)["run"]["status"])
        check.equal(None, host.daemon.poll(), host.log()[-500:])


def test_garbage_on_the_socket():
    with belay.started() as host:
        for text in (b"\x00" * 1000, b"GET " + b"a" * 100000, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 10000,
                     b"POST /v1/runs HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n",
                     b"POST /v1/runs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{\"a\"",
                     b"\x16\x03\x01\x02\x00\x01"):
            raw = socket.socket(socket.AF_UNIX)
            raw.settimeout(3)
            raw.connect(host.socket)
            try:
                raw.sendall(text)
                raw.shutdown(socket.SHUT_WR)
                raw.recv(65536)
            except OSError:
                pass
            raw.close()
            check.equal(None, host.daemon.poll(), host.log()[-500:])
            host.get("/v1/daemon")


def answers_of(sockets, wanted, seconds):
    """What those of `sockets` sent that sent anything, as soon as `wanted` of them did."""
    answered, silent, end = [], set(sockets), time.monotonic() + seconds
    while len(answered) < wanted:
        ready = select.select(silent, [], [], max(0, end - time.monotonic()))[0]
        if not ready:
            raise AssertionError("%d of %d sockets answered within %s s" % (len(answered), len(sockets), seconds))
        silent.difference_update(ready)
        answered += [raw.recv(4096).decode() for raw in ready]
    return answered


def test_idle_connections_do_not_shut_others_out():
    most = 16
    with belay.started({"api": {"connections_max": most}}) as host:
        idle = []
        for _ in range(40):
            raw = socket.socket(socket.AF_UNIX)
            raw.settimeout(10)
            raw.connect(host.socket)
            with contextlib.suppress(BrokenPipeError):  # Refused already.
                raw.sendall(b"GET /v1/daemon HTTP/1.1\r\n")
            idle.append(raw)
        # Which ones are held is a matter of chance: a connection of before may end between two of these.
        for answer in answers_of(idle, len(idle) - most, 15):
            check.has(answer, "connections_max")
        for raw in idle:
            raw.close()
        belay.eventually(lambda: host.cli("run", "list").code == 0, 15, "an answer")


def test_hostile_json():
    with belay.started() as host:
        for body in (b"[" * 100000, b"{\"flow\": \"\\ud800\"}", b"{\"flow\": 1e999}", b"{\"a\":1,\"a\":2}", b"\xff\xfe",
                     b"{\"content\": \"" + b"x" * 300000 + b"\"}"):
            status, envelope = host.api.request("POST", "/v1/runs", body, {"Content-Type": "application/json"})
            check.equal(False, envelope["ok"], str(body[:30]))
            if not 400 <= status < 500:
                raise AssertionError("%r: %s" % (body[:30], status))
        error = host.client().request("POST", "/v1/runs", b" " * (5 << 20), {"Content-Type": "application/json"})[1]["error"]
        check.has(error["message"], "4194304 bytes (api.body_max)")


def test_names_do_not_become_paths():
    with belay.started() as host:
        for target in ("/v1/runs/..%2f..%2fetc", "/v1/resources/..%2f..%2f/content", "/v1/flows/%2e%2e",
                       "/v1/runs/%00"):
            status, envelope = host.api.request("GET", target)
            if not 400 <= status < 500:
                raise AssertionError("%s: %s %s" % (target, status, envelope))


if __name__ == "__main__":
    check.main(globals())
