"""What a step of the family ssh costs more than the same exec over the same library without a host: in turns, in one run."""

import json
import os
import shutil
import statistics
import subprocess
import time

import belay
import sshd

STEPS = 10


def bare(request):
    """Seconds of one exec by the program of the step alone."""
    near, far = os.pipe()
    begun = time.monotonic()
    subprocess.run([belay.BINARY, "step", "ssh"], input=json.dumps(request).encode(), pass_fds=(far,), check=True,
                   stdout=subprocess.DEVNULL, env={"BELAY_RESULT_FD": str(far), "PATH": "/usr/bin:/bin"}, timeout=60)
    elapsed = time.monotonic() - begun
    os.close(far)
    os.close(near)
    return elapsed


def ssh(bench):
    with belay.Host() as host:
        private, public = sshd.make_key(host.folder + "/client")
        server = sshd.Sshd(host.folder + "/sshd", [public])
        try:
            host.write_settings({"connections": {"box": server.connection()}})
            host.init()
            host.cli("secret", "set", "SSH_KEY", stdin=private, json_out=False)
            host.start()
            flow = {"slug": "far", "requires": [{"name": "box", "type": "ssh"}], "steps": [
                {"id": "s%d" % i, "ssh": {"connection": "box", "command": ["/bin/true"]}} for i in range(STEPS)]}
            host.run(flow)
            request = {"connection": {**server.connection(), "name": "box", "key": private},
                       "exec": {"argv": ["/bin/true"], "ok_exit_codes": [0]}}
            ours, limit = [], []
            for _ in range(bench.ROUNDS):
                limit.append(statistics.median(bare(request) for _ in range(STEPS)))
                begun = time.monotonic()
                shown = host.run(flow, seconds=60)
                ours.append((time.monotonic() - begun) / STEPS)
                assert shown["run"]["status"] == "succeeded", shown
            bench.tell("ssh.step", 1000 * statistics.median(ours), "ms")
            bench.tell("ssh.exec", 1000 * statistics.median(limit), "ms")
            bench.at_most("ssh.over_exec", 1000 * statistics.median(o - l for o, l in zip(ours, limit)), "ms", 30)
        finally:
            server.stop()
            shutil.rmtree(server.folder, ignore_errors=True)


PARTS = (ssh,)
