"""Mail by notify steps, through a real Exim on loopback: STARTTLS and TLS, logins, recipients and mails that are refused or
deferred, texts that could become headers, network faults, and the policy."""

import contextlib
import json
import os
import socket
import threading

import belay
import check
import mta
import sshd


def host_with_server(policy=None, starttls=True, needs_login=True, size="100K", **connection):
    host = belay.Host(policy=policy)
    os.chmod(host.folder, 0o755)
    host.server = mta.Mta(host.folder + "/mta", starttls, needs_login, size)
    definition = {name: value for name, value in host.server.connection(**connection).items() if value is not None}
    host.write_settings({"connections": {"post": definition}, "jobs": {"grace": "1s"}})
    host.init()
    assert host.cli("secret", "set", "SMTP", stdin="it's a secret", json_out=False).code == 0
    host.start()
    close = host.close
    host.close = lambda *words, **named: (host.server.stop(), close(*words, **named))
    return host


def flow(spec, **more):
    return {"slug": "post", "requires": [{"name": "post", "type": "smtp"}],
            "steps": [{"id": "tell", "notify": {"connection": "post", "to": "ada@example.test", "text": "x", **spec},
                       **more.pop("step", {})}], "input": {"type": "object"}, **more}


def succeeded(shown):
    check.equal("succeeded", shown["run"]["status"], json.dumps(shown["steps"])[:2500])
    return belay.step_of(shown, "tell").get("output")


def failed(shown, code):
    check.equal("failed", shown["run"]["status"], json.dumps(shown["steps"])[:2500])
    check.equal(code, belay.step_of(shown, "tell")["error"]["code"], json.dumps(shown["steps"])[:1500])
    return belay.step_of(shown, "tell")["error"]


TEXT = "Grüße,\n.\n..dots\n.end\n=3D é\ttab \n" + "long " * 100 + "\n\n" + "x" * 2000 + "\n"


def test_a_mail_arrives_as_it_was_written():
    with host_with_server() as host:
        output = succeeded(host.run(flow(
            {"to": ["ada@example.test", "Bøb \"B\" <bob@example.test>"], "cc": "carl@example.test", "bcc": ["eve@example.test"],
             "reply_to": "answers@example.test", "title": "${{ input.title }}", "text": "${{ input.text }}",
             "html": {"template": "page"}}, templates={"page": "<p>${{ input.title }}</p>"}),
            {"title": "Über " + "y" * 90, "text": TEXT}))
        check.equal(4, output["recipients"])
        for person in ("ada", "bob", "carl", "eve"):
            mail = host.server.mails(person)[0]
            check.equal("Über " + "y" * 90, mail["subject"])
            check.equal(TEXT, mail.get_body(("plain",)).get_content())
            check.equal("<p>Über " + "y" * 90 + "</p>", mail.get_body(("html",)).get_content().rstrip("\n"))
            check.equal("<" + output["delivery_id"] + ">", mail["message-id"])
            check.equal("answers@example.test", mail["reply-to"])
            assert mail["bcc"] is None and "eve" not in str(mail["to"]) + str(mail["cc"])
            check.has(str(mail["to"]), "Bøb")
        check.has(host.server.log(), "TLS1.3")
        check.has(host.server.log(), "A=plain")


def attaching(host, spec):
    """A run whose first step leaves files and whose second sends them."""
    given = flow({"to": ["ada@example.test", "bob@example.test"], "title": "Files", **spec})
    script = ("cp %s/random bin.dat && printf 'a,b\\n..\\n.\\n' > 'rows.csv' && cp bin.dat 'Über \"x\".dat' && : > empty && "
              "for f in bin.dat rows.csv 'Über \"x\".dat' empty; do %s job attach \"$f\"; done && seq 3" % (host.folder, os.environ["BELAY"]))
    given["steps"].insert(0, {"id": "made", "persist": "always", "run": {"script": script, "cwd": host.folder + "/made"}})
    return given


def files_of(mail):
    return {part.get_filename(): (part.get_content_type(), part.get_payload(decode=True)) for part in mail.iter_attachments()}


def test_attachments_arrive_byte_for_byte():
    with host_with_server(size="20M", attachments_max="7 MB") as host:
        os.mkdir(host.folder + "/made")
        content = os.urandom(3_000_017)
        with open(host.folder + "/random", "wb") as file:
            file.write(content)
        made = "${{ steps.made.output.attachments['%s'] }}"
        succeeded(host.run(attaching(host, {"html": "<p>x</p>", "attachments": [
            {"from": made % "bin.dat"}, {"from": made % "rows.csv", "content_type": "text/csv"}, {"from": made % "empty", "filename": "nothing"},
            {"from": made % "Über \"x\".dat", "content_type": "image/png"},
            {"from": "${{ steps.made.output.stdout.ref }}", "filename": "numbers.txt"}]})))
        for person in ("ada", "bob"):
            mail = host.server.mails(person)[0]
            check.equal("x", mail.get_body(("plain",)).get_content().rstrip("\n"))
            check.equal("<p>x</p>", mail.get_body(("html",)).get_content().rstrip("\n"))
            check.equal({"bin.dat": ("application/octet-stream", content), "rows.csv": ("text/csv", b"a,b\n..\n.\n"),
                         "nothing": ("application/octet-stream", b""), "Über \"x\".dat": ("image/png", content),
                         "numbers.txt": ("text/plain", b"1\n2\n3\n")}, files_of(mail))
        # What is too much, or no resource, is refused before anything is sent.
        for attachments, code in (([{"from": made % "bin.dat"}] * 3, "BLY-LIMIT"), ([{"from": "a text"}], "BLY-INVALID-ARGUMENT"),
                                  ([{"from": "res://sha256/" + "0" * 64}], "BLY-RESOURCE-NOT-FOUND"),
                                  ([{"from": made % "empty", "filename": "a\nB: c"}], "BLY-INVALID-ARGUMENT"),
                                  ([{"from": made % "empty", "content_type": "message/rfc822"}], "BLY-INVALID-ARGUMENT"),
                                  ([{"from": made % "empty", "content_type": "a/b\nC: d"}], "BLY-INVALID-ARGUMENT")):
            failed(host.run(attaching(host, {"attachments": attachments})), code)
        check.equal(1, len(host.server.mails("ada")))
    with host_with_server() as host:
        os.mkdir(host.folder + "/made")
        with open(host.folder + "/random", "wb") as file:
            file.write(content[:200_000])
        error = failed(host.run(attaching(host, {"attachments": [{"from": made % "bin.dat"}]})), "BLY-SMTP-REFUSED")
        check.has(error["message"], "size")


def test_tls_from_the_start_and_a_server_without_login():
    with host_with_server() as host:
        settings = json.load(open(host.config, encoding="utf-8"))
        settings["connections"]["post"].update(tls="implicit", port=host.server.tls)
        host.kill()
        host.write_settings(settings)
        host.start()
        succeeded(host.run(flow({})))
        assert host.server.mails("ada")
    with host_with_server(needs_login=False, tls="none", user=None, password=None) as host:
        succeeded(host.run(flow({})))


def test_no_password_and_no_mail_goes_in_the_clear():
    with host_with_server(starttls=False) as host:
        error = failed(host.run(flow({})), "BLY-SMTP-REFUSED")
        check.has(error["message"], "STARTTLS")
        assert "A=" not in host.server.log() and "<=" not in host.server.log()
    with host_with_server(ca_file=None) as host:
        failed(host.run(flow({})), "BLY-TLS-CERTIFICATE")
    with host_with_server(host="127.0.0.1") as host:
        check.has(failed(host.run(flow({})), "BLY-TLS-CERTIFICATE")["message"], "another name")


def test_what_the_server_refuses_is_not_half_sent():
    with host_with_server() as host:
        for spec, words in (({"to": ["ada@example.test", "refused@example.test"]}, "no such person"),
                            ({"title": "spam"}, "this is spam"), ({"text": "${{ 'x'.repeat(150000) }}"}, "size")):
            check.has(failed(host.run(flow(spec)), "BLY-SMTP-REFUSED")["message"], words)
        host.cli("secret", "set", "SMTP", stdin="wrong", json_out=False)
        error = failed(host.run(flow({})), "BLY-AUTHENTICATION")
        assert "wrong" not in error["message"]
        check.equal([], host.server.mails("ada", seconds=1))


def test_what_is_refused_for_now_is_tried_again():
    with host_with_server() as host:
        shown = host.run(flow({"to": "later@example.test"}, step={"retry": {"max_attempts": 3, "backoff": {"initial": "50ms"},
                                                                            "on": ["unavailable"]}}))
        failed(shown, "BLY-SMTP-REFUSED")
        check.equal(3, len(belay.step_of(shown, "tell")["attempts"]))
        shown = host.run(flow({"title": "spam"}, step={"retry": {"max_attempts": 3, "on": ["unavailable"]}}))
        check.equal(1, len(belay.step_of(shown, "tell")["attempts"]))


def test_nothing_becomes_a_header_or_a_command():
    with host_with_server() as host:
        for value in ("a\nBcc: x@example.test", "a\r\nX: y", "a\rb"):
            assert host.run(flow({"title": "${{ input.v }}"}), {"v": value})["run"]["status"] == "failed"
        for value in ("ada@example.test\nDATA", "ada@example.test>\r\nRCPT TO:<x@y.z", "a b@example.test", "<x>", "@", "ada",
                      "ada@example.test, bob@example.test", "Name\r\nBcc: x <a@example.test>", "é@example.test", ""):
            assert host.run(flow({"to": ["${{ input.v }}"]}), {"v": value})["run"]["status"] == "failed", value
        check.equal([], host.server.mails("ada", seconds=1))
        succeeded(host.run(flow({"title": "${{ input.v }}", "text": "${{ input.v }}"}), {"v": "=?utf-8?B?QQ==?= .. QUIT"}))
        check.equal("=?utf-8?B?QQ==?= .. QUIT", host.server.mails("ada")[0]["subject"])


def test_faults_of_the_network_have_a_class_and_an_end():
    for what, after in (("reset", 60), ("stall", 60), ("half_close", 200), ("drip", 30)):
        with host_with_server() as host:
            fault = sshd.Fault(host.server.plain, what, after)
            try:
                host.restart_with(lambda settings, to=fault.port: settings["connections"]["post"].update(port=to))
                shown = host.run(flow({}, step={"timeout": "3s"}))
                check.equal("failed", shown["run"]["status"], what)
                assert belay.step_of(shown, "tell")["error"]["code"] in ("BLY-CONNECT", "BLY-TLS", "BLY-STEP-TIMEOUT"), shown
            finally:
                fault.close()
    with host_with_server(host="no-such.invalid", tls="none", user=None, password=None) as host:
        check.has(failed(host.run(flow({})), "BLY-CONNECT")["message"], "no-such.invalid")


class Liar(threading.Thread):
    """A server of ours that says what no mail server says."""

    def __init__(self, *answers):
        super().__init__(daemon=True)
        self.over = False
        self.answers, self.listener = answers, socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                near, _ = self.listener.accept()
                with near:
                    for answer in self.answers:
                        near.sendall(answer)
                        if not near.recv(65536):
                            break
            except OSError:
                if self.over:
                    return

    def close(self):
        """Nobody stands in accept() any more: the next to listen may get the same descriptor."""
        self.over = True
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.join(20)
        self.listener.close()


GOOD = (b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n")


def test_a_server_that_lies_or_drops_the_end_of_a_mail():
    for answers, code in (((b"HTTP/1.1 400 Bad\r\n\r\n",), "BLY-SMTP-REFUSED"), ((b"220 " + b"x" * 100_000,), "BLY-SMTP-REFUSED"),
                          ((b"220-a\r\n" * 5000,), "BLY-SMTP-REFUSED"), ((b"220 a\r\n250 b\r\n250 c\r\n", b""), "BLY-SMTP-REFUSED"),
                          ((b"999 a\r\n",), "BLY-SMTP-REFUSED"), ((b"220 \xff\xfe\x00\r\n", b""), "BLY-CONNECT")):
        liar = Liar(*answers)
        with host_with_server(tls="none", port=liar.port, user=None, password=None) as host:
            shown = host.run(flow({}, step={"timeout": "20s"}))
            check.equal("failed", shown["run"]["status"])
            got = belay.step_of(shown, "tell")["error"]["code"]
            assert got == code or (code == "BLY-CONNECT" and got == "BLY-STEP-TIMEOUT"), (answers[0][:20], got)
        liar.close()
    # It has the whole mail, and the connection ends: whether it took the mail is not known.
    liar = Liar(*GOOD)
    with host_with_server(tls="none", port=liar.port, user=None, password=None) as host:
        run = host.start_run(flow({}))
        belay.eventually(lambda: belay.step_of(host.show(run), "tell").get("status") == "ambiguous", 20)
    liar.close()


def test_the_policy_names_every_recipient():
    policy = {"mail": {"allow": [{"connections": ["post"], "to": ["*@example.test"]}]}}
    with host_with_server(policy=policy) as host:
        succeeded(host.run(flow({"to": ["ada@example.test"], "bcc": "BOB@EXAMPLE.TEST"})))
        for spec in ({"to": "ada@example.org"}, {"bcc": "ada@example.org"}, {"cc": ["x@sub.example.test"]}):
            check.has(failed(host.run(flow(spec)), "BLY-POLICY-REFUSED")["message"], "mail.allow")


def test_a_review_shows_who_gets_it():
    with host_with_server() as host:
        run = host.start_run(flow({"text": "${{ 1 + 1 }}"}, step={"review": {"summary": "send?"}}))
        wait = host.open_wait(run)
        check.has(json.dumps(host.get("/v1/waits/" + wait["id"])), "ada@example.test")
        check.equal(0, host.cli("approve", wait["id"]).code)
        succeeded(host.wait_run(run))
        check.equal("2", host.server.mails("ada")[0].get_content().strip())


if __name__ == "__main__":
    check.main(globals())
