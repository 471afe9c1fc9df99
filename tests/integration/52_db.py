"""`db` steps on real SQLite files: values that want to be SQL, files and statements that mean harm, bounds, other writers,
a policy, and a write that outlives the daemon."""

import contextlib
import json
import os
import sqlite3
import struct
import subprocess
import time

import belay
import check


def table(path, rows=3, sql=""):
    with sqlite3.connect(path) as base:
        base.execute("create table users (id integer primary key, name text, note blob)")
        base.executemany("insert into users (name) values (?)", [("user %d" % i,) for i in range(rows)])
        base.executescript(sql)
    base.close()
    return path


def host_with(path_of, rows=3, sql="", write=False, settings=None, policy=None, start=True):
    host = belay.Host(policy=policy)
    path = table(path_of(host), rows, sql)
    host.write_settings({"connections": {"data": {"type": "db", "file": path, "write": write}}, **(settings or {})})
    host.init()
    if start:
        host.start()
    return host, path


def here(host):
    return host.folder + "/data.db"


def query(sql, params=None, given=None, **more):
    spec = {"connection": "data", "sql": sql, **more.pop("db", {})}
    if params is not None:
        spec["params"] = params
    return {"slug": "ask", "requires": [{"name": "data", "type": "db"}], "input": given or {"type": "object"}, "steps": [{"id": "q", "db": spec, **more}],
            "output": "${{ steps.q.output }}"}


def rows_of(path, sql="select count(*) from users"):
    base = sqlite3.connect(path)
    try:
        return base.execute(sql).fetchall()
    finally:
        base.close()


def error_of(host, flow, given=None, seconds=60):
    shown = host.run(flow, given, seconds=seconds)
    check.equal("failed", shown["run"]["status"], json.dumps(shown)[:1500])
    return belay.step_of(shown, "q")["error"]


def test_rows_come_with_their_kinds():
    sql = ("create table kinds (i integer, r real, t text, b blob, n, big integer);"
           "insert into kinds values (7, 1.5, 'text', x'00ff', null, 9223372036854775807)")
    host, _ = host_with(here, sql=sql)
    with host:
        shown = host.run(query("select * from kinds"))
        out = shown["run"]["output"]
        check.equal(["i", "r", "t", "b", "n", "big"], out["columns"])
        check.equal([{"i": 7, "r": 1.5, "t": "text", "b": {"base64": "AP8="}, "n": None, "big": "9223372036854775807"}], out["rows"])
        check.equal((1, False), (out["row_count"], out["truncated"]))
        shown = host.run(query("select name from users where id = :id or name = :name", {"id": 1, "name": "user 2"}))
        check.equal([{"name": "user 0"}, {"name": "user 2"}], shown["run"]["output"]["rows"])
        shown = host.run(query("select name from users where id in (select value from json_each(?)) order by id", [[2, 3]]))
        check.equal(["user 1", "user 2"], [row["name"] for row in shown["run"]["output"]["rows"]])


def test_a_value_is_never_sql():
    evil = "x' OR 1=1; DROP TABLE users; --"
    host, path = host_with(here, write=True)
    with host:
        sql = "select name from users where name = :name"
        given = {"type": "object", "properties": {"name": {"type": "string"}}}
        for value in (evil, '"; delete from users; --', "\\'; vacuum; --", "${{ 1 }}"):
            shown = host.run(query(sql, {"name": "${{ input.name }}"}, given), {"name": value})
            check.equal([], shown["run"]["output"]["rows"], value)
            events = host.get("/v1/runs/%s/events" % shown["run"]["id"])["events"]
            # Byte by byte as it was written, whatever the value is.
            check.equal(1, json.dumps(events).count(json.dumps(sql)[1:-1]), json.dumps(events)[:1500])
        check.equal([(3,)], rows_of(path))
        for text in ("select * from users where name = '${{ input.name }}'", "select ${{ 'x' }}"):
            done = host.cli("flow", "validate", host.write("bad.flow.json", json.dumps(query(text))))
            check.equal(True, done.code != 0 and "BLY-FLOW-EXPRESSION-IN-SCRIPT" in str(done), str(done)[:800])


def test_nothing_is_written_without_leave():
    host, path = host_with(here)
    with host:
        for sql in ("delete from users", "insert into users (name) values ('x')", "drop table users", "vacuum",
                    "create table x (a)", "with a as (select 1) insert into users (name) select 'y'", "pragma user_version = 7"):
            error = error_of(host, query(sql))
            check.equal(True, error["code"] in ("BLY-DB-READ-ONLY", "BLY-DB-QUERY"), (sql, error))
        error = error_of(host, query("delete from users", db={"write": True}))
        check.equal("BLY-DB-READ-ONLY", error["code"], error)
        check.equal([(3,)], rows_of(path))


def test_a_write_where_both_say_so():
    host, path = host_with(here, write=True)
    with host:
        check.equal("BLY-DB-READ-ONLY", error_of(host, query("delete from users"))["code"])
        shown = host.run(query("insert into users (name) select value from json_each(:names) returning id",
                               {"names": ["a", "b"]}, db={"write": True}))
        out = shown["run"]["output"]
        check.equal((2, 5, [{"id": 4}, {"id": 5}]), (out["changes"], out["last_insert_id"], out["rows"]))
        check.equal([(5,)], rows_of(path))
        error = error_of(host, query("insert into users (id, name) values (10, 'z'), (1, 'twice')", db={"write": True}))
        check.equal("BLY-DB-QUERY", error["code"])
        check.equal([(5,)], rows_of(path))


def test_a_write_that_fails_after_its_rows_were_changed_has_changed_nothing():
    host, path = host_with(here, write=True, settings={"db": {"result_max": "64 KiB"}})
    with host:
        for sql in ("with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000) "
                    "insert into users (name) select hex(zeroblob(100)) from n returning id, name",
                    "update users set name = hex(zeroblob(30000)) returning name",
                    "insert or fail into users (id, name) values (10, 'x'), (11, 'y'), (1, 'twice')"):
            shown = host.run(query(sql, db={"write": True}))
            check.equal("failed", shown["run"]["status"], sql)
            check.equal(True, belay.step_of(shown, "q")["error"]["nothing_left"], json.dumps(shown["steps"])[:1500])
            check.equal([(3, "user 0user 1user 2")], rows_of(path, "select count(*), group_concat(name, '') from users"), sql)


def journal_that_names(path, other):
    """As a crash within a transaction over several databases leaves it, but that `other` is anything."""
    magic, name = bytes.fromhex("d9d505f920a163d7"), other.encode("utf-8")
    head = magic + struct.pack(">5I", 0, 1, os.path.getsize(path) // 4096, 512, 4096)
    with open(path + "-journal", "wb") as file:
        file.write(head.ljust(512, b"\0") + struct.pack(">I", 0x40000000 // 4096 + 1) + name +
                   struct.pack(">II", len(name), sum(name)) + magic)


def test_a_planted_journal_removes_no_file():
    host, path = host_with(here, write=True)
    with host:
        os.makedirs(host.folder + "/elsewhere")
        for victim in (host.write("elsewhere/victim", "of somebody else"), host.write("beside", "of somebody else"), host.config):
            before = open(path, "rb").read()
            journal_that_names(path, victim)
            error = error_of(host, query("delete from users", db={"write": True}))
            check.equal(True, os.path.exists(victim), victim)
            check.equal("BLY-DB-QUERY", error["code"], error)
            check.has(error["message"], victim)
            check.equal(before, open(path, "rb").read())
        os.remove(path + "-journal")
        check.equal([(3,)], rows_of(path))
        # What is beside it does not disturb: a log of its own, and files of others.
        base = sqlite3.connect(path)
        base.execute("pragma journal_mode = wal")
        base.execute("insert into users (name) values ('while it is open')")
        base.commit()
        succeeded = host.run(query("insert into users (name) values ('x') returning id", db={"write": True}))
        check.equal([{"id": 5}], succeeded["run"]["output"]["rows"])
        check.equal([(5,)], base.execute("select count(*) from users").fetchall())
        base.close()
        check.equal(5, host.run(query("select id from users"))["run"]["output"]["row_count"])


def test_what_a_statement_may_not_do():
    host, path = host_with(here, write=True)
    with host:
        other = table(host.folder + "/other.db")
        for sql in ("attach '%s' as o" % other, "select load_extension('x')", "pragma writable_schema = on", "pragma journal_mode = delete",
                    "begin", "select 1; select 2", "", "-- nothing", "create virtual table v using fts5(a)",
                    "select * from users where id = ?", "select writefile('/tmp/x', 1)", "pragma temp_store_directory = '/tmp'",
                    "select name, name from users", "select * from nowhere", "vacuum into '%s/copy.db'" % host.folder):
            flow = query(sql or " ", db={"write": True}) if sql else query("/**/")
            error = error_of(host, flow)
            check.equal("BLY-DB-QUERY", error["code"], (sql, error))
        check.equal([(3,)], rows_of(path))
        check.equal(False, os.path.exists(host.folder + "/copy.db"))


@check.bound(300)
def test_a_statement_that_never_ends_and_one_that_wants_everything():
    host, _ = host_with(here, write=True, settings={"db": {"memory_max": "64 MiB", "result_max": "1 MiB", "file_max": "8 MiB"}})
    with host:
        endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"
        begun = time.monotonic()
        error = error_of(host, query(endless, timeout="2s"))
        check.equal("BLY-STEP-TIMEOUT", error["code"], error)
        check.equal(True, time.monotonic() - begun < 20)
        for sql, codes in (
                ("with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000) select i, hex(randomblob(1000)) as x from n",
                 ("BLY-LIMIT",)),
                ("select hex(zeroblob(10000000000)) as x", ("BLY-LIMIT",)),
                ("with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000) "
                 "select group_concat(hex(randomblob(5000))) as x from n", ("BLY-LIMIT",)),
                ("with recursive n(i) as (select 1 union all select i + 1 from n where i < 10000000) "
                 "select count(*) as c from (select distinct hex(randomblob(500)) from n)", ("BLY-LIMIT", "BLY-STEP-TIMEOUT"))):
            error = error_of(host, query(sql, db={"max_rows": 100000}, timeout="60s"), seconds=90)
            check.equal(True, error["code"] in codes, (sql[-60:], error))
        big = ("with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000) "
               "insert into users (note) select randomblob(1000) from n")
        error = error_of(host, query(big, db={"write": True}, timeout="60s"), seconds=90)
        check.equal("BLY-LIMIT", error["code"], error)
        check.equal(True, os.path.getsize(here(host)) < 9 << 20)
        check.equal([(3,)], rows_of(here(host)))
        with open("/proc/%d/status" % host.daemon.pid, encoding="ascii") as file:
            peak = int([line for line in file if line.startswith("VmHWM")][0].split()[1])
        if peak > 96 << 10:
            raise AssertionError("the daemon took %d KiB for it" % peak)


def test_no_more_rows_than_asked_for():
    host, _ = host_with(here, rows=50)
    with host:
        out = host.run(query("select id from users", db={"max_rows": 10}))["run"]["output"]
        check.equal((10, True), (out["row_count"], out["truncated"]))


def test_files_that_mean_harm():
    host, path = host_with(here, sql="create view loop_a as select * from users;", write=True)
    with host:
        base = sqlite3.connect(path)
        base.execute("pragma writable_schema = on")
        base.execute("update sqlite_master set sql = 'create view loop_a as select * from loop_a' where name = 'loop_a'")
        base.execute("create table t (a)")
        base.execute("create trigger more after insert on t begin insert into t select a + 1 from t; end")
        base.commit()
        base.close()
        check.equal("BLY-DB-QUERY", error_of(host, query("select * from loop_a"))["code"])
        # A trigger that feeds itself comes to an end.
        check.equal(True, host.run(query("insert into t values (1)", db={"write": True}, timeout="5s"))["run"]["status"]
                    in ("succeeded", "failed"))
        with open(path, "rb") as file:
            whole = file.read()
        seed = 12345
        failed = 0
        for round_number in range(12):
            broken = bytearray(whole)
            for _ in range(200):
                seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
                broken[seed % len(broken)] = (seed >> 8) & 255
            if round_number < 6:
                broken[:16] = whole[:16]
            with open(path, "wb") as file:
                file.write(broken)
            shown = host.run(query("select * from users, sqlite_schema limit 100", timeout="10s"), seconds=30)
            failed += shown["run"]["status"] == "failed"
            if shown["run"]["status"] == "failed":
                check.equal(True, belay.step_of(shown, "q")["error"]["code"].startswith("BLY-"))
        check.equal(True, failed > 0)
        with open(path, "wb") as file:
            file.write(b"no database at all" * 100)
        check.equal("BLY-DB-QUERY", error_of(host, query("select 1 from users"))["code"])
        os.remove(path)
        check.equal("BLY-DB-QUERY", error_of(host, query("select 1"))["code"])
        os.mkfifo(path)
        check.equal("BLY-DB-QUERY", error_of(host, query("select 1"))["code"])
        check.equal(None, host.daemon.poll())


def test_links_lead_nowhere():
    host, path = host_with(here)
    with host:
        os.rename(path, path + ".real")
        os.symlink(path + ".real", path)
        check.equal("BLY-CONNECTION-INVALID", error_of(host, query("select 1"))["code"])
        os.remove(path)
        os.rename(path + ".real", path)
        os.symlink("/etc/passwd", path + "-wal")
        check.equal("BLY-DB-QUERY", error_of(host, query("select * from users"))["code"])
        os.remove(path + "-wal")
        check.equal(3, host.run(query("select * from users"))["run"]["output"]["row_count"])


def test_the_policy_says_which_files_and_who_writes():
    def policy(host):
        return {"db": {"allow": [{"id": "own", "connections": ["data"], "files": [host.folder]}],
                       "deny": [{"id": "not-this", "flows": ["never"]}]}}
    host, path = host_with(here, write=True, start=False)
    with host:
        host.write("policy.yaml", json.dumps(policy(host)))
        host.start()
        check.equal(3, host.run(query("select * from users"))["run"]["output"]["row_count"])
        error = error_of(host, query("delete from users", db={"write": True}))
        check.equal("BLY-POLICY-REFUSED", error["code"], error)
        check.equal("BLY-POLICY-REFUSED", error_of(host, {**query("select 1"), "slug": "never"})["code"])
        host.stop()
        host.write("policy.yaml", json.dumps({"db": {"allow": [{"connections": ["data"], "files": ["/srv/elsewhere"]}]}}))
        host.start()
        check.equal("BLY-POLICY-REFUSED", error_of(host, query("select 1"))["code"])
        check.equal([(3,)], rows_of(path))


def test_another_program_holds_it():
    host, path = host_with(here, write=True)
    with host:
        base = sqlite3.connect(path, isolation_level=None)
        base.execute("begin exclusive")
        error = error_of(host, query("insert into users (name) values ('x')", db={"write": True}, timeout="1s"))
        check.equal(True, error["code"] in ("BLY-DB-BUSY", "BLY-STEP-TIMEOUT"), error)
        base.execute("rollback")
        check.equal("succeeded", host.run(query("insert into users (name) values ('x')", db={"write": True}))["run"]["status"])
        base.close()


def gave_up_what_it_may():
    for pid in subprocess.run(["pgrep", "-f", "db-statement"], capture_output=True, text=True, check=False).stdout.split():
        with contextlib.suppress(OSError), open("/proc/%s/status" % pid, encoding="ascii") as file:
            state = file.read()
            if "NoNewPrivs:\t1" in state and "Seccomp:\t2" in state:
                return True
    return False


def test_a_write_is_made_once_whatever_happens_to_the_daemon():
    host, path = host_with(here, write=True)
    with host:
        # It waits for whoever holds the file, for as long as the step may take.
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("begin exclusive")
            run = host.start_run(query("insert into users (name) values ('slow')", db={"write": True}, timeout="60s"))
            belay.eventually(gave_up_what_it_may, what="the statement has given up programs and files")
            host.kill()
            host.start()
            check.equal("running", host.show(run)["run"]["status"])
            other.execute("rollback")
        shown = host.wait_run(run, seconds=60)
        check.equal("succeeded", shown["run"]["status"], json.dumps(shown)[:1500])
        check.equal([(1,)], rows_of(path, "select count(*) from users where name = 'slow'"))


if __name__ == "__main__":
    check.main(globals())
