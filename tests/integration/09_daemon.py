"""The daemon as a process: service manager, signals, idling, and what works without it."""

import contextlib
import http.server
import os
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time

import belay
import check


def ready(**options):
    host = belay.Host(**options)
    host.init()
    return host


def test_reads_work_while_it_is_down():
    with ready() as host:
        host.start()
        shown = host.run({"slug": "x", "steps": [{"id": "a", "kv": {"set": "k", "value": 1}}]})
        run = shown["run"]["id"]
        host.kill()
        for words in (("run", "list"), ("run", "show", run), ("wait", "list"), ("flow", "list"), ("kv", "get", "k"),
                      ("resource", "list"), ("journal", "stats"), ("journal", "verify"), ("secret", "list")):
            answer = host.cli(*words)
            check.equal(0, answer.code, "%s: %s" % (words, answer))
        check.equal([run], [r["id"] for r in host.cli("run", "list").data["runs"]])
        check.equal(9, host.cli("run", "cancel", run).code)
        check.equal(9, host.cli("flow", "run", "x").code)


def test_secret_can_be_set_while_it_is_down():
    with ready() as host:
        check.equal(0, host.cli("secret", "set", "name", stdin="a long enough value").code)
        host.start()
        check.equal(["name"], [s["name"] for s in host.cli("secret", "list").data["secrets"]])


def test_takes_the_descriptors_it_may_have_and_leaves_jobs_theirs():
    with ready() as host:
        host.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 5000)))
        with open("/proc/%d/limits" % host.daemon.pid, encoding="ascii") as file:
            limits = [line.split()[3:5] for line in file if line.startswith("Max open files")]
        check.equal([["5000", "5000"]], limits)
        told = [each for each in host.cli("doctor").data["checks"] if each["check"] == "open files"]
        check.equal(["5000 allowed"], [each["message"] for each in told])
        shown = host.run({"slug": "x", "steps": [{"id": "a", "run": {"script": "ulimit -Sn; ulimit -Hn"}}]})
        check.equal("256\n5000\n", belay.step_of(shown, "a")["output"]["stdout"]["text"])


def test_service_manager_is_told():
    with ready() as host:
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        told.bind(host.folder + "/notify")
        told.settimeout(15)
        host.start(environment={**host.environment, "NOTIFY_SOCKET": host.folder + "/notify", "WATCHDOG_USEC": "400000"})
        heard = []
        while not any("READY=1" in text for text in heard):
            heard.append(told.recv(4096).decode())
        end = time.monotonic() + 2
        beats = 0
        while time.monotonic() < end:
            beats += "WATCHDOG=1" in told.recv(4096).decode()
        if not 5 <= beats <= 30:
            raise AssertionError("%d beats in 2 s" % beats)
        check.equal(0, host.stop())
        heard = []
        told.settimeout(2)
        try:
            while True:
                heard.append(told.recv(4096).decode())
        except OSError:
            pass
        if not any("STOPPING=1" in text for text in heard):
            raise AssertionError("not told that it stops: %s" % heard)
        told.close()


def test_sigterm_drains_and_leaves_jobs():
    with ready() as host:
        host.start()
        run = host.start_run({"slug": "j", "steps": [{"id": "a", "run": {"script": "sleep 1; echo whole"}}],
                              "output": {"x": "${{ steps.a.output.stdout }}"}})
        belay.eventually(lambda: host.show(run)["steps"], what="the job")
        check.equal(0, host.stop())
        check.equal(False, os.path.exists(host.socket), "the socket is left behind")
        host.start()
        check.equal("whole\n", host.wait_run(run)["run"]["output"]["x"]["text"])


def test_a_job_that_a_restored_journal_does_not_know_ends():
    with ready() as host:
        host.start()
        check.equal(0, host.cli("journal", "backup", host.folder + "/copy.db").code)
        mark = host.folder + "/pid"
        host.start_run({"slug": "j", "steps": [{"id": "a", "run": {
            "script": "trap '' TERM; echo $$ > %s.new; mv %s.new %s; while :; do sleep 1; done" % (mark, mark, mark)}}]})
        belay.eventually(lambda: os.path.exists(mark), what="the job")
        with open(mark, encoding="ascii") as file:
            job = "/proc/" + file.read().strip()
        host.kill()
        for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
            if os.path.exists(host.state + "/" + name):
                os.remove(host.state + "/" + name)
        shutil.copy(host.folder + "/copy.db", host.state + "/journal.db")
        host.start()
        check.equal([], host.cli("run", "list").data["runs"])
        belay.eventually(lambda: not os.path.exists(job), 30, "the end of the job")
        check.equal(1, host.log().count("job.stray"))


def test_ten_stops_and_starts_in_a_row():
    with ready() as host:
        for _ in range(10):
            host.start()
            check.equal(0, host.stop())


def switches(pid):
    """Switches and processor time of all threads."""
    found = {}
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/status" % (pid, thread), encoding="ascii") as file:
            for line in file:
                if line.startswith("voluntary_ctxt_switches"):
                    found[thread] = int(line.split()[1])
    return found


def test_sleeps_while_there_is_nothing_to_do():
    with ready() as host:
        host.start()
        host.run({"slug": "x", "steps": [{"id": "a", "set": {"x": 1}}]})
        host.start_run({"slug": "w", "steps": [{"id": "a", "wait": {"approval": {"summary": "?"}}}]})
        host.api.close()
        time.sleep(4)
        before = switches(host.daemon.pid)
        time.sleep(3)
        check.equal(before, switches(host.daemon.pid), "wake-ups in 3 s")


def test_a_broken_pipe_does_not_kill_it():
    with ready() as host:
        host.start()
        host.daemon.send_signal(signal.SIGPIPE)
        time.sleep(0.2)
        check.equal(None, host.daemon.poll(), host.log()[-500:])
        host.get("/v1/daemon")


def test_the_end_of_its_terminal_drains_it_unless_it_is_told_to_stay():
    with ready() as host:
        host.start()
        host.daemon.send_signal(signal.SIGHUP)
        check.equal(0, host.daemon.wait(20))
        check.has(host.log(), "daemon.stopped")
        host.start(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))  # as nohup does
        host.daemon.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        host.get("/v1/daemon")


def test_closed_descriptors_are_not_those_of_its_files():
    with ready() as host:
        shell = ["bash", "-c", "exec \"$@\" <&- >&- 2>&-", "sh"]
        host.daemon = subprocess.Popen(shell + host.command("daemon", json_out=False), env=host.environment)
        belay.eventually(lambda: os.path.exists(host.socket), what="the socket")
        check.equal({"/dev/null"}, {os.readlink("/proc/%d/fd/%d" % (host.daemon.pid, fd)) for fd in range(3)})
        shell[2] = "exec \"$@\" >&-"
        check.equal(1, subprocess.run(shell + host.command("run", "list"), env=host.environment, check=False).returncode)


class Megabyte(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = b'"' + b"x" * (1 << 20) + b'"'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def test_the_least_memory_that_it_takes_is_enough():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Megabyte)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    flow = {"slug": "x", "steps": [{"id": "a", "http": {"url": "http://127.0.0.1:%d/" % server.server_port}},
                                   {"id": "b", "run": {"command": ["true"]}}]}
    with ready(settings={"limits": {"memory": "128 MiB"}}) as host:
        host.start()
        runs = [host.start_run(flow) for _ in range(16)]
        check.equal({"succeeded"}, {host.wait_run(run)["run"]["status"] for run in runs})
        # What ends for want of memory names the bound. All these bodies are more than what was freed before.
        resource.prlimit(host.daemon.pid, resource.RLIMIT_AS, (32 << 20, resource.RLIM_INFINITY))
        bodies = []
        with contextlib.suppress(OSError):
            for _ in range(40):
                bodies.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                bodies[-1].settimeout(5)
                bodies[-1].connect(host.socket)
                bodies[-1].sendall(b"POST /v1/runs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                                   b"Content-Length: 4000000\r\n\r\n" + b" " * 3900000)
        check.equal(-signal.SIGABRT, host.daemon.wait(10))
        check.has(host.log(), "limits.memory (or ulimit -v) allows bytes: %d\n" % (32 << 20))
        for body in bodies:
            body.close()
    server.shutdown()


def test_jobs_have_the_processors_of_the_daemon():
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise check.Skip("there is one processor")
    with ready(settings={"limits": {"cpu": 1}}) as host:
        host.start()
        shown = host.run({"slug": "x", "steps": [{"id": "a", "run": {"command": ["nproc"]}}]})
        check.equal("1\n", belay.step_of(shown, "a")["output"]["stdout"]["text"])
        check.equal({allowed[0]}, os.sched_getaffinity(host.daemon.pid))


def test_doctor_is_content():
    with ready() as host:
        host.start()
        answer = host.cli("doctor")
        check.equal(0, answer.code, str(answer))


def test_backup_is_a_journal():
    with ready() as host:
        host.start()
        host.run({"slug": "x", "steps": [{"id": "a", "set": {"x": 1}}]})
        answer = host.cli("journal", "backup", host.folder + "/copy.db")
        check.equal(0, answer.code, str(answer))
        if os.path.getsize(host.folder + "/copy.db") < 4096:
            raise AssertionError("the copy is empty")


def test_prune_removes_what_is_old_and_the_chain_stays_whole():
    with ready() as host:
        host.start()
        for _ in range(20):
            host.run({"slug": "x", "steps": [{"id": "a", "set": {"x": 1}}]})
        time.sleep(0.1)
        answer = host.cli("journal", "prune", "--older-than", "50ms")
        check.equal(0, answer.code, str(answer))
        if answer.data["runs"] < 19:
            raise AssertionError(str(answer))
        check.equal(0, host.cli("journal", "verify").code)


if __name__ == "__main__":
    check.main(globals())
