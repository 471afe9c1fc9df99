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
sys.path.insert(0, os.path.join(ROOT, "tests", "chaos"))
import relay as relays  # noqa: E402
from chaos_proxy import ChaosProxy  # noqa: E402

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
            begun = cpu(load.process)
            relay.kill()
            relay.start()
            name = "relay.storm." + ("tickets" if tickets else "full")
            bench.at_most(name, load.end()["back_s"], "s", most)
            # The hosts of the storm share the two processors with the relay.
            bench.tell(name + ".cpu", cpu(relay.process) / hosts * 1000, "ms/host")
            bench.tell(name + ".load_cpu", (cpu(load.process) - begun) / hosts * 1000, "ms/host")


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
        # No message is given out before its commit: this cannot be below 1.
        bench.tell("relay.delivery.ratio", middle["p50_ms"] / disk, "of a commit")
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


def p99_beside(load, hosts, clients, count=5_000, ramp=66, seconds=110):
    """The 99th percentile of deliveries, in ms, while there are slow clients. They come over as long a time as the relay
    bears them, so that as many are cut and come again at any moment as in the long run."""
    clients.begin("slow", count, seconds, ramp)
    time.sleep(ramp + 6)
    found = sorted(load("send", 1000, 100, hosts)["p99_ms"] for _ in range(3))[1]
    done = clients.end()
    if done["sent"] < 0.9 * count * (seconds - ramp / 2):
        raise RuntimeError("the slow clients were too slow: %d bytes" % done["sent"])
    if done["ended"] < count / 4:
        raise RuntimeError("only %d of the slow clients were cut" % done["ended"])
    return found


def relay_slow_clients(bench):
    """Half of them in a handshake that does not end, half in a request that does not. Who is cut comes again, with a
    handshake of which both ends compute on the processors that the others need: what of their delay is the relay's own
    is told by the same clients at another relay beside it."""
    hosts = 500
    with loaded(hosts) as (relay, load), relays.Relay(OPEN) as other, Load(relay) as near, Load(other) as far:
        other.start()
        load("link", hosts, 3)
        load("send", 500, 100, hosts)
        alone = sorted(load("send", 1000, 100, hosts)["p99_ms"] for _ in range(3))[1]
        elsewhere = p99_beside(load, hosts, far)
        beside = p99_beside(load, hosts, near)
        bench.tell("relay.slow.p99_alone", alone, "ms")
        bench.tell("relay.slow.p99_elsewhere", elsewhere, "ms")
        bench.tell("relay.slow.p99_beside", beside, "ms")
        bench.tell("relay.slow.ratio_elsewhere", beside / elsewhere, "times")
        bench.at_most("relay.slow.ratio", beside / alone, "times", 2)
        bench.tell("relay.slow.resident", status_of(relay.process, "VmHWM"), "MiB")


@contextlib.contextmanager
def idle_link(bench, relay, url):
    """A host that is linked and has told what it has to tell."""
    relay.rename(url)
    relay.start()
    with bench.belay.started({"link": {"ca_file": relay.ca}}, parent=bench.FOLDER) as host:
        done = host.cli("link", "enrol", relay.url, "--token", relay.token())
        if done.code != 0:
            raise RuntimeError(str(done))
        yield host


def link_idle(bench):
    """What a link costs a host that has nothing to do: to its relay, and through a proxy that cuts after 30 s."""
    with bench.belay.started({}, parent=bench.FOLDER) as host:
        time.sleep(8)
        alone = memory(host.daemon)
    with contextlib.ExitStack() as stack:
        near, far = (stack.enter_context(relays.Relay()) for _ in range(2))
        proxy = stack.enter_context(
            ChaosProxy(far.authority.context("DNS:localhost"), ("127.0.0.1", far.port), 1, 0, 30))
        host = stack.enter_context(idle_link(bench, near, near.url))
        stack.enter_context(idle_link(bench, far, "https://localhost:%d" % proxy.port))
        token = near.token("metrics")
        time.sleep(5)
        before = near.metric("requests_total", token)
        # By then the host has met the proxy's scissors, and asks for less.
        time.sleep(40)
        begun, cuts = sum(proxy.seen.values()), proxy.seen["cut"]
        time.sleep(90)
        bench.at_most("link.idle.requests", (near.metric("requests_total", token) - before - 1) / (130 / 60),
                      "a minute", 2)
        bench.at_most("link.idle.resident", (memory(host.daemon) - alone) / 1024, "MiB", 1)
        time.sleep(90)
        # A cut counts with the request that it ends.
        asked = sum(proxy.seen.values()) - begun - (proxy.seen["cut"] - cuts)
        bench.at_most("link.idle.requests_proxy", asked / (180 / 60), "a minute", 3)


PARTS = (relay_alone, relay_parked, relay_delivery, relay_mailbox, relay_slow_clients, link_idle)
