"""Settings, init, and the start of a daemon: twice, with wrong settings, on a foreign folder."""

import os
import socket
import stat

import belay
import check


def test_init_makes_what_is_missing_and_changes_nothing():
    with belay.Host() as host:
        first = host.init()
        made = [entry["path"] for entry in first.data["entries"] if entry["made"]]
        if not made:
            raise AssertionError("nothing made: %s" % first)
        before = snapshot(host.folder)
        second = host.init()
        check.equal([], [entry["path"] for entry in second.data["entries"] if entry["made"]])
        check.equal(before, snapshot(host.folder))


def snapshot(folder):
    found = {}
    for path, _, files in os.walk(folder):
        for name in files:
            with open(os.path.join(path, name), "rb") as file:
                found[os.path.join(path, name)] = file.read()
    return found


def test_state_belongs_to_the_daemon_alone():
    with belay.Host() as host:
        host.init()
        host.start()
        check.equal(0o700, stat.S_IMODE(os.stat(host.state).st_mode))
        for path, _, files in os.walk(host.state):
            for name in files:
                mode = stat.S_IMODE(os.lstat(os.path.join(path, name)).st_mode)
                check.equal(0, mode & 0o077, os.path.join(path, name))


def test_a_state_folder_that_others_can_enter_is_closed_to_them():
    with belay.Host() as host:
        host.init()
        for before, after in ((0o755, 0o750), (0o711, 0o710), (0o750, 0o750)):
            os.chmod(host.state, before)
            state = next(row for row in host.cli("doctor").data["checks"] if row["check"] == "state folder")
            check.equal("warn" if before & 0o007 else "ok", state["verdict"], str(state))
            logged = host.log().count("state.folder_was_open")
            host.start()
            host.kill()
            # Its group is left as it is: backups.
            check.equal(after, stat.S_IMODE(os.stat(host.state).st_mode))
            check.equal(logged + (before != after), host.log().count("state.folder_was_open"))
        # Where the socket is in it, its users have to pass.
        os.chmod(host.state, 0o711)
        host.socket = host.state + "/s"
        host.write_settings({})
        host.start()
        check.equal(0o711, stat.S_IMODE(os.stat(host.state).st_mode))


def test_daemon_without_init_says_so():
    with belay.Host() as host:
        answer = host.cli("daemon", json_out=False, timeout=20)
        check.equal(3, answer.code, str(answer))
        check.has(answer.out + answer.err, "belay --user --config %s init" % host.config)


def test_second_daemon_is_refused():
    with belay.Host() as host:
        host.init()
        host.start()
        answer = host.cli("daemon", json_out=False, timeout=20)
        check.equal(4, answer.code, str(answer))
        host.get("/v1/daemon")


def test_second_daemon_on_another_socket_is_refused():
    with belay.Host() as host:
        host.init()
        host.start()
        host.write_settings({"api": {"socket": host.folder + "/other"}})
        answer = host.cli("daemon", json_out=False, timeout=20)
        check.equal(4, answer.code, str(answer))
        host.write_settings({})


def test_starts_again_beside_a_stale_socket():
    with belay.Host() as host:
        host.init()
        host.start()
        host.kill()
        if not os.path.exists(host.socket):
            raise AssertionError("the socket should be left behind")
        host.start()
        host.get("/v1/daemon")


def test_wrong_settings_are_named_with_line():
    with belay.Host() as host:
        host.write("belay.yaml", "state:\n  folder: %s\napi:\n  soket: /tmp/x\n" % host.state)
        answer = host.cli("config", "check")
        check.equal(3, answer.code, str(answer))
        check.equal(4, answer.error.get("place", {}).get("line"), str(answer))
        check.has(answer.error["message"], "socket")
        answer = host.cli("daemon", json_out=False, timeout=20)
        check.equal(3, answer.code, str(answer))
        check.has(answer.out + answer.err, "belay.yaml:4")


def test_a_wrong_policy_is_named_with_line():
    with belay.Host() as host:
        host.write("belay.yaml", "state:\n  folder: %s\n" % host.state)
        host.write("policy.yaml", "run:\n  allow:\n    - executable: true\n")
        answer = host.cli("config", "check")
        check.equal(3, answer.code, str(answer))
        check.equal(3, answer.error.get("place", {}).get("line"), str(answer))
        check.has(answer.error["message"], "it must be an absolute path")
        host.write("policy.yaml", "run:\n  allow: []\n")
        check.equal(0, host.cli("config", "check").code)


def test_wrong_units_and_ranges_are_refused():
    for text in ("jobs: {grace: 5 parsecs}", "http: {workers: 0}", "limits: {active_runs: many}", "api: [x]",
                 "journal: {wal_max: 1 KiB}"):
        with belay.Host() as host:
            host.write("belay.yaml", text + "\n")
            answer = host.cli("config", "check")
            check.equal(3, answer.code, "%s: %s" % (text, answer))
            check.equal("BLY-SETTINGS-INVALID", answer.error.get("code"), str(answer))


def test_config_check_refuses_what_the_daemon_refuses():
    for option, value in (("http.proxy", "frob nicate"), ("link.proxy", "ftp://x"), ("api.operators", "[nosuchuser]"),
                          ("api.readers", "['group:nosuch']"), ("jobs.users", "[70000-60000]"), ("jobs.users", "[nosuch]"),
                          ("api.socket", "/tmp/" + "x" * 120), ("policy.file", "/nonexistent"), ("agents.a", "{adapter: x}"),
                          ("connections.db", "{type: htp}"), ("limits.memory", "1 MiB"), ("jobs.profile", "fast"),
                          ("link.pin", "[12]")):
        with belay.Host() as host:
            section, name = option.split(".")
            host.write("belay.yaml", "# One line.\nstate: {folder: %s}\n%s:\n  %s: %s\n" % (host.state, section, name, value))
            answer = host.cli("config", "check")
            check.equal(3, answer.code, "%s: %s" % (option, answer))
            check.equal("BLY-SETTINGS-INVALID", answer.error["code"], str(answer))
            check.equal(4, answer.error["place"].get("line"), str(answer))
            check.has(answer.error["message"], section)
            check.has(answer.error["message"], name)
            started = host.cli("daemon", json_out=False, timeout=20)
            check.equal(3, started.code, "%s: %s" % (option, started))
            check.has(started.err, answer.error["message"])


def test_default_settings_are_valid_and_change_nothing():
    with belay.Host() as host:
        text = host.cli("config", "defaults", json_out=False).out
        host.write("belay.yaml", text)
        check.equal(0, host.cli("config", "check").code)


def test_listens_on_no_network_address():
    with belay.Host() as host:
        host.init()
        host.start()
        mine = set()
        for name in os.listdir("/proc/%d/fd" % host.daemon.pid):
            try:
                link = os.readlink("/proc/%d/fd/%s" % (host.daemon.pid, name))
            except OSError:
                continue
            if link.startswith("socket:["):
                mine.add(link[8:-1])
        for table in ("tcp", "tcp6", "udp", "udp6", "raw"):
            with open("/proc/%d/net/%s" % (host.daemon.pid, table), encoding="ascii") as file:
                for line in file.readlines()[1:]:
                    if line.split()[9] in mine:
                        raise AssertionError("%s: %s" % (table, line))


def test_a_wrong_request_gets_an_envelope():
    with belay.Host() as host:
        host.init()
        host.start()
        for method, target in (("GET", "/nothing"), ("DELETE", "/v1/runs"), ("GET", "/v1/runs?nonsense=1"),
                               ("GET", "/v1/runs/none")):
            status, envelope = host.api.request(method, target)
            check.equal(False, envelope["ok"], target)
            if status < 400:
                raise AssertionError("%s %s: %s" % (method, target, status))
        raw = socket.socket(socket.AF_UNIX)
        raw.settimeout(10)
        raw.connect(host.socket)
        raw.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
        check.has(raw.recv(4096), b"400")
        raw.close()
        host.get("/v1/daemon")


if __name__ == "__main__":
    check.main(globals())
