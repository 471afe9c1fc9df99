"""Canaries: secrets that are used in every way there is, and looked for in every sink, raw and encoded.

Each canary is a secret with characters that JSON, URLs and shells write differently. Steps use them and fail in many ways;
some jobs and servers give them back. Then everything that the host keeps, says and logs is searched, the files on the disk of
the jobs that wrote them among it.
"""

import base64
import json
import os
import re
import time
import urllib.parse

import belay
import check
import ports
from servers import Server

COUNT = 20
ODD = ['"', "\\", "/", "+", "%41", "&", "<", "=", " ", "'", "$", "`", "?", "#", "{", "}", "|", "~", ";", "@"]


def canary(number):
    return "canary%02d%sq8Z%s7c1f9e2ab4d8%sEnd" % (number, ODD[number], ODD[(number + 7) % COUNT], ODD[(number + 13) % COUNT])


def forms(secret):
    raw = secret.encode()
    found = {raw, raw.hex().encode(), raw.hex().upper().encode(), secret.encode("utf-16-le"),
             json.dumps(secret)[1:-1].encode(), json.dumps(json.dumps(secret))[1:-1].encode(),
             urllib.parse.quote(secret, safe="").encode(), urllib.parse.quote_plus(secret).encode(),
             re.sub("%..", lambda m: m[0].lower(), urllib.parse.quote(secret, safe="")).encode()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):
            text = encode(b"x" * shift + raw)
            # What does not depend on the bytes beside it.
            found.add(text[4 if shift else 0:len(text) - 4])
    return found


FORMS = [(number, form) for number in range(COUNT) for form in forms(canary(number))]


def hits(content):
    return sorted({number for number, form in FORMS if form in content})


def in_files(folder):
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            full = os.path.join(path, name)
            if os.path.isfile(full) and not os.path.islink(full):
                with open(full, "rb") as file:
                    got = hits(file.read())
                if got:
                    found[full] = got
    return found


def in_processes(roots):
    """Command lines of all, and environments of those that are the host's own."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        names = ["cmdline"] + (["environ"] if int(pid) in roots else [])
        for name in names:
            try:
                with open("/proc/%s/%s" % (pid, name), "rb") as file:
                    got = hits(file.read())
            except OSError:
                continue
            if got:
                found[pid + " " + name] = got
    return found


def steps(server, closed, folder):
    """(name, step): one use of a secret each; what is printed raw is redacted on its way into anything that is kept."""
    env = lambda number: {"S": {"secret": "c%02d" % number}}
    http = lambda number, url, **more: {"http": {"url": url, "headers": {"X-Token": {"secret": "c%02d" % number}}, **more}}
    return [
        ("plain", {"run": {"command": ["true"], "env": env(0)}}),
        ("fails", {"run": {"command": ["false"], "env": env(1)}}),
        ("missing", {"run": {"command": ["/not/there"], "env": env(2)}}),
        ("nowhere", {"run": {"command": ["true"], "cwd": "/not/there", "env": env(3)}}),
        ("late", {"timeout": "200ms", "run": {"command": ["sleep", "60"], "env": env(4)}}),
        ("prints", {"run": {"script": "printf '%s\\n' \"$S\"; printf '%s\\n' \"$S\" >&2", "env": env(5)}}),
        ("result", {"run": {"script": "python3 -c 'import json,os; os.write(3, json.dumps({\"x\": os.environ[\"S\"]})"
                                      ".encode())'", "env": env(6)}}),
        ("large", {"run": {"script": "yes \"$S\" | head -n 20000", "env": env(7)}}),
        ("pieces", {"run": {"script": "python3 -c 'import os,time\nfor c in os.environ[\"S\"]:\n os.write(1, c.encode())\n"
                                      " time.sleep(0.002)'", "env": env(8)}}),
        ("signal", {"run": {"script": "printf %s \"$S\"; kill -9 $$", "env": env(9)}}),
        ("header", http(10, server + "/ok")),
        ("refused", http(11, closed)),
        ("echoed", http(12, server + "/echo")),
        ("error", http(13, server + "/error")),
        ("tried", {"effect": "idempotent", "retry": {"max_attempts": 3, "backoff": {"initial": "10ms"}}, "run": {"script": "printf %s \"$S\" >&2; exit 4", "env": env(14)}}),
        ("base64", {"run": {"script": "printf %s \"$S\" | base64 -w0", "env": env(15)}}),
        ("json", {"run": {"script": "python3 -c 'import json,os; print(json.dumps(os.environ[\"S\"]))'", "env": env(16)}}),
        ("url", {"run": {"script": "python3 -c 'import os,urllib.parse; print(urllib.parse.quote(os.environ[\"S\"], safe=\"\"))'",
                         "env": env(17)}}),
        ("long", {"run": {"script": "echo ready; sleep 600", "env": env(18)}}),
        ("lost", {"effect": "idempotent", "run": {"script": "echo $$ > %s/lost; sleep 600" % folder, "env": env(19)}}),
    ]


def answer(recorded):
    token = recorded.headers.get("x-token", "")
    if recorded.path == "/echo":
        return 200, {"X-Echo": token}, json.dumps({"got": token}).encode()
    if recorded.path == "/error":
        return 500, {}, ("bad token " + token).encode()
    return 200, {}, b"{}"


def set_secrets(host):
    for number in range(COUNT):
        check.equal(0, host.cli("secret", "set", "c%02d" % number, stdin=canary(number)).code)
    # Commands that fail after they have read one.
    for words in (("secret", "set", "Not A Name"), ("secret", "set", "c00", "too-many")):
        answered = host.cli(*words, stdin=canary(0))
        check.equal([], hits((answered.out + answered.err).encode()), str(words))


def use_all(host, server):
    runs = {}
    closed = "http://127.0.0.1:%d/" % ports.free_port()
    for name, step in steps("http://127.0.0.1:%d" % server.port, closed, host.folder):
        flow = {"slug": name, "steps": [{"id": "a", **step}], "output": {"all": "${{ steps.a.output }}"}}
        runs[name] = host.start_run(flow)
    belay.eventually(lambda: os.path.exists(host.folder + "/lost") and os.path.getsize(host.folder + "/lost") > 1)
    belay.eventually(lambda: "ready" in host.cli("run", "logs", runs["long"], json_out=False).out)
    return runs


def what_is_said(host, runs):
    found = {}
    words = [("run", "list"), ("secret", "list"), ("doctor",), ("journal", "stats"), ("journal", "verify"), ("flow", "list"),
             ("wait", "list"), ("resource", "list"), ("config", "check")]
    for run in runs.values():
        words += [("run", "show", run), ("run", "logs", run)]
    for line in words:
        for as_json in (True, False):
            answered = host.cli(*line, json_out=as_json)
            got = hits((answered.out + answered.err).encode())
            if got:
                found[" ".join(line)] = got
    for target in ["/v1/daemon", "/v1/runs"] + ["/v1/runs/%s?outputs=full" % run for run in runs.values()]:
        got = hits(json.dumps(host.get(target)).encode() + json.dumps(host.get(target), ensure_ascii=False).encode())
        if got:
            found[target] = got
    return found


@check.bound(180)
def test_no_canary_is_found_in_any_sink():
    with Server(answer) as server, belay.started({"jobs": {"grace": "100ms"}}) as host:
        set_secrets(host)
        runs = use_all(host, server)
        daemon = host.get("/v1/daemon")["pid"]
        own = {daemon} | {int(pid) for pid in belay.children_of(daemon)}
        own |= {int(pid) for child in belay.children_of(daemon) for pid in belay.children_of(int(child))}
        check.equal({}, in_processes(own), "processes")
        lost = int(open(host.folder + "/lost", encoding="ascii").read())
        with open("/proc/%d/status" % lost, encoding="ascii") as file:
            os.kill(int(re.search(r"PPid:\t(\d+)", file.read())[1]), 9)
        for name, run in runs.items():
            if name != "long":
                host.wait_run(run)
        # The server got them: they were used, and this is no test of nothing.
        check.equal({canary(10), canary(12), canary(13)}, {r.headers.get("x-token") for r in server.seen})
        check.equal({}, what_is_said(host, runs), "what is said")
        # The jobs wrote them: their logs say so, and results.
        shown = [host.cli("run", word, run, json_out=False) for run in runs.values() for word in ("logs", "show")]
        logs = "".join(one.out + one.err for one in shown)
        check.equal([], [n for n in (5, 6, 7, 8, 9, 14, 15, 16, 17) if "***c%02d***" % n not in logs])
        host.post("/v1/runs/%s/cancel" % runs["long"])
        host.wait_run(runs["long"])
        time.sleep(0.2)
        host.stop()
        found = in_files(host.folder)
        check.equal({}, found, "files")


if __name__ == "__main__":
    check.main(globals())
