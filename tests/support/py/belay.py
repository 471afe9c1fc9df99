"""A host of its own for a test: folders, a daemon, the API over its Unix socket, the CLI.

Everything lies in one temporary folder; only processes that were started here are ended here. Every wait has a bound.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse

BINARY = os.path.abspath(os.environ.get("BELAY", "build/belay"))


class ApiError(Exception):
    """The daemon answered with an error envelope."""

    def __init__(self, status, error):
        super().__init__("%s %s: %s" % (status, error.get("code"), error.get("message")))
        self.status, self.code, self.error = status, error.get("code"), error


class SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Client:
    """One kept connection. A broken one raises OSError or HTTPException; the next request makes a new one."""

    def __init__(self, path, timeout=60):
        self.path, self.timeout = path, timeout
        self.connection = None

    def request(self, method, target, body=None, headers=None):
        """(status, envelope); `body` is JSON, or bytes that are sent as they are."""
        headers = dict(headers or {})
        if isinstance(body, bytes):
            headers.setdefault("Content-Type", "application/octet-stream")
        elif body is not None:
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        try:
            if self.connection is None:
                self.connection = SocketConnection(self.path, self.timeout)
            self.connection.request(method, target, body, headers)
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if answer.getheader("Content-Type", "").startswith("application/json"):
            return answer.status, json.loads(text)
        return answer.status, text

    def api(self, method, target, body=None, headers=None):
        status, envelope = self.request(method, target, body, headers)
        if not isinstance(envelope, dict):
            return envelope
        if not envelope["ok"]:
            raise ApiError(status, envelope["error"])
        return envelope.get("data", {})

    def get(self, target):
        return self.api("GET", target)

    def post(self, target, body=None, headers=None):
        return self.api("POST", target, body, headers)

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


class Answer:
    """What a command of the CLI gave."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err
        self.envelope = {}
        with contextlib.suppress(ValueError):
            self.envelope = json.loads(out) if out.startswith("{") else {}

    @property
    def data(self):
        return self.envelope.get("data") or {}

    @property
    def error(self):
        return self.envelope.get("error") or {}

    def __str__(self):
        return "exit %s: %s%s" % (self.code, self.out[-1500:], self.err[-1500:])


def children_of(pid):
    with contextlib.suppress(OSError), open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
        return file.read().split()
    return []


class Host:
    """A state folder, settings and a daemon. Use it with `with`."""

    def __init__(self, settings=None, parent=None, policy=None):
        self.folder = tempfile.mkdtemp(prefix="belay-", dir=parent or "/tmp")
        self.config = os.path.join(self.folder, "belay.yaml")
        self.socket = os.path.join(self.folder, "s")
        self.state = os.path.join(self.folder, "state")
        self.log_path = os.path.join(self.folder, "daemon.log")
        self.daemon = None
        self.spawned = []
        self.prefixed = False
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": self.folder, "LANG": "C.UTF-8",
            "XDG_CONFIG_HOME": self.folder + "/config", "XDG_STATE_HOME": self.folder + "/xdg-state",
            "XDG_RUNTIME_DIR": self.folder + "/run"}
        self.write_settings(settings or {})
        if policy is not None:
            self.write("policy.yaml", policy)
        self._client = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text if isinstance(text, str) else json.dumps(text, indent=1))
        return path

    def gate(self, name="go"):
        """Words for a script: it goes on once the test has written this file, or is over."""
        return "until [ -e %s/%s ] || [ ! -e %s ]; do sleep 0.02; done" % (self.folder, name, self.folder)

    def write_settings(self, settings):
        settings = json.loads(json.dumps(settings))
        settings.setdefault("state", {}).setdefault("folder", self.state)
        self.state = settings["state"]["folder"]
        settings.setdefault("api", {}).setdefault("socket", self.socket)
        # JSON is YAML.
        self.write("belay.yaml", settings)

    def init(self):
        answer = self.cli("init")
        if answer.code != 0:
            raise RuntimeError("belay init: %s" % answer)
        return answer

    def command(self, *words, json_out=True):
        return [BINARY, "--user", "--config", self.config, *words] + (["--json"] if json_out else [])

    def cli(self, *words, json_out=True, stdin="", timeout=60, environment=None):
        done = subprocess.run(self.command(*words, json_out=json_out), input=stdin, capture_output=True, text=True,
                              timeout=timeout, env=environment or self.environment, cwd=self.folder,
                              errors="replace", check=False)
        return Answer(done.returncode, done.stdout, done.stderr)

    def spawn(self, *words, json_out=False, **options):
        """One that still runs when the host is closed is ended then."""
        self.spawned.append(subprocess.Popen(self.command(*words, json_out=json_out), env=self.environment, cwd=self.folder,
                                             **options))
        return self.spawned[-1]

    def start(self, wait=20.0, environment=None, prefix=(), **options):
        """Starts the daemon, by the command `prefix` if there is one, and waits until it answers; seconds that took."""
        begun = time.monotonic()
        self.prefixed = bool(prefix)
        with open(self.log_path, "ab") as log:
            self.daemon = subprocess.Popen([*prefix, *self.command("daemon", json_out=False)], stdin=subprocess.DEVNULL,
                                           stdout=log, stderr=log, cwd=self.folder,
                                           env=environment or self.environment, **options)
        while True:
            if self.daemon.poll() is not None:
                raise RuntimeError("the daemon ended with %s:\n%s" % (self.daemon.returncode, self.log()[-2000:]))
            with contextlib.suppress(OSError):
                probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                try:
                    probe.connect(self.socket)
                    break
                finally:
                    probe.close()
            if time.monotonic() - begun > wait:
                self.kill()
                raise RuntimeError("the daemon is not ready after %s s:\n%s" % (wait, self.log()[-2000:]))
            time.sleep(0.002)
        return time.monotonic() - begun

    def restart_with(self, change):
        """Kills the daemon, changes its settings by `change`, and starts it again."""
        with open(self.config, encoding="utf-8") as file:
            settings = json.load(file)
        change(settings)
        self.kill()
        self.write_settings(settings)
        self.start()

    def log(self):
        with contextlib.suppress(OSError), open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()
        return ""

    def kill(self):
        """kill -9, and reaped."""
        if self._client:
            self._client.close()
            self._client = None
        if self.daemon is None:
            return
        # Behind a prefix the daemon itself is a child, which dies a moment later.
        behind = children_of(self.daemon.pid) if self.prefixed else []
        if self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait(30)
        self.daemon = None
        deadline = time.monotonic() + 30
        while any(os.path.exists("/proc/%s" % pid) for pid in behind) and time.monotonic() < deadline:
            time.sleep(0.002)

    def stop(self, seconds=40):
        """SIGTERM; the exit status."""
        if self._client:
            self._client.close()
            self._client = None
        if self.daemon is None:
            return None
        self.daemon.terminate()
        try:
            code = self.daemon.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self.daemon = None
        return code

    def close(self, keep=False):
        self.kill()
        for each in self.spawned:
            if each.poll() is None:
                each.kill()
                each.wait(30)
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def client(self, timeout=60):
        return Client(self.socket, timeout)

    @property
    def api(self):
        if self._client is None:
            self._client = self.client()
        return self._client

    def get(self, target):
        return self.api.get(target)

    def post(self, target, body=None, headers=None):
        return self.api.post(target, body, headers)

    def start_run(self, flow, given=None, client=None):
        """`flow` is a slug (its draft runs), or a flow as an object or text. The run's id."""
        body = {"input": given or {}}
        if isinstance(flow, dict):
            body.update(content=json.dumps(flow), file="test.flow.json")
        elif "\n" in flow:
            body.update(content=flow, file="test.flow.yaml")
        else:
            body.update(flow=flow, draft=True)
        answer = (client or self.api).post("/v1/runs", body)
        return answer["run"]["id"] if isinstance(answer.get("run"), dict) else answer["run"]

    def show(self, run):
        return self.get("/v1/runs/%s?outputs=full" % run)

    def wait_run(self, run, statuses=("succeeded", "failed", "stopped", "cancelled"), seconds=60):
        """What `run show` says once the run has one of `statuses`."""
        end = time.monotonic() + seconds
        while True:
            shown = self.show(run)
            if shown["run"]["status"] in statuses:
                return shown
            if time.monotonic() > end:
                raise AssertionError("run %s is %s after %s s: %s" %
                                     (run, shown["run"]["status"], seconds, json.dumps(shown)[:1500]))
            time.sleep(0.02)

    def run(self, flow, given=None, seconds=60):
        return self.wait_run(self.start_run(flow, given), seconds=seconds)

    def waits(self, run=None, kind=None):
        query = {name: value for name, value in (("run", run), ("kind", kind)) if value}
        return self.get("/v1/waits?" + urllib.parse.urlencode({**query, "limit": 1000}))["waits"]

    def open_wait(self, run, seconds=60):
        """The one open wait of a run, once there is one."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.waits(run)
            if found:
                return found[0]
            time.sleep(0.02)
        raise AssertionError("run %s opened no wait: %s" % (run, json.dumps(self.show(run))[:1500]))


def started(settings=None, **options):
    """A host of its own whose daemon runs."""
    host = Host(settings, **options)
    host.init()
    host.start()
    return host


def step_of(shown, name, visit=1):
    for step in shown["steps"]:
        if step["step"] == name and step["visit"] == visit:
            return step
    raise AssertionError("no visit %s of step %s in %s" % (visit, name, json.dumps(shown)[:1500]))


def processes_of_run(run):
    """Those of the machine that have its environment."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open("/proc/%s/environ" % pid, "rb") as file:
            if b"BELAY_RUN_ID=" + run.encode() in file.read():
                found.append(pid)
    return found


def eventually(check, seconds=30, what="it"):
    """Calls `check` until it gives something true; that."""
    end = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError("%s did not come true in %s s" % (what, seconds))
        time.sleep(0.02)
