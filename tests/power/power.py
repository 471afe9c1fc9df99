"""Cuts the power of a daemon under load, again and again: its state lies on an ext4 in a file, which is shut down
(FS_IOC_SHUTDOWN) at a random moment, so that what was not synced is gone. Then everything is killed, the file system is
mounted again, the next life begins in another boot, and what it says is compared with what was acknowledged.

    power.py [--cycles N] [--seed N] [--alone]

--alone: this process has a mount namespace of its own. The load and the oracle are those of tests/crash. Last line:
"N passed, N failed"; a cut is a test, and each rule at the end.
"""

import argparse
import contextlib
import fcntl
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import uuid

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "support", "py"))
sys.path.insert(0, os.path.join(ROOT, "tests", "crash"))
import belay  # noqa: E402
import crash  # noqa: E402

FS_IOC_SHUTDOWN = 0x8004587D
# Everything is written first; the log is written first; nothing is. The last is what a cut does.
SYNC_ALL, FLUSH_LOG, FLUSH_NOTHING = 0, 1, 2
BOOT_ID = "/proc/sys/kernel/random/boot_id"
IMAGE_BYTES = 1 << 30
KILLED_CYCLES = 5  # where power cannot be cut
LIFE_SECONDS = 0.8  # at most; a job takes 0.3 s


class NotHere(Exception):
    """This machine cannot do that."""


def tool(*words):
    try:
        done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    except OSError as error:
        raise NotHere("%s: %s" % (words[0], error)) from error
    if done.returncode != 0:
        raise NotHere("%s: %s" % (" ".join(words), done.stderr.strip()))


class Disk:
    """An ext4 of its own, and a boot id that changes with each cut."""

    def __init__(self, alone):
        if os.geteuid() != 0 or not alone:
            raise NotHere("needs root and a mount namespace of its own")
        build = os.environ.get("BELAY_BUILD", os.path.join(ROOT, "build"))
        os.makedirs(build, exist_ok=True)
        self.home = tempfile.mkdtemp(prefix="power-", dir=build)
        self.image = os.path.join(self.home, "image")
        self.folder = os.path.join(self.home, "mounted")
        self.boot_id = os.path.join(self.home, "boot_id")
        os.mkdir(self.folder)
        self.mounted = False
        try:
            with open(self.image, "wb") as file:
                file.truncate(IMAGE_BYTES)
            tool("mkfs.ext4", "-q", "-F", self.image)
            self.mount()
            self.next_boot()
            tool("mount", "--bind", self.boot_id, BOOT_ID)
            self.shut_down(FLUSH_NOTHING)
            self.mount_again()
        except (NotHere, OSError) as error:
            self.close()
            raise NotHere(str(error)) from error

    def mount(self):
        tool("mount", "-o", "loop", self.image, self.folder)
        self.mounted = True

    def next_boot(self):
        with open(self.boot_id, "w", encoding="ascii") as file:
            file.write("%s\n" % uuid.uuid4())

    def shut_down(self, how):
        fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, FS_IOC_SHUTDOWN, struct.pack("I", how))
        finally:
            os.close(fd)

    def mount_again(self):
        end = time.monotonic() + 20
        while True:
            self.kill_users()
            try:
                tool("umount", self.folder)
                break
            except NotHere:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        self.mounted = False
        self.mount()

    def users(self):
        """The processes that work on this file system: daemon, spawner, supervisors and jobs. No other is there."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            links = ["/proc/%s/cwd" % pid]
            with contextlib.suppress(OSError):
                links += ["/proc/%s/fd/%s" % (pid, fd) for fd in os.listdir("/proc/%s/fd" % pid)]
            for link in links:
                with contextlib.suppress(OSError):
                    if os.readlink(link).startswith(self.folder + "/"):
                        yield int(pid)
                        break

    def kill_users(self):
        for pid in self.users():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def close(self):
        if self.mounted:
            self.kill_users()
            subprocess.run(["umount", "-l", self.folder], capture_output=True, check=False)
        shutil.rmtree(self.home, ignore_errors=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--cycles", type=int, default=30)
    options.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    options.add_argument("--alone", action="store_true")
    options = options.parse_args()
    draw, cycles, disk = random.Random(options.seed), options.cycles, None
    settings = {"jobs": {"running_max": 32}}
    try:
        disk = Disk(options.alone)
        settings["state"] = {"folder": disk.folder + "/state"}
    except NotHere as why:
        cycles = min(cycles, KILLED_CYCLES)
        print("no power is cut on this machine (%s): the daemon is killed instead" % why)
    print("seed %d, %d cycles" % (options.seed, cycles), flush=True)
    host = belay.Host(settings)
    cuts, oracle = [], crash.Oracle()

    def cut():
        if disk:
            cuts.append(draw.choices((FLUSH_NOTHING, FLUSH_LOG, SYNC_ALL), (6, 3, 1))[0])
            # Without power nobody says or hears anything; here the daemon goes on for a moment without its disk.
            oracle.deaf = True
            disk.shut_down(cuts[-1])
        host.kill()
        if disk:
            disk.mount_again()
            disk.next_boot()

    kills, begun = [], time.monotonic()
    try:
        effects = crash.prepare(host)
        passed, failed = crash.live(host, oracle, kills, cycles, draw, cut, LIFE_SECONDS)
        held, broken = crash.conclude(host, oracle, kills, effects, cut)
        passed, failed = passed + held, failed + broken
        if failed and disk:
            shutil.copytree(disk.folder, host.folder + "/state-kept", ignore_dangling_symlinks=True)
        print("%.0f s" % (time.monotonic() - begun))
        host.close(keep=failed > 0)
        if failed:
            # The first is before cycle 0, the last is after the last rule was looked at.
            print("flags of FS_IOC_SHUTDOWN: %s" % "".join(map(str, cuts)))
            print("kept: %s; again with: --cycles %d --seed %d" % (host.folder, cycles, options.seed))
    finally:
        host.kill()
        if disk:
            disk.close()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
