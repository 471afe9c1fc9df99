"""Every program of attacks.py as a job, and an observer who does not believe what it says of itself.

Profile user: none may win anything. Profile bare, in the full test: what wins is exactly what docs/isolation.md lists.
Needs root, because jobs get users of their own.
"""

import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

import belay
import check

HERE = os.path.dirname(os.path.abspath(__file__))
FULL = "BELAY_JOBS_FULL" in os.environ
ATTACKER, VICTIM, DAEMON_USER = 71_000, 71_001, 65_531
# They end the program that would say that it tried.
SILENT = {"fork_bomb", "stay_by_forking_on", "flood_the_log", "hostile_result", "flood_the_result", "fill_the_disk"}
# Not every kernel has what these try.
KERNEL = {"calls_of_32_bits"}
# Whatever they may do to a daemon of the same user, they do: under bare they are not tried.
NOT_BARE = {"replace_own_folder", "fill_the_disk", "many_files", "race_links", "fork_bomb"}


def names():
    """By the program that has each."""
    words = dict.fromkeys(("STATE", "SOCKET", "PUBLIC"), "x") | dict.fromkeys(("DAEMON", "SPAWNER", "VICTIM"), "1")
    found = {}
    for program in ("attacks.py", "call_attacks.py"):
        listed = subprocess.run([sys.executable, HERE + "/" + program, "--list"], env={**os.environ, **words},
                                capture_output=True, text=True, check=True)
        found.update(dict.fromkeys(listed.stdout.split(), program))
    return found


def processes_of(uid):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/status" % pid, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        user = re.search(r"^Uid:\t(\d+)", text, re.M)
        state = re.search(r"^State:\t(\S)", text, re.M)
        # With more threads than one it lives on without its first.
        threads = re.search(r"^Threads:\t(\d+)", text, re.M)
        ended = state and state[1] in "ZX" and threads and int(threads[1]) <= 1
        if user and int(user[1]) == uid and not ended:
            found.append(int(pid))
    return found


class Arena:
    """A host, a victim that runs on it, and a socket of somebody else."""

    def __init__(self, profile):
        self.public = tempfile.mkdtemp(prefix="belay-public-", dir="/tmp")
        os.chmod(self.public, 0o755)
        self.mounted = False
        settings = {"api": {"socket": self.public + "/s"},
                    "jobs": {"grace": "100ms", "log_max": "8 MiB", "result_max": "64 KiB", "file_max": "64 MiB",
                             "processes_max": 200}}
        self.flows = self.public + "/flows"
        os.mkdir(self.flows)
        if profile == "user":
            settings["jobs"].update(users=["%d-%d" % (ATTACKER, ATTACKER + 3)], user_folder=self.flows,
                                    read_paths=[self.public])
            if not FULL:
                # Small enough to be filled.
                self.mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m,nr_inodes=24k,mode=0711", "none",
                                               self.flows], check=False).returncode == 0
        self.profile = profile
        self.uid = ATTACKER if profile == "user" else DAEMON_USER
        self.host = belay.Host(settings)
        self.host.socket = self.public + "/s"
        self.open_abstract()
        for program in ("attacks.py", "call_attacks.py"):
            shutil.copy(HERE + "/" + program, self.public)
        self.programs = names()
        shutil.copy("/usr/bin/id", self.public + "/setuid-id")
        os.chmod(self.public + "/setuid-id", 0o4755)

    def open_abstract(self):
        self.abstract = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.abstract.bind("\0belay-arena-%d" % os.getpid())
        self.abstract.listen(8)

    def __enter__(self):
        self.host.init()
        self.host.cli("secret", "set", "canary", stdin="canary-of-the-victim")
        if self.profile == "bare":
            for folder in (self.host.folder, self.public):
                subprocess.run(["chown", "-R", str(DAEMON_USER), folder], check=True)
            os.chmod(self.public + "/setuid-id", 0o4755)
        self.start()
        self.start_attacker()
        self.start_victim()
        return self

    def start(self):
        prefix = ()
        if self.profile == "bare":
            prefix = ("setpriv", "--reuid=%d" % DAEMON_USER, "--regid=%d" % DAEMON_USER, "--clear-groups",
                      "--inh-caps=-all", "--bounding-set=-all")
        self.host.start(prefix=prefix)

    def start_attacker(self):
        """The first flow gets the first user."""
        check.equal("succeeded", self.host.run({"slug": "attacker", "steps": [
            {"id": "a", "run": {"command": ["true"]}}]})["run"]["status"])

    def start_victim(self):
        self.victim_run = self.host.start_run({"slug": "victim", "steps": [{"id": "v", "run": {
            "script": "echo kept > kept; echo $$; exec sleep 600", "env": {"CANARY": {"secret": "canary"}}}}]})
        line = belay.eventually(lambda: self.host.cli("run", "logs", self.victim_run, json_out=False).out.strip(),
                                what="the victim")
        self.victim = int(re.search(r"(\d+)\s*$", line)[1])
        with open("/proc/%d/status" % self.victim, encoding="ascii") as file:
            self.victim_supervisor = int(re.search(r"PPid:\t(\d+)", file.read())[1])
        self.daemon = self.host.get("/v1/daemon")["pid"]
        spawners = [pid for pid in belay.children_of(self.daemon)]
        self.spawner = int(spawners[0])

    def __exit__(self, *_):
        try:
            self.host.post("/v1/runs/%s/cancel" % self.victim_run)
            self.host.wait_run(self.victim_run)
        except Exception:  # pylint: disable=broad-except
            pass
        self.host.close()
        self.abstract.close()
        if self.mounted:
            subprocess.run(["umount", "-l", self.flows], check=False)
        shutil.rmtree(self.public, ignore_errors=True)

    def environment(self):
        return {"STATE": self.host.state, "SOCKET": self.host.socket, "PUBLIC": self.public, "DAEMON": str(self.daemon),
                "SPAWNER": str(self.spawner), "VICTIM": str(self.victim), "VICTIM_FOLDER": self.flows + "/victim",
                "ABSTRACT": "belay-arena-%d" % os.getpid(), "FILES": "1000000" if FULL else "20000"}

    def attack(self, name):
        """(what the run shows, what the program printed)."""
        seconds = 120 if FULL and self.profile == "user" else 10
        timeout = "2s" if name in ("fork_bomb", "stay_by_forking_on") else "%ds" % seconds
        run = self.host.start_run({"slug": "attacker", "steps": [{
            "id": "a", "timeout": timeout,
            "run": {"command": ["/usr/bin/python3", "-I", self.public + "/" + self.programs[name], name],
                    "env": self.environment(), "payload": {},
                    **({"collect": ["bait", "deep/local.key"]} if name.startswith("bait") else {})}}]})
        shown = self.host.wait_run(run, seconds=seconds + 20)
        out = self.host.cli("run", "logs", run, json_out=False).out
        return shown, out

    def digest(self):
        """Of what nobody but the daemon may change, and that does not change by itself."""
        found = {}
        for name in ("keys/local.key", "keys/vault.key", "vault.sealed", "job-users"):
            with open(self.host.state + "/" + name, "rb") as file:
                found[name] = hashlib.sha256(file.read()).hexdigest()
        found["state"] = sorted(n for n in os.listdir(self.host.state) if not n.startswith("journal"))
        found["public"] = sorted(os.listdir(self.public))
        found["common"] = [p for p in ("/tmp", "/var/tmp", "/dev/shm") if os.path.exists(p + "/left-by-a-job")]
        return found

    def clean(self):
        folder = self.flows + "/attacker" if self.profile == "user" else self.host.state + "/work"
        for name in ("made", "made.d", "jobs/x.stdout") if self.profile == "bare" else ():
            subprocess.run(["rm", "-rf", self.host.state + "/" + name], check=True)
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            path = os.path.join(folder, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)


def judge(arena, name, before):
    """What the attack won, as a list; empty: nothing."""
    shown, out = arena.attack(name)
    wins = re.findall(r"^WON .*", out, re.M)
    output = belay.step_of(shown, "a").get("output") or {}
    if name in arena.programs and arena.programs[name] == "call_attacks.py":
        wins += ["kept: %s" % output[key] for key in ("files", "attachments", "result") if key in output]
    if name not in SILENT and not wins and not re.search(r"^(.*\| )?tried$", out, re.M):
        wins.append("it did not try: %s %s" % (out[-600:], shown["run"].get("error")))
    left = processes_of(arena.uid) if arena.profile == "user" else []
    if left:
        wins.append("processes are left: %s" % left)
    if not os.path.exists("/proc/%d/exe" % arena.victim):
        wins.append("the victim is gone")
    if arena.host.get("/v1/daemon")["pid"] != arena.daemon:
        wins.append("another daemon")
    after = arena.digest()
    if after != before:
        wins.append("changed: %s" % [key for key in after if after[key] != before[key]])
    if "canary-of-the-victim" in out:
        wins.append("the canary")
    arena.clean()
    return wins


def need_root():
    if os.geteuid() != 0:
        raise check.Skip("jobs can have users of their own only where the daemon is root")


@check.bound(3000 if FULL else 240)
def test_nothing_wins_against_profile_user():
    need_root()
    listed = names()
    if len(listed) < 40:
        raise AssertionError("only %d attacks" % len(listed))
    with Arena("user") as arena:
        before = arena.digest()
        wins = {name: won for name in listed if (won := judge(arena, name, before))}
        # The victim saw nothing of it.
        check.equal("running", arena.host.show(arena.victim_run)["run"]["status"])
        check.equal({}, wins)
        print("%d attacks, 0 wins" % len(listed))


@check.bound(1200)
def test_what_bare_does_not_stop_is_what_the_page_says():
    need_root()
    if not FULL:
        raise check.Skip("nightly only")
    with open(os.path.join(HERE, "../../docs/isolation.md"), encoding="utf-8") as file:
        documented = set(re.findall(r"^\| `(\w+)` \|", file.read(), re.M))
    with Arena("bare") as arena:
        won = set()
        for name in names():
            if name in NOT_BARE:
                continue
            try:
                _, out = arena.attack(name)
            except Exception:  # pylint: disable=broad-except
                won.add(name)
                arena.clean()
                arena.host.kill()
                arena.start()
                arena.start_victim()
                continue
            arena.clean()
            if "WON" in out:
                won.add(name)
            if not os.path.exists("/proc/%d/exe" % arena.victim):
                won.add(name)
                arena.start_victim()
        check.equal(sorted(documented - KERNEL), sorted(won - KERNEL))
        check.equal([], sorted(won - documented))


if __name__ == "__main__":
    check.main(globals())
