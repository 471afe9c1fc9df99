"""Ports of loopback for servers that bind them later, or again after they were killed.

They lie below those that the kernel gives away itself, and no two processes of tests have the same one: each is a
byte of one file that is locked for as long as the process lives.
"""

import contextlib
import fcntl
import os
import random
import socket
import tempfile

RANGE = range(20_000, 32_000)
_given = set()
_file = None


def free_port():
    global _file
    if _file is None:
        _file = os.open(os.path.join(tempfile.gettempdir(), "belay-test-ports-%d" % os.getuid()), os.O_CREAT | os.O_RDWR, 0o600)
    for port in random.sample(RANGE, len(RANGE)):
        if port in _given:
            continue
        with contextlib.suppress(OSError), socket.socket() as probe:
            fcntl.lockf(_file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            probe.bind(("127.0.0.1", port))
            _given.add(port)
            return port
    raise RuntimeError("no port is free")


def listens(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False
