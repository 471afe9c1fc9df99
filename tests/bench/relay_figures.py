"""The figures of belay-relay and of the link: a relay with real TLS and a real store, and relay_load with its hosts."""

import contextlib
import json
import os
import resource
import subprocess
import sys
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "support", "py"))
import relay as relays  # noqa: E402

BUILD = os.environ.get("BELAY_BUILD", os.path.join(ROOT, "build"))
LOAD = os.path.join(BUILD, "tests", "relay_load")
# Nobody is slowed down, and polls end by themselves as seldom as can be.
OPEN = {"rates": dict.fromkeys(("public", "enrol", "session", "host", "release"), 1_000_000),
        "limits": {"messages_per_host": 2_000_000, "bytes_per_host": "4 GiB", "poll": "5m"}}


class Load:
    """relay_load beside a relay that is down yet."""

    def __init__(self, relay):
        self.process = subprocess.Popen([LOAD, os.path.join(relay.folder, "state", "relay.db"), relay.ca,
                                         str(relay.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def begin(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def end(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("relay_load has ended")
        return json.loads(line)

    def __call__(self, *words):
        self.begin(*words)
        return self.end()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def loaded(hosts, settings=None):
    """A relay that runs, and hosts that it knows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with relays.Relay({**OPEN, **(settings or {})}) as relay, Load(relay) as load:
            load("hosts", hosts)
            relay.start()
            yield relay, load
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def memory(process, name="VmRSS"):
    with open("/proc/%d/status" % process.pid, encoding="ascii") as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    raise KeyError(name)


def cpu(process):
    with open("/proc/%d/stat" % process.pid, encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def status_of(process, name):
    return memory(process, name) / 1024


def relay_alone(bench):
    bench.at_most("relay.size", os.path.getsize(relays.BINARY) / 1e6, "MB", 10)
    with loaded(1) as (relay, _):
        relay.request("GET", "/healthz")
        time.sleep(1)
        bench.at_most("relay.resident.idle", status_of(relay.process, "VmRSS"), "MiB", 8)


def relay_parked(bench):
    """Ten thousand parked hosts; the relay is killed under them, and they come back without and with tickets."""
    hosts = 10_000
    with loaded(hosts) as (relay, load):
        before = memory(relay.process)
        load("link", hosts, 30)
        bench.at_most("relay.parked.resident", (memory(relay.process) - before) / hosts, "KiB/host", 12)
        for tickets, most in ((0, 45), (1, 20)):
            if tickets:
                load("unlink")
                load("tickets", 1)
                load("link", hosts, 30)
            load.begin("storm", hosts, 100)
            time.sleep(1)
            relay.kill()
            relay.start()
            name = "relay.storm." + ("tickets" if tickets else "full")
            bench.at_most(name, load.end()["back_s"], "s", most)
            bench.tell(name + ".cpu", cpu(relay.process) / hosts * 1000, "ms/host")


def relay_delivery(bench):
    """Webhooks to a thousand parked hosts, and beside it what the disk needs for a commit alone."""
    hosts = 1_000
    with loaded(hosts) as (relay, load):
        load("link", hosts, 5)
        load("send", 500, 100, hosts)
        ours, disk = [], []
        for _ in range(3):
            disk.append(1000 / bench.raw(1))
            ours.append(load("send", 1000, 100, hosts))
        middle = sorted(ours, key=lambda each: each["p50_ms"])[1]
        disk = sorted(disk)[1]
        bench.tell("relay.delivery.commit", disk, "ms")
        bench.at_most("relay.delivery.p50", middle["p50_ms"], "ms", 1)
        bench.at_most("relay.delivery.p99", middle["p99_ms"], "ms", 10)


def relay_mailbox(bench):
    """A million messages for one host that is away, and their way to it."""
    count = 1_000_000
    with loaded(1) as (relay, load):
        limit = bench.raw(64)
        rate = count / load("fill", 0, count, 8, 30)["seconds"]
        bench.at_least("relay.mailbox.insert", rate, "messages/s", 10_000)
        bench.tell("relay.mailbox.insert.ratio", rate / ((limit + bench.raw(64)) / 2), "of SQLite")
        bench.at_most("relay.mailbox.drain", load("drain", 0, count)["seconds"] - 1, "s", 180)
        bench.at_most("relay.mailbox.resident", status_of(relay.process, "VmHWM"), "MiB", 128)


def relay_slow_clients(bench):
    """Half of them in a handshake that does not end, half in a request that does not."""
    hosts = 500
    with loaded(hosts) as (relay, load), Load(relay) as slow:
        load("link", hosts, 3)
        load("send", 500, 100, hosts)
        alone = sorted(load("send", 1000, 100, hosts)["p99_ms"] for _ in range(3))[1]
        slow.begin("slow", 5_000, 45)
        time.sleep(8)
        beside = sorted(load("send", 1000, 100, hosts)["p99_ms"] for _ in range(3))[1]
        bench.tell("relay.slow.p99_alone", alone, "ms")
        bench.tell("relay.slow.p99_beside", beside, "ms")
        bench.at_most("relay.slow.ratio", beside / alone, "times", 2)
        bench.tell("relay.slow.resident", status_of(relay.process, "VmHWM"), "MiB")
        slow.end()


def link_idle(bench):
    """What a link costs a host that has nothing to do."""
    resident, requests = {}, 0
    with relays.Relay() as relay:
        relay.start()
        for linked in (False, True):
            with bench.belay.started({"link": {"ca_file": relay.ca}}, parent=bench.FOLDER) as host:
                if linked:
                    done = host.cli("link", "enrol", relay.url, "--token", relay.token())
                    if done.code != 0:
                        raise RuntimeError(str(done))
                    token = relay.token("metrics")
                time.sleep(3)
                if linked:
                    before = relay.metric("requests_total", token)
                    time.sleep(125)
                    requests = relay.metric("requests_total", token) - before - 1
                else:
                    time.sleep(5)
                resident[linked] = memory(host.daemon)
    bench.at_most("link.idle.requests", requests / (125 / 60), "a minute", 2)
    bench.at_most("link.idle.resident", (resident[True] - resident[False]) / 1024, "MiB", 1)


PARTS = (relay_alone, relay_parked, relay_delivery, relay_mailbox, relay_slow_clients, link_idle)
