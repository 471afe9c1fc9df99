"""Runs `belay drive` as a job's supervisor would: with a task in a file, a result descriptor, and folders of its own."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

import belay

SUPPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
FAKE = os.path.abspath(os.path.join(SUPPORT, "fake_agent.py"))
ACP = os.path.abspath(os.path.join(SUPPORT, "acp_agent.py"))


class Drive:
    """One run of one agent. Members of the task are given by name; `play` is what the fake agent plays."""

    def __init__(self, adapter, play="", binary=FAKE, env=None, **members):
        self.folder = tempfile.mkdtemp(prefix="belay-drive-")
        self.cwd, self.raw = self.path("work tree"), self.path("raw")
        os.mkdir(self.cwd)
        os.mkdir(self.raw)
        self.task = {"adapter": adapter, "binary": binary, "prompt": "do it", "cwd": self.cwd, "raw_folder": self.raw,
                     "grace_ms": 2000, **members}
        self.env = {"PATH": "/usr/bin:/bin", "HOME": self.folder, "FAKE": play, "FAKE_LOG": self.path("given.json"),
                    "CANARY": "of the job", **(env or {})}
        self.process = self.result = None
        self.out = self.err = ""
        self.seconds = 0.0

    def path(self, name):
        return os.path.join(self.folder, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def begin(self):
        with open(self.path("task.json"), "w", encoding="utf-8") as file:
            json.dump(self.task, file)
        self.result_end, write_end = os.pipe()
        env = {**self.env, "BELAY_RESULT_FD": str(write_end)}
        self.begun = time.monotonic()
        self.process = subprocess.Popen([belay.BINARY, "drive", self.path("task.json")], env=env, cwd=self.folder,
                                        pass_fds=[write_end], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, start_new_session=True)
        os.close(write_end)
        return self

    def wait(self, seconds=50):
        """The result, or None when there is none."""
        self.out, self.err = (text.decode() for text in self.process.communicate(timeout=seconds))
        self.seconds = time.monotonic() - self.begun
        with os.fdopen(self.result_end, "rb") as file:
            text = file.read()
        self.result = json.loads(text) if text else None
        return self.result

    def run(self):
        return self.begin().wait()

    def say_stop(self):
        """As a supervisor ends a job: to the group of the driver."""
        os.killpg(self.process.pid, signal.SIGTERM)

    def wait_for(self, text, seconds=60):
        """Until `text` stands in the raw output of the agent."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if text in self.raw_file("stdout.log"):
                return
            time.sleep(0.02)
        raise AssertionError("%r did not come: %s" % (text, self.raw_file("stdout.log")[:500]))

    def raw_file(self, name):
        try:
            with open(os.path.join(self.raw, name), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def given(self):
        with open(self.path("given.json"), encoding="utf-8") as file:
            return json.load(file)
