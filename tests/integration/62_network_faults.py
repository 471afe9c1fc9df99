"""Every family that talks to others, under every fault of the network in the middle of its work: a clear code and class, in time,
and memory that stays bounded, of the daemon and of each tool. One host, all cases at once; the faults before a server has
answered are in the files of the families."""

import contextlib
import glob
import json
import os
import re
import socket
import time

import belay
import check
import mta
import pgserver
import sshd
from rawserver import RawServer, openai

MIB = 1 << 20
GROWTH = 64 * MIB  # Of the daemon while all of it goes on; and the whole of each tool.
HUGE = 10 << 30
TIMEOUT = "10s"  # Of what ends by it alone. What is to break has a minute to get there: some thirty tools start at once.

BROKEN = ("BLY-CONNECT", "connection")
LATE = ("BLY-STEP-TIMEOUT", "timeout")
LATE_MAIL = ("BLY-CONNECT", "timeout")  # The tool notices first that its time is over.
TOO_LARGE = ("BLY-HTTP-BODY-TOO-LARGE", "other")
DONE = (None, None)  # It is cut to its bound, and says so.
FAULTS = {"reset": BROKEN, "half_close": BROKEN, "stall": LATE, "drip": LATE}


def hwm(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024


class Endless:
    """An HTTP server whose answers have 10 GB, as fast as they are taken."""

    def __init__(self):
        self.sent = 0
        self.server = RawServer(self.answer)

    def answer(self, asked, peer):
        if asked.path == "/sized":
            peer.head(200, "application/octet-stream", "Content-Length: %d" % HUGE)
            piece = bytes(MIB)
        elif "completions" in asked.path:
            peer.head(200, "text/event-stream", "Transfer-Encoding: chunked")
            event = openai("x" * 3000)[0].encode()
            piece = (b"%x\r\n" % len(event) + event + b"\r\n") * 300
        else:
            peer.head(200, "application/octet-stream", "Transfer-Encoding: chunked")
            piece = b"100000\r\n" + bytes(MIB) + b"\r\n"
        with contextlib.suppress(OSError):
            for _ in range(HUGE // len(piece)):
                peer.send(piece)
                self.sent += len(piece)


def answer_whole(asked, peer):
    """An http answer, a stream of a model, a chat's word: each long enough to be broken in the middle."""
    if "completions" in asked.path:
        return peer.stream(openai("It is 42. " * 3000))
    return peer.whole(200, {"text": "x" * 50000})


def said_before_the_mail(port):
    """How many bytes the mail server says before it is given the mail: a fault then is one in the middle."""
    count = 0
    with socket.create_connection(("127.0.0.1", port), 10) as peer:
        file = peer.makefile("rb")
        for line in (None, b"EHLO x", b"MAIL FROM:<a@example.test> SIZE=100", b"RCPT TO:<ada@example.test>"):
            if line:
                peer.sendall(line + b"\r\n")
            while True:
                answer = file.readline()
                count += len(answer)
                if answer[3:4] != b"-":
                    break
    return count


class World:
    """The real servers, and the families as (connection behind a port, step)."""

    def __init__(self, folder):
        self.folder = folder
        self.web = RawServer(answer_whole)
        self.key, public = sshd.make_key(folder + "/client")
        self.sshd = sshd.Sshd(folder + "/sshd", [public])
        self.mta = mta.Mta(folder + "/mta", starttls=False, needs_login=False)
        self.postgres = pgserver.Server(folder + "/pg")
        mail = said_before_the_mail(self.mta.plain)
        #           port of the server, bytes before the fault
        self.at = {"http": (self.web.port, 3000), "llm": (self.web.port, 3000), "chat": (self.web.port, 20),
                   "ssh": (self.sshd.port, 50000), "smtp": (self.mta.plain, mail + 10), "postgres": (self.postgres.port, 20000)}

    def connection(self, family, port, host=None):
        if family == "ssh":
            return {**self.sshd.connection(), "port": port, "host": host or "127.0.0.1"}
        if family == "smtp":
            return {"type": "smtp", "host": host or "localhost", "port": port, "tls": "none", "from": "a@example.test"}
        if family == "postgres":
            return {"type": "plugin", "plugin": "postgres",
                    "with": {**self.postgres.connection(), "port": port, "host": host or "localhost"}}
        url = "http://%s:%d" % (host or "127.0.0.1", port)
        return {"http": {"type": "http", "base_url": url}, "chat": {"type": "chat", "url": url + "/hook"},
                "llm": {"type": "llm", "api": "openai", "base_url": url + "/v1"}}[family]

    def step(self, family):
        return {"http": {"http": {"url": "/whole"}},
                "llm": {"llm": {"model": "stub-1", "prompt": "x"}},
                "chat": {"notify": {"text": "x"}},
                "ssh": {"ssh": {"script": "yes | head -c 2000000"}},
                "smtp": {"notify": {"to": "ada@example.test", "title": "x", "text": "y" * 100}},
                "postgres": {"plugin": {"use": "postgres", "with": {
                    "sql": "select repeat('x', 1000) from generate_series(1, 400)", "read_only": True}}}}[family]

    def close(self):
        self.web.__exit__()
        for server in (self.sshd, self.mta, self.postgres):
            server.stop()


TYPES = {"postgres": "plugin"}


def flow(name, family, step, timeout="60s"):
    (kind, spec), = step.items()
    return {"slug": name, "requires": [{"name": name, "type": TYPES.get(family, family)}],
            "steps": [{"id": "it", kind: {**spec, "connection": name}, "timeout": timeout, "effect": "idempotent",
                       "retry": {"max_attempts": 1}}]}


def cases(world, endless):
    """name: (family, connection, step, code and class, relay)"""
    out = {}
    for family, (port, after) in world.at.items():
        for fault, wanted in FAULTS.items():
            relay = sshd.Fault(port, fault, after, pause=0.3)
            out["%s-%s" % (family, fault)] = (family, world.connection(family, relay.port), world.step(family), wanted, relay)
        out[family + "-dns"] = (family, world.connection(family, 9, "no-such-host.invalid"), world.step(family), BROKEN, None)
    # What has no end, or ten gigabytes, as fast as it is taken.
    much = endless.server.port
    for name, family, step, wanted in (
            ("http-sized", "http", {"http": {"url": "/sized"}}, TOO_LARGE),
            ("http-chunked", "http", {"http": {"url": "/chunked"}}, TOO_LARGE),
            ("http-kept", "http", {"http": {"url": "/chunked", "response_as": "resource"}}, TOO_LARGE),
            ("llm-huge", "llm", world.step("llm"), TOO_LARGE),
            ("chat-huge", "chat", world.step("chat"), TOO_LARGE),
            ("ssh-huge", "ssh", {"ssh": {"command": ["yes"], "max_output": "1 MiB"}}, LATE),
            ("postgres-huge", "postgres", {"plugin": {"use": "postgres", "with": {
                "sql": "select repeat('x', 1000) from generate_series(1, 10000000)", "read_only": True}}}, DONE)):
        port = much if family in ("http", "llm", "chat") else world.at[family][0]
        out[name] = (family, world.connection(family, port), step, wanted, None)
    return out


def tools_of(host):
    """The peak of each job's largest process, by its record."""
    peaks = {}
    for path in glob.glob(host.state + "/jobs/*.record"):
        with contextlib.suppress(OSError, UnicodeDecodeError), open(path, encoding="utf-8") as file:
            for peak in re.findall(r'"resident_bytes_max":(\d+)', file.read()):
                peaks[os.path.basename(path)] = int(peak)
    return peaks


@check.bound(240)
def test_every_family_under_every_fault():
    with belay.Host() as host:
        os.chmod(host.folder, 0o755)
        world, endless = World(host.folder), Endless()
        table = cases(world, endless)
        try:
            os.makedirs(host.folder + "/plugins", mode=0o755)
            os.symlink(os.path.join(os.path.dirname(belay.BINARY), "belay-step-postgres"),
                       host.folder + "/plugins/belay-step-postgres")
            host.write_settings({
                "connections": {name: case[1] for name, case in table.items()},
                "http": {"workers": len(table), "response_max": "4 MiB", "resource_max": "64 MiB"},
                "jobs": {"plugin_folder": host.folder + "/plugins", "grace": "1s", "running_max": len(table)}})
            host.init()
            host.cli("secret", "set", "SSH_KEY", stdin=world.key, json_out=False)
            host.cli("secret", "set", "PG", stdin=pgserver.PASSWORD, json_out=False)
            host.start()
            # What is there once a first run has been made does not count as growth.
            host.run({"slug": "warm", "steps": [{"id": "it", "run": {"command": ["true"]}}]})
            before = hwm(host.daemon.pid)
            begun = time.monotonic()
            runs = {name: host.start_run(flow(name, case[0], case[2], TIMEOUT if case[3][1] == "timeout" else "60s")) for name, case in table.items()}
            shown = {name: host.wait_run(run, ("succeeded", "failed", "stopped", "cancelled"), 120) for name, run in runs.items()}
            took = time.monotonic() - begun
            wrong = []
            for name, case in table.items():
                step = belay.step_of(shown[name], "it")
                error = step.get("error") or {}
                got = (error.get("code"), error.get("class"))
                if got != case[3] and (case[0], case[3], got) != ("smtp", LATE, LATE_MAIL):
                    wrong.append("%s: wanted %s, got %s: %s" % (name, case[3], got, json.dumps(step)[:600]))
            assert not wrong, "\n".join(wrong)
            check.equal(True, took < 90, "%.1f s" % took)
            check.equal(True, hwm(host.daemon.pid) - before < GROWTH, "%d MiB" % ((hwm(host.daemon.pid) - before) // MIB))
            # Nothing took the ten gigabytes, and nothing of them is left.
            check.equal(True, endless.sent < 1 << 30, "%d MiB" % (endless.sent // MIB))
            left = sum(os.path.getsize(os.path.join(folder, name))
                       for folder, _, names in os.walk(host.state + "/resources") for name in names)
            check.equal(True, left < 20 * MIB, "%d MiB" % (left // MIB))
            peaks = tools_of(host)
            print("%d cases in %.1f s: the daemon grew by %d MiB, no tool took more than %d MiB" % (
                len(table), took, (hwm(host.daemon.pid) - before) // MIB, max(peaks.values(), default=0) // MIB))
            check.equal(True, len(peaks) > 10, str(peaks))
            check.equal({}, {path: peak for path, peak in peaks.items() if peak > GROWTH})
            # The host is as it was: the same steps without a fault.
            for family in ("http", "llm", "ssh", "smtp", "postgres"):
                host.cli("connection", "add", "well", "--replace", "-f", "-",
                         stdin=json.dumps(world.connection(family, world.at[family][0])))
                done = host.run(flow("well", family, world.step(family)))
                check.equal("succeeded", done["run"]["status"], json.dumps(done)[:2000])
        finally:
            for case in table.values():
                if case[4]:
                    case[4].close()
            endless.server.__exit__()
            world.close()


if __name__ == "__main__":
    check.main(globals())
