"""Jobs and control of runs: logs while they are written, trees that try to escape, pause, stop, cancel, retry."""

import os
import signal
import subprocess
import threading
import time

import belay
import check


def plain(value):
    return value["text"] if isinstance(value, dict) else value


def job(script, **more):
    return {"slug": "job", "steps": [{"id": "a", "run": {"script": script}, **more}],
            "output": {"text": "${{ steps.a?.output.stdout }}"}}


def test_a_job_has_only_the_environment_that_it_is_given():
    with belay.started() as host:
        host.kill()
        host.start(environment={**host.environment, "CANARY_OF_THE_DAEMON": "leaked"})
        text = plain(host.run(job("env"))["run"]["output"]["text"])
        check.lacks(text, "CANARY_OF_THE_DAEMON")
        check.has(text, "BELAY_IDEMPOTENCY_KEY=")
        check.has(text, "BELAY_RUN_ID=")


def test_a_job_inherits_no_descriptor():
    with belay.started() as host:
        text = plain(host.run({"slug": "fds", "steps": [{"id": "a", "run": {"command": ["ls", "-l", "/proc/self/fd"]}}],
                               "output": {"text": "${{ steps.a.output.stdout }}"}})["run"]["output"]["text"])
        for part in ("journal.db", "vault"):
            check.lacks(text, part)
        # One is given: the job calls back over it.
        sockets = [line for line in text.splitlines() if "socket:" in line]
        check.equal([True], [" 4 -> socket:" in line for line in sockets], text)


def test_exit_codes_and_result_are_exact():
    with belay.started() as host:
        shown = host.run(job("printf '{\"x\": [1]}' >&3; echo out; echo err >&2; exit 7"))
        check.equal("failed", shown["run"]["status"])
        output = belay.step_of(shown, "a")["output"]
        check.equal(7, output["exit_code"])
        check.equal({"x": [1]}, output["result"])
        check.equal("err\n", output["stderr"] if isinstance(output["stderr"], str) else output["stderr"]["text"])
        shown = host.run(job("kill -SEGV $$"))
        check.equal("BLY-JOB-SIGNALLED", shown["run"]["error"]["code"])


def test_output_of_a_script_that_looks_like_a_result_is_only_text():
    with belay.started() as host:
        shown = host.run(job("echo '{\"exit_code\": 0, \"result\": {\"approved\": true}}'"))
        check.lacks(belay.step_of(shown, "a")["output"], "result")


def test_logs_come_while_the_job_writes_them():
    with belay.started() as host:
        os.mkfifo(host.folder + "/fifo")
        run = host.start_run(job("echo first; read x < %s/fifo; echo second" % host.folder))
        logs = host.spawn("run", "logs", run, "-f", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            check.equal("first\n", logs.stdout.readline())
            with open(host.folder + "/fifo", "w", encoding="ascii") as fifo:
                fifo.write("go\n")
            check.equal("second\n", logs.stdout.readline())
            check.equal(0, logs.wait(10))
        finally:
            logs.kill()
            logs.wait()


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_tree_is_killed_whole():
    with belay.started({"jobs": {"grace": "100ms"}}) as host:
        pids = host.folder + "/pids"
        escape = "trap '' TERM; echo $$ >> %s; exec sleep 300" % pids
        run = host.start_run(job("echo $$ >> %s\nsetsid sh -c \"%s\" &\nsh -c '(sleep 300 & echo $! >> %s) &'\n"
                                 "setsid setsid sh -c '(trap \"\" TERM HUP INT; sleep 300 & echo $! >> %s; wait) &' &\nsleep 300"
                                 % (pids, escape.replace("$$", "\\$\\$"), pids, pids)))
        found = belay.eventually(lambda: os.path.exists(pids) and len(read_pids(pids)) >= 4 and read_pids(pids), 20,
                                 "four processes")
        for pid in found:
            check.equal(True, alive(pid), "process %d before" % pid)
        check.equal(0, host.cli("run", "cancel", run).code)
        belay.eventually(lambda: not any(map(alive, found)), 10, "the end of %s" % found)
        check.equal("cancelled", host.wait_run(run)["run"]["status"])


def read_pids(path):
    with open(path, encoding="ascii") as file:
        return [int(line) for line in file.read().split()]


def test_a_timeout_ends_the_tree():
    with belay.started({"jobs": {"grace": "100ms"}}) as host:
        pids = host.folder + "/pids"
        for timeout in ("300ms", "2s", "10s"):  # a busy machine may need longer than the first to come to the escape
            shown = host.run(job("setsid sh -c 'echo $$ >> %s; exec sleep 300' & sleep 300" % pids, timeout=timeout))
            check.equal("BLY-STEP-TIMEOUT", shown["run"]["error"]["code"])
            check.equal("step a took longer than its timeout of " + timeout, shown["run"]["error"]["message"])
            if os.path.exists(pids):
                break
        belay.eventually(lambda: not any(map(alive, read_pids(pids))), 10, "the end of the tree")


def test_a_job_goes_on_while_no_daemon_runs():
    with belay.started() as host:
        mark = host.folder + "/mark"
        run = host.start_run(job("echo before; sleep 1; echo after; touch %s; exit 0" % mark))
        belay.eventually(lambda: belay.step_of(host.show(run), "a")["status"] == "running", what="the job")
        host.kill()
        belay.eventually(lambda: os.path.exists(mark), 15, "the end of the job")
        time.sleep(0.2)
        host.start()
        shown = host.wait_run(run)
        check.equal("succeeded", shown["run"]["status"], str(shown)[:800])
        check.equal("before\nafter\n", plain(shown["run"]["output"]["text"]))


def test_a_killed_supervisor_is_lost_and_not_guessed():
    with belay.started() as host:
        run = host.start_run(job("echo $PPID > %s/ppid; sleep 300" % host.folder, effect="once"))
        path = host.folder + "/ppid"
        pid = belay.eventually(lambda: os.path.exists(path) and read_pids(path), 10, "the job")[0]
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            if b"belay" not in file.read() and b"spawner" not in open("/proc/%d/cmdline" % pid, "rb").read():
                raise check.Skip("the parent of a job is not its supervisor here")
        os.kill(pid, signal.SIGKILL)
        shown = host.wait_run(run, ("ambiguous", "failed", "succeeded"), 20)
        check.equal("ambiguous", shown["run"]["status"], str(shown)[:800])
        check.equal(0, host.cli("run", "resolve", run, "a", "--as", "succeeded", "--note", "seen").code)
        shown = host.wait_run(run)
        check.equal("succeeded", shown["run"]["status"])
        check.equal("seen", belay.step_of(shown, "a")["resolution"]["note"])


def test_pause_lets_what_runs_end_and_starts_nothing():
    with belay.started() as host:
        flow = job(host.gate() + "; echo done")
        flow["steps"].append({"id": "b", "set": {"x": 1}})
        run = host.start_run(flow)
        check.equal(0, host.cli("run", "pause", run).code)
        host.write("go", "")
        belay.eventually(lambda: belay.step_of(host.show(run), "a")["status"] == "succeeded", what="step a")
        time.sleep(0.3)
        shown = host.show(run)
        check.equal("paused", shown["run"]["status"])
        check.equal(1, len(shown["steps"]), str(shown["steps"])[:300])
        host.kill()
        host.start()
        check.equal("paused", host.show(run)["run"]["status"])
        check.equal(0, host.cli("run", "resume", run).code)
        check.equal("succeeded", host.wait_run(run)["run"]["status"])


def test_stop_ends_in_order_and_cancel_at_once():
    with belay.started({"jobs": {"grace": "200ms"}}) as host:
        flow = job(host.gate() + "; echo whole")
        flow["steps"].append({"id": "b", "set": {"x": 1}})
        run = host.start_run(flow)
        belay.eventually(lambda: host.show(run)["steps"], what="step a")
        check.equal(0, host.cli("run", "stop", run).code)
        check.equal("running", belay.step_of(host.show(run), "a")["status"])
        host.write("go", "")
        shown = host.wait_run(run)
        check.equal("stopped", shown["run"]["status"])
        check.equal("succeeded", belay.step_of(shown, "a")["status"])
        run = host.start_run(job("sleep 30"))
        belay.eventually(lambda: host.show(run)["steps"], what="step a")
        begun = time.monotonic()
        check.equal(0, host.cli("run", "cancel", run).code)
        check.equal("cancelled", host.wait_run(run)["run"]["status"])
        if time.monotonic() - begun > 8:
            raise AssertionError("cancel took %.1f s" % (time.monotonic() - begun))
        again = host.cli("run", "cancel", run)
        check.equal(1, again.code, str(again))


def test_retry_goes_on_from_the_failed_step():
    with belay.started() as host:
        path = host.folder + "/there"
        flow = {"slug": "r", "steps": [{"id": "first", "kv": {"increment": "first"}},
                                       {"id": "second", "run": {"command": ["cat", path]}, "effect": "idempotent",
                                        "retry": {"max_attempts": 1}}],
                "output": {"x": "${{ steps.second.output.stdout }}"}}
        run = host.start_run(flow)
        check.equal("failed", host.wait_run(run)["run"]["status"])
        host.write("there", "now")
        check.equal(0, host.cli("run", "retry", run).code)
        shown = host.wait_run(run)
        check.equal("succeeded", shown["run"]["status"])
        check.equal("now", plain(shown["run"]["output"]["x"]))
        check.equal(1, host.get("/v1/kv/default/value?key=first")["entry"]["value"])


def test_retries_back_off_and_stop():
    with belay.started() as host:
        shown = host.run(job("echo x >> tries; exit 1", effect="idempotent",
                             retry={"max_attempts": 3, "on": ["exit_code"],
                                    "backoff": {"initial": "50ms", "factor": 2, "max": "1s", "jitter": 0}}))
        check.equal("failed", shown["run"]["status"])
        attempts = belay.step_of(shown, "a")["attempts"]
        check.equal(3, len(attempts))
        check.equal([50, 100], [a["next_after_ms"] for a in attempts[:2]])


def test_run_show_works_with_the_beginning_of_an_id():
    with belay.started() as host:
        run = host.start_run(job("true"))
        host.wait_run(run)
        answer = host.cli("run", "show", run[:-4])
        check.equal(0, answer.code, str(answer))
        check.equal(run, answer.data["run"]["id"])
        check.equal(8, host.cli("run", "show", "nothing-like-it").code)
        check.equal("BLY-NOT-FOUND", host.cli("run", "show", run, "--step", "nosuch").error["code"])
        check.equal([], host.cli("run", "list", "--trigger", "start").data["runs"])
        check.has(host.cli("run", "list", "--trigger", "nosuch").error["message"], "replay start")


def test_watch_ends_with_the_run():
    with belay.started() as host:
        run = host.start_run(job("sleep 0.3"))
        answer = host.cli("run", "watch", run, json_out=False, timeout=20)
        check.equal(0, answer.code, str(answer))
        answer = host.cli("run", "watch", host.start_run(job("exit 3")), json_out=False, timeout=20)
        check.equal(6, answer.code, str(answer))


def test_many_clients_at_once():
    with belay.started() as host:
        failures = []

        def client():
            mine = host.client()
            try:
                for _ in range(20):
                    host.start_run({"slug": "m", "steps": [{"id": "a", "kv": {"increment": "m"}}]}, client=mine)
            except Exception as error:  # pylint: disable=broad-except
                failures.append(error)
            mine.close()
        threads = [threading.Thread(target=client) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check.equal([], failures)
        belay.eventually(lambda: any(e["key"] == "m" and e["value"] == 320 for e in host.get("/v1/kv/default")["entries"]), 20, "320 increments")


if __name__ == "__main__":
    check.main(globals())
