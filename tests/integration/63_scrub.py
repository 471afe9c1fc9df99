"""A value that leaked before it was a secret is taken out of everything that the host keeps, and nothing else is changed.

Flows write it into outputs, resources, keys and logs in many forms; then it becomes a secret and is scrubbed. The raw files of
the whole state folder are searched before and after, and the chains of the journal are verified.
"""

import base64
import hashlib
import json
import os
import random
import re
import sqlite3
import subprocess
import time
import urllib.parse

import belay
import check

VALUE = "leaked/va+lue=&%s" % "q8Z7c1f9e2ab4d8"
FORMS = {VALUE.encode(), json.dumps(VALUE)[1:-1].encode(), VALUE.replace("/", "\\/").encode(), urllib.parse.quote(VALUE, safe="").encode(),
         VALUE.encode().hex().encode()}
for shift in range(3):
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(b"x" * shift + VALUE.encode())
        FORMS.add(text[4 if shift else 0:len(text) - 4])

PRINTS = """python3 - "$1" <<'END'
import base64, json, sys, urllib.parse
v = open(%r).read()
print(v, base64.b64encode(v.encode()).decode(), urllib.parse.quote(v, safe=""), json.dumps(v), v.encode().hex(), sep="\\n")
print("word " * 40000 + v)
END
"""


def leaking(host):
    path = host.folder + "/leak"
    return {"slug": "leaking", "steps": [
        {"id": "prints", "persist": {"when": "always", "index": True}, "run": {"script": PRINTS % path}},
        {"id": "short", "run": {"script": "cat %s; cat %s >&2" % (path, path)}},
        {"id": "result", "run": {"script": "python3 -c 'import json,os; os.write(3, json.dumps({\"x\": open(\"%s\").read()}).encode())'" % path}},
        {"id": "kept", "kv": {"set": "where", "value": "${{ steps.short.output.stdout }}"}},
        {"id": "fails", "on_error": "skip", "run": {"script": "cat %s; exit 3" % path}}],
        "output": {"all": "${{ steps.result.output.result }}", "stdout": "${{ steps.prints.output.stdout }}"}}


def hits(folder):
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            full = os.path.join(path, name)
            if os.path.isfile(full) and not os.path.islink(full):
                with open(full, "rb") as file:
                    content = file.read()
                got = sum(content.count(form) for form in FORMS)
                if got:
                    found[os.path.relpath(full, folder)] = got
    return found


def leak(host):
    host.write("leak", VALUE)
    shown = host.run(leaking(host))
    check.equal("succeeded", shown["run"]["status"], str(shown)[:900])
    return shown


def stdout_of(host, shown):
    output = host.cli("resource", "cat", belay.step_of(shown, "prints")["output_ref"], json_out=False)
    return json.loads(output.out)["stdout"]["ref"]


def counts(answered):
    check.equal(0, answered.code, str(answered)[:900])
    return {place["place"]: place for place in answered.data["places"]}


def test_a_value_is_taken_out_of_everything():
    with belay.started() as host:
        shown = leak(host)
        run = shown["run"]["id"]
        ref = stdout_of(host, shown)
        check.equal(0, host.cli("secret", "set", "LEAKED", stdin=VALUE).code)
        refused = host.cli("scrub", "LEAKED")
        place = "belay --user --config " + host.config + " "
        check.equal(["kill %d" % host.daemon.pid, place + "scrub LEAKED"], refused.error["actions"])
        check.equal("BLY-CONFLICT", refused.error["code"], str(refused))
        host.stop()
        before = hits(host.state)
        check.equal(True, any(name.startswith("resources/") for name in before), str(before))
        check.equal(True, any(name.startswith("jobs/") for name in before), str(before))
        check.equal(True, "journal.db" in before or "journal.db-wal" in before, str(before))
        looked = counts(host.cli("scrub", "LEAKED"))
        check.equal(True, {"journal: events", "journal: kv", "resources", "jobs"} <= set(looked), str(looked))
        check.equal(False, any(place["kept"] for place in looked.values()), str(looked))
        said = host.cli("scrub", "LEAKED", json_out=False)
        check.equal([], [form for form in FORMS if form in (said.out + said.err).encode()])
        check.equal(sum(before.values()), sum(hits(host.state).values()))
        done = counts(host.cli("scrub", "LEAKED", "--apply"))
        check.equal({name: place["found"] for name, place in looked.items()}, {name: place["found"] for name, place in done.items()})
        check.equal({}, hits(host.state))
        # The chains say what happened, and that nothing else did.
        verified = host.cli("journal", "verify")
        check.equal(0, verified.code, str(verified))
        check.equal(True, verified.data["scrubs"] > 4 and verified.data["scrubbed_events"] > 2, str(verified))
        check.equal([], host.cli("scrub", "LEAKED", "--apply").data["places"])
        check.equal(verified.data["scrubs"], host.cli("journal", "verify").data["scrubs"])
        host.start()
        again = host.show(run)
        check.equal("succeeded", again["run"]["status"])
        check.equal("***LEAKED***", again["run"]["output"]["all"]["x"].rstrip("*") + "***")
        # The output of that step is a resource itself, which names the other one.
        now = stdout_of(host, again)
        check.equal(True, now != ref, now)
        content = host.cli("resource", "cat", now, json_out=False)
        check.equal(now.rpartition("/")[2], hashlib.sha256(content.out.encode()).hexdigest())
        check.equal("BLY-RESOURCE-NOT-FOUND", host.cli("resource", "show", ref).error["code"])
        check.equal(1, len(host.cli("resource", "search", "prints").data["hits"]))
        check.equal(True, "***LEAKED***" in host.cli("run", "logs", run, json_out=False).out)
        check.equal("succeeded", host.run(leaking(host))["run"]["status"])
        check.equal(0, host.cli("journal", "verify").code)


def test_a_scrubbed_event_cannot_be_changed_any_more():
    with belay.started() as host:
        run = leak(host)["run"]["id"]
        host.stop()
        check.equal(0, host.cli("scrub", "--value-stdin", "--apply", stdin=VALUE).code)
        journal = sqlite3.connect(host.state + "/journal.db")
        place, body = journal.execute("SELECT place, body FROM events WHERE body LIKE '%SCRUBBED%' LIMIT 1").fetchone()
        journal.execute("UPDATE events SET body = replace(body, 'SCRUBBED', 'scrubbed') WHERE place = ?", (place,))
        journal.commit()
        journal.close()
        broken = host.cli("journal", "verify")
        check.equal((5, "BLY-JOURNAL-CHAIN-BROKEN"), (broken.code, broken.error["code"]))
        check.equal(True, run in broken.error["message"], str(broken))
        journal = sqlite3.connect(host.state + "/journal.db")
        journal.execute("UPDATE events SET body = ? WHERE place = ?", (body, place))
        journal.execute("UPDATE scrubs SET by_whom = 'uid:77' WHERE number = 2")
        journal.commit()
        journal.close()
        broken = host.cli("journal", "verify")
        check.equal(True, broken.code == 5 and "ledger of scrubs" in broken.error["message"], str(broken))


def test_flows_are_told_of_and_backups_can_be_named():
    with belay.started() as host:
        leak(host)
        check.equal(0, host.cli("journal", "backup", host.folder + "/copy.db").code)
        host.post("/v1/flows", {"content": json.dumps({"slug": "told", "description": VALUE, "steps": [{"id": "a", "sleep": {"for": "1ms"}}]})})
        host.stop()
        done = counts(host.cli("scrub", "--value-stdin", "--apply", "--backup", host.folder + "/copy.db", stdin=VALUE))
        check.equal(True, done["journal: flows"]["kept"], str(done))
        check.equal(False, done[host.folder + "/copy.db: events"]["kept"])
        with open(host.folder + "/copy.db", "rb") as file:
            copy = file.read()
        check.equal(0, sum(copy.count(form) for form in FORMS))
        check.equal({"journal.db"}, set(hits(host.state)))
        check.equal(0, host.cli("journal", "verify").code)


def test_a_copy_that_an_earlier_call_did_not_name_follows_too():
    with belay.started() as host:
        leak(host)
        check.equal(0, host.cli("journal", "backup", host.folder + "/copy.db").code)
        host.stop()
        check.equal(0, host.cli("scrub", "--value-stdin", "--apply", stdin=VALUE).code)
        check.equal(0, host.cli("scrub", "--value-stdin", "--apply", "--backup", host.folder + "/copy.db", stdin=VALUE).code)
        digests = [set(sqlite3.connect(path).execute("SELECT digest FROM run_resources")) for path in
                   (host.state + "/journal.db", host.folder + "/copy.db")]
        check.equal(digests[0], digests[1])


def test_a_dry_run_writes_nothing():
    with belay.started() as host:
        leak(host)
        host.stop()
        with open(host.state + "/resources/tmp/cut-off", "w") as file:
            file.write("half of " + VALUE)
        missing = host.cli("scrub", "--value-stdin", "--backup", host.folder + "/none.db", stdin=VALUE)
        check.equal("BLY-INVALID-ARGUMENT", missing.error["code"], str(missing))
        check.equal(False, os.path.exists(host.folder + "/none.db"))
        with open(host.state + "/journal.db", "rb") as file:
            before = file.read()
        looked = counts(host.cli("scrub", "--value-stdin", stdin=VALUE))
        check.equal((1, 1), (looked["resources/tmp"]["rows"], looked["resources/tmp"]["found"]))
        with open(host.state + "/journal.db", "rb") as file:
            check.equal(True, before == file.read())
        check.equal(0, host.cli("scrub", "--value-stdin", "--apply", stdin=VALUE).code)
        check.equal([], os.listdir(host.state + "/resources/tmp"))


def test_names_are_not_masked_by_chance():
    with belay.started() as host:
        host.run({"slug": "a-good-name", "steps": [{"id": "a", "run": {"script": "echo one; echo two-2-two"}}]})
        check.equal(0, host.cli("secret", "set", "OFTEN", stdin="one-1-one").code)
        check.equal(0, host.cli("secret", "set", "OFTEN", stdin="two-2-two").code)
        host.stop()
        named = host.cli("scrub", "--value-stdin", "--apply", stdin="a-good-name")
        check.equal("BLY-INVALID-ARGUMENT", named.error["code"], str(named))
        looked = host.cli("scrub", "OFTEN")
        check.equal([{"name": "OFTEN", "version": 2}], looked.data["versions"], str(looked))
        check.has(host.cli("scrub", "OFTEN", json_out=False).err, "only version 2")


def test_rows_that_would_be_the_same_are_refused():
    with belay.started() as host:
        # Values of the same length that look alike when they are masked: none is lost without a word.
        keep = [{"id": name, "kv": {"set": "k-" + value, "value": 1}} for name, value in (("a", "c2VjcmV0LXZhbHVl"), ("b", "c2VjcmV0LXZhbHVl".upper()))]
        check.equal("succeeded", host.run({"slug": "s", "steps": keep})["run"]["status"])
        host.stop()
        journal = sqlite3.connect(host.state + "/journal.db")
        journal.execute("UPDATE kv SET key = 'k-***SCRUBBED***' || '**' WHERE key = 'k-' || upper('c2VjcmV0LXZhbHVl')")
        journal.commit()
        journal.close()
        refused = host.cli("scrub", "--value-stdin", "--apply", stdin="c2VjcmV0LXZhbHVl")
        check.equal("BLY-CONFLICT", refused.error["code"], str(refused))


def test_json_stays_json():
    with belay.started() as host:
        host.write("leak", '{"a": 48151623, "b": [-0.48151623], "c": "no 48151623"}')
        shown = host.run({"slug": "digits", "output": "${{ steps.a.output.result }}", "steps": [
            {"id": "a", "persist": {"when": "always"}, "run": {"script": "cat %s/leak >&3" % host.folder}}]})
        run = shown["run"]["id"]
        check.equal(48151623, shown["run"]["output"]["a"], str(shown)[:900])
        host.stop()
        broken = host.cli("scrub", "--value-stdin", "--apply", stdin='48151623,"b":')
        check.equal("BLY-INVALID-ARGUMENT", broken.error["code"], str(broken))
        check.equal(0, host.cli("scrub", "--value-stdin", "--apply", stdin="48151623").code)
        check.equal([], host.cli("scrub", "--value-stdin", stdin="48151623").data["places"])
        host.start()
        output = host.show(run)["run"]["output"]
        check.equal((10000000, [0], "no ********"), (output["a"], output["b"], output["c"]), str(output))
        check.equal(0, host.cli("journal", "verify").code)


def test_json_inside_of_json_is_seen():
    with belay.started() as host:
        value = 'a"b\\c/d-q8Z7c1f9'
        host.write("leak", json.dumps({"x": json.dumps({"y": value})}))
        host.run({"slug": "s", "steps": [{"id": "a", "run": {"script": "cat %s/leak" % host.folder}}]})
        host.stop()
        check.equal(0, host.cli("scrub", "--value-stdin", "--apply", stdin=value).code)
        for path, _, names in os.walk(host.state):
            for name in names:
                with open(os.path.join(path, name), "rb") as file:
                    check.equal(False, b"q8Z7c1f9" in file.read(), name)


def test_what_would_take_out_too_much_is_refused():
    with belay.started() as host:
        host.run({"slug": "s", "steps": [{"id": "a", "run": {"script": "yes commonwd | head -n 12000"}}]})
        host.stop()
        short = host.cli("scrub", "--value-stdin", "--apply", stdin="commonw")
        check.equal("BLY-INVALID-ARGUMENT", short.error["code"], str(short))
        common = host.cli("scrub", "--value-stdin", "--apply", stdin="commonwd")
        check.equal("BLY-LIMIT", common.error["code"], str(common))
        check.equal(True, re.search("[0-9]{5} times", common.error["message"]) is not None, str(common))
        check.equal(0, host.cli("scrub", "--value-stdin", "--apply", "--force", stdin="commonwd").code)
        check.equal("BLY-USAGE", host.cli("scrub").error["code"])
        check.equal("BLY-SECRET-NOT-FOUND", host.cli("scrub", "NONE").error["code"])


def test_killed_at_any_moment_it_can_be_run_again():
    drawn = random.Random(7)
    for _ in range(6):
        with belay.started() as host:
            leak(host)
            host.stop()
            with open(host.folder + "/leak", "rb") as value:
                scrub = subprocess.Popen(host.command("scrub", "--value-stdin", "--apply"), stdin=value, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
            time.sleep(drawn.uniform(0, 0.12))
            scrub.kill()
            scrub.wait()
            check.equal(0, host.cli("journal", "verify").code)
            check.equal(0, host.cli("scrub", "--value-stdin", "--apply", stdin=VALUE).code)
            check.equal({}, hits(host.state))
            check.equal(0, host.cli("journal", "verify").code)
            host.start()
            check.equal("succeeded", host.run(leaking(host))["run"]["status"])


if __name__ == "__main__":
    check.main(globals())
