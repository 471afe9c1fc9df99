"""Disks that are full, read only, or lie. What needs a file system of its own needs root."""

import contextlib
import glob
import http.server
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time

import belay
import check

ASK = {"slug": "ask", "steps": [{"id": "ask", "wait": {"approval": {"summary": "?"}, "timeout": "1h"}}]}
FILL = {"slug": "fill", "steps": [{"id": "a", "set": {"x": "${{ 'x'.repeat(40000) }}"}}], "state": {"x": ""}}


class Small:
    """A tmpfs of its own."""

    def __init__(self, size="24m"):
        if os.geteuid() != 0:
            raise check.Skip("needs root")
        self.folder = tempfile.mkdtemp(prefix="belay-small-", dir="/tmp")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", self.folder], check=False,
                              capture_output=True)
        if done.returncode != 0:
            os.rmdir(self.folder)
            raise check.Skip("no mount here")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.folder], check=False)
        os.rmdir(self.folder)

    def fill(self, piece=65536, leave=0):
        """Until less than a piece and `leave` bytes are left."""
        info = os.statvfs(self.folder)
        left = info.f_bavail * info.f_frsize - leave if leave else 1 << 40
        with open(self.folder + "/ballast", "wb", buffering=0) as file, contextlib.suppress(OSError):
            while left >= piece:
                left -= file.write(b"x" * piece)


def test_a_full_disk_lets_cancel_and_approve_through():
    with Small() as small, belay.Host({"state": {"folder": small.folder + "/state"}}) as host:
        host.init()
        host.start()
        runs = [host.start_run(ASK) for _ in range(3)]
        waits = {run: host.open_wait(run)["id"] for run in runs}
        small.fill()
        refused = None
        for _ in range(400):
            try:
                host.start_run(FILL)
            except belay.ApiError as error:
                refused = error
                break
        if refused is None:
            raise AssertionError("nothing was refused on a full disk")
        check.equal("BLY-DISK-FULL", refused.code)
        check.equal(None, host.daemon.poll(), host.log()[-800:])
        check.equal(0, host.cli("approve", waits[runs[0]]).code)
        check.equal(0, host.cli("run", "cancel", runs[1]).code)
        check.equal("cancelled", host.wait_run(runs[1])["run"]["status"])
        os.unlink(small.folder + "/ballast")
        check.equal("succeeded", host.wait_run(runs[0])["run"]["status"])
        belay.eventually(lambda: starts(host), 30, "a start after there is room again")
        check.equal(0, host.cli("approve", waits[runs[2]]).code)
        host.kill()
        host.start()
        check.equal("succeeded", host.wait_run(runs[2])["run"]["status"])
        check.equal(0, host.cli("journal", "verify").code)


LOOP = {"slug": "loop", "steps": [
    {"id": "ask", "wait": {"approval": {"summary": "?"}, "timeout": "1h"}},
    {"id": "big", "function": {"code": "return 'x'.repeat(50000)"}, "max_visits": 1000},
    {"id": "nap", "sleep": {"for": "5ms"}, "max_visits": 1000, "next": "big"}]}


def test_nothing_else_uses_up_what_a_full_disk_leaves():
    with Small() as small, belay.Host({"state": {"folder": small.folder + "/state"}}) as host:
        host.init()
        host.start()
        runs = [host.start_run(ASK) for _ in range(4)]
        waits = [host.open_wait(run)["id"] for run in runs]
        loop = host.start_run(LOOP)
        go = host.open_wait(loop)["id"]
        small.fill()
        check.equal(0, host.cli("approve", go).code)
        belay.eventually(lambda: host.cli("journal", "stats").data["journal"]["full_mode"], 30, "the full mode")
        check.has(host.show(loop)["run"]["reason"], "the disk is full")
        time.sleep(3)
        refused = [host.cli("kv", "set", "k%d" % i, '"%s"' % ("x" * 50000)) for i in range(20)]
        check.equal({"BLY-DISK-FULL"}, {answer.error.get("code") for answer in refused})
        for run in (runs[0], loop):
            check.equal(0, host.cli("run", "cancel", run).code)
            check.equal("cancelled", host.wait_run(run)["run"]["status"])
        for wait in waits[1:3]:
            check.equal(0, host.cli("approve", wait).code)
        check.equal(0, host.cli("journal", "prune", "--older-than", "1ms").code)
        os.unlink(small.folder + "/ballast")
        for run in runs[1:3]:
            check.equal("succeeded", host.wait_run(run)["run"]["status"])
        check.equal(0, host.cli("journal", "verify").code)


class Answers(http.server.BaseHTTPRequestHandler):
    """/slow and /large wait until they may answer; who has come is on record."""

    go = threading.Event()
    seen: list = []

    def do_GET(self):
        self.seen.append(self.path)
        if self.path != "/after":
            self.go.wait(60)
        body = json.dumps(["y" * 1000] * 300 if self.path == "/large" else "ok").encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def answering():
    """A server, and flows that ask it: first for `path`, then for /after."""
    handler = type("Fresh", (Answers,), {"go": threading.Event(), "seen": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = "http://127.0.0.1:%d" % server.server_address[1]
    try:
        yield handler, lambda path: {"slug": "asks", "steps": [
            {"id": name, "http": {"url": url + each}} for name, each in (("first", path), ("then", "/after"))]}
    finally:
        handler.go.set()
        server.shutdown()
        server.server_close()


def write_much(host, prefix, count):
    """Grows the journal, and leaves a log of its writes with room to write over; whether one was refused."""
    for i in range(count):
        status = host.api.request("POST", "/v1/kv/host", {"operation": "set", "key": "%s%d" % (prefix, i),
                                                          "value": "x" * 60000})[0]
        if status != 200:
            check.equal(507, status)
            return True
    return False


NAP = {"slug": "nap", "steps": [{"id": "nap", "run": {"command": ["sleep", "300"]}}]}


def full(host):
    return host.cli("journal", "stats").data["journal"]["full_mode"]


def test_an_output_without_room_keeps_no_others_from_their_end():
    with answering() as (server, asks), Small("32m") as small, \
            belay.Host({"state": {"folder": small.folder + "/state"}}) as host:
        host.init()
        host.start()
        write_much(host, "a", 100)  # Commits find room in the log though the disk has none.
        large, asked, nap = host.start_run(asks("/large")), host.start_run(ASK), host.start_run(NAP)
        wait = host.open_wait(asked)["id"]
        small.fill(4096)
        server.go.set()
        belay.eventually(lambda: full(host), 20, "the full mode")
        check.equal(0, host.cli("approve", wait).code)
        check.equal(0, host.cli("run", "cancel", nap).code)
        check.equal("cancelled", host.wait_run(nap)["run"]["status"])
        check.has(host.show(large)["run"]["reason"], "the disk is full")
        os.unlink(small.folder + "/ballast")
        for run in (large, asked):
            check.equal("succeeded", host.wait_run(run)["run"]["status"])
        check.equal(["/large", "/after"], server.seen)


def test_what_stood_still_goes_on_by_itself_when_there_is_room():
    with answering() as (server, asks), Small("32m") as small, \
            belay.Host({"state": {"folder": small.folder + "/state"}}) as host:
        host.init()
        host.start()
        run = host.start_run(asks("/slow"))
        write_much(host, "a", 150)
        small.fill()
        check.equal(True, write_much(host, "n", 400))
        belay.eventually(lambda: full(host), 20, "the full mode")
        server.go.set()
        time.sleep(2)
        check.equal(["/slow"], server.seen)
        os.unlink(small.folder + "/ballast")
        # Nobody asks the daemon for anything meanwhile.
        belay.eventually(lambda: "/after" in server.seen, 15, "the next step")
        check.equal("succeeded", host.wait_run(run)["run"]["status"])


CHILD = {"slug": "child", "steps": [{"id": "a", "set": {"x": 1}}], "state": {"x": 0}}
PARENT = {"slug": "parent", "steps": [{"id": "both", "parallel": {
    "branches": {"one": [{"id": "w", "wait": {"event": {"name": "never"}, "timeout": "1h"}}],
                 "two": [{"id": "n", "sleep": {"for": "1h"}}]},
    "finalize": [{"id": "late", "run": {"script": "sleep 3"}}, {"id": "tell", "emit": {"event": "gone"}},
                 {"id": "child", "flow": {"slug": "child"}}]}}]}


def test_a_start_on_a_full_disk_is_quiet_and_ends_what_is_to_end():
    with Small("32m") as small, belay.Host({"state": {"folder": small.folder + "/state"}}) as host:
        host.init()
        host.start()
        host.run(CHILD)
        for verb in ("release", "promote"):
            check.equal(0, host.cli("flow", verb, "child").code)
        path = host.write("c.flow.json", json.dumps(CHILD))
        known = host.cli("flow", "run", path, "--key", "k").data["run"]["id"]
        host.wait_run(known)
        parent, naps = host.start_run(PARENT), [host.start_run(NAP) for _ in range(3)]
        belay.eventually(lambda: all(host.show(nap)["steps"] for nap in naps), what="the jobs")
        check.equal(0, host.cli("run", "stop", parent).code)
        host.kill()
        os.unlink(small.folder + "/state/journal.reserve")
        small.fill(65536, leave=3 << 20)
        host.start()
        check.equal(True, full(host))
        time.sleep(3)
        before = processor_seconds(host.daemon.pid)
        time.sleep(2)
        spent = processor_seconds(host.daemon.pid) - before
        if spent > 0.5:
            raise AssertionError("a daemon whose runs stand still takes %.2f s of 2" % spent)
        # A client that lost its answer learns which run its key began; a new start is refused.
        check.equal(known, host.cli("flow", "run", path, "--key", "k").data["run"]["id"])
        check.equal("BLY-DISK-FULL", host.cli("flow", "run", path, "--key", "other").error["code"])
        for nap in naps:
            check.equal(0, host.cli("run", "cancel", nap).code)
        for nap in naps:
            check.equal("cancelled", host.wait_run(nap)["run"]["status"])
        ended = host.wait_run(parent)
        check.equal("BLY-DISK-FULL", belay.step_of(ended, "both[finalize]/child")["error"]["code"])
        check.equal(2, len(host.cli("run", "list", "--flow", "child").data["runs"]))


def processor_seconds(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def starts(host):
    try:
        return host.start_run(FILL)
    except belay.ApiError:
        return None


def test_a_read_only_folder_is_refused():
    with Small() as small, belay.Host({"state": {"folder": small.folder + "/state"}}) as host:
        host.init()
        host.start()
        host.run(FILL)
        host.stop()
        subprocess.run(["mount", "-o", "remount,ro", small.folder], check=True)
        answer = host.cli("daemon", json_out=False, timeout=20)
        if answer.code == 0:
            raise AssertionError("it starts")
        check.has(answer.out + answer.err, "BLY-")
        check.equal(0, host.cli("run", "list").code)


def closed(host):
    """The path of the journal, with all in it, and nobody using it."""
    host.init()
    host.start()
    for _ in range(50):
        host.run(FILL)
    host.stop()
    return host.state + "/journal.db"


def test_a_corrupt_header_is_5():
    with belay.Host() as host:
        path = closed(host)
        with open(path, "r+b") as file:
            file.seek(0)
            file.write(b"garbage!" * 8)
        answer = host.cli("daemon", json_out=False, timeout=20)
        check.equal(5, answer.code, str(answer))


def test_a_garbled_page_is_found():
    with belay.Host() as host:
        path = closed(host)
        size = os.path.getsize(path)
        with open(path, "r+b") as file:
            for page in range(8, size // 4096, 5):
                file.seek(page * 4096 + 100)
                file.write(b"\xff" * 900)
        answer = host.cli("journal", "verify", timeout=60)
        check.equal(5, answer.code, str(answer))


def test_a_changed_row_is_found_and_named():
    with belay.Host() as host:
        path = closed(host)
        database = sqlite3.connect(path)
        database.execute("UPDATE events SET body = replace(body, 'xxx', 'yyy') WHERE place ="
                         " (SELECT place FROM events WHERE body LIKE '%xxx%' LIMIT 1)")
        check.equal(1, database.execute("SELECT changes()").fetchone()[0])
        database.commit()
        database.close()
        answer = host.cli("journal", "verify")
        check.equal(5, answer.code, str(answer))
        check.equal("BLY-JOURNAL-CHAIN-BROKEN", answer.error.get("code"), str(answer))


def test_a_newer_journal_is_10():
    with belay.Host() as host:
        path = closed(host)
        database = sqlite3.connect(path)
        database.execute("PRAGMA user_version = 9999")
        database.commit()
        database.close()
        answer = host.cli("daemon", json_out=False, timeout=20)
        check.equal(10, answer.code, str(answer))


def test_a_foreign_database_is_refused():
    with belay.Host() as host:
        host.init()
        for path in glob.glob(host.state + "/journal.db*"):
            os.unlink(path)
        database = sqlite3.connect(host.state + "/journal.db")
        database.execute("CREATE TABLE mine (x)")
        database.commit()
        database.close()
        os.chmod(host.state + "/journal.db", 0o600)
        answer = host.cli("daemon", json_out=False, timeout=20)
        check.equal(5, answer.code, str(answer))


def test_lost_keys_are_said():
    with belay.Host() as host:
        closed(host)
        shutil.rmtree(host.state + "/keys")
        answer = host.cli("daemon", json_out=False, timeout=20)
        check.equal(3, answer.code, str(answer))
        check.has(answer.out + answer.err, "belay --user --config %s init" % host.config)


def test_a_backup_names_the_full_disk():
    with Small("256k") as small, belay.started() as host:
        for running in (True, False):
            if not running:
                host.stop()
            answer = host.cli("journal", "backup", small.folder + "/copy.db")
            check.equal("BLY-DISK-FULL", answer.error["code"], str(answer))
            check.has(answer.error["message"], small.folder + "/copy.db")
            check.equal([], os.listdir(small.folder))


if __name__ == "__main__":
    check.main(globals())
