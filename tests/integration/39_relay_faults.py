"""What goes wrong at a relay, and loses nothing: a store that was set back, a host that was taken out."""

import hashlib
import hmac
import importlib
import os
import shutil

import belay
import check
import relay as relays

link = importlib.import_module("31_link")
trust = importlib.import_module("20_trust")
ok = trust.ok

CI = ("slug: ci\ntriggers:\n  - webhook: push\n    auth: {type: hmac-sha256, secret: k}\n    input: {n: '${{ event.body.n }}'}\n"
      "steps:\n  - id: note\n    set: {n: '${{ input.n }}'}\nstate: {n: 0}\noutput: '${{ state }}'\n")


def hooked(host, relay):
    """Gives what delivers number N to the host's webhook, and what says which have come."""
    ok(host.cli("secret", "set", "k", stdin="key"))
    ok(host.cli("flow", "push", host.write("ci.flow.yaml", CI)))
    ok(host.cli("flow", "release", "ci"))
    ok(host.cli("flow", "promote", "ci"))
    link.linked(host, relay)
    link.told(host)
    path = "/h/%s/ci.push" % link.state(host)[1]["host"]

    def deliver(n):
        body = b'{"n":%d}' % n
        mac = hmac.new(b"key", body, hashlib.sha256).hexdigest()
        return relay.request("POST", path, body, {"X-Hub-Signature-256": "sha256=" + mac})[0]

    def runs():
        return sorted(host.get("/v1/runs/%s?outputs=full" % run["id"])["run"]["input"]["n"]
                      for run in host.get("/v1/runs?flow=ci")["runs"])
    return deliver, runs


def test_a_store_that_was_set_back_delivers_all_that_it_takes():
    with relays.Relay(link.FAST) as relay:
        relay.start()
        with belay.started(link.settings(relay)) as host:
            deliver, runs = hooked(host, relay)
            belay.eventually(lambda: deliver(0) == 202, what="the hook")
            belay.eventually(lambda: runs() == [0], what="the first run")
            relay.stop()
            store, backup = relay.folder + "/state/relay.db", relay.folder + "/backup"
            shutil.copyfile(store, backup)
            relay.start()
            link.connected(host)
            for n in range(1, 6):
                check.equal(202, deliver(n))
            belay.eventually(lambda: runs() == list(range(6)), what="five more")
            host.stop()
            relay.stop()
            for name in os.listdir(relay.folder + "/state"):
                if name.startswith("relay.db-"):
                    os.unlink(relay.folder + "/state/" + name)
            shutil.copyfile(backup, store)
            relay.start()
            # Fewer than were forgotten, and later more than that.
            for n in range(100, 103):
                check.equal(202, deliver(n))
            host.start()
            belay.eventually(lambda: runs() == [*range(6), *range(100, 103)], what="what came after the restore")
            for n in range(103, 110):
                check.equal(202, deliver(n))
            belay.eventually(lambda: runs() == [*range(6), *range(100, 110)], what="what came with the host back")


def test_a_host_that_was_removed_and_is_enrolled_again_gets_everything():
    with relays.Relay(link.FAST) as relay:
        relay.start()
        token = relay.token("release")
        with belay.started(policy=trust.POLICY) as maker, belay.started(link.settings(relay), policy=trust.POLICY) as host:
            fleet = trust.Fleet(maker)
            fleet.install()
            for word in ("one", "two"):
                trust.release(maker, word)
                content = trust.gate(word).encode()
                relay.request("PUT", "/v1/releases/" + hashlib.sha256(content).hexdigest(), content,
                              {"Content-Type": "application/octet-stream"}, bearer=token)
            ok(host.cli("trust", "install", "--root", fleet.root, "--root-digest", fleet.digest, "--roster", fleet.roster))
            link.linked(host, relay)

            def post(path):
                with open(path, encoding="ascii") as file:
                    check.equal(202, relay.request("POST", "/v1/pins", {"statement": file.read()}, bearer=token)[0])
            first = fleet.pin("1.jws", 1)
            post(first)
            ok(fleet.apply(first))
            belay.eventually(lambda: host.get("/v1/flows")["flows"] and trust.live(host) == 1, what="the first pin")
            relay.cli("hosts", "remove", link.state(host)[1]["host"])
            post(fleet.pin("2.jws", 2))
            ok(host.cli("link", "enrol", relay.url, "--token", relay.token(), "--label", "again"))
            link.connected(host)
            belay.eventually(lambda: trust.live(host) == 2, what="the second pin")


if __name__ == "__main__":
    check.main(globals())
