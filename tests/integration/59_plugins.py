"""Step plugins: what the protocol says, with programs of ours that keep to it or do not; who may write them; the commands for
them; and belay-step-postgres against a real PostgreSQL."""

import json
import os
import subprocess
import time

import belay
import check
import pgserver
import sshd

POSTGRES = os.path.join(os.path.dirname(belay.BINARY), "belay-step-postgres")


def plugin(host, name, body):
    path = host.folder + "/plugins/belay-step-" + name
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/usr/bin/python3\nimport json, os, sys, time\n"
                   "def give(result):\n"
                   "    with os.fdopen(int(os.environ['BELAY_RESULT_FD']), 'w') as out:\n"
                   "        out.write(result if isinstance(result, str) else json.dumps(result))\n" + body)
    os.chmod(path, 0o755)
    return path


def host_with(plugins, policy=None, **settings):
    host = belay.Host(policy=policy)
    os.chmod(host.folder, 0o755)
    os.makedirs(host.folder + "/plugins", mode=0o755)
    for name, body in plugins.items():
        plugin(host, name, body)
    settings.setdefault("jobs", {})["plugin_folder"] = host.folder + "/plugins"
    settings["jobs"]["grace"] = "1s"
    host.write_settings(settings)
    host.init()
    host.start()
    return host


def flow(spec, **more):
    return {"slug": "plug", "requires": [{"name": "there", "type": "plugin"}],
            "steps": [{"id": "work", "plugin": spec, **more.pop("step", {})}], "input": {"type": "object"}, **more}


def succeeded(shown):
    check.equal("succeeded", shown["run"]["status"], json.dumps(shown["steps"])[:2500])
    return belay.step_of(shown, "work").get("output")


def failed(shown, code):
    check.equal("failed", shown["run"]["status"], json.dumps(shown["steps"])[:2500])
    check.equal(code, belay.step_of(shown, "work")["error"]["code"], json.dumps(shown["steps"])[:1500])
    return belay.step_of(shown, "work")["error"]


ECHO = "request = json.load(sys.stdin)\nprint('log line')\ngive({'ok': True, 'output': {'request': request}})\n"


def test_a_plugin_gets_its_input_and_its_connection_and_its_output_is_that_of_the_step():
    there = {"type": "plugin", "plugin": "echo", "with": {"url": "x", "deep": [{"token": {"secret": "TOKEN"}}]}}
    with host_with({"echo": ECHO}, connections={"there": there}) as host:
        host.cli("secret", "set", "TOKEN", stdin="tok-12345-secret", json_out=False)
        spec = {"use": "echo", "connection": "there", "with": {"n": "${{ 1 + 1 }}", "text": "${{ input.t }}", "none": None,
                                                               "secret": "TOKEN"}}
        shown = host.run(flow(spec), {"t": "a'\n\"$(id)"})
        request = succeeded(shown)["request"]
        check.equal({"n": 2, "text": "a'\n\"$(id)", "none": None, "secret": "TOKEN"}, request["input"])
        check.equal("***TOKEN***", request["connection"]["deep"][0]["token"])
        check.equal(1, request["v"])
        check.has(host.cli("run", "logs", shown["run"]["id"], json_out=False).out, "log line")


def test_an_input_that_looks_like_a_secret_is_none():
    with host_with({"echo": ECHO}) as host:
        host.cli("secret", "set", "TOKEN", stdin="tok-12345-secret", json_out=False)
        output = succeeded(host.run(flow({"use": "echo", "with": {"a": "${{ input.a }}"}}), {"a": {"secret": "TOKEN"}}))
        check.equal({"secret": "TOKEN"}, output["request"]["input"]["a"])


def test_failures_are_as_the_plugin_says_them():
    body = ("given = json.load(sys.stdin)['input']['give']\n"
            "give('{\"ok\": true}' + ' ' * 2000000 if given == 'LARGE' else given)\n")
    with host_with({"say": body}) as host:
        def say(result, **step):
            return host.run(flow({"use": "say", "with": {"give": result}}, step=step))
        error = failed(say({"ok": False, "effect": "done", "error": {"code": "NOPE", "message": "no"}}), "BLY-STEP-FAILED")
        check.has(error["message"], "NOPE: no")
        failed(say({"ok": False, "effect": "none", "error": {"code": "BLY-DB-QUERY", "message": "no"}}), "BLY-DB-QUERY")
        shown = say({"ok": False, "effect": "none", "error": {"class": "unavailable", "message": "later"}},
                    retry={"max_attempts": 3, "backoff": {"initial": "10ms"}})
        check.equal(3, len(belay.step_of(shown, "work")["attempts"]))
        run = host.start_run(flow({"use": "say", "with": {"give": {"ok": False, "effect": "unknown", "error": {"message": "?"}}}}))
        belay.eventually(lambda: belay.step_of(host.show(run), "work").get("status") == "ambiguous", 20)
        for given in ("", "{", "{} {}", "[]", "{\"ok\": 1}", "{\"ok\": true, \"ok\": true}", "LARGE"):
            shown = host.run(flow({"use": "say", "with": {"give": given}}, step={"effect": "idempotent"}))
            failed(shown, "BLY-PLUGIN-PROTOCOL")


def test_plugins_that_crash_hang_fork_and_flood():
    plugins = {"crash": "os.abort()\n", "hang": "time.sleep(60)\n", "flood": "while True: os.write(1, b'x' * 65536)\n",
               "fork": "import subprocess\nopen(sys.argv[0] + '.pid', 'w').write(str(subprocess.Popen(['sleep', '60']).pid))\n"
                       "give({'ok': True})\n"}
    with host_with(plugins, jobs={"log_max": "1 MiB"}) as host:
        idempotent = {"effect": "idempotent", "timeout": "3s"}
        failed(host.run(flow({"use": "crash"}, step=idempotent)), "BLY-PLUGIN-PROTOCOL")
        failed(host.run(flow({"use": "hang"}, step=idempotent)), "BLY-STEP-TIMEOUT")
        failed(host.run(flow({"use": "flood"}, step=idempotent)), "BLY-STEP-TIMEOUT")
        succeeded(host.run(flow({"use": "fork"}, step=idempotent)))
        with open(host.folder + "/plugins/belay-step-fork.pid", encoding="ascii") as file:
            pid = file.read()
        belay.eventually(lambda: not os.path.exists("/proc/" + pid), 10)


def test_a_killed_daemon_finds_a_plugin_again():
    with host_with({"slow": "time.sleep(2)\ngive({'ok': True, 'output': {'n': 1}})\n"}) as host:
        run = host.start_run(flow({"use": "slow"}))
        time.sleep(0.7)
        host.kill()
        host.start()
        check.equal(1, succeeded(host.wait_run(run))["n"])


def test_what_others_could_write_is_not_run():
    with host_with({"echo": ECHO}) as host:
        path = host.folder + "/plugins/belay-step-echo"
        failed(host.run(flow({"use": "ecko"})), "BLY-PLUGIN-NOT-FOUND")
        check.has(host.cli("plugin", "check", "ecko", json_out=False).err, "did you mean echo")
        for target, mode in ((path, 0o775), (path, 0o757), (host.folder + "/plugins", 0o777), (path, 0o644)):
            before = os.stat(target).st_mode
            os.chmod(target, mode)
            failed(host.run(flow({"use": "echo"})), "BLY-PLUGIN-INVALID")
            listed = host.cli("plugin", "list").data["plugins"]
            check.equal([False], [one["usable"] for one in listed])
            os.chmod(target, before)
        succeeded(host.run(flow({"use": "echo"})))


def test_the_policy_names_plugins_and_connections():
    there = {"type": "plugin", "plugin": "echo", "with": {}}
    policy = {"plugin": {"allow": [{"plugins": ["echo"], "flows": ["plug"]}]}}
    with host_with({"echo": ECHO, "other": ECHO}, policy, connections={"there": there}) as host:
        succeeded(host.run(flow({"use": "echo"})))
        failed(host.run(flow({"use": "other"})), "BLY-POLICY-REFUSED")
        failed(host.run(flow({"use": "echo", "connection": "there"})), "BLY-POLICY-REFUSED")
    with host_with({"echo": ECHO}, connections={"there": {**there, "plugin": "another"}}) as host:
        check.has(failed(host.run(flow({"use": "echo", "connection": "there"})), "BLY-INVALID-ARGUMENT")["message"], "another")


def test_a_new_plugin_passes_its_own_check_and_works():
    with host_with({}) as host:
        check.equal(0, host.cli("plugin", "new", "greet").code)
        again = host.cli("plugin", "new", "greet")
        check.equal("belay --user --config %s plugin new greet --force" % host.config, again.error["actions"][0])
        checked = host.cli("plugin", "check", "greet", "--folder", host.folder)
        check.equal(2, checked.data.get("examples"), str(checked))
        os.rename(host.folder + "/belay-step-greet", host.folder + "/plugins/belay-step-greet")
        check.equal(["greet"], [one["name"] for one in host.cli("plugin", "list").data["plugins"]])
        check.equal("Hello, you", succeeded(host.run(flow({"use": "greet", "with": {"who": "you"}})))["text"])
        plugin(host, "wrong", "print(json.dumps({'v': 2, 'name': 'wrong'}))\n")
        check.equal("BLY-PLUGIN-INVALID", host.cli("plugin", "check", "wrong").error.get("code"))
        plugin(host, "mute", "")
        check.equal("BLY-PLUGIN-PROTOCOL", host.cli("plugin", "check", "mute").error.get("code"))


def host_with_postgres(**more):
    host = belay.Host()
    os.chmod(host.folder, 0o755)
    os.makedirs(host.folder + "/plugins", mode=0o755)
    os.symlink(POSTGRES, host.folder + "/plugins/belay-step-postgres")
    host.server = pgserver.Server(host.folder + "/pg")
    connection = {"type": "plugin", "plugin": "postgres", "with": host.server.connection(**more)}
    host.write_settings({"connections": {"there": connection},
                         "jobs": {"plugin_folder": host.folder + "/plugins", "grace": "20s"}})
    host.init()
    host.cli("secret", "set", "PG", stdin=pgserver.PASSWORD, json_out=False)
    host.start()
    close = host.close
    host.close = lambda *words, **named: (host.server.stop(), close(*words, **named))
    return host


def query(sql, params=None, step=None, **more):
    return flow({"use": "postgres", "connection": "there", "with": {"sql": sql, "params": params or [], **more}}, step=step or {})


NASTY = ["'", "''", "\\", "'; drop table t; --", "\"", "$1", "%s", "\n\t", "é✓", "{\"a\": 1}", "NULL", "", "' or '1'='1", "$$x$$", "/* */"]


def test_postgres_takes_parameters_byte_for_byte():
    with host_with_postgres() as host:
        succeeded(host.run(query("create table t(n int, a text)")))
        for number, text in enumerate(NASTY):
            output = succeeded(host.run(query("insert into t values($1, $2)", [number, "${{ input.t }}"]), {"t": text}))
            check.equal(1, output["row_count"])
        rows = succeeded(host.run(query("select a from t order by n")))["rows"]
        check.equal(NASTY, [row["a"] for row in rows])
        # The server saw one statement and its parameters, never a statement with text in it.
        assert "drop table t; --'" not in host.server.log().replace("parameters:", "\n") or "execute <unnamed>" in host.server.log()
        values = succeeded(host.run(query("select $1::int8 a, $2::numeric b, $3::bool c, $4::jsonb d, $5::text e",
                                          [9007199254740991, 1.5, True, {"x": [1]}, None])))["rows"][0]
        check.equal({"a": 9007199254740991, "b": "1.5", "c": True, "d": {"x": [1]}, "e": None}, values)


def test_postgres_refuses_and_says_why():
    with host_with_postgres() as host:
        check.has(failed(host.run(query("selec 1")), "BLY-DB-QUERY")["message"], "42601")
        failed(host.run(query("select 1; select 2")), "BLY-DB-QUERY")
        failed(host.run(query("create table t(a int)", read_only=True)), "BLY-DB-READ-ONLY")
        failed(host.run(query("select pg_sleep(20)", step={"timeout": "1s"})), "BLY-STEP-TIMEOUT")
        output = succeeded(host.run(query("select generate_series(1, 1000000) n", max_rows=3, read_only=True)))
        check.equal((3, True), (len(output["rows"]), output["truncated"]))
        host.cli("secret", "set", "PG", stdin="wrong-password", json_out=False)
        error = failed(host.run(query("select 1")), "BLY-AUTHENTICATION")
        assert "wrong-password" not in json.dumps(error)


def test_postgres_read_only_cannot_be_talked_out_of_it():
    with host_with_postgres() as host:
        succeeded(host.run(query("create table t(n int)")))
        succeeded(host.run(query("create procedure put() language plpgsql as $$ begin insert into t values (2); commit; end $$")))
        for sql in ("DO $$ BEGIN PERFORM set_config('default_transaction_read_only','off',false); COMMIT; INSERT INTO t VALUES (1); END $$",
                    "DO $$ BEGIN PERFORM set_config('transaction_read_only','off',false); INSERT INTO t VALUES (1); END $$",
                    "call put()", "insert into t values (3)", "commit", "set transaction read write",
                    "set session characteristics as transaction read write"):
            shown = host.run(query(sql, read_only=True))
            error = belay.step_of(shown, "work").get("error")
            check.equal(True, error is None or error["nothing_left"], (sql, error))
            check.equal([{"n": 0}], succeeded(host.run(query("select count(*) n from t")))["rows"], sql)


def test_postgres_has_done_all_of_a_statement_or_nothing():
    with host_with_postgres() as host:
        succeeded(host.run(query("create table t(n int primary key, of int references t deferrable initially deferred)")))
        succeeded(host.run(query("create procedure put() language plpgsql as $$ begin insert into t values (1); commit;"
                                 " raise exception 'later'; end $$")))
        late = "DO $$ BEGIN INSERT INTO t VALUES (2); COMMIT; RAISE EXCEPTION 'later'; END $$"
        for sql in ("call put()", late, "insert into t values (3), (3)", "insert into t values (4, 77)", "vacuum t",
                    "insert into t select 10 / (6 - n) from generate_series(1, 6) n returning n"):
            error = failed(host.run(query(sql)), "BLY-DB-QUERY")
            check.equal(True, error["nothing_left"], (sql, error))
            check.equal([{"n": 0}], succeeded(host.run(query("select count(*) n from t")))["rows"], sql)
        # What commits within is a choice, and nobody says then what a failure has left.
        run = host.start_run(query("call put()", transaction=False))
        belay.eventually(lambda: belay.step_of(host.show(run), "work").get("status") == "ambiguous", 20)
        check.equal([{"n": 1}], succeeded(host.run(query("select n from t")))["rows"])
        succeeded(host.run(query("vacuum t", transaction=False)))
        failed(host.run(query("vacuum t", transaction=False, read_only=True)), "BLY-INVALID-ARGUMENT")
        output = succeeded(host.run(query("insert into t values (5) returning n")))
        check.equal(("INSERT 0 1", [{"n": 5}]), (output["command"], output["rows"]))


def test_postgres_that_is_told_to_end_commits_nothing():
    with host_with_postgres() as host:
        succeeded(host.run(query("create table t(n int)")))
        run = host.start_run(query("insert into t select 1 from pg_sleep(20)"))
        belay.eventually(lambda: "pg_sleep(20)" in host.server.log(), 20)
        check.equal(0, host.cli("run", "cancel", run).code)
        belay.eventually(lambda: "canceling statement due to user request" in host.server.log(), 20)
        check.equal([{"n": 0}], succeeded(host.run(query("select count(*) n from t")))["rows"])


def test_postgres_that_goes_away_and_faults_on_the_way():
    with host_with_postgres(connect_timeout=10) as host:
        run = host.start_run(query("select pg_sleep(20)"))
        belay.eventually(lambda: "pg_sleep(20)" in host.server.log(), 20)
        host.server.stop()
        belay.eventually(lambda: belay.step_of(host.show(run), "work").get("status") == "ambiguous", 20)
        failed(host.run(query("select 1")), "BLY-CONNECT")
        host.server.start()
        for what in ("reset", "half_close", "stall"):
            fault = sshd.Fault(host.server.port, what, 3000)
            try:
                host.restart_with(lambda settings, to=fault.port: settings["connections"]["there"]["with"].update(port=to))
                shown = host.run(query("select repeat('x', 1000) from generate_series(1, 100)",
                                       step={"timeout": "3s", "effect": "idempotent"}), seconds=40)
                check.equal("failed", shown["run"]["status"], what)
                assert belay.step_of(shown, "work")["error"]["code"] in ("BLY-CONNECT", "BLY-STEP-TIMEOUT"), shown
            finally:
                fault.close()


def test_a_connection_to_postgres_is_tried():
    with host_with_postgres(connect_timeout=10) as host:
        test = {"sql": "select current_user as me", "read_only": True}
        definition = {"type": "plugin", "plugin": "postgres", "with": host.server.connection(connect_timeout=10), "test": test}

        def tried(code):
            added = host.cli("connection", "add", "tried", "--replace", "-f", "-", stdin=json.dumps(definition))
            check.equal(0, added.code, str(added))
            answer = host.cli("connection", "test", "tried")
            check.equal(code, (answer.error or {}).get("code"), str(answer))
            return answer

        check.equal([{"me": "belay"}], tried(None).data["found"]["output"]["rows"])
        definition["test"] = {"sql": "create table x (a int)", "read_only": True}
        tried("BLY-DB-READ-ONLY")
        definition["test"] = test
        host.cli("secret", "set", "PG", stdin="wrong-password", json_out=False)
        assert "wrong-password" not in str(tried("BLY-AUTHENTICATION"))
        host.server.stop()
        tried("BLY-CONNECT")


def test_postgres_describes_itself_and_needs_tls_of_the_right_name():
    with host_with_postgres(host="127.0.0.1") as host:
        failed(host.run(query("select 1")), "BLY-CONNECT")
        checked = host.cli("plugin", "check", "postgres")
        check.equal(5, checked.data.get("examples"), str(checked))
    assert subprocess.run([POSTGRES], capture_output=True, check=False).returncode == 2


if __name__ == "__main__":
    check.main(globals())
