"""Malicious programs against the ways by which a job gives something to its supervisor: its socket, its folder, and the
files that its step collects. As attacks.py: a line "WON …" is a success, and what only an observer can see (a file that
was kept and should not have been, a result that is none) is judged outside.

    python3 call_attacks.py NAME
"""

import array
import os
import socket
import struct
import sys

env = os.environ
STATE, SOCKET, PUBLIC, VICTIM = (env[name] for name in ("STATE", "SOCKET", "PUBLIC", "VICTIM"))
FORBIDDEN = [STATE + "/keys/local.key", STATE + "/journal.db", "/etc/shadow", "/proc/%s/environ" % VICTIM,
             env.get("VICTIM_FOLDER", "/nowhere") + "/kept"]
MAGIC, PROGRESS, ATTACH, RESULT = 0x424C594A, 1, 2, 3
DONE = 0


def won(what):
    print("WON", what, flush=True)


def call(kind, text, file=None, magic=MAGIC, answer=None, more=()):
    """The number of the answer, or None where there was none."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel = socket.socket(fileno=os.dup(int(env["BELAY_JOB_FD"])))
    fds = [theirs.fileno() if answer is None else answer] + ([] if file is None else [file]) + list(more)
    ours.settimeout(3)
    try:
        channel.sendmsg([struct.pack("<II", magic, kind) + text],
                        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
        theirs.close()
        got = ours.recv(4)
        return struct.unpack("<I", got)[0] if len(got) == 4 else None
    except OSError:
        return None
    finally:
        channel.close()
        ours.close()


def attach_what_cannot_be_read():
    """A descriptor that was opened without the right to read is none."""
    for path in FORBIDDEN:
        try:
            fd = os.open(path, os.O_PATH)
        except OSError:
            continue
        if call(ATTACH, b"bait", fd) == DONE:
            won(path)
        os.close(fd)


def attach_what_is_no_file():
    os.mkfifo("fifo")
    for path, flags in (("/proc/self/environ", os.O_RDONLY), ("/dev/zero", os.O_RDONLY), ("/usr", os.O_RDONLY),
                        ("fifo", os.O_RDONLY | os.O_NONBLOCK), ("/sys/kernel/notes", os.O_RDONLY), ("out", os.O_WRONLY | os.O_CREAT)):
        try:
            fd = os.open(path, flags)
        except OSError:
            continue
        if call(ATTACH, b"bait", fd) == DONE:
            won(path)
        os.close(fd)
    if call(ATTACH, b"bait", socket.socket().fileno()) == DONE:
        won("socket")


def attach_under_bad_names():
    with open("file", "w", encoding="ascii") as file:
        for name in (b"", b"/etc/x", b"../x", b"a/../b", b"a//b", b".", b"a\nb", b"\xff", b"x" * 1000, b"a\0b"):
            if call(ATTACH, name, file.fileno()) == DONE:
                won(name)


def results_that_can_change():
    """A result is memory that is sealed: anything else could make its reader wait, or be changed under it."""
    memory = os.memfd_create("x", os.MFD_ALLOW_SEALING)
    os.write(memory, b"1")
    with open("file", "w+", encoding="ascii") as file:
        for fd in (memory, file.fileno(), 0, 1, os.pipe()[0]):
            if call(RESULT, b"", fd) == DONE:
                won("result %d" % fd)


def calls_that_are_none():
    """Afterwards the socket still takes what is right."""
    for size in (0, 1, 7, 8, 4096, 100_000):
        channel = socket.socket(fileno=os.dup(int(env["BELAY_JOB_FD"])))
        try:
            channel.send(b"\xff" * size)
        except OSError:
            pass
        channel.close()
    for _ in range(300):
        if call(PROGRESS, b"x", magic=7) == DONE or call(99, b"x") == DONE:
            won("magic")
        if call(PROGRESS, b"a\x1b[2J") == DONE or call(PROGRESS, b"\xff") == DONE or call(PROGRESS, b"y" * 5000) == DONE:
            won("text")
        call(PROGRESS, b"x", 1, more=[0, 1, 2] * 20)
    if call(PROGRESS, b"fine") != DONE:
        won("it does not answer any more")


def answers_that_go_elsewhere():
    """Nobody but the caller is ever told anything: the socket for the answer must be its own."""
    own, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ready, listens = os.pipe()
    if os.fork() == 0:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind("here")
        listener.listen(1)
        os.write(listens, b"x")
        accepted, _ = listener.accept()
        accepted.settimeout(2)
        try:
            if accepted.recv(4):
                won("another process was answered")
        except OSError:
            pass
        os._exit(0)
    os.read(ready, 1)
    other = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    other.connect("here")
    for fd in (own.fileno(), other.fileno(), 0, 1):
        call(PROGRESS, b"x", answer=fd)
    os.wait()


def flood_of_calls():
    """Descriptors and memory of a supervisor have a bound, whatever is sent."""
    channel = socket.socket(fileno=os.dup(int(env["BELAY_JOB_FD"])))
    channel.settimeout(5)
    for number in range(20_000):
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            channel.sendmsg([struct.pack("<II", MAGIC, ATTACH) + b"n%d" % number],
                            [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [a.fileno(), 1]))])
        except OSError:
            break
        finally:
            a.close()
            b.close()
    if call(PROGRESS, b"fine") != DONE:
        won("it does not answer any more")


def bait_is_a_link():
    os.symlink(FORBIDDEN[0], "bait")


def bait_is_behind_a_link():
    os.symlink(STATE + "/keys", "deep")


def bait_is_swapped():
    """The swapping goes on for as long as anything of the job lives."""
    with open("plain", "w", encoding="ascii") as file:
        file.write("plain")
    if os.fork() == 0:
        os.setsid()
        while True:
            os.symlink(FORBIDDEN[0], "next")
            os.rename("next", "bait")


def bait_never_ends():
    os.mkfifo("bait")


def folder_becomes_a_link():
    folder = env["BELAY_JOB_DIR"]
    for name in os.listdir(folder):
        os.unlink(folder + "/" + name)
    os.rmdir(folder)
    os.symlink(STATE, folder)


def folder_result_is_a_link():
    os.symlink(FORBIDDEN[0], env["BELAY_JOB_DIR"] + "/result.json")


def folder_result_never_ends():
    os.mkfifo(env["BELAY_JOB_DIR"] + "/result.json")


def folder_is_full():
    """And deeper than any path can be."""
    os.chdir(env["BELAY_JOB_DIR"])
    for number in range(int(env.get("FILES", "20000")) // 10):
        os.close(os.open("f%d" % number, os.O_CREAT | os.O_WRONLY))
    for _ in range(2_000):
        os.mkdir("d")
        os.chdir("d")


def main():
    if sys.argv[1] == "--list":
        skipped = {"won", "call", "main"}
        print("\n".join(name for name, value in globals().items()
                        if callable(value) and getattr(value, "__module__", "") == "__main__" and name not in skipped))
        return
    globals()[sys.argv[1]]()
    print("tried", flush=True)


main()
