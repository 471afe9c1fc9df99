"""A host as the package installs it: its folders, its user, and who else calls it. Each test has /etc, /run and /var/lib
of its own, in a mount namespace."""

import os
import shutil
import subprocess

import belay
import check

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
ACCOUNTS = """
mount -t tmpfs none /etc; mount -t tmpfs none /run; mount -t tmpfs none /var/lib
printf 'root:x:0:0:root:/root:/bin/sh\\nbelay:x:990:990::/:/bin/sh\\nalice:x:991:991::/:/bin/sh\\n' > /etc/passwd
printf 'root:x:0:\\nbelay:x:990:\\nalice:x:991:\\n' > /etc/group
export HOME=/nowhere; unset SSL_CERT_FILE XDG_CONFIG_HOME XDG_STATE_HOME XDG_RUNTIME_DIR
as() { user=$1; shift; setpriv --reuid=$user --regid=$user --clear-groups --inh-caps=-all "$@"; }
folders() {
  grep '^d ' "$ROOT/systemd/tmpfiles.d/belay.conf" | while read -r _ path mode owner group _; do
    mkdir -p "$path"; chmod "$mode" "$path"; chown "$owner:$group" "$path"
  done
}
serve() {
  setpriv --reuid=990 --regid=990 --clear-groups --inh-caps=-all $BELAY --system daemon > /dev/null 2> /run/log &
  for _ in $(seq 200); do [ -S /run/belay/belay.sock ] && return; sleep 0.05; done
  cat /run/log; exit 1
}
"""


def installed(script, users=True):
    """What `script` says; `users`: there is a user belay."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        raise check.Skip("needs root and unshare")
    accounts = ACCOUNTS if users else ACCOUNTS.replace("belay:x:990:990::/:/bin/sh\\n", "").replace("belay:x:990:\\n", "")
    done = subprocess.run(["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c", accounts + script], capture_output=True, text=True, timeout=50,
                          env={**os.environ, "BELAY": belay.BINARY, "ROOT": os.path.abspath(ROOT)}, check=False)
    if "ermission denied" in done.stderr and "mount" in done.stderr:
        raise check.Skip(done.stderr.strip())
    return done.stderr + done.stdout


def test_init_says_how_the_daemon_of_the_system_starts():
    said = installed("folders; $BELAY init")
    check.has(said, "  systemctl enable --now belay\n")
    check.lacks(said, "  belay daemon\n")
    check.has(installed("$BELAY init", users=False), "  belay daemon\n")


def test_systemctl_is_advised_for_the_daemon_of_the_system_alone():
    said = installed("""
        folders; $BELAY init > /dev/null; $BELAY --config /run/apart/belay.yaml init > /dev/null
        for place in "" "--user" "--config /run/apart/belay.yaml" "--socket /run/none"; do
          echo "[$place]"; HOME=/run/home $BELAY $place secret unlock < /dev/null
        done""")
    _, system, user, apart, socket = said.split("error: ")
    check.has(system, "try: systemctl start belay\n       belay daemon\n")
    check.has(user, "try: belay --user daemon\n")
    check.has(apart, "try: belay --config /run/apart/belay.yaml daemon\n")
    check.has(socket, "try: belay --socket /run/none doctor\n")
    check.equal(1, said.count("systemctl"))


def test_root_as_the_daemon_leaves_the_folder_of_the_service_as_it_was():
    said = installed("""
        folders; $BELAY init > /dev/null; ls -lAR /var/lib/belay > /run/before
        $BELAY daemon; echo "root: $?"
        ls -lAR /var/lib/belay | cmp - /run/before && echo untouched
        serve; echo ready; kill $!; wait $!""")
    check.has(said, "systemctl start belay")
    check.has(said, "root: 3\nuntouched\nready\n")


def test_what_root_made_in_it_is_named_with_what_mends_it():
    said = installed("""
        folders; $BELAY init > /dev/null; touch /var/lib/belay/daemon.lock; chmod 600 /var/lib/belay/daemon.lock
        as belay $BELAY --system daemon; echo "belay: $?"; $BELAY doctor | grep 'state folder'""")
    check.has(said, "belay: 3\nfail  state folder")
    check.equal(2, said.count("chown -R --reference=/var/lib/belay /var/lib/belay"), said)


OPERATED = """
    folders; $BELAY init > /dev/null
    sed -i 's/# operators: .*/operators: [alice]/' /etc/belay/belay.yaml
    serve
"""


def test_an_operator_needs_no_right_but_that_to_the_socket():
    said = installed(OPERATED + """
        as alice $BELAY run list; echo "alice: $?"; as 993 $BELAY run list; echo "stranger: $?"
        chmod 0700 /etc/belay
        as alice $BELAY --socket /run/belay/belay.sock run list; echo "closed: $?"
        as alice $BELAY run list; kill $!""")
    check.has(said, "alice: 0\n")
    check.has(said, "stranger: 7\n")
    check.has(said, "BLY-PERMISSION")
    check.has(said, "closed: 0\n")
    check.has(said, "try: belay --socket /run/belay/belay.sock")


def test_the_doctor_advises_nobody_to_take_the_state_folder_over():
    said = installed(OPERATED + "as alice $BELAY doctor; echo \"doctor: $?\"; kill $!")
    check.has(said, "info  state folder")
    check.has(said, "belongs to uid 990")
    check.lacks(said, "chown")
    check.has(said, "doctor: 0\n")


if __name__ == "__main__":
    check.main(globals())
