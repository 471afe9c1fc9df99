"""Malicious programs: each tries one thing that a job must not be able to do, and says what it won.

    python3 attacks.py NAME

Runs inside of a job. What it attacks stands in its environment: STATE, SOCKET, DAEMON, SPAWNER, VICTIM (a job of
another flow), VICTIM_FOLDER, PUBLIC, ABSTRACT. It needs nothing but the standard library. A line "WON …" is a success of
the attacker; what only an observer can see (processes that are left, files that were changed) is judged outside.
"""

import ctypes
import errno
import fcntl
import glob
import mmap
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
env = os.environ
STATE, SOCKET, PUBLIC = env["STATE"], env["SOCKET"], env["PUBLIC"]
DAEMON, SPAWNER, VICTIM = int(env["DAEMON"]), int(env["SPAWNER"]), int(env["VICTIM"])
SUPERVISOR = os.getppid()
OTHERS = {"daemon": DAEMON, "spawner": SPAWNER, "supervisor": SUPERVISOR, "victim": VICTIM}
X86 = os.uname().machine == "x86_64"
CLONE_NEWUSER, CLONE_NEWNS = 0x10000000, 0x00020000


def won(what):
    print("WON", what, flush=True)


def attempt(what, call, *arguments):
    """The attacker wins when the call does not fail."""
    try:
        got = call(*arguments)
    except (OSError, ValueError, PermissionError):
        return None
    won(what)
    return got


def read(path, size=64):
    with open(path, "rb") as file:
        return file.read(size)


def syscall(number, *arguments):
    return libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])


def must_fail(what, number, *arguments):
    """A system call that has to be refused by right, not for its arguments."""
    got = syscall(number, *arguments)
    error = ctypes.get_errno()
    if got >= 0 or error not in (errno.EPERM, errno.EACCES, errno.ENOSYS):
        won("%s: %s, %s" % (what, got, errno.errorcode.get(error, error)))


# --- What belongs to the daemon and to other flows.

def read_keys():
    for name in ("local.key", "vault.key", "host.key"):
        attempt(name, read, STATE + "/keys/" + name)


def read_journal():
    for name in ("journal.db", "journal.db-wal", "journal.reserve"):
        attempt(name, read, STATE + "/" + name)


def read_vault():
    attempt("vault", read, STATE + "/vault.sealed")


def list_state():
    for folder in ("", "/keys", "/jobs", "/resources", "/material"):
        attempt(folder, os.listdir, STATE + folder)


def read_jobs_of_others():
    for path in glob.glob(STATE + "/jobs/*"):
        attempt(path, read, path)


def write_into_state():
    attempt("file", open, STATE + "/made", "w")
    attempt("link", os.symlink, "/etc/passwd", STATE + "/jobs/x.stdout")
    attempt("folder", os.mkdir, STATE + "/made.d")
    attempt("record", open, STATE + "/jobs/" + env["BELAY_JOB_ID"] + ".record", "a")


def take_the_lock():
    attempt("lock", open, STATE + "/daemon.lock", "r+")


def write_journal():
    attempt("open", open, STATE + "/journal.db", "r+b")


def hard_links():
    for name in ("/keys/local.key", "/journal.db", "/vault.sealed"):
        attempt(name, os.link, STATE + name, "stolen" + name.replace("/", "-"))


def read_folder_of_other_flow():
    attempt("list", os.listdir, env["VICTIM_FOLDER"])
    attempt("read", read, env["VICTIM_FOLDER"] + "/kept")


def write_folder_of_other_flow():
    attempt("write", open, env["VICTIM_FOLDER"] + "/kept", "w")
    attempt("rename", os.rename, env["VICTIM_FOLDER"], env["VICTIM_FOLDER"] + "-gone")


def list_folders_of_flows():
    attempt("list", os.listdir, os.path.dirname(env["VICTIM_FOLDER"]))
    attempt("make", os.mkdir, os.path.dirname(env["VICTIM_FOLDER"]) + "/next-flow")


def replace_own_folder():
    """So that the next job of a flow would work, as its user, where a link leads."""
    attempt("rename", os.rename, env["HOME"], env["HOME"] + "-moved")
    attempt("rmdir", os.rmdir, env["HOME"])


def link_as_tmp():
    """The daemon makes tmp/ for the next job: through a link it would be made elsewhere."""
    subprocess.run(["rm", "-rf", "tmp"], check=False)
    os.symlink(STATE, "tmp")


def race_links():
    """A link that turns between harmless and a key while something could look: nothing of the daemon opens it."""
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        for target in ("/etc/hostname", STATE + "/keys/local.key"):
            os.symlink(target, "flip.new")
            os.replace("flip.new", "flip")
            attempt("through it", lambda: read("flip") if target.endswith(".key") else os.stat("/nowhere"))


def watch_state():
    fd = libc.inotify_init1(0)
    if libc.inotify_add_watch(fd, STATE.encode(), 0xFFF) >= 0:
        won("inotify")


# --- Other processes.

def dump_environments():
    for name, pid in OTHERS.items():
        attempt(name, read, "/proc/%d/environ" % pid)


def own_environment_is_clean():
    canary = b"canary-of-the-victim"
    if any(canary in value.encode() for value in env.values()):
        won("a secret of another step")


def read_memory():
    for name, pid in OTHERS.items():
        attempt(name, read, "/proc/%d/mem" % pid)
        attempt(name + " maps", read, "/proc/%d/maps" % pid)
        attempt(name + " auxv", read, "/proc/%d/auxv" % pid)


def write_memory():
    for name, pid in OTHERS.items():
        attempt(name, open, "/proc/%d/mem" % pid, "r+b")


def descriptors_of_others():
    for name, pid in OTHERS.items():
        attempt(name, os.listdir, "/proc/%d/fd" % pid)
        for number in range(12):
            attempt("%s %d" % (name, number), os.open, "/proc/%d/fd/%d" % (pid, number), os.O_RDWR)


def folders_of_others():
    for name, pid in OTHERS.items():
        for link in ("root", "cwd"):
            attempt(name, os.listdir, "/proc/%d/%s" % (pid, link))


def forge_result_of_other():
    for flags in (os.O_WRONLY, os.O_RDWR):
        for number in range(3, 16):
            attempt("result", os.open, "/proc/%d/fd/%d" % (VICTIM, number), flags)


def trace():
    for name, pid in OTHERS.items():
        for request in (16, 0x4206):  # PTRACE_ATTACH, PTRACE_SEIZE
            if libc.ptrace(request, pid, 0, 0) == 0:
                won(name)


def trace_a_child():
    """Not an escape by itself; what it opens is a large part of the kernel."""
    child = os.fork()
    if child == 0:
        os._exit(9 if libc.ptrace(0, 0, 0, 0) == 0 else 0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        won("traceme")


def read_by_vm_calls():
    buffer = ctypes.create_string_buffer(16)
    vector = struct.pack("QQ", ctypes.addressof(buffer), 16)
    for name, pid in OTHERS.items():
        for number in ((310, 311) if X86 else (270, 271)):
            must_fail(name, number, pid, vector, 1, vector, 1, 0)


def steal_descriptor():
    for name, pid in OTHERS.items():
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            continue
        for number in range(8):
            must_fail("%s %d" % (name, number), 438, pidfd, number, 0)


def compare_kernel_objects():
    must_fail("kcmp", 312 if X86 else 272, DAEMON, os.getpid(), 0, 0, 0)


def signal_daemon():
    attempt("daemon", os.kill, DAEMON, signal.SIGCONT)


def signal_supervisor():
    attempt("stop", os.kill, SUPERVISOR, signal.SIGSTOP)
    attempt("kill", os.kill, SUPERVISOR, signal.SIGKILL)


def signal_spawner():
    attempt("spawner", os.kill, SPAWNER, signal.SIGCONT)


def signal_victim():
    attempt("victim", os.kill, VICTIM, signal.SIGCONT)


def signal_by_pidfd():
    for name, pid in OTHERS.items():
        def send(number=pid):
            signal.pidfd_send_signal(os.pidfd_open(number), signal.SIGCONT)
        attempt(name, send)


def kill_everybody():
    """Reaches its own user's processes at most: itself is not among them."""
    try:
        os.kill(-1, signal.SIGKILL)
    except OSError:
        pass


def own_priority():
    attempt("nice", os.setpriority, os.PRIO_PROCESS, 0, -20)
    attempt("real time", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)))
    attempt("oom", lambda: os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"-1000"))


def priority_of_others():
    for name, pid in OTHERS.items():
        attempt(name, os.setpriority, os.PRIO_PROCESS, pid, 19)
        attempt(name + " limits", resource.prlimit, pid, resource.RLIMIT_NOFILE, (1, 1))
        attempt(name + " processors", os.sched_setaffinity, pid, {0})


# --- The doors of the daemon.

def admin_socket():
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        door.settimeout(5)
        door.connect(SOCKET)
        door.sendall(b"GET /v1/runs HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = door.recv(4096)
    except OSError:
        return
    if b" 200 " in answer.split(b"\r\n")[0]:
        won(answer[:60])


def answer_an_approval():
    for request in (b"POST /v1/waits/x/approve", b"POST /v1/runs", b"POST /v1/secrets/canary", b"GET /v1/daemon"):
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            door.settimeout(5)
            door.connect(SOCKET)
            door.sendall(request + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
            answer = door.recv(4096)
        except OSError:
            continue
        if not answer.startswith((b"HTTP/1.1 403", b"HTTP/1.1 401")):
            won(request + b": " + answer[:40])


def abstract_socket():
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    door.settimeout(5)
    attempt("abstract", door.connect, "\0" + env["ABSTRACT"])


def claim_credentials():
    """SCM_CREDENTIALS that say root."""
    ours, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    attempt("uid 0", ours.sendmsg, [b"x"], [(socket.SOL_SOCKET, 2, struct.pack("iii", os.getpid(), 0, 0))])


# --- To stay alive: who is left is counted outside.

def stay_by_double_fork():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 20)
            time.sleep(600)
        os._exit(0)


def stay_without_marks():
    """A new session, a new name, no environment, no descriptors, deaf, and not to be traced."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 20)
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1):
                signal.signal(number, signal.SIG_IGN)
            libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
            libc.prctl(15, b"belay-job", 0, 0, 0)  # PR_SET_NAME
            libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
            if os.fork() == 0:
                time.sleep(600)
            time.sleep(600)
        os._exit(0)


def stay_with_a_dead_leader():
    """The first thread ends, and another goes on: it looks like a zombie to whoever looks for what lives."""
    if os.fork() == 0:
        os.setsid()
        os.closerange(0, 20)
        threading.Thread(target=time.sleep, args=(600,)).start()
        syscall(60 if X86 else 93, 0)


def stay_as_sibling():
    """CLONE_PARENT: a child of the supervisor, beside its main process."""
    if syscall(56 if X86 else 220, 0x00008000 | signal.SIGCHLD, 0, 0, 0, 0) == 0:
        os.execv("/bin/sleep", ["sleep", "600"])


def stay_stopped():
    for _ in range(5):
        if os.fork() == 0:
            os.setsid()
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(600)


def stay_by_forking_on():
    """A chain: each one forks the next and ends, so that there is always one, and always another."""
    if os.fork() == 0:
        os.setsid()
        os.closerange(0, 20)
        for _ in range(100_000):
            if os.fork() != 0:
                os._exit(0)


def stay_by_cron():
    for path in ("/var/spool/cron/crontabs/x", "/etc/cron.d/x", "/var/spool/at/x"):
        attempt(path, open, path, "w")


def fork_bomb():
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.001)


# --- Privilege and the kernel.

def become_root():
    attempt("setuid", os.setuid, 0)
    attempt("setgid", os.setgid, 0)
    attempt("setgroups", os.setgroups, [0])
    attempt("setresuid", os.setresuid, 0, 0, 0)
    if os.getuid() == 0 or os.geteuid() == 0:
        won("uid 0")


def has_capabilities():
    for line in open("/proc/self/status", encoding="ascii", errors="replace"):
        name, _, value = line.partition(":")
        if name in ("CapPrm", "CapEff", "CapAmb", "CapInh") and int(value, 16) != 0:
            won(line.strip())
        if name == "NoNewPrivs" and value.strip() != "1":
            won(line.strip())


def setuid_program():
    done = subprocess.run([PUBLIC + "/setuid-id", "-u"], capture_output=True, text=True, check=False)
    if done.stdout.strip() == "0":
        won("setuid")


def set_user_id_by_su():
    for words in (["su", "-c", "id -u"], ["sudo", "-n", "id", "-u"], ["pkexec", "id", "-u"]):
        try:
            done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=5, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.stdout.strip() == "0":
            won(words[0])


def user_namespace():
    if libc.unshare(CLONE_NEWUSER) == 0:
        won("unshare")
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0:
        won("unshare with mounts")
    got = syscall(56 if X86 else 220, CLONE_NEWUSER | signal.SIGCHLD, 0, 0, 0, 0)
    if got == 0:
        os._exit(0)
    if got > 0:
        won("clone")


def user_namespace_by_clone3():
    arguments = (ctypes.c_uint64 * 11)(CLONE_NEWUSER, 0, 0, 0, signal.SIGCHLD)
    got = syscall(435, arguments, ctypes.sizeof(arguments))
    if got == 0:
        os._exit(0)
    if got > 0:
        won("clone3")


def enter_namespaces():
    for name, pid in OTHERS.items():
        for space in ("mnt", "pid", "user", "net"):
            try:
                fd = os.open("/proc/%d/ns/%s" % (pid, space), os.O_RDONLY)
            except OSError:
                continue
            if libc.setns(fd, 0) == 0:
                won("%s %s" % (name, space))


def mounts():
    for number in (165, 166) if X86 else (40, 39):
        must_fail("mount", number, b"none", env["HOME"].encode(), b"tmpfs", 0, 0)
    if libc.mount(b"none", b"/", None, 32 | 1, None) == 0:
        won("remount")


def new_mounts():
    must_fail("fsopen", 430, b"tmpfs", 0)
    must_fail("open_tree", 428, -100, b"/", 1)
    must_fail("mount_setattr", 442, -100, b"/", 0, 0, 0)
    must_fail("pivot_root", 155 if X86 else 41, b".", b".")


def change_root():
    attempt("chroot", os.chroot, ".")


def keyrings():
    for number in (248, 249, 250) if X86 else (217, 218, 219):
        must_fail("keys", number, 0, -3, 0, 0, 0)


def programs_in_the_kernel():
    must_fail("bpf", 321 if X86 else 280, 0, 0, 0)
    must_fail("perf", 298 if X86 else 241, 0, 0, -1, -1, 0)


def fault_handling():
    must_fail("userfaultfd", 323 if X86 else 282, 0)


def rings():
    parameters = ctypes.create_string_buffer(120)
    must_fail("io_uring", 425, 8, parameters)


def other_kernel():
    must_fail("kexec", 246 if X86 else 104, 0, 0, 0, 0)
    must_fail("module", 175 if X86 else 105, 0, 0, b"")
    must_fail("finit", 313 if X86 else 273, 0, b"", 0)


def machine():
    must_fail("reboot", 169 if X86 else 142, 0xFEE1DEAD, 672274793, 0, 0)
    must_fail("swapon", 167 if X86 else 224, b"/nowhere", 0)
    must_fail("hostname", 170 if X86 else 161, b"x", 1)
    must_fail("syslog", 103 if X86 else 116, 5, 0, 0)


def clocks():
    must_fail("settime", 227 if X86 else 112, 0, struct.pack("qq", 0, 0))
    attempt("clock", time.clock_settime, time.CLOCK_REALTIME, 0.0)


def handles():
    buffer = ctypes.create_string_buffer(struct.pack("Ii", 120, 0) + bytes(120))
    number = ctypes.c_int()
    must_fail("name_to_handle", 303 if X86 else 264, -100, b"/etc/passwd", buffer, ctypes.byref(number), 0)
    must_fail("open_by_handle", 304 if X86 else 265, -100, buffer, 0)


def calls_of_32_bits():
    """getpid by int 0x80: another architecture, whose calls a filter of numbers would take for others."""
    if not X86:
        return
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("b814000000cd80c3"))
    call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    child = os.fork()
    if child == 0:
        os._exit(9 if call() > 0 else 0)
    # A kernel without these calls ends it by a signal.
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9:
        won("int 0x80")


def odd_sockets():
    for family, kind in ((38, socket.SOCK_SEQPACKET), (40, socket.SOCK_STREAM), (17, socket.SOCK_RAW),
                         (44, socket.SOCK_RAW)):
        attempt("family %d" % family, socket.socket, family, kind)
    attempt("raw", socket.socket, socket.AF_INET, socket.SOCK_RAW, 1)


def type_into_terminal():
    master, slave = os.openpty()
    attempt("TIOCSTI", fcntl.ioctl, slave, 0x5412, b"x")
    attempt("TIOCLINUX", fcntl.ioctl, master, 0x541C, b"\3")
    attempt("tty", os.open, "/dev/tty", os.O_RDWR)


def run_from_memory():
    """What is executed from memory stays where it is: it tries to read a key."""
    with open("/bin/cat", "rb") as file:
        program = file.read()
    fd = os.memfd_create("x")
    os.write(fd, program)
    done = subprocess.run(["cat", STATE + "/keys/local.key"], executable="/proc/self/fd/%d" % fd, pass_fds=[fd],
                          capture_output=True, check=False)
    if done.stdout:
        won("memfd")


def raise_limits():
    for which in (resource.RLIMIT_CORE, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE):
        _, hard = resource.getrlimit(which)
        if hard == resource.RLIM_INFINITY:
            won("no limit")
            continue
        attempt("limit", resource.setrlimit, which, (hard + 1, hard + 1))


def dump_core():
    """Whether one was made is seen outside."""
    attempt("pattern", open, "/proc/sys/kernel/core_pattern", "w")
    child = os.fork()
    if child == 0:
        os.kill(os.getpid(), signal.SIGSEGV)
    if os.WCOREDUMP(os.waitpid(child, 0)[1]):
        won("core")


def descriptors_are_few():
    known = {"0", "1", "2", "3", "4"}
    with os.scandir("/proc/self/fd") as entries:
        more = {entry.name: os.readlink("/proc/self/fd/" + entry.name) for entry in entries if entry.name not in known}
    more = {name: target for name, target in more.items() if not target.startswith("/proc/")}
    if more:
        won(more)


# --- The system.

def write_system():
    for path in ("/etc/passwd", "/etc/ld.so.preload", "/usr/bin/x", os.path.expanduser("~root") + "/x", "/proc/sys/kernel/panic",
                 "/sys/kernel/profiling", "/proc/sysrq-trigger"):
        attempt(path, open, path, "a")


def devices():
    for path in ("/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/loop-control",
                 "/dev/fuse", "/dev/uinput", "/dev/kvm"):
        if os.path.exists(path):
            attempt(path, os.open, path, os.O_RDWR)
    attempt("mknod", os.mknod, "disk", 0o60600, os.makedev(8, 0))


def leave_things_in_common_places():
    for path in ("/tmp", "/var/tmp", "/dev/shm", "/run/lock", PUBLIC):
        attempt(path, open, path + "/left-by-a-job", "w")


def read_home_folders():
    attempt("root", os.listdir, os.path.expanduser("~root"))
    attempt("host", os.listdir, os.path.dirname(STATE))


def shared_memory_of_other():
    if libc.shmget(0x0BE1A1, 0, 0o600) >= 0:
        won("shmget")


# --- Too much of something.

def fill_the_disk():
    block = b"x" * (1 << 20)
    for number in range(64):
        try:
            with open("big-%d" % number, "wb", buffering=0) as file:
                for _ in range(64):
                    if file.write(block) < len(block):
                        return
        except OSError as error:
            if error.errno == errno.ENOSPC:
                return


def many_files():
    for number in range(int(env.get("FILES", "20000"))):
        try:
            os.close(os.open("f%d" % number, os.O_CREAT | os.O_WRONLY))
        except OSError:
            return


def flood_the_log():
    block = b"y" * (1 << 16)
    for _ in range(1600):
        os.write(1, block)


def flood_the_result():
    block = b"z" * (1 << 16)
    for _ in range(64):
        os.write(3, block)


def hostile_result():
    os.write(3, b"[" * 100_000)


def one_huge_file():
    fd = os.open("sparse", os.O_CREAT | os.O_WRONLY)
    attempt("more than jobs.file_max", os.pwrite, fd, b"x", 1 << 31)
    attempt("truncate", os.ftruncate, fd, 1 << 31)


def main():
    if sys.argv[1] == "--list":
        skipped = {"won", "attempt", "read", "syscall", "must_fail", "main"}
        print("\n".join(name for name, value in globals().items()
                        if callable(value) and getattr(value, "__module__", "") == "__main__" and name not in skipped))
        return
    globals()[sys.argv[1]]()
    print("tried", flush=True)


main()
