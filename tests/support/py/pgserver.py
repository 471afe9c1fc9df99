"""A real PostgreSQL server of its own on a free port of loopback, with a password and TLS."""

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import time

import mta
import ports
import sshd

PASSWORD = "a 'quoted' \\ password"


class Server:
    def __init__(self, folder):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        if not found:
            raise RuntimeError("there is no initdb: the package postgresql is missing")
        self.folder, self.port, self.bin = folder, ports.free_port(), os.path.dirname(found[-1])
        os.makedirs(folder, mode=0o755, exist_ok=True)
        mta.make_certificate(folder)
        with open(folder + "/password", "w", encoding="utf-8") as file:
            file.write(PASSWORD + "\n")
        # It refuses to run as root.
        self.user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
        if self.user:
            entry = pwd.getpwnam("postgres")
            for each in (folder, folder + "/key.pem", folder + "/cert.pem", folder + "/password"):
                os.chown(each, entry.pw_uid, entry.pw_gid)
        os.chmod(folder + "/key.pem", 0o600)
        self.run("initdb", "-D", folder + "/data", "-A", "scram-sha-256", "-U", "belay", "--pwfile", folder + "/password",
                 "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        self.process = None
        self.start()

    def run(self, program, *words):
        done = subprocess.run([self.bin + "/" + program, *words], capture_output=True, text=True, timeout=60, check=False,
                              cwd="/", **self.user)
        if done.returncode != 0:
            raise RuntimeError("%s: %s%s" % (program, done.stdout[-1000:], done.stderr[-1000:]))

    def start(self):
        out = os.open(self.folder + "/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.process = subprocess.Popen(
            [self.bin + "/postgres", "-D", self.folder + "/data", "-p", str(self.port), "-k", self.folder,
             "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "ssl=on", "-c", "ssl_cert_file=%s/cert.pem" % self.folder,
             "-c", "ssl_key_file=%s/key.pem" % self.folder, "-c", "log_statement=all"],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd="/", **self.user)
        os.close(out)
        end = time.monotonic() + 30
        while True:
            ready = subprocess.run([self.bin + "/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False)
            if ready.returncode == 0:
                return
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("postgres does not answer: " + self.log())
            time.sleep(0.05)

    def log(self):
        with open(self.folder + "/log", encoding="utf-8", errors="replace") as file:
            return file.read()[-20000:]

    def connection(self, **more):
        return {"host": "localhost", "port": self.port, "database": "postgres", "user": "belay",
                "password": {"secret": "PG"}, "ca_file": self.folder + "/ca.pem", **more}

    def stop(self, how=signal.SIGINT):
        """SIGINT: a fast shutdown, which breaks connections."""
        with contextlib.suppress(OSError):
            self.process.send_signal(how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
