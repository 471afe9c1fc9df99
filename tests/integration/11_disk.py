"""Disks that are full, read only, or lie. What needs a file system of its own needs root."""

import contextlib
import glob
import os
import shutil
import sqlite3
import subprocess
import tempfile
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

    def fill(self):
        with open(self.folder + "/ballast", "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 65536)


@check.bound(120)
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


@check.bound(120)
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
            # A daemon answers before it takes back its copy.
            belay.eventually(lambda: not os.listdir(small.folder), what="an empty folder")


if __name__ == "__main__":
    check.main(globals())
