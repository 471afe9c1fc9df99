"""The key of the vault: behind a passphrase, given from outside, changed; secrets that nobody has seen or that are in use."""

import hashlib
import http.client
import json
import os
import signal
import subprocess

import belay
import check

PASSPHRASE = "correct horse battery staple"


def secret_of(host):
    shown = host.run({"slug": "s", "steps": [{"id": "a", "run": {"script": "printf %s \"$A\" | sha256sum", "env": {"A": {"secret": "A"}}}}],
                      "output": "${{ steps.a.output.stdout }}"})
    check.equal("succeeded", shown["run"]["status"], str(shown)[:900])
    return shown["run"]["output"]["text"].split()[0]


def is_open(host):
    """Between the server that waits for the passphrase and the API there is none for a moment."""
    try:
        return host.client().request("GET", "/v1/secrets")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def set_up(host):
    check.equal(0, host.cli("secret", "set", "A", stdin="value-of-the-test").code)
    return secret_of(host)


def test_a_passphrase_holds_everything_until_it_is_given():
    with belay.started() as host:
        digest = set_up(host)
        host.post("/v1/flows", {"content": json.dumps({"slug": "w", "steps": [{"id": "w", "wait": {"callback": {}, "timeout": "1h"}}]})})
        run = host.start_run("w")
        host.open_wait(run)
        refused = host.cli("secret", "rotate")
        check.equal("BLY-CONFLICT", refused.error["code"], str(refused))
        place = "belay --user --config " + host.config + " "
        check.equal(["kill %d" % host.daemon.pid, place + "secret rotate"], refused.error["actions"])
        host.stop()
        host.write("pass", PASSPHRASE + "\n")
        host.write("short", "short\n")
        check.equal("BLY-MASTER-KEY", host.cli("secret", "rotate", "--to", "passphrase", "--new-passphrase-file", host.folder + "/short").error["code"])
        done = host.cli("secret", "rotate", "--to", "passphrase", "--new-passphrase-file", host.folder + "/pass")
        check.equal(0, done.code, str(done))
        check.equal(False, os.path.exists(host.state + "/keys/vault.key"))
        # While no daemon runs, commands ask for it too.
        check.equal(0, host.cli("secret", "set", "B", "--passphrase-file", host.folder + "/pass", stdin="another-value").code)
        host.start()
        check.equal("BLY-VAULT-LOCKED", host.cli("run", "list").error["code"])
        status, envelope = host.client().request("GET", "/v1/secrets")
        check.equal((503, "BLY-VAULT-LOCKED"), (status, envelope["error"]["code"]))
        check.equal("BLY-MASTER-KEY", host.cli("secret", "unlock", stdin="not the one at all\n").error["code"])
        check.equal(0, host.cli("secret", "unlock", stdin=PASSPHRASE + "\n").code)
        # Who has unlocked it goes on at once.
        check.equal(0, host.cli("run", "list").code)
        check.equal(digest, secret_of(host))
        check.equal(["A", "B"], [one["name"] for one in host.cli("secret", "list").data["secrets"]])
        # The wait that was open before takes the token that it was given with.
        check.equal(1, len(host.waits(run)))
        host.kill()
        host.start()
        host.daemon.send_signal(signal.SIGTERM)
        host.daemon.wait(10)
        host.start()
        check.equal(0, host.cli("secret", "unlock", stdin=PASSPHRASE).code)
        belay.eventually(lambda: is_open(host), what="the daemon")
        host.stop()
        done = host.cli("secret", "rotate", "--passphrase-file", host.folder + "/pass")
        check.equal(0, done.code, str(done))
        host.start()
        check.equal(digest, secret_of(host))


def test_a_key_from_outside():
    with belay.started() as host:
        digest = set_up(host)
        host.stop()
        credentials = host.folder + "/credentials"
        os.mkdir(credentials, 0o700)
        with open(credentials + "/belay-vault-key", "wb") as file:
            file.write(os.urandom(32))
        os.chmod(credentials + "/belay-vault-key", 0o400)
        done = host.cli("secret", "rotate", "--key-file", credentials + "/belay-vault-key")
        check.equal(0, done.code, str(done))
        check.equal(["callback.key", "local.key"], [name for name in sorted(os.listdir(host.state + "/keys")) if name != "host.key"])
        ended = subprocess.run(host.command("daemon", json_out=False), env=host.environment, cwd=host.folder, capture_output=True,
                               text=True, check=False, timeout=20)
        check.equal(True, ended.returncode != 0, ended.stderr)
        host.start(environment=dict(host.environment, CREDENTIALS_DIRECTORY=credentials))
        check.equal(digest, secret_of(host))


def test_generated_secrets_are_random_and_stay_unseen():
    with belay.started() as host:
        for words in ((), ("--as", "hex"), ("--as", "webhook"), ("--bytes", "64")):
            made = host.cli("secret", "generate", "A", "--replace", *words)
            check.equal(0, made.code, str(made))
            check.lacks(made.out, "value")
        check.equal(4, made.data["secret"]["version"])
        check.equal("BLY-CONFLICT", host.cli("secret", "generate", "A").error["code"])
        check.equal("BLY-USAGE", host.cli("secret", "generate", "B", "--bytes", "3").error["code"])
        first = secret_of(host)
        host.cli("secret", "generate", "A", "--replace")
        check.equal(False, first == secret_of(host))


def test_a_secret_in_use_is_not_deleted():
    with belay.started() as host:
        set_up(host)
        host.cli("secret", "set", "K", stdin="another-value")
        host.cli("connection", "add", "shop", "type=http", "base_url=http://127.0.0.1:9", "auth.type=bearer", "auth.secret=K")
        flow = {"slug": "hook", "triggers": [{"webhook": "in", "auth": {"type": "bearer", "secret": "K"}}], "steps": [{"id": "a", "set": {"x": 1}}]}
        host.post("/v1/flows", {"content": json.dumps(flow)})
        uses = {(one["what"], one["name"], one["in"]) for one in host.cli("secret", "usages", "K").data["usages"]}
        check.equal({("connection", "shop", "added"), ("flow", "hook", "draft")}, uses)
        check.equal({("flow", "s", "draft")}, {(one["what"], one["name"], one["in"]) for one in host.cli("secret", "usages", "A").data["usages"]})
        code = "export const flow = {slug: 'coded'};\nexport default async (ctx) => ctx.step('a', {run: {command: ['true'], env: {X: {secret: '%s'}}}});\n"
        host.post("/v1/flows", {"content": code % "L", "file": "coded.flow.js"})
        host.cli("secret", "set", "L", stdin="another-value")
        check.equal([{"what": "flow", "name": "coded", "in": "draft"}], host.cli("secret", "usages", "L").data["usages"])
        for name in ("A", "K", "L"):
            refused = host.cli("secret", "delete", name)
            check.equal("BLY-SECRET-IN-USE", refused.error["code"], str(refused))
        check.equal(0, host.cli("secret", "delete", "K", "--force").code)
        check.equal("BLY-SECRET-NOT-FOUND", host.cli("secret", "usages", "K").error["code"])


def test_values_come_from_files_and_are_in_no_argument():
    with belay.started() as host:
        host.write("value", "from-a-file-1234\n")
        check.equal(0, host.cli("secret", "set", "A", "--file", host.folder + "/value").code)
        check.equal(hashlib.sha256(b"from-a-file-1234").hexdigest(), secret_of(host))
        check.equal("BLY-USAGE", host.cli("secret", "set", "A", "value-in-an-argument").error["code"])


if __name__ == "__main__":
    check.main(globals())
