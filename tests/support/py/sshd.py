"""A real OpenSSH server of its own on a free port of loopback, its keys, and a relay in front of it that breaks things."""

import contextlib
import grp
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import threading
import time

import ports

SSHD = "/usr/sbin/sshd"


def gives_terminals():
    """Whether a server of this user can give terminals: it has to own them as login would have it."""
    if os.getuid() == 0:
        return True
    ours, theirs = os.openpty()
    try:
        return os.fstat(theirs).st_gid == grp.getgrnam("tty").gr_gid
    finally:
        os.close(ours)
        os.close(theirs)


def make_key(path, kind="ed25519", passphrase=""):
    """(private key, public key line) of a new key file."""
    bits = {"rsa": ["-b", "3072"], "ecdsa": ["-b", "256"]}.get(kind, [])
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *bits, "-N", passphrase, "-C", "test", "-f", path], check=True)
    with open(path, encoding="utf-8") as private, open(path + ".pub", encoding="utf-8") as public:
        return private.read(), public.read().strip()


def descendants(pid):
    """Of a process that we started: its children, and theirs; each before its own."""
    out = []
    with contextlib.suppress(OSError), open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
        for child in file.read().split():
            out += [int(child), *descendants(int(child))]
    return out


class Sshd:
    """The server. Whoever owns one of `keys` (public lines) is accepted as the user of this process."""

    def __init__(self, folder, keys=(), host_kinds=("ed25519",), options=()):
        self.folder, self.port = folder, ports.free_port()
        self.user = pwd.getpwuid(os.getuid()).pw_name
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.host_keys = []
        for kind in host_kinds:
            path = "%s/host_%s" % (folder, kind)
            if not os.path.exists(path):
                make_key(path, kind)
            with open(path + ".pub", encoding="utf-8") as file:
                self.host_keys.append(" ".join(file.read().split()[:2]))
        self.authorized = folder + "/authorized"
        self.allow(*keys)
        lines = ["Port %d" % self.port, "ListenAddress 127.0.0.1", "PidFile none", "UsePAM no", "StrictModes no",
                 "AuthorizedKeysFile " + self.authorized, "PasswordAuthentication no",
                 "KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password", "PrintMotd no",
                 "MaxStartups 100", "LogLevel VERBOSE",
                 # So that bash does not take it for a login, and read what the user of the test has in his home.
                 "SetEnv SHLVL=1", "Subsystem sftp internal-sftp", *options]
        lines += ["HostKey %s/host_%s" % (folder, kind) for kind in host_kinds]
        with open(folder + "/sshd_config", "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        self.process = None
        self.start()

    def allow(self, *keys):
        with open(self.authorized, "w", encoding="utf-8") as file:
            file.write("".join(key + "\n" for key in keys))
        os.chmod(self.authorized, 0o600)

    def start(self):
        with open(self.folder + "/sshd.log", "ab") as log:
            self.process = subprocess.Popen([SSHD, "-D", "-e", "-f", self.folder + "/sshd_config"],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + 20
        while True:
            if self.process.poll() is not None:
                raise RuntimeError("sshd ended: " + self.log())
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if time.monotonic() > end:
                raise RuntimeError("sshd does not listen: " + self.log())
            time.sleep(0.02)

    def log(self):
        with open(self.folder + "/sshd.log", encoding="utf-8", errors="replace") as file:
            return file.read()[-4000:]

    def connection(self, **more):
        return {"type": "ssh", "host": "127.0.0.1", "port": self.port, "user": self.user,
                "key": {"secret": "SSH_KEY"}, "host_keys": self.host_keys, **more}

    def stop(self):
        """Ends the server and whom it serves: all of its own session."""
        if self.process is None:
            return
        # Who serves a connection has a session of its own. The command last: its server would tell how it ended.
        for pid in [self.process.pid, *descendants(self.process.pid)]:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(20)
        self.process = None

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Fault:
    """A relay on a port of its own that passes bytes on to `target` until `after` bytes have come back, and then does `what`:
    reset, stall, half_close (no more from the server), drip (one byte each `pause`), or None."""

    def __init__(self, target, what=None, after=0, pause=0.05):
        self.target, self.what, self.after, self.pause = target, what, after, pause
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = []
        self.closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.closed:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                return
            self.sockets += [near, far]
            threading.Thread(target=self._pass, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, True), daemon=True).start()

    def _pass(self, source, sink, back):
        count = 0
        with contextlib.suppress(OSError, ValueError):
            while True:
                # Nobody may stand in a recv when the socket is closed: it would keep it open.
                while not select.select([source], [], [], 0.1)[0]:
                    pass
                data = source.recv(65536)
                if not data:
                    break
                count += len(data)
                if back and self.what and count > self.after:
                    sink.sendall(data[:max(0, len(data) - (count - self.after))])
                    if not self._break(source, sink, data[max(0, len(data) - (count - self.after)):]):
                        return
                    continue
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _break(self, source, sink, rest):
        if self.what == "drip":
            for byte in rest:
                if self.closed:
                    return False
                sink.sendall(bytes([byte]))
                time.sleep(self.pause)
            return True
        if self.what == "reset":
            for each in (sink, source):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                each.close()
        elif self.what == "half_close":
            sink.shutdown(socket.SHUT_WR)
        while self.what == "stall" and not self.closed:
            time.sleep(0.05)
        return False

    def close(self):
        self.closed = True
        # Or the port listens on for as long as the thread stands in its accept.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        for each in [self.listener, *self.sockets]:
            with contextlib.suppress(OSError):
                each.close()
