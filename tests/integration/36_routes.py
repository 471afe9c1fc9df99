"""Every route of the relay with every credential, over its real TLS. The routes come from the relay's own /openapi.json, so
that a new one cannot be forgotten: one of a class that is not known here fails the test."""

import json
import time

import check
import relay as relays

FAST = {"rates": {name: 1_000_000 for name in ("public", "session", "host", "enrol", "release", "approver", "starter", "fleet")}}
ROLES = ("host", "release", "approver", "bot", "starter", "operator", "metrics")
# Which role a class lets in; None: nobody is asked who he is, "session": a host in its session.
CLASSES = {"open": None, "statement": None, "session": ("session",), "enrol": ("host",), "release": ("release",),
           "approver": ("approver", "bot"), "starter": ("starter",), "fleet": ("operator", "starter"), "metrics": ("metrics",)}
# What is answered on the relay's Unix socket only, and is in no public description.
LOCAL = (("GET", "/v1/tokens"), ("POST", "/v1/tokens"), ("DELETE", "/v1/tokens/x"), ("DELETE", "/v1/hosts/x"),
         ("GET", "/v1/hooks"), ("POST", "/v1/hooks"), ("POST", "/v1/hooks/x"), ("DELETE", "/v1/hooks/x"))


class Credentials:
    """By name: how it is shown, and which role it has; an empty role is none that counts."""

    def __init__(self, relay):
        self.rows = {"none": (None, ""), "wrong": ("Bearer " + "A" * 43, ""), "empty": ("Bearer ", ""),
                     "no scheme": (relay.token("metrics"), ""), "Basic": ("Basic " + relay.token("metrics"), "")}
        for role in ROLES:
            secret = relay.token(role)
            self.rows[role] = ("Bearer " + secret, role)
            self.rows[role + ", in small letters"] = ("bearer " + secret, "")
            self.rows[role + ", cut"] = ("Bearer " + secret[:-1], "")
            self.rows[role + ", expired"] = ("Bearer " + relay.token(role, "1s"), "")
        removed = relay.cli("tokens", "new", "--role", "release", "--expires", "1h").data
        check.equal(0, relay.cli("tokens", "remove", removed["token"]).code)
        self.rows["removed"] = ("Bearer " + removed["secret"], "")
        host = relays.FakeHost(relay)
        check.equal(200, host.enrol(relay.token())[0])
        host.open()
        self.rows["fenced"] = ("Bearer " + host.session, "fenced")
        host.open()
        self.rows["session"] = ("Bearer " + host.session, "session")
        gone = relays.FakeHost(relay, "gone")
        check.equal(200, gone.enrol(relay.token())[0])
        gone.open()
        check.equal(0, relay.cli("hosts", "remove", gone.id).code)
        self.rows["of a host that was removed"] = ("Bearer " + gone.session, "")
        # The short ones are over.
        time.sleep(1.2)


def described(relay):
    """[(method, path, class, media type of the body or "")]"""
    status, api = relay.request("GET", "/openapi.json")
    check.equal(200, status)
    out = []
    for pattern, methods in api["paths"].items():
        path = "/".join("A" * 43 if part.startswith("{") else part for part in pattern.split("/"))
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            out.append((method.upper(), path, operation["x-class"], "".join(content)))
    return out


def expected(kind, role):
    """The status of a refusal; 0: let in."""
    allowed = CLASSES[kind]
    if allowed is None or role in allowed:
        return 0
    if kind == "session":
        return 409 if role == "fenced" else 401
    # A token of another role is known, and says so.
    return 403 if role in ROLES else 401


REFUSALS = {401: ("BLY-RELAY-CREDENTIAL",), 403: ("BLY-RELAY-ROLE",), 409: ("BLY-RELAY-FENCED",)}


@check.bound(180)
def test_every_route_with_every_credential():
    with relays.Relay(FAST) as relay:
        relay.start()
        routes = described(relay)
        check.equal(True, len(routes) > 15, "too few routes: %s" % routes)
        check.equal(set(), {kind for _, _, kind, _ in routes} - set(CLASSES))
        check.equal(set(), set(CLASSES) - {kind for _, _, kind, _ in routes})
        credentials = Credentials(relay)
        connection, asked, wrong = relay.connection(), 0, []
        for method, path, kind, body in routes:
            for name, (shown, role) in credentials.rows.items():
                headers = {"Authorization": shown} if shown is not None else {}
                # A body that no handler takes: nothing here must change what the next one finds.
                text = b"{]" if body else None
                if body:
                    headers["Content-Type"] = body.replace("*/*", "text/plain")
                status, envelope = relay.request(method, path, text, headers, connection=connection)
                asked += 1
                code = envelope["error"]["code"] if isinstance(envelope, dict) and not envelope.get("ok", True) else ""
                wanted = expected(kind, role)
                fits = (status == wanted and code in REFUSALS[wanted]) if wanted else code not in (
                    "BLY-RELAY-CREDENTIAL", "BLY-RELAY-ROLE", "BLY-RELAY-FENCED", "BLY-PERMISSION")
                if not fits:
                    wrong.append("%s %s (%s) with %s: %s %s, wanted %s" % (method, path, kind, name, status, code, wanted))
        connection.close()
        print("%d routes, %d credentials, %d requests" % (len(routes), len(credentials.rows), asked))
        check.equal([], wrong)


def test_what_is_local_is_for_nobody_outside():
    with relays.Relay(FAST) as relay:
        relay.start()
        credentials = Credentials(relay)
        for method, path in LOCAL:
            for name, (shown, _) in credentials.rows.items():
                body = {"role": "release", "expires_s": 60} if method == "POST" else None
                status, envelope = relay.request(method, path, body, {"Authorization": shown} if shown is not None else {})
                check.equal((403, "BLY-PERMISSION"), (status, envelope["error"]["code"]), "%s %s with %s" % (method, path, name))


def test_two_credentials_are_none():
    with relays.Relay(FAST) as relay:
        relay.start()
        token = relay.token("metrics")
        connection = relay.connection()
        connection.putrequest("GET", "/metrics")
        for _ in range(2):
            connection.putheader("Authorization", "Bearer " + token)
        connection.endheaders()
        answer = connection.getresponse()
        check.equal((401, "BLY-RELAY-CREDENTIAL"), (answer.status, json.loads(answer.read())["error"]["code"]))


if __name__ == "__main__":
    check.main(globals())
