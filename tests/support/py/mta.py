"""A real mail server (Exim) of its own on loopback: STARTTLS on one port, TLS from the start on another, logins, refused and
deferred recipients, delivery into files."""

import contextlib
import email
import email.policy
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

import ports
import sshd

EXIM = "/usr/sbin/exim4"

CONFIG = """
exim_user = %(user)s
exim_group = %(group)s
primary_hostname = localhost
domainlist local_domains = example.test
spool_directory = %(folder)s/spool
log_file_path = %(folder)s/log/%%slog
pid_file_path = %(folder)s/pid
deliver_drop_privilege = %(drop)s
local_interfaces = 127.0.0.1
daemon_smtp_ports = %(plain)d : %(tls)d
tls_on_connect_ports = %(tls)d
tls_advertise_hosts = %(advertise)s
tls_certificate = %(folder)s/cert.pem
tls_privatekey = %(folder)s/key.pem
auth_advertise_hosts = ${if def:tls_cipher {*}{}}
message_size_limit = %(size)s
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
smtp_enforce_sync = true
acl_smtp_rcpt = rcpt
acl_smtp_data = data
never_users =

begin acl
rcpt:
  deny local_parts = refused
       message = no such person
  defer local_parts = later
       message = try again later
  accept authenticated = *
  accept condition = %(open)s
  deny message = log in first
data:
  deny condition = ${if match{$h_subject:}{spam}}
       message = this is spam
  defer condition = ${if match{$h_subject:}{busy}}
       message = busy
  accept

begin routers
here:
  driver = accept
  transport = file

begin transports
file:
  driver = appendfile
  file = %(folder)s/mail/all
  batch_max = 1
  user = %(user)s
  group = %(group)s
  create_directory = false
  delivery_date_add
  envelope_to_add
  return_path_add

begin retry
* * F,1h,1m

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{belay}}{eq{$auth3}{it's a secret}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${if and{{eq{$auth1}{belay}}{eq{$auth2}{it's a secret}}}}
  server_set_id = $auth1
"""


def make_certificate(folder, name="localhost"):
    """ca.pem, and cert.pem with key.pem of `name` by it."""
    run = lambda *words: subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
        "-days", "2", "-subj", "/CN=test authority", "-addext", "basicConstraints=critical,CA:TRUE")
    run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-out", "cert.csr",
        "-subj", "/CN=" + name)
    with open(folder + "/ext", "w", encoding="ascii") as file:
        file.write("subjectAltName=DNS:%s\n" % name)
    run("x509", "-req", "-in", "cert.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext",
        "-out", "cert.pem")


class Mta:
    def __init__(self, folder, starttls=True, needs_login=True, size="100K"):
        self.folder, self.plain, self.tls = folder, ports.free_port(), ports.free_port()
        root = os.getuid() == 0
        entry = pwd.getpwnam("Debian-exim") if root else pwd.getpwuid(os.getuid())
        for name in ("", "/spool", "/log", "/mail"):
            os.makedirs(folder + name, mode=0o755, exist_ok=True)
        make_certificate(folder)
        values = {"folder": folder, "user": entry.pw_name, "group": str(entry.pw_gid), "plain": self.plain, "tls": self.tls,
                  "advertise": "*" if starttls else "", "open": "false" if needs_login else "true",
                  "drop": "false" if root else "true", "size": size}
        with open(folder + "/exim.conf", "w", encoding="utf-8") as file:
            file.write(CONFIG % values)
        if root:
            for name in ("/spool", "/log", "/mail", "/key.pem", "/cert.pem"):
                os.chown(folder + name, entry.pw_uid, entry.pw_gid)
        with open(folder + "/out", "ab") as out:
            self.process = subprocess.Popen([EXIM, "-C", folder + "/exim.conf", "-bdf"], stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=out, start_new_session=True)
        end = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.tls), 1):
                return
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("exim does not listen: " + self.log())
            time.sleep(0.05)

    def log(self):
        out = ""
        for name in ("out", "log/mainlog", "log/rejectlog", "log/paniclog"):
            with contextlib.suppress(OSError), open(self.folder + "/" + name, encoding="utf-8", errors="replace") as file:
                out += file.read()
        return out[-4000:]

    def connection(self, **more):
        return {"type": "smtp", "host": "localhost", "port": self.plain, "ca_file": self.folder + "/ca.pem", "user": "belay",
                "password": {"secret": "SMTP"}, "from": "Belay <belay@example.test>", **more}

    def mails(self, person, wanted=1, seconds=60):
        """The mails of a person, once there are as many."""
        end = time.monotonic() + seconds
        while True:
            found = []
            with contextlib.suppress(OSError), open(self.folder + "/mail/all", "rb") as file:
                text = file.read()
                # While Exim appends there is its lock, which it would wait for if we took it.
                whole = not os.path.exists(file.name + ".lock") and os.path.getsize(file.name) == len(text)
                parts = [part.split(b"\n", 1)[1] for part in (b"\n" + text).split(b"\nFrom ") if whole and part.strip()]
                found = [email.message_from_bytes(part, policy=email.policy.default) for part in parts]
            found = [one for one in found if one["Envelope-to"] == person + "@example.test"]
            if len(found) >= wanted or time.monotonic() > end:
                return found
            time.sleep(0.05)

    def stop(self):
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
