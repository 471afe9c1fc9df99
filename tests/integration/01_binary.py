"""The shipped file: one static binary, small, and installed with what it needs."""

import os
import shutil
import subprocess
import tempfile

import belay
import check

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def output(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)


def test_is_a_static_pie():
    shown = output("file", "-L", belay.BINARY).stdout
    check.has(shown, "static-pie linked")
    check.has(shown, "stripped")
    check.lacks(shown, "not stripped")


def test_does_not_grow_unnoticed():
    size = os.path.getsize(belay.BINARY)
    # The figure is 8 MB (tests/bench says so); the families of connections have taken more, which must not grow on.
    check.equal(True, size <= 8_000_000, "%d bytes" % size)


def test_needs_nothing_of_the_host():
    # An empty environment and no readable home.
    done = subprocess.run([belay.BINARY, "version"], env={}, cwd="/", capture_output=True, text=True, timeout=10,
                          check=False)
    check.equal(0, done.returncode, done.stderr)


def test_says_its_version_as_json():
    with belay.Host() as host:
        answer = host.cli("version")
        check.equal(0, answer.code, str(answer))
        with open(os.path.join(ROOT, "VERSION"), encoding="utf-8") as file:
            check.has(answer.out, file.read().split()[0])
        names = {library["name"] for library in answer.data["libraries"]}
        check.equal(set(), {"glibc", "libstdc++", "libyaml", "zlib"} - names if shutil.which("dpkg-query") else set())


def test_explains_every_code():
    with open(os.path.join(ROOT, "common/base/ErrorCodes.inc"), encoding="utf-8") as file:
        codes = [line.split('"')[1] for line in file if line.startswith("BELAY_ERROR(")]
    with belay.Host() as host:
        missing = [code for code in codes if host.cli("explain", code).code != 0]
    check.equal([], missing)


def test_prints_completion_for_three_shells():
    with belay.Host() as host:
        for shell in ("bash", "zsh", "fish"):
            answer = host.cli("completion", shell, json_out=False)
            check.equal(0, answer.code, str(answer))
            check.has(answer.out, "belay")


def test_completion_asks_the_daemon_of_the_line():
    with belay.started() as host:
        run = host.start_run({"slug": "a", "steps": [{"id": "a", "set": {"x": 1}}], "state": {"x": 0}})
        os.symlink(belay.BINARY, os.path.join(host.folder, "belay"))
        line = "belay --user --config %s run show " % host.config
        script = ('source <(belay completion bash); COMP_LINE="$1"; COMP_WORDS=($1 ""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); '
                  '_belay; echo "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", script, "bash", line], capture_output=True, text=True, timeout=30, check=False,
                              env={"PATH": host.folder + ":" + os.environ["PATH"], "HOME": host.folder})
        check.equal(run, done.stdout.strip(), done.stderr)


def test_is_installed_with_units_and_settings():
    folder = tempfile.mkdtemp(prefix="belay-install-")
    try:
        done = subprocess.run(["config/cmake/install.sh"], cwd=ROOT, capture_output=True, text=True, timeout=100,
                              env={**os.environ, "DESTDIR": folder, "PREFIX": "/usr"}, check=False)
        check.equal(0, done.returncode, done.stdout + done.stderr)
        for path in ("usr/bin/belay", "usr/lib/systemd/system/belay.service", "usr/lib/sysusers.d/belay.conf",
                     "usr/lib/tmpfiles.d/belay.conf", "etc/belay/belay.yaml", "usr/bin/belay-relay",
                     "usr/lib/systemd/system/belay-relay.service", "etc/belay-relay/relay.yaml"):
            if not os.path.isfile(os.path.join(folder, path)):
                raise AssertionError("%s is missing" % path)
        done = output(os.path.join(folder, "usr/bin/belay"), "--config", folder + "/etc/belay/belay.yaml", "config",
                      "check")
        check.equal(0, done.returncode, done.stdout + done.stderr)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_units_are_hardened():
    check.program("systemd-analyze")
    # In tenths: jobs inherit the bounds of the daemon's unit, the relay starts nothing.
    for unit, exposure in (("belay", 30), ("belay-relay", 15)):
        done = output("systemd-analyze", "security", "--offline=true", "--threshold=%d" % exposure,
                      os.path.join(ROOT, "systemd/%s.service" % unit))
        if done.returncode != 0:
            raise AssertionError("\n".join((done.stdout + done.stderr).splitlines()[-15:]))


def test_a_stop_of_the_daemon_leaves_the_spawner_its_socket():
    said = {}
    for unit in ("belay.service", "belay-spawner.socket"):
        with open(os.path.join(ROOT, "systemd", unit), encoding="ascii") as file:
            said[unit] = file.read()
    check.has(said["belay-spawner.socket"], "=/run/belay/spawner.sock\n")
    check.has(said["belay.service"], "\nRuntimeDirectory=belay\n")
    check.has(said["belay.service"], "\nRuntimeDirectoryPreserve=yes\n")


if __name__ == "__main__":
    check.main(globals())
