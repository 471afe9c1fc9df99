"""Who may come in: the peer of the socket decides, not what it says."""

import os
import shutil
import subprocess
import sys

import belay
import check

ASK = """
import http.client, json, socket, sys
class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(sys.argv[1])
c = Connection("localhost")
c.request(sys.argv[2], sys.argv[3], sys.argv[4] if len(sys.argv) > 4 else None, {"Content-Type": "application/json"})
print(c.getresponse().status)
"""


def as_nobody(host, *words):
    """The status that uid 65534 gets."""
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", ASK,
                           host.socket, *words], capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def opened(settings):
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        raise check.Skip("needs root and setpriv")
    host = belay.Host(settings)
    host.init()
    host.start()
    os.chmod(host.folder, 0o755)
    os.chmod(host.socket, 0o777)
    return host


def test_a_stranger_is_refused():
    with opened({}) as host:
        for words in (("GET", "/v1/runs"), ("GET", "/v1/daemon"), ("POST", "/v1/runs", "{}")):
            check.equal("403", as_nobody(host, *words), str(words))


def test_a_reader_reads_and_changes_nothing():
    with opened({"api": {"readers": ["65534"]}}) as host:
        host.run({"slug": "x", "steps": [{"id": "a", "set": {"x": 1}}]})
        check.equal("200", as_nobody(host, "GET", "/v1/runs"))
        check.equal("403", as_nobody(host, "POST", "/v1/runs", "{\"flow\": \"x\", \"draft\": true}"))
        check.equal("403", as_nobody(host, "GET", "/v1/secrets"))
        check.equal(1, len(host.get("/v1/runs")["runs"]))


def test_an_operator_by_group_may_start():
    with opened({"api": {"operators": ["group:65534"]}}) as host:
        host.run({"slug": "x", "steps": [{"id": "a", "set": {"x": 1}}]})
        check.equal("200", as_nobody(host, "POST", "/v1/runs", "{\"flow\": \"x\", \"draft\": true}"))
        check.equal(2, len(host.get("/v1/runs")["runs"]))


def test_a_callback_needs_its_token_of_everybody_else():
    with opened({}) as host:
        run = host.start_run({"slug": "c", "steps": [{"id": "c", "wait": {"callback": {}, "timeout": "1h"}}]})
        wait = host.open_wait(run)["id"]
        status = as_nobody(host, "POST", "/v1/callbacks/" + wait, "{}")
        check.equal("403", status)
        check.equal("waiting", host.show(run)["run"]["status"])


def test_an_operator_does_not_say_that_a_host_is_the_one_that_it_was():
    with opened({"api": {"operators": ["65534"]}}) as host:
        for words in (("/v1/host/release", "{}"), ("/v1/host/rekey",)):
            check.equal("403", as_nobody(host, "POST", *words))
        error = as_nobody_cli(host, "host", "rekey").error
        check.equal("BLY-PERMISSION", error["code"])
        check.equal("sudo belay --socket %s host rekey" % host.socket, error["actions"][0])


def as_nobody_cli(host, *words):
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", belay.BINARY, "--socket", host.socket,
                           *words, "--json"], capture_output=True, text=True, timeout=30, check=False, env={"HOME": "/"})
    return belay.Answer(done.returncode, done.stdout, done.stderr)


def test_operators_enter_the_folder_of_the_socket():
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        raise check.Skip("needs root and setpriv")
    with belay.Host({"api": {"operators": ["65534"]}}) as host:
        os.chmod(host.folder, 0o755)
        host.socket = host.folder + "/run/more/s"
        host.write_settings({"api": {"operators": ["65534"], "socket": host.socket}})
        run, more = host.folder + "/run", host.folder + "/run/more"
        host.init()
        check.equal([0o711, 0o711], [os.stat(each).st_mode & 0o777 for each in (run, more)])
        os.rmdir(more)
        host.start()
        check.equal(0o711, os.stat(more).st_mode & 0o777)
        check.equal(0, as_nobody_cli(host, "run", "list").code)
        # Where they cannot enter it, nobody says that no daemon runs, or looks into another one's files.
        os.chmod(more, 0o700)
        for words in (("run", "list"), ("secret", "list"), ("journal", "verify"), ("connection", "list")):
            answer = as_nobody_cli(host, *words)
            check.equal((7, "BLY-PERMISSION"), (answer.code, answer.error.get("code")), str(answer))
            check.has(answer.error["message"], "may not enter the folder of the socket " + host.socket)
        os.chmod(more, 0o711)
        os.chmod(host.socket, 0o600)
        check.has(as_nobody_cli(host, "run", "list").error["message"], "may not use the socket")
        host.stop()
        # Of a daemon of which only the socket is known, no files are looked at.
        for words in (("run", "list"), ("secret", "list"), ("journal", "verify")):
            answer = as_nobody_cli(host, *words)
            check.equal((9, ["belay --socket %s doctor" % host.socket]), (answer.code, answer.error["actions"]), str(answer))


if __name__ == "__main__":
    check.main(globals())
