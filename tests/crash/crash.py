"""Kills the daemon at random moments under load, again and again, and compares what it says at the end with what it
acknowledged and with what its jobs did to a file outside of it. This process is the oracle: it is never killed.

    crash.py [--cycles N] [--seed N]

Last line: "N passed, N failed"; a cycle is a test, and each rule at the end.
"""

import argparse
import collections
import http.client
import json
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support", "py"))
import belay  # noqa: E402

JOB_LINES = 5
OPEN_RUNS_MAX = 60
ENDED = ("succeeded", "failed", "stopped", "cancelled")

JOB_SCRIPT = """\
printf '%s %s\\n' "$BELAY_IDEMPOTENCY_KEY" "$N" >> "$EFFECTS"
i=0
while [ "$i" -lt 5 ]; do echo "line $N $i"; sleep 0.06; i=$((i + 1)); done
echo "end $N" >&2
printf '{"n": %s}' "$N" >&3
exit "$CODE"
"""


def increment(name):
    return {"id": name, "kv": {"increment": "steps", "space": "crash"}}


def flows(effects):
    double = {"function": {"code": "return input * 2", "input": "${{ input.n }}"}}
    number = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}, "code": {"type": "integer"}}}
    job = {"script": JOB_SCRIPT, "ok_exit_codes": [0, 3],
           "env": {"N": "${{ input.n }}", "CODE": "${{ input.code }}", "EFFECTS": effects}}
    steps = {
        "sums": [{"id": "a", **double}, increment("one"), {"id": "b", "set": {"x": "${{ steps.a.output }}"}},
                 {"id": "nap", "sleep": {"for": "30ms"}}, increment("two"), {"id": "c", **double}],
        "many": [{"id": "fan", "parallel": {"branches": {
            "left": [{"id": "each", "for_each": {"items": [1, 2, 3, 4], "max_parallel": 2, "steps": [
                increment("one"), {"id": "nap", "sleep": {"for": "20ms"}}, {"id": "item", "function": {
                    "code": "return input", "input": "${{ item * input.n }}"}}]}}],
            "right": [{"id": "rounds", "loop": {"while": "${{ index < 3 }}", "max": 9, "interval": "10ms",
                                                "steps": [increment("two")]}}]}}},
                 {"id": "check", "function": {"code": "if (String(input) !== '1,2,3,4;3') throw new Error(input)",
                  "input": "${{ steps.fan.output.left.map(x => x / input.n) + ';' + steps.fan.output.right.rounds }}"}}],
        "asks": [increment("one"), {"id": "ask", "wait": {"approval": {"summary": "Go on with ${{ input.n }}?"},
                                                          "timeout": "24h"}}, increment("two")],
        "calls": [{"id": "call", "wait": {"callback": {"summary": "from outside"}, "timeout": "24h"}},
                  increment("one")],
        "events": [{"id": "event", "wait": {"event": {"name": "e-${{ input.n }}"}, "timeout": "24h"}},
                   increment("one")],
        "kids": [{"id": "each", "for_each": {"items": [1, 2, 3], "max_parallel": 2, "steps": [
            {"id": "kid", "flow": {"slug": "kid", "release": "draft", "input": {"n": "${{ input.n }}"}}}]}},
                 {"id": "check", "function": {"code": "if (String(input) !== '2,2,2') throw new Error(input)",
                  "input": "${{ steps.each.output.map(x => x / input.n) }}"}}],
        "kid": [increment("one"), {"id": "nap", "sleep": {"for": "20ms"}}, increment("two"), {"id": "a", **double}],
        "jobs": [{"id": "job", "run": job}, increment("one")],
        "jobs-again": [{"id": "job", "run": job, "effect": "idempotent"}, increment("one")],
        "guarded": [increment("one"), {"id": "paid", "run": job, "review": True, "rate_limit": {"max": 20, "per": "1s"},
                                       "compensate": {"run": job, "effect": "idempotent"}},
                    {"id": "bad", "run": {"command": ["false"]}}],
    }
    # Every other way of getting from one step to the next. In the end it fails, and its on_failure runs.
    steps["ways"] = [
        {"id": "look", "function": {"code": "return input", "input": "${{ state.x }}"}},
        {"id": "turn", "switch": [{"when": "${{ state.x < 2 }}", "next": "again"}, {"next": "skipped"}]},
        {"id": "again", "set": {"x": "${{ state.x + 1 }}"}, "next": "look"},
        {"id": "skipped", "when": "${{ input.n < 0 }}", "function": {"code": "return 1"}},
        {"id": "fan", "on_error": "next", "parallel": {"on_branch_error": "wait_all", "branches": {
            "good": [increment("one"), {"id": "nap", "sleep": {"for": "20ms"}}],
            "bad": [{"id": "no", "run": {"command": ["false"]}}]}, "finalize": [increment("two")]}},
        {"id": "never", "function": {"code": "throw new Error('the branch did not fail')"}},
        {"id": "next", "for_each": {"items": ["a", "b"], "as": "part", "steps": [
            {"id": "tell", "emit": {"event": "told-${{ input.n }}", "body": "${{ part }}"}}]}},
        {"id": "check", "function": {"code": "if (input !== '2,3,a,b,0') throw new Error(input)", "input":
         "${{ [state.x, steps.look.visit, 'a', 'b', steps.next.output.length - 2].join() }}"}},
        {"id": "bad", "run": {"command": ["false"]}}]
    all_ = {slug: {"slug": slug, "input": number, "state": {"x": 0}, "steps": list_} for slug, list_ in steps.items()}
    all_["kid"]["output"] = "${{ steps.a.output }}"
    all_["ways"]["on_failure"] = [increment("last")]
    # These take turns.
    for slug in ("many", "jobs-again"):
        all_[slug]["concurrency"] = {"key": "${{ String(input.n % 2) }}", "limit": 2, "max_queued": 100000}
    return all_


CODE = """export const flow = {slug: "coded", input: {type: "object", properties: {n: {type: "integer"}, code: {type: "integer"}}}};
const count = {kv: {increment: "steps", space: "crash"}};
export default async function (ctx, input) {
  for (let i = 0; i < 3; i++) await ctx.step("one", count);
  await Promise.all([ctx.step("nap", {sleep: {for: "20ms"}}), ctx.step("two", count)]);
  const parts = await ctx.parallel({
    left: c => c.step("one", count),
    right: c => c.step("two", count),
  });
  const each = await ctx.forEach("each", [1, 2, 3], {maxParallel: 2}, async (item, index, c) => {
    await c.step("one", count);
    return item * input.n;
  });
  try {
    await ctx.step("bad", {run: {command: ["false"]}});
    throw new Error("it did not fail");
  } catch (error) {
    if (error.name !== "StepError") throw error;
  }
  await ctx.step("check", {function: {code: "if (String(input) !== '1,2,3') throw new Error(input)",
    input: each.map(x => x / input.n)}});
  return {each, parts: Object.keys(parts)};
}
"""


class Oracle:
    """What was asked and what was acknowledged. One lock; only notes are made under it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.next = 1  # They divide by it.
        self.asked = {}     # n -> (slug, code)
        self.runs = {}      # n -> run, acknowledged
        self.unknown = []   # n, asked and not acknowledged: asked again with the same key
        self.answers = {}   # wait -> (answer, text), acknowledged
        self.controls = collections.Counter()  # (run, word) acknowledged
        self.maybe = collections.Counter()     # (run, word) asked and not acknowledged
        self.increments = [0, 0]               # acknowledged, not acknowledged
        self.surprises = []
        self.open = 0
        self.fresh = []     # runs acknowledged since the last check
        self.deaf = False   # what is answered now is heard by nobody


class Caller(belay.Client):
    """A client that hears nothing while its oracle is deaf: for it the daemon is gone then."""

    def __init__(self, host, oracle):
        super().__init__(host.socket, 20)
        self.oracle = oracle

    def request(self, *arguments, **named):
        answer = super().request(*arguments, **named)
        if self.oracle.deaf:
            raise ConnectionError("nobody hears that")
        return answer


class Load(threading.Thread):
    """Asks for one thing after the other until the daemon is gone."""

    def __init__(self, host, oracle, seed):
        super().__init__(daemon=True)
        self.client, self.oracle, self.random = Caller(host, oracle), oracle, random.Random(seed)

    def run(self):
        try:
            while True:
                try:
                    self.random.choices((self.start_run, self.answer, self.pause, self.increment), (5, 6, 1, 1))[0]()
                except belay.ApiError as error:
                    if error.code not in ("BLY-WAIT-CLOSED", "BLY-RUN-STATE", "BLY-RUN-FINISHED"):
                        with self.oracle.lock:
                            self.oracle.surprises.append(str(error))
        except (OSError, http.client.HTTPException, ValueError):
            pass  # killed
        finally:
            self.client.close()

    def start_run(self):
        oracle = self.oracle
        with oracle.lock:
            if oracle.unknown:
                n = oracle.unknown.pop()
            elif oracle.open >= OPEN_RUNS_MAX:
                return
            else:
                n = oracle.next
                oracle.next += 1
                slug = self.random.choice(("sums", "sums", "many", "asks", "calls", "events", "jobs", "jobs", "jobs-again", "kids", "guarded",
                                           "ways", "coded"))
                oracle.asked[n] = (slug, self.random.choice((0, 0, 3)))
                oracle.open += 1
            slug, code = oracle.asked[n]
        try:
            data = self.client.post("/v1/runs", {"flow": slug, "draft": True, "input": {"n": n, "code": code}},
                                    {"Idempotency-Key": "start-%d" % n})
        except (OSError, http.client.HTTPException, ValueError):
            with oracle.lock:
                oracle.unknown.append(n)
            raise
        with oracle.lock:
            oracle.runs[n] = data["run"]["id"]
            oracle.fresh.append(data["run"]["id"])

    def answer(self):
        waits = [w for w in self.client.get("/v1/waits?limit=50")["waits"] if w["kind"] != "time"]
        if not waits:
            return
        wait = self.random.choice(waits)
        text = "t%d" % self.random.randrange(1 << 40)
        if wait["kind"] == "approval":
            answer = self.random.choice(("approved", "rejected"))
            self.client.post("/v1/waits/%s/%s" % (wait["id"], "approve" if answer == "approved" else "reject"),
                             {"comment": text})
        elif wait["kind"] == "callback":
            answer = "body"
            self.client.post("/v1/callbacks/" + wait["id"], {"text": text})
        else:
            answer = "body"
            if self.client.post("/v1/events", {"name": wait["event"], "body": {"text": text}})["answered"] != 1:
                return
        with self.oracle.lock:
            self.oracle.answers[wait["id"]] = (answer, text)

    def pause(self):
        with self.oracle.lock:
            if not self.oracle.runs:
                return
            run = self.oracle.runs[self.random.choice(list(self.oracle.runs)[-40:])]
        for word in ("pause", "resume"):
            try:
                self.client.post("/v1/runs/%s/%s" % (run, word))
            except (OSError, http.client.HTTPException, ValueError):
                with self.oracle.lock:
                    self.oracle.maybe[(run, word)] += 1
                raise
            with self.oracle.lock:
                self.oracle.controls[(run, word)] += 1

    def increment(self):
        try:
            self.client.post("/v1/kv/crash", {"operation": "increment", "key": "api"})
        except (OSError, http.client.HTTPException, ValueError):
            with self.oracle.lock:
                self.oracle.increments[1] += 1
            raise
        with self.oracle.lock:
            self.oracle.increments[0] += 1


def all_runs(client, query=""):
    before, found = "", []
    while True:
        page = client.get("/v1/runs?limit=1000" + query + (("&before=" + before) if before else ""))
        found += page["runs"]
        before = page.get("next_before", "")
        if not before:
            return found


def cycle(host, oracle, draw, kills, end=None, longest=0.25):
    """One life of the daemon of at most so many seconds, ended by `end` (kill -9). Gives the runs that were acknowledged
    in the life before and are not there."""
    host.start()
    with oracle.lock:
        fresh, oracle.fresh = oracle.fresh, []
    lost = []
    client = host.client()
    for run in fresh:
        try:
            client.get("/v1/runs/%s/events?limit=1" % run)
        except belay.ApiError as error:
            lost.append("%s: %s" % (run, error))
    still = client.get("/v1/runs?limit=1000&status=queued,running,waiting,paused,ambiguous,stopping")["runs"]
    for run in still:
        if run["status"] == "paused" and draw.random() < 0.5:
            client.post("/v1/runs/%s/resume" % run["id"])
            oracle.controls[(run["id"], "resume")] += 1
        elif run["status"] == "ambiguous":
            client.post("/v1/runs/%s/resolve" % run["id"], {"step": run["step"], "as": "failed", "note": "unknown"})
    client.close()
    oracle.open, oracle.deaf = len(still), False
    loads = [Load(host, oracle, draw.randrange(1 << 60)) for _ in range(3)]
    for load in loads:
        load.start()
    time.sleep(draw.uniform(0.005, longest) if draw.random() < 0.9 else draw.uniform(0, 0.01))
    (end or host.kill)()
    kills.append(time.time())
    for load in loads:
        load.join(30)
    return lost


def drain(host, oracle, seconds=120):
    """Lets every run end: answers, resumes and resolves what is left. The rows of all runs."""
    client = host.client()
    end = time.monotonic() + seconds
    while oracle.unknown:
        n = oracle.unknown.pop()
        slug, code = oracle.asked[n]
        data = client.post("/v1/runs", {"flow": slug, "draft": True, "input": {"n": n, "code": code}},
                           {"Idempotency-Key": "start-%d" % n})
        oracle.runs[n] = data["run"]["id"]
    while time.monotonic() < end:
        left = client.get("/v1/runs?limit=1000&status=queued,running,waiting,paused,ambiguous,stopping")["runs"]
        if not left:
            break
        for run in left:
            if run["status"] == "paused":
                client.post("/v1/runs/%s/resume" % run["id"])
                oracle.maybe[(run["id"], "resume")] += 1
            elif run["status"] == "ambiguous":
                client.post("/v1/runs/%s/resolve" % run["id"], {"step": run["step"], "as": "failed"})
        for wait in client.get("/v1/waits?limit=1000")["waits"]:
            if wait["kind"] == "approval":
                client.post("/v1/waits/%s/approve" % wait["id"], {"comment": "end"})
                oracle.answers[wait["id"]] = ("approved", "end")
            elif wait["kind"] == "callback":
                client.post("/v1/callbacks/" + wait["id"], {"text": "end"})
                oracle.answers[wait["id"]] = ("body", "end")
            elif wait["kind"] == "event":
                client.post("/v1/events", {"name": wait["event"], "body": {"text": "end"}})
                oracle.answers[wait["id"]] = ("body", "end")
        time.sleep(0.1)
    return all_runs(client)


class Verdict:
    """Reads the record of every run, and says what does not agree with the oracle."""

    def __init__(self, oracle, kills):
        self.oracle, self.kills = oracle, kills
        self.bad = collections.defaultdict(list)
        self.counts = collections.Counter()
        self.keys = {}  # idempotency key of a job -> (n, effect, ambiguous)
        self.by_n = collections.defaultdict(list)
        self.seen_answers = {}
        self.children, self.parents = {}, {}  # child -> (parent, step), as the parent's events and the child's say

    def say(self, rule, text):
        self.bad[rule].append(text)

    def run(self, row, events):
        run, finished, ends, attempts = row["id"], collections.Counter(), 0, {}
        approved, paid, undone = False, False, []
        created = events[0]["body"]
        n = created["input"]["n"]
        if "parent" in created:
            self.parents[run] = (created["parent"]["run"], created["parent"]["step"])
        else:
            self.by_n[n].append(run)
        if [e["seq"] for e in events] != list(range(events[0]["seq"], events[0]["seq"] + len(events))):
            self.say("events", "%s: its events have gaps" % run)
        controls, own = collections.Counter(), collections.Counter()
        for event in events:
            name, body = event["event"], event["body"]
            self.counts[name] += 1
            if name == "step_started":
                attempts[body["step"]] = (event["at"], body)
                if "child" in body:
                    self.children[body["child"]] = (run, body["step"])
                if body["step"] == "paid" and not approved:
                    self.say("guards", "%s: began what nobody approved" % run)
            elif name == "step_ambiguous":
                self.counts["ambiguous"] += 1
                key = attempts[body["step"]][1]["key"]
                self.keys[key] = (n, attempts[body["step"]][1]["effect"], True)
            elif name == "step_finished":
                finished[(body["step"], body.get("visit", 1))] += 1
                if body["step"].rsplit("/", 1)[-1] in ("one", "two", "last") and body["outcome"] == "succeeded":
                    self.counts["increments"] += 1
                if body["step"] == "check" and body["outcome"] != "succeeded":
                    self.say("events", "%s: %s" % (run, json.dumps(body)[:400]))
                if body["step"] == "job":
                    self.job(run, n, event, attempts)
                if body["step"] in ("paid", "paid~undo") and body["step"] in attempts:
                    started = attempts[body["step"]][1]
                    self.keys.setdefault(started["key"], (n, started["effect"], False))
                    self.counts[body["step"]] += 1
                    paid = paid or (body["step"] == "paid" and body["outcome"] == "succeeded")
            elif name == "wait_resolved":
                self.seen_answers[body["wait"]] = body
                approved = body["answer"] == "approved"
            elif name == "run_finished":
                ends += 1
                undone += body.get("compensated", []) + body.get("uncompensated", [])
            elif name in ("run_paused", "run_resumed"):
                controls[name] += 1
                own[name] += not body["by"].startswith("run:")
        if undone != (["paid"] if paid else []):
            self.say("guards", "%s: paid %s, undone %s" % (run, paid, undone))
        if row["flow"] == "ways" and row["status"] == "failed" and not finished[("last", 1)]:
            self.say("events", "%s: its on_failure did not run" % run)
        for (step, visit), count in finished.items():
            if count != 1:
                self.say("doubled", "%s: step %s visit %s finished %s times" % (run, step, visit, count))
        if row["status"] not in ENDED or ends != 1:
            self.say("ended", "%s of flow %s is %s, it finished %s times" % (run, row["flow"], row["status"], ends))
        for word, event in (("pause", "run_paused"), ("resume", "run_resumed")):
            sure = self.oracle.controls[(run, word)]
            # Several clients pause the same run: to pause what is paused is granted, and changes nothing.
            # What its parent asked of it is in the record of a child too.
            if controls[event] < min(sure, 1) or own[event] > sure + self.oracle.maybe[(run, word)]:
                self.say("controls", "%s: %s acknowledged %s times, recorded %s" % (run, word, sure, controls[event]))

    def job(self, run, n, event, attempts):
        body, (started, start) = event["body"], attempts["job"]
        if self.keys.get(start["key"], (0, 0, False))[2]:
            return  # was ambiguous, and resolved
        self.keys[start["key"]] = (n, start["effect"], False)
        self.counts["jobs"] += 1
        begun, ended = instant(started), instant(event["at"])
        survived = any(begun < kill < ended for kill in self.kills)
        self.counts["jobs that lived across a kill"] += survived
        if body["outcome"] != "succeeded":
            self.say("jobs", "%s: job %s (lived across a kill: %s): %s" %
                     (run, start["key"], survived, json.dumps(body.get("failure"))))
            return
        output = body["output"]
        lines = "".join("line %d %d\n" % (n, i) for i in range(JOB_LINES))
        code = self.oracle.asked[n][1]
        if text_of(output["stdout"]) != lines or text_of(output["stderr"]) != "end %d\n" % n:
            self.say("logs", "%s: job of %d: %s" % (run, n, json.dumps(output)[:400]))
        if output["exit_code"] != code or output.get("result") != {"n": n}:
            self.say("jobs", "%s: job of %d, exit code %d expected: %s" % (run, n, code, json.dumps(output)[:400]))

    def end(self, host, effects):
        for n, run in self.oracle.runs.items():
            if self.by_n.get(n) != [run]:
                self.say("starts", "start %d was acknowledged as %s, the journal has %s" % (n, run, self.by_n.get(n)))
        for n, runs in self.by_n.items():
            if len(runs) != 1:
                self.say("starts", "start %d made %s" % (n, runs))
        for run in self.children.keys() | self.parents.keys():
            if self.children.get(run) != self.parents.get(run):
                self.say("children", "run %s was started by %s, and says %s" %
                         (run, self.children.get(run), self.parents.get(run)))
        for wait, (answer, text) in self.oracle.answers.items():
            body = self.seen_answers.get(wait)
            said = (body or {}).get("body") or {}
            if not body or body["answer"] != answer or text not in (said.get("comment"), said.get("text")):
                self.say("answers", "wait %s was answered %s %s, the record has %s" % (wait, answer, text, body))
        seen = collections.Counter(line.split()[0] for line in effects)
        for key, (n, effect, ambiguous) in self.keys.items():
            if ambiguous or (effect != "once" and seen[key] >= 1):
                continue
            if seen[key] != 1:
                self.say("effects", "the job of %d (%s) took effect %d times" % (n, effect, seen[key]))
        for key in seen:
            if key not in self.keys:
                self.say("effects", "an effect has a key that no run has: %s" % key)
        def counter(key):
            try:
                return host.get("/v1/kv/crash/value?key=" + key)["entry"]["value"]
            except belay.ApiError as error:
                return "not there (%s)" % error
        if self.counts["increments"] and counter("steps") != self.counts["increments"]:
            self.say("kv", "the counter is %s after %s steps" % (counter("steps"), self.counts["increments"]))
        low, extra = self.oracle.increments
        if low and (isinstance(counter("api"), str) or not low <= counter("api") <= low + extra):
            self.say("kv", "the counter is %s after %s increments and %s unknown ones" % (counter("api"), low, extra))


def text_of(value):
    return value["text"] if isinstance(value, dict) else value


def instant(text):
    import calendar
    whole, _, rest = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + (rest or "0"))


RULES = {
    "starts": "every acknowledged start is there, once",
    "ended": "every run ends, once",
    "children": "every child run has its parent, and every parent its children",
    "answers": "every acknowledged answer is there",
    "controls": "every acknowledged pause and resume is there",
    "events": "the events of a run have no gaps",
    "doubled": "no step finished twice in a visit",
    "kv": "the counters equal the increments",
    "effects": "each effect of class once happened once, unless it is recorded as ambiguous",
    "guards": "nothing begins unapproved, and what succeeded is undone when its run fails",
    "jobs": "adopted jobs have the right exit status and result",
    "logs": "adopted jobs have complete logs",
    "verify": "belay journal verify is content",
    "surprises": "no request failed that should not",
}


def prepare(host):
    """Starts a host and gives it the flows. The file outside of it to which its jobs write."""
    effects = host.write("effects", "")
    host.init()
    host.start()
    for flow in flows(effects).values():
        host.post("/v1/flows", {"content": json.dumps(flow), "file": flow["slug"] + ".flow.json"})
    host.post("/v1/flows", {"content": CODE, "file": "coded.flow.js"})
    return effects


def live(host, oracle, kills, cycles, draw, end=None, longest=0.25):
    """That many lives; how many lost nothing, and how many lost something."""
    passed, begun = 0, time.monotonic()
    (end or host.kill)()
    for number in range(cycles):
        lost = cycle(host, oracle, draw, kills, end, longest)
        for text in lost:
            print("lost in cycle %d: %s" % (number, text))
        passed += not lost
        if number % 50 == 49:
            print("%d cycles, %d runs, %.0f s" % (number + 1, len(oracle.runs), time.monotonic() - begun), flush=True)
    return passed, cycles - passed


def conclude(host, oracle, kills, effects, end=None):
    """Lets all come to its end and reads every record: how many rules hold, and how many do not."""
    host.start()
    rows = drain(host, oracle)
    verdict = Verdict(oracle, kills)
    client = host.client()
    for row in rows:
        verdict.run(row, client.get("/v1/runs/%s/events?limit=1000" % row["id"])["events"])
    with open(effects, encoding="utf-8") as file:
        verdict.end(host, file.read().splitlines())
    for text in oracle.surprises:
        verdict.say("surprises", text)
    checked = host.cli("journal", "verify", timeout=120)
    if checked.code != 0:
        verdict.say("verify", str(checked))
    (end or host.kill)()
    checked = host.cli("journal", "verify", timeout=120)
    if checked.code != 0:
        verdict.say("verify", "after the last kill: %s" % checked)
    failed = 0
    for rule, text in RULES.items():
        bad = verdict.bad.get(rule, [])
        print("%s %s%s" % ("failed" if bad else "passed", text, (": %d" % len(bad)) if bad else ""))
        for line in bad[:10]:
            print("    " + line)
        failed += bool(bad)
    counts = verdict.counts
    print("%d runs, %d answers, %d steps, %d jobs (%d lived across a kill, %d ambiguous), %d effects outside" %
          (len(rows), len(oracle.answers), counts["step_finished"], counts["jobs"],
           counts["jobs that lived across a kill"], counts["ambiguous"], sum(1 for _ in open(effects))))
    return len(RULES) - failed, failed


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--cycles", type=int, default=300)
    options.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    options = options.parse_args()
    print("seed %d, %d cycles" % (options.seed, options.cycles), flush=True)
    oracle, kills, begun = Oracle(), [], time.monotonic()
    host = belay.Host({"jobs": {"running_max": 32}})
    effects = prepare(host)
    passed, failed = live(host, oracle, kills, options.cycles, random.Random(options.seed))
    held, broken = conclude(host, oracle, kills, effects)
    passed, failed = passed + held, failed + broken
    print("%.0f s" % (time.monotonic() - begun))
    host.close(keep=failed > 0)
    if failed:
        print("kept: %s; again with: --cycles %d --seed %d" % (host.folder, options.cycles, options.seed))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
