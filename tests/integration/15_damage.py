"""Rows of one run that were changed while the daemon was down: that run is refused, and all others go on."""

import os
import re
import sqlite3
import subprocess

import belay
import check

ASK = {"slug": "ask", "steps": [{"id": "ask", "wait": {"approval": {"summary": "?"}, "timeout": "1h"}}]}
HEAR = {"slug": "hear", "steps": [{"id": "hear", "wait": {"event": {"name": "built"}, "timeout": "1h"}}]}
NAP = {"slug": "nap", "steps": [{"id": "nap", "sleep": {"for": "1h"}}]}
CHANGE_FIRST_EVENT = ("UPDATE events SET body = replace(body, '\"by\"', '\"yb\"'), at_ms = at_ms + 1"
                      " WHERE seq = 1 AND run = (SELECT number FROM runs WHERE id = ?)")


def damage(host, run):
    # The last events of the file are checked at each start: these are not to be among them.
    for _ in range(40):
        host.start_run(NAP)
    host.stop()
    database = sqlite3.connect(host.state + "/journal.db")
    check.equal(1, database.execute(CHANGE_FIRST_EVENT, (run,)).rowcount)
    database.commit()
    database.close()
    host.start()


def refused(answer):
    check.equal(5, answer.code, str(answer))
    check.equal("BLY-JOURNAL-CHAIN-BROKEN", answer.error.get("code"), str(answer))


def test_a_damaged_run_cannot_be_approved_or_cancelled_and_others_can():
    with belay.Host() as host:
        host.init()
        host.start()
        damaged, other, third = [host.start_run(ASK) for _ in range(3)]
        waits = {run: host.open_wait(run)["id"] for run in (damaged, other, third)}
        damage(host, damaged)
        daemon = host.daemon.pid
        refused(host.cli("approve", waits[damaged]))
        refused(host.cli("reject", waits[damaged]))
        for verb in ("pause", "resume", "stop", "cancel"):
            refused(host.cli("run", verb, damaged))
        answer = host.cli("approve", waits[other])
        check.equal(0, answer.code, str(answer))
        check.equal("succeeded", host.wait_run(other)["run"]["status"])
        check.equal(0, host.cli("run", "cancel", third).code)
        check.equal(daemon, host.daemon.pid)
        check.equal(None, host.daemon.poll(), "the daemon has ended:\n" + host.log()[-2000:])
        check.has(host.log(), "run.unreadable")


def test_an_event_reaches_all_but_a_damaged_run():
    with belay.Host() as host:
        host.init()
        host.start()
        damaged, other = [host.start_run(HEAR) for _ in range(2)]
        for run in (damaged, other):
            host.open_wait(run)
        damage(host, damaged)
        answer = host.cli("event", "emit", "built")
        check.equal(0, answer.code, str(answer))
        check.equal(1, answer.data["answered"])
        check.equal("succeeded", host.wait_run(other)["run"]["status"])
        check.equal(None, host.daemon.poll(), "the daemon has ended:\n" + host.log()[-2000:])
        check.has(host.log(), "run.unreadable")


def restore_commands():
    """What docs/operations.md has a shell do in the state folder."""
    page = os.path.join(os.path.dirname(__file__), "../../docs/operations.md")
    with open(page, encoding="utf-8") as file:
        return re.search(r"sudo -u belay sh -c '(.*)'", file.read())[1]


def test_a_change_of_the_last_rows_keeps_the_daemon_down_until_a_backup_is_restored():
    with belay.Host() as host:
        host.init()
        host.start()
        run = host.start_run(ASK)
        host.open_wait(run)
        backup = host.folder + "/backup.db"
        check.equal(0, host.cli("journal", "backup", backup).code)
        # Ended runs are checked like all others.
        check.equal(0, host.cli("run", "cancel", run).code)
        check.equal("cancelled", host.wait_run(run)["run"]["status"])
        host.kill()
        database = sqlite3.connect(host.state + "/journal.db")
        database.execute(CHANGE_FIRST_EVENT, (run,))
        database.commit()
        database.close()
        answer = host.cli("daemon")
        refused(answer)
        check.has(" ".join(answer.error["actions"]), "explain BLY-JOURNAL-CHAIN-BROKEN")
        check.has(host.cli("explain", "BLY-JOURNAL-CHAIN-BROKEN", json_out=False).out, "belay docs operations")
        subprocess.run(restore_commands().replace("/var/lib/belay", host.state).replace("/backup/journal.db", backup),
                       shell=True, check=True)
        host.start()
        check.equal("waiting", host.show(run)["run"]["status"])
        check.equal(0, host.cli("journal", "verify").code)


if __name__ == "__main__":
    check.main(globals())
