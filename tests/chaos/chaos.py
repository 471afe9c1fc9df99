"""The real host and the real relay, a network of faults between them, kill -9 of each in turn, and webhooks and
callbacks all the while: nothing that was stored is lost, and nothing happens twice."""

import hashlib
import hmac
import importlib
import os
import ssl
import threading
import time

import belay
import check
import relay as relays
from chaos_proxy import ChaosProxy

links = importlib.import_module("31_link")
NIGHTLY = os.environ.get("CHAOS_MODE") == "nightly"
KILLS = int(os.environ.get("CHAOS_KILLS", "1000" if NIGHTLY else "12"))
# Seconds after which the proxy that cuts does so.
CUT = 30 if NIGHTLY else 14
SEED = int(os.environ.get("CHAOS_SEED", "0")) or int.from_bytes(os.urandom(4), "big")
FLOW = ("slug: ci\ntriggers:\n  - webhook: push\n    auth: {type: hmac-sha256, secret: k}\n    dedupe_for: 0s\n"
        "steps:\n  - id: note\n    set: {n: '${{ input.n }}'}\nstate: {n: none}\noutput: '${{ state }}'\n")


class Load:
    """Webhooks, each sent once, and callbacks, each until it is stored; by those who know a URL."""

    def __init__(self, relay, host, path):
        self.relay, self.host, self.path = relay, host, path
        self.stop, self.stored, self.waits, self.sent = threading.Event(), [], {}, 0
        self.failure = None

    def hooks(self):
        while not self.stop.is_set():
            body = b'{"n":%d}' % self.sent
            self.sent += 1
            signature = "sha256=" + hmac.new(b"key", body, hashlib.sha256).hexdigest()
            try:
                status, envelope = self.relay.request("POST", self.path, body, {"X-Hub-Signature-256": signature})
            except (OSError, ssl.SSLError, belay.http.client.HTTPException, ValueError):
                time.sleep(0.02)
                continue
            if status != 202:
                self.failure = "%s %s" % (status, envelope)
                return
            self.stored.append(self.sent - 1)
            time.sleep(0.02)

    def check(self, patience=60):
        """All that was stored has happened, once. A host that is behind may take its time, as long as it goes on."""
        found = {}

        def look():
            fresh = [run["id"] for run in all_runs(self.host) if run["id"] not in found]
            for run in fresh:
                found[run] = self.host.get("/v1/runs/%s?outputs=full" % run)["run"]["input"]["n"]
            return fresh

        end = time.monotonic() + patience
        while time.monotonic() < end:
            if look():
                end = time.monotonic() + patience
            missing = set(self.stored) - set(found.values())
            if not missing:
                break
            time.sleep(0.5)
        if missing:
            raise AssertionError("lost: %d of %d that were stored, the first is %d" % (
                len(missing), len(self.stored), min(missing)))
        time.sleep(1)
        look()
        numbers = sorted(found.values())
        check.equal(sorted(set(numbers)), numbers, "doubled")


def all_runs(host):
    out, before = [], ""
    while True:
        page = host.get("/v1/runs?flow=ci&limit=1000" + before)
        out += page["runs"]
        if not page.get("next_before"):
            return out
        before = "&before=" + page["next_before"]


def prepared(host, relay):
    links.ok(host.cli("secret", "set", "k", stdin="key"))
    links.ok(host.cli("flow", "push", host.write("ci.flow.yaml", FLOW)))
    links.ok(host.cli("flow", "release", "ci"))
    links.ok(host.cli("flow", "promote", "ci"))
    for _ in range(20):
        answer = host.cli("link", "enrol", relay.url, "--token", relay.token(), "--label", "chaos")
        if answer.code == 0:
            break
    links.ok(answer)
    links.connected(host, 60)
    links.told(host, 60)
    return "/h/%s/ci.push" % links.state(host)[1]["host"]


def chaos(kills, rate, cut, seed):
    with relays.Relay({**links.FAST, "limits": {"poll": "5s"}}) as relay:
        with ChaosProxy(relay.authority.context("DNS:localhost"), ("127.0.0.1", relay.port), seed, 0, cut) as proxy:
            relay.rename("https://localhost:%d" % proxy.port)
            relay.start()
            with belay.started(links.settings(relay, poll="5s")) as host:
                load = Load(relay, host, prepared(host, relay))
                proxy.rate = rate
                thread = threading.Thread(target=load.hooks)
                thread.start()
                answered = 0
                for turn in range(kills):
                    run = host.start_run(links.calling(host.folder), {"n": turn})
                    words = links.handed_out(host, turn)
                    load.waits[run] = (turn, words)
                    time.sleep(proxy.random.uniform(0.1, 1.2))
                    if turn % 2:
                        host.kill()
                        host.start()
                    else:
                        relay.kill()
                        relay.start()
                proxy.rate = 0
                load.stop.set()
                thread.join(30)
                check.equal(None, load.failure)
                links.connected(host, 120)
                links.told(host, 60)
                for run, (turn, words) in load.waits.items():
                    links.deliver_callback(relay, *words, b'{"n":%d}' % turn, seconds=60)
                    check.equal({"n": turn}, host.wait_run(run, seconds=60)["run"]["output"]["body"])
                    answered += 1
                load.check()
                print("%d kills, %d webhooks stored, %d callbacks; %s" % (
                    kills, len(load.stored), answered, ", ".join("%s %d" % each for each in proxy.seen.items() if each[1])))
                if len(load.stored) < kills:
                    raise AssertionError("only %d were stored" % len(load.stored))


@check.bound(7200 if NIGHTLY else 240)
def test_nothing_is_lost_and_nothing_doubled_over_kills_and_faults():
    print("CHAOS_SEED=%d" % SEED)
    chaos(KILLS, 0.3, None, SEED)


@check.bound(240)
def test_a_proxy_that_buffers_strips_and_cuts():
    """Polls last longer than it lets anything last: the host finds a length that passes."""
    with relays.Relay(links.FAST) as relay:
        with ChaosProxy(relay.authority.context("DNS:localhost"), ("127.0.0.1", relay.port), SEED, 0, CUT) as proxy:
            relay.rename("https://localhost:%d" % proxy.port)
            relay.start()
            with belay.started(links.settings(relay, poll="60s")) as host:
                prepared(host, relay)
                time.sleep(CUT + 2)
                check.equal(1, proxy.seen["cut"])
                links.connected(host, 30)
                asked = sum(proxy.seen.values())
                time.sleep(2 * CUT)
                # Two or three polls of four fifths of that have passed, and none was cut: in a minute three at most.
                check.equal(1, proxy.seen["cut"], host.log()[-800:])
                check.equal(True, sum(proxy.seen.values()) - asked <= (3 if NIGHTLY else 5), str(proxy.seen))


if __name__ == "__main__":
    check.main(globals())
