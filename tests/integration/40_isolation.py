"""Profiles of jobs through the whole host: what is demanded, what is refused, and a daemon whose spawner is somebody
else. Where jobs need users of their own, the tests need root; tests/jobs has the malicious ones."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading

import belay
import check

DAEMON_USER = 65_532
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CAPABILITIES = "+setuid,+setgid,+kill,+chown"


def need_root():
    if os.geteuid() != 0:
        raise check.Skip("jobs can have users of their own only where the tests are root")


def step(profile=None, **more):
    run = {"script": "id -u; echo $HOME; pwd", **more}
    if profile:
        run["profile"] = profile
    return {"slug": "f", "steps": [{"id": "a", "run": run}], "output": {"said": "${{ steps.a.output.stdout.text }}"}}


class Flows:
    """A folder that everybody can pass through, for those of the flows."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="belay-flows-", dir="/tmp")
        os.chmod(self.path, 0o755)
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def settings(folder, **more):
    return {"jobs": {"users": ["72000-72003"], "user_folder": folder + "/of-flows", "grace": "200ms", **more}}


def test_a_host_without_users_refuses():
    with belay.started() as host:
        for profile in ("user", "strong"):
            shown = host.run(step(profile))
            check.equal("BLY-JOB-PROFILE", shown["run"]["error"]["code"], str(shown)[:500])
        check.equal("succeeded", host.run(step("bare"))["run"]["status"])
        check.equal("BLY-FLOW-BAD-VALUE", host.cli("flow", "validate", host.write("f.flow.json", step("fast")))
                    .error.get("code"))
        doctor = host.cli("doctor", json_out=False).out
        check.has(doctor, "profile bare")
        check.has(doctor, "jobs.users names no user")


def test_settings_that_cannot_be():
    for jobs, word in (({"profile": "fast"}, "jobs.profile"), ({"profile": "user"}, "jobs.users"),
                       ({"strong_network": "some"}, "jobs.strong_network"), ({"read_paths": ["x"]}, "absolute")):
        host = belay.Host({"jobs": jobs})
        with host:
            answer = host.cli("config", "check")
            check.equal(3, answer.code, str(answer))
            check.has(str(answer.error), word)


def test_the_policy_demands_a_profile():
    policy = {"run": {"profile": "user", "allow": [{"executable": "/bin/sh", "argv": ["/bin/sh", "-e", "id -u"]}]}}
    with belay.started(policy=policy) as host:
        flow = {"slug": "f", "steps": [{"id": "a", "run": {"script": "id -u"}}]}
        shown = host.run(flow)
        check.equal("BLY-POLICY-REFUSED", shown["run"]["error"]["code"])
        check.has(shown["run"]["error"]["message"], "profile bare")


def test_a_flow_has_a_user_and_a_folder_of_its_own():
    need_root()
    with Flows() as folder, belay.started(settings(folder)) as host:
        said = host.run(step())["run"]["output"]["said"].split()
        check.equal(["72000", folder + "/of-flows/f", folder + "/of-flows/f"], said)
        # Steps share them, and so does the next run; another flow has others.
        for name, user in (("f", "72000"), ("g", "72001")):
            shown = host.run({"slug": name, "steps": [
                {"id": "a", "run": {"script": "echo kept > file; chmod 600 file"}},
                {"id": "b", "run": {"script": "cat file; id -u; cat ../f/file || echo no; touch $TMPDIR/x; exit 7",
                                    "ok_exit_codes": [7]}}], "output": {"said": "${{ steps.b.output.stdout.text }}"}})
            check.equal(["kept", user, "kept" if name == "f" else "no"], shown["run"]["output"]["said"].split())
        host.stop()
        host.start()
        check.equal("72000", host.run(step())["run"]["output"]["said"].split()[0])
        check.has(host.cli("doctor", json_out=False).out, "profile user")


def test_a_step_cannot_ask_for_less_and_no_flow_gets_the_user_of_another():
    need_root()
    with Flows() as folder, belay.started(settings(folder)) as host:
        check.equal("72000", host.run(step("bare"))["run"]["output"]["said"].split()[0])
        for name in ("g", "h", "i"):
            host.run({**step(), "slug": name})
        shown = host.run({**step(), "slug": "one-too-many"})
        check.equal("BLY-JOB-PROFILE", shown["run"]["error"]["code"])


def test_declared_paths():
    need_root()
    with Flows() as folder:
        for name in ("readable", "writable", "neither"):
            os.mkdir(folder + "/" + name)
            os.chmod(folder + "/" + name, 0o777)
            with open(folder + "/" + name + "/file", "w", encoding="ascii") as file:
                file.write("x")
        more = {"read_paths": [folder + "/readable"], "write_paths": [folder + "/writable"]}
        with belay.started(settings(folder, **more)) as host:
            script = "".join("cat {0}/{1}/file >/dev/null 2>&1 && echo {1} read; touch {0}/{1}/made 2>/dev/null && "
                             "echo {1} written\n".format(folder, name) for name in ("readable", "writable", "neither"))
            for profile in ("user", "strong") if os.path.exists("/usr/bin/bwrap") else ("user",):
                shown = host.run(step(profile, script=script, shell=["/bin/sh"], ok_exit_codes=[0, 1]))
                check.equal("readable read\nwritable read\nwritable written\n", shown["run"]["output"]["said"], profile)


def test_strong_has_no_network():
    need_root()
    if not os.path.exists("/usr/bin/bwrap"):
        raise check.Skip("bubblewrap is not installed")
    server = socket.create_server(("127.0.0.1", 0))
    connect = "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", %d), 3); print(\"through\")'" % (
        server.getsockname()[1])
    for network, wanted in (("none", 1), ("host", 0)):
        with Flows() as folder, belay.started(settings(folder, strong_network=network)) as host:
            shown = host.run({"slug": "f", "steps": [{"id": "a", "run": {
                "script": connect, "profile": "strong", "ok_exit_codes": [0, 1]}}],
                "output": {"code": "${{ steps.a.output.exit_code }}"}})
            check.equal(wanted, shown["run"]["output"]["code"], network)
    server.close()


class ServiceManager:
    """Starts a spawner for each connection, as belay-spawner.socket does: with privileges that the daemon has not."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        os.chown(path, DAEMON_USER, DAEMON_USER)
        self.listener.listen(4)
        self.started = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            words = as_user(CAPABILITIES) + [belay.BINARY, "spawner", "--accepted"]
            # The socket is descriptor 3, which it may have already.
            self.started.append(subprocess.Popen(
                ["bash", "-c", "exec \"$@\" 3<&%d" % accepted.fileno() if accepted.fileno() != 3 else "exec \"$@\"", "sh", *words],
                pass_fds=[accepted.fileno()], stdin=subprocess.DEVNULL, start_new_session=True))
            accepted.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for process in self.started:
            process.wait(20)


def as_user(capabilities=""):
    words = ["setpriv", "--reuid=%d" % DAEMON_USER, "--regid=%d" % DAEMON_USER, "--clear-groups"]
    if capabilities:
        return words + ["--inh-caps=" + capabilities, "--ambient-caps=" + capabilities]
    return words + ["--inh-caps=-all", "--bounding-set=-all"]


def separate_host(folder):
    host = belay.Host(settings(folder, spawner_socket=folder + "/spawner.sock"))
    host.init()
    for path in (host.folder, folder):
        subprocess.run(["chown", "-R", str(DAEMON_USER), path], check=True)
    return host


def test_a_spawner_of_its_own_has_the_privileges_and_the_daemon_has_none():
    need_root()
    with Flows() as folder, ServiceManager(folder + "/spawner.sock") as manager, separate_host(folder) as host:
        host.start(prefix=as_user())
        said = host.run(step())["run"]["output"]["said"].split()
        check.equal(["72000", folder + "/of-flows/f"], said[:2])
        with open("/proc/%d/status" % host.get("/v1/daemon")["pid"], encoding="ascii") as file:
            check.has(file.read(), "CapEff:\t0000000000000000")
        # A job lives on without daemon and spawner, and the next daemon ends it through its supervisor.
        run = host.start_run({"slug": "f", "steps": [{"id": "a", "run": {
            "script": "grep Cap /proc/self/status; (env -i setsid sleep 600 &); echo ready; exec sleep 600"}}]})
        belay.eventually(lambda: "ready" in host.cli("run", "logs", run, json_out=False).out, what="the job")
        check.lacks(host.cli("run", "logs", run, json_out=False).out.replace("CapBnd", ""), "00e1", "capabilities of a job")
        host.kill()
        host.start(prefix=as_user())
        check.equal(2, len(manager.started))
        host.post("/v1/runs/%s/cancel" % run)
        check.equal("cancelled", host.wait_run(run)["run"]["status"])
        belay.eventually(lambda: not processes_of(72_000), what="the end of the job")


def test_what_a_killed_supervisor_left_is_ended_by_the_spawner():
    need_root()
    with Flows() as folder, ServiceManager(folder + "/spawner.sock"), separate_host(folder) as host:
        host.start(prefix=as_user())
        run = host.start_run({"slug": "f", "steps": [{"id": "a", "effect": "idempotent", "run": {
            "script": "(env -i setsid sleep 600 &); echo $$ > pid; exec sleep 600"}}]})
        path = folder + "/of-flows/f/pid"
        belay.eventually(lambda: os.path.exists(path) and os.path.getsize(path) > 1, what="the job")
        with open("/proc/%d/status" % int(open(path, encoding="ascii").read()), encoding="ascii") as file:
            supervisor = int(file.read().split("PPid:\t")[1].split()[0])
        os.kill(supervisor, 9)
        check.equal("BLY-JOB-LOST", host.wait_run(run)["run"]["error"]["code"])
        belay.eventually(lambda: not processes_of(72_000), what="the end of all that ran as that user")


def processes_of(uid):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/status" % pid, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        if "\nUid:\t%d\t" % uid in text and "State:\tZ" not in text:
            found.append(int(pid))
    return found


def test_the_units_are_closed():
    """systemd's own measure: 2.0 at most for the part that talks, 5.0 for the one that executes."""
    check.program("systemd-analyze")
    with tempfile.TemporaryDirectory() as root:
        units = root + "/usr/lib/systemd/system"
        shutil.copytree(ROOT + "/systemd", units)
        os.makedirs(root + "/etc/systemd/system/belay.service.d")
        shutil.copy(ROOT + "/systemd/belay-core.conf", root + "/etc/systemd/system/belay.service.d")
        for unit, most in (("belay.service", 20), ("belay-spawner@.service", 50)):
            done = subprocess.run(["systemd-analyze", "security", "--root=" + root, "--offline=true",
                                   "--threshold=%d" % most, unit], capture_output=True, text=True, check=False)
            check.equal(0, done.returncode, unit + ": " + (done.stdout + done.stderr)[-300:])


if __name__ == "__main__":
    check.main(globals())
