"""The family ssh against a real OpenSSH server on loopback: keys of all kinds, host keys, what arrives byte for byte, output,
input, terminals, detached commands, jump hosts, files by SFTP, ends from outside, restarts, and the policy."""

import hashlib
import json
import os
import time

import belay
import check
import sshd


def host_with_server(kind="ed25519", passphrase="", policy=None, server=None, more=None, **connection):
    host = belay.Host(policy=policy)
    private, public = sshd.make_key(host.folder + "/client", kind, passphrase)
    host.server = sshd.Sshd(host.folder + "/sshd", [public], **(server or {}))
    close = host.close
    host.close = lambda *words, **named: (host.server.stop(), close(*words, **named))
    definition = host.server.connection(**connection)
    if passphrase:
        definition["passphrase"] = {"secret": "SSH_PASS"}
    connections = {"box": {name: value for name, value in definition.items() if value is not None}}
    try:
        connections.update(more(host) if more else {})
        host.write_settings({"connections": connections, "jobs": {"grace": "5s"}})
        host.init()
        assert host.cli("secret", "set", "SSH_KEY", stdin=private, json_out=False).code == 0
        if passphrase:
            assert host.cli("secret", "set", "SSH_PASS", stdin=passphrase, json_out=False).code == 0
        host.start()
    except BaseException:
        host.close()
        raise
    return host


def flow(spec, **more):
    return {"slug": "remote", "requires": [{"name": "box", "type": "ssh"}],
            "steps": [{"id": "there", "ssh": {"connection": "box", **spec}, **more.pop("step", {})},
                      *more.pop("steps", [])], **more}


def there(shown, step="there"):
    return belay.step_of(shown, step)


def succeeded(shown):
    check.equal("succeeded", shown["run"]["status"], json.dumps(shown["steps"])[:2500])
    return there(shown).get("output")


def failed(shown, code):
    check.equal("failed", shown["run"]["status"], json.dumps(shown["steps"])[:2500])
    check.equal(code, there(shown)["error"]["code"], json.dumps(there(shown)["error"]))
    return there(shown)["error"]


NASTY = ["", " ", "a b", "'", "\"", "\\", "\\\\", "'\\''", "$(touch /tmp/owned)", "`id`", "$HOME", "; rm -rf /", "&&", "|", "*",
         "~", "#", "!", "!!", "\n", "a\nb\n", "\t", "-n", "--", "é ✓", "%s%n", "\x01\x1b[31m", "{a,b}", "<x", ">x", "\\n", "x" * 5000]


def recorded(folder):
    """A program that writes its arguments and one variable exactly as it got them."""
    path = folder + "/record"
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/usr/bin/python3\nimport json, os, sys\n"
                   "print(json.dumps([sys.argv[1:], os.environ.get('VALUE'), os.getcwd(), sys.stdin.read()]))\n")
    os.chmod(path, 0o755)
    return path


def test_arguments_variables_folder_and_input_arrive_byte_for_byte():
    with host_with_server() as host:
        spec = {"command": [recorded(host.folder), "${{ input.words[0] }}"] +
                ["${{ input.words[%d] }}" % i for i in range(1, len(NASTY))],
                "env": {"VALUE": "${{ input.value }}"}, "stdin": "${{ input.text }}", "cwd": "/usr/lib"}
        value = "".join(NASTY) + "\n\n"
        shown = host.run(flow(spec, input={"type": "object"}), {"words": NASTY, "value": value, "text": "in\n" + value})
        output = succeeded(shown)
        check.equal([NASTY, value, "/usr/lib", "in\n" + value], json.loads(output["stdout"]["text"]))
        check.equal(0, output["exit_code"])
        assert not os.path.exists("/tmp/owned")


def test_keys_of_all_kinds_with_and_without_passphrase():
    for kind, passphrase in (("ed25519", ""), ("ecdsa", ""), ("rsa", ""), ("ed25519", "correct horse")):
        with host_with_server(kind, passphrase, server={"host_kinds": (kind,)}) as host:
            check.equal("yes\n", succeeded(host.run(flow({"command": ["echo", "yes"]})))["stdout"]["text"], kind)


def test_a_wrong_passphrase_a_foreign_key_and_a_server_that_wants_a_password():
    with host_with_server(passphrase="right") as host:
        host.cli("secret", "set", "SSH_PASS", stdin="wrong", json_out=False)
        error = failed(host.run(flow({"command": ["true"]})), "BLY-CONNECTION-INVALID")
        check.has(error["message"], "passphrase")
        host.cli("secret", "set", "SSH_PASS", stdin="right", json_out=False)
        host.server.allow()
        error = failed(host.run(flow({"command": ["true"]})), "BLY-AUTHENTICATION")
        check.has(error["message"], host.server.user)
    with host_with_server(server={"options": ("PubkeyAuthentication no", "PasswordAuthentication yes")}) as host:
        failed(host.run(flow({"command": ["true"]})), "BLY-AUTHENTICATION")


def test_another_host_key_and_none_at_all_end_before_the_key_is_used():
    with host_with_server(server={"host_kinds": ("ed25519", "rsa")}) as host:
        other = sshd.make_key(host.folder + "/other")[1]
        settings = json.load(open(host.config, encoding="utf-8"))
        for keys in ([" ".join(other.split()[:2])], None):
            settings["connections"]["box"].pop("host_keys", None)
            if keys:
                settings["connections"]["box"]["host_keys"] = keys
            host.kill()
            host.write_settings(settings)
            host.start()
            error = failed(host.run(flow({"command": ["true"]})), "BLY-SSH-HOST-KEY")
            check.has(error["message"], "SHA256:" if keys else "no host_keys")
        assert "Accepted publickey" not in host.server.log()


def test_exit_codes_signals_and_both_streams():
    with host_with_server() as host:
        shown = host.run(flow({"command": ["sh", "-c", "echo out; echo err >&2; exit 3"], "ok_exit_codes": [0, 3]}))
        output = succeeded(shown)
        check.equal((3, "out\n", "err\n"), (output["exit_code"], output["stdout"]["text"], output["stderr"]["text"]))
        failed(host.run(flow({"command": ["false"]})), "BLY-STEP-EXIT-CODE")
        error = failed(host.run(flow({"command": ["sh", "-c", "kill -9 $$"]})), "BLY-JOB-SIGNALLED")
        check.has(error["message"], "KILL")
        failed(host.run(flow({"command": ["/no/such/program"]})), "BLY-STEP-EXIT-CODE")
        failed(host.run(flow({"command": ["true"], "cwd": "/no/such/folder"})), "BLY-STEP-EXIT-CODE")


def test_a_script():
    with host_with_server() as host:
        output = succeeded(host.run(flow({"script": "echo \"$VALUE\" | tr a-z A-Z\nfalse\necho never", "env": {"VALUE": "it's"},
                                          "ok_exit_codes": [1]})))
        check.equal("IT'S\n", output["stdout"]["text"])


def test_a_terminal():
    if not sshd.gives_terminals():
        raise check.Skip("the sshd of an ordinary user gives no terminal where new ones do not belong to the group tty")
    with host_with_server() as host:
        output = succeeded(host.run(flow({"command": ["sh", "-c", "tty; echo $VALUE; read x; echo got $x"], "pty": True,
                                          "env": {"VALUE": "a 'b'"}, "stdin": "line\n"})))
        check.has(output["stdout"]["text"], "/dev/pts/")
        check.has(output["stdout"]["text"], "a 'b'")
        check.has(output["stdout"]["text"], "got line")


def test_secrets_are_on_no_command_line_and_in_no_output():
    with host_with_server() as host:
        host.cli("secret", "set", "DEEP", stdin="hunter2-is-secret", json_out=False)
        script = ("tr '\\0' ' ' < /proc/$PPID/cmdline; tr '\\0' ' ' < /proc/$$/cmdline; echo; "
                  "printf %s \"$TOKEN\" | sha256sum")
        output = succeeded(host.run(flow({"script": script, "env": {"TOKEN": {"secret": "DEEP"}}})))
        text = output["stdout"]["text"]
        check.has(text, hashlib.sha256(b"hunter2-is-secret").hexdigest())
        assert "hunter2" not in text, text
        with open(host.folder + "/client", encoding="utf-8") as file:
            key_line = file.read().splitlines()[2]
        for folder, _, files in os.walk(host.state):
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    content = file.read()
                assert b"hunter2" not in content and key_line.encode() not in content, name
        output = succeeded(host.run(flow({"script": "echo \"$TOKEN\"", "env": {"TOKEN": {"secret": "DEEP"}}})))
        check.equal("***DEEP***\n", output["stdout"]["text"])


def test_a_large_output_is_kept_to_its_bound_and_a_large_input_arrives():
    with host_with_server() as host:
        shown = host.run(flow({"command": ["sh", "-c", "yes | head -c 100000000"], "max_output": "1 MiB"},
                              step={"timeout": "2m"}, output="${{ steps.there.output.stdout.truncated }}"), seconds=120)
        check.equal("succeeded", shown["run"]["status"])
        check.equal(True, shown["run"]["output"])
        steps = {"slug": "remote", "requires": [{"name": "box", "type": "ssh"}], "steps": [
            {"id": "make", "run": {"command": ["head", "-c", "20000000", "/dev/urandom"]}, "persist": "always"},
            {"id": "there", "ssh": {"connection": "box", "command": ["sha256sum"], "stdin": "${{ steps.make.output.stdout }}"}},
            {"id": "here", "run": {"command": ["sha256sum"], "stdin": "${{ steps.make.output.stdout }}"}}]}
        shown = host.run(steps, seconds=60)
        check.equal(there(shown, "here")["output"]["stdout"]["text"], succeeded(shown)["stdout"]["text"])


def test_files_are_put_and_got():
    with host_with_server() as host:
        folder = host.folder + "/there"
        os.makedirs(folder)
        spec = {"put": [{"content": "${{ input.text }}", "to": folder + "/a b'.txt", "mode": "0640"},
                        {"content": {"n": 1}, "to": folder + "/n.json"}],
                "command": ["cp", folder + "/a b'.txt", folder + "/copy"],
                "get": [{"from": folder + "/copy"}, {"from": "/usr/bin/ssh-keygen", "name": "tool"}]}
        shown = host.run(flow(spec, input={"type": "object"}, steps=[
            {"id": "back", "run": {"command": ["sha256sum"], "stdin": "${{ steps.there.output.files.tool }}"}}]),
                         {"text": "x\n'; $(id)"})
        files = succeeded(shown)["files"]
        check.equal({"copy", "tool"}, set(files))
        with open("/usr/bin/ssh-keygen", "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        check.equal(digest, files["tool"]["digest"])
        check.equal(digest, there(shown, "back")["output"]["stdout"]["text"].split()[0])
        with open(folder + "/a b'.txt", encoding="utf-8") as file:
            check.equal("x\n'; $(id)", file.read())
        check.equal(0o640, os.stat(folder + "/a b'.txt").st_mode & 0o777)
        check.equal({"a b'.txt", "n.json", "copy"}, set(os.listdir(folder)))
        check.equal([], os.listdir(host.state + "/tools"))


def test_what_sftp_refuses_is_said():
    with host_with_server() as host:
        os.mkfifo(host.folder + "/fifo")
        with open(host.folder + "/big", "wb") as file:
            file.truncate(2_000_000)
        for spec, code, words in (
                ({"get": [{"from": "/no/such"}]}, "BLY-SFTP", "no such file"),
                ({"get": [{"from": host.folder + "/fifo"}]}, "BLY-SFTP", "no regular file"),
                ({"get": [{"from": "/etc"}]}, "BLY-SFTP", "no regular file"),
                ({"get": [{"from": host.folder + "/big", "max": "1 MiB"}]}, "BLY-LIMIT", "more than"),
                ({"put": [{"content": "x", "to": "/no/such/folder/file"}]}, "BLY-SFTP", "no such")):
            check.has(failed(host.run(flow(spec)), code)["message"], words)
        # Several gets, the second of which fails: nothing of the first is left behind.
        failed(host.run(flow({"get": [{"from": "/etc/hostname"}, {"from": "/no/such"}]})), "BLY-SFTP")
        check.equal([], os.listdir(host.state + "/tools"))


def test_a_jump_host_leads_to_the_server():
    def more(host):
        return {"inner": host.inner.connection(jump="box")}

    host = belay.Host()
    with host:
        private, public = sshd.make_key(host.folder + "/client")
        outer = sshd.Sshd(host.folder + "/outer", [public])
        inner = sshd.Sshd(host.folder + "/inner", [public])
        try:
            host.inner = inner
            host.write_settings({"connections": {"box": outer.connection(), **more(host)}})
            host.init()
            host.cli("secret", "set", "SSH_KEY", stdin=private, json_out=False)
            host.start()
            spec = flow({"command": ["sh", "-c", "echo $SSH_CONNECTION; head -c 3000000 /dev/zero | wc -c"],
                         "get": [{"from": "/usr/bin/ssh-keygen"}]})
            spec["requires"][0]["name"] = spec["steps"][0]["ssh"]["connection"] = "inner"
            output = succeeded(host.run(spec))
            check.has(output["stdout"]["text"], str(inner.port))
            check.has(output["stdout"]["text"], "3000000")
            check.equal(os.path.getsize("/usr/bin/ssh-keygen"), output["files"]["ssh-keygen"]["size"])
            check.has(outer.log(), "Accepted publickey")
            outer.allow()
            failed(host.run(spec), "BLY-AUTHENTICATION")
        finally:
            outer.stop()
            inner.stop()


def test_a_detached_command_goes_on_when_the_step_has_ended_and_calls_back():
    with host_with_server() as host:
        mark = host.folder + "/mark"
        steps = [{"id": "answer", "wait": {"callback": {}, "timeout": "1m"}}]
        spec = {"script": "sleep 1; echo $BELAY_CALLBACK_WAIT > %s.tmp; echo $BELAY_CALLBACK_TOKEN >> %s.tmp; mv %s.tmp %s"
                % (mark, mark, mark, mark), "detach": True, "callback": "answer"}
        run = host.start_run(flow(spec, steps=steps))
        shown = host.wait_run(run, ("waiting",))
        assert there(shown)["output"]["pid"] > 1, shown
        belay.eventually(lambda: os.path.exists(mark), 20)
        with open(mark, encoding="utf-8") as file:
            wait, token = file.read().split()
        answer = host.cli("callback", wait, "--body", json.dumps({"done": True}),
                          environment={**host.environment, "BELAY_CALLBACK_TOKEN": token})
        check.equal(0, answer.code, str(answer))
        check.equal("succeeded", host.wait_run(run)["run"]["status"])


def alive(pid):
    return os.path.exists("/proc/%s" % pid)


def begun(host, seconds=20):
    path = host.folder + "/pid"
    belay.eventually(lambda: os.path.exists(path) and os.path.getsize(path) > 1, seconds)
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def test_a_cancel_and_a_timeout_end_the_command_there_too():
    with host_with_server() as host:
        long = {"script": "echo $$ > %s/pid; exec sleep 60" % host.folder}
        run = host.start_run(flow(long))
        pid = begun(host)
        host.post("/v1/runs/%s/cancel" % run)
        host.wait_run(run, ("cancelled",))
        belay.eventually(lambda: not alive(pid), 15)
        os.unlink(host.folder + "/pid")
        run = host.start_run(flow(long, step={"timeout": "10s"}))
        pid = begun(host)
        error = failed(host.wait_run(run), "BLY-STEP-TIMEOUT")
        check.has(error["message"], "10s")
        belay.eventually(lambda: not alive(pid), 15)


def test_a_killed_daemon_finds_the_command_again():
    with host_with_server() as host:
        run = host.start_run(flow({"script": "echo $$ > %s/pid; sleep 2; echo done" % host.folder}))
        begun(host)
        host.kill()
        host.start()
        check.equal("done\n", succeeded(host.wait_run(run))["stdout"]["text"])
        with open(host.folder + "/pid", encoding="utf-8") as file:
            check.equal(1, len(file.read().split()))


def test_a_server_that_dies_leaves_a_once_step_ambiguous_and_an_idempotent_one_to_be_tried_again():
    with host_with_server() as host:
        spec = {"script": "echo $$ > %s/pid; exec sleep 30" % host.folder}
        run = host.start_run(flow(spec))
        begun(host)
        host.server.stop()
        shown = host.wait_run(run, ("needs_attention", "ambiguous", "failed", "waiting", "running"), 5)
        belay.eventually(lambda: there(host.show(run)).get("status") == "ambiguous", 20)
        shown = host.show(run)
        check.has(json.dumps(there(shown)), "connection broke")
        host.cli("run", "resolve", run, "there", "--as", "failed")
        host.wait_run(run)
        os.unlink(host.folder + "/pid")
        host.server.start()
        run = host.start_run(flow({"script": "[ -e %s/pid ] && exit 0; echo $$ > %s/pid; exec sleep 30"
                                   % (host.folder, host.folder)},
                                  step={"effect": "idempotent", "retry": {"max_attempts": 5, "backoff": {"initial": "1s"}}}))
        begun(host)
        host.server.stop()
        host.server.start()
        succeeded(host.wait_run(run))


def test_nobody_there_no_name_and_a_server_that_says_nothing():
    with host_with_server(connect_timeout="2s") as host:
        host.server.stop()
        failed(host.run(flow({"command": ["true"]})), "BLY-CONNECT")
    with host_with_server(host="no-such-host.invalid") as host:
        check.has(failed(host.run(flow({"command": ["true"]})), "BLY-CONNECT")["message"], "no-such-host.invalid")
    for what in ("stall", "reset", "half_close", "drip"):
        with host_with_server(connect_timeout="3s", more=None) as host:
            fault = sshd.Fault(host.server.port, what, 60)
            try:
                host.restart_with(lambda settings, to=fault.port: settings["connections"]["box"].update(port=to))
                started = time.monotonic()
                failed(host.run(flow({"command": ["true"]})), "BLY-CONNECT")
                assert time.monotonic() - started < 10, what
            finally:
                fault.close()


def test_the_policy_bounds_command_connection_user_and_files():
    policy = {"ssh": {"allow": [{"id": "list", "connections": ["box"], "argv": ["ls", {"operand": True}], "env": ["LANG"],
                                 "put": ["/tmp/in"], "get": ["/tmp/out"]}],
                      "deny": [{"users": ["nobody"]}]}}
    with host_with_server(policy=policy) as host:
        succeeded(host.run(flow({"command": ["ls", "/"], "env": {"LANG": "C"}})))
        for spec in ({"command": ["ls", "-l"]}, {"command": ["ls", "/", "/"]}, {"script": "ls /"},
                     {"command": ["ls", "/"], "env": {"LD_PRELOAD": "x"}}, {"put": [{"content": "x", "to": "/tmp/inner"}]},
                     {"get": [{"from": "/etc/passwd"}]}):
            error = failed(host.run(flow(spec)), "BLY-POLICY-REFUSED")
            check.has(error["message"], "ssh.allow")
    with host_with_server(policy={"run": {}}) as host:
        failed(host.run(flow({"command": ["true"]})), "BLY-POLICY-REFUSED")


def test_a_review_shows_the_command_and_what_it_goes_to():
    with host_with_server() as host:
        run = host.start_run(flow({"command": ["echo", "${{ 1 + 1 }}"]}, step={"review": {"summary": "look"}}))
        wait = host.open_wait(run)
        effect = json.dumps(host.get("/v1/waits/" + wait["id"]))
        for part in ("echo", "127.0.0.1", "box", "SSH_KEY"):
            check.has(effect, part)
        check.equal(0, host.cli("approve", wait["id"]).code)
        check.equal("2\n", succeeded(host.wait_run(run))["stdout"]["text"])


def test_the_log_is_followed_while_it_runs():
    with host_with_server() as host:
        run = host.start_run(flow({"script": "echo first; " + host.gate() + "; echo last"}))
        belay.eventually(lambda: "first" in host.cli("run", "logs", run, json_out=False).out)
        check.equal("running", host.show(run)["run"]["status"])
        host.write("go", "")
        succeeded(host.wait_run(run))


if __name__ == "__main__":
    check.main(globals())
