"""Secrets and logs: what is neither told to a client nor written into a log, and lines that a client cannot forge."""

import re

import pytest

from gateway import http_request
from signing import basic, base64url, signed, token, unsigned

# The most talkative log. The access log as it is written for machines, with fields that hold what a client sent, decoded.
GATEWAY = {"config": {"nginx_config": {"error_log_level": "debug", "http": {
    "access_log_buffer": 1, "access_log_format": "$uri|$http_user_agent|$remote_user|$arg_a"}}}}
KNOWN_KEY = "edd1c9f034335f136f87ad84b625c8f1"

SECRETS = {"key": "Key-No-One-May-See", "password": "Password-No-One-May-See", "jwt": "Jwt-Secret-No-One-May-See",
           "hmac": "Hmac-Secret-No-One-May-See"}


@pytest.fixture
def guarded(proxy, upstream):
    """A path for each auth plugin, and a consumer of all of them."""
    proxy.gateway.put("/consumers/jack", {"username": "jack", "plugins": {
        "key-auth": {"key": SECRETS["key"]}, "basic-auth": {"username": "jack", "password": SECRETS["password"]},
        "jwt-auth": {"key": "jack", "secret": SECRETS["jwt"]},
        "hmac-auth": {"key_id": "my-access-key", "secret_key": SECRETS["hmac"]}}})
    names = ("key-auth", "basic-auth", "jwt-auth", "hmac-auth")
    return {name: proxy.route(upstream.port, plugins={name: {}}) for name in names}


def written(proxy):
    return "".join(proxy.gateway.log(name) for name in ("error.log", "access.log"))


def test_cve_2022_29266_errors_of_jwt_auth_are_constants(proxy, guarded):
    """A response to a bad token that says what the library said gave the consumer's secret away. Every response is one of
    five texts that hold nothing of the token and nothing of the configuration."""
    good = token({"alg": "HS256"}, {"key": "jack"}, SECRETS["jwt"].encode())
    head, payload, signature = good.split(".")
    expired = token({"alg": "HS256"}, {"key": "jack", "exp": 1}, SECRETS["jwt"].encode())
    bad = ["", "x", "a.b", "..", "a.b.c.d.e", f"{head}.{payload}.", f"{head}.{payload}.AAAA", f"{head}.?.{signature}",
           f"?.{payload}.{signature}", unsigned({"alg": "RS256"}, {"key": "jack"}) + "." + signature,
           unsigned({"alg": "none"}, {"key": "jack"}) + ".", unsigned({"alg": "HS256"}, {"key": 1}) + "." + signature,
           unsigned({"alg": "HS256"}, {"key": "nobody"}) + "." + signature, unsigned({"alg": "HS256"}, {}) + "." + signature,
           unsigned({"alg": {"a": 1}}, {"key": "jack"}) + "." + signature, expired]
    told = set()
    for jwt in bad:
        response = proxy.gateway.request(guarded["jwt-auth"], headers={"Authorization": jwt})
        assert response.status == 401, jwt
        told.add(response.json()["message"])
    assert told <= {"Missing JWT token in request", "JWT token invalid", "missing user key in JWT token",
                    "Invalid user key in JWT token", "failed to verify jwt"}
    assert proxy.gateway.request(guarded["jwt-auth"], headers={"Authorization": good}).status == 200
    assert SECRETS["jwt"] not in written(proxy)


def test_cve_2025_62232_no_log_holds_a_credential(proxy, guarded):
    """basic-auth wrote name and password at level info. Here every auth plugin is given good and bad credentials at level
    debug; neither they nor what they are made of may be found in a log."""
    passwords = [SECRETS["password"], "Guessed-Password-1", "Guessed:Password:2"]
    authorizations = [basic("jack", password) for password in passwords]
    authorizations += [basic("nobody", "Guessed-Password-3"), "Basic " + base64url(b"Guessed-Password-4 without a colon")]
    for authorization in authorizations:
        proxy.gateway.request(guarded["basic-auth"], headers={"Authorization": authorization})
    for key in (SECRETS["key"], "Guessed-Key-1"):
        proxy.gateway.request(guarded["key-auth"], headers={"apikey": key})
    good = token({"alg": "HS256"}, {"key": "jack"}, SECRETS["jwt"].encode())
    proxy.gateway.request(guarded["jwt-auth"], headers={"Authorization": f"Bearer {good}"})
    for secret in (SECRETS["hmac"], "Guessed-Secret-1"):
        proxy.gateway.request(guarded["hmac-auth"], headers=signed(guarded["hmac-auth"], secret=secret))
    proxy.gateway.request("/the-last-one")
    proxy.gateway.wait_for_log("/the-last-one", "access.log")
    log = written(proxy)
    assert "basic-auth exits with http status code 401" in log  # what there is to see is there
    for secret in [*SECRETS.values(), *passwords, good, "Guessed-Key-1", "Guessed-Password-3", "Guessed-Password-4",
                   "Guessed-Secret-1", *(authorization.split()[1] for authorization in authorizations)]:
        assert secret not in log, secret


def test_no_log_and_no_response_holds_a_key_of_the_admin_api(proxy):
    gateway = proxy.gateway
    told = [gateway.admin("GET", "/routes", key="Guessed-Admin-Key").text, gateway.admin("GET", "/nothing").text,
            gateway.admin("PUT", "/routes/1", {"uri": 1}).text,
            http_request(gateway.admin_port, "GET", "/apisix/admin/routes?api_key=Guessed-Admin-Key").text]
    for text in [*told, gateway.log()]:
        assert "Guessed-Admin-Key" not in text and gateway.admin_key not in text


def test_cve_2020_13945_the_published_key_is_refused(make_gateway):
    """APISIX came with an admin key that stands in its examples: every client of the Admin API had it. Beyond this
    machine it is refused; where allow_admin has no other address, it is a warning."""
    gateway = make_gateway(start=False, admin_key=KNOWN_KEY, config={"deployment": {"admin": {"allow_admin": ["10.0.0.0/8"]}}})
    done = gateway.run("start")
    assert done.returncode != 0 and "CVE-2020-13945" in done.stdout + done.stderr
    assert gateway.pid is None
    for allowed in (["127.0.0.0/24"], ["127.0.0.1/8", "::1/128", "::ffff:127.0.0.1"]):
        config = {"deployment": {"admin": {"allow_admin": allowed}}}
        warned = make_gateway(start=False, admin_key=KNOWN_KEY, config=config).run("test")
        assert warned.returncode == 0 and "CVE-2020-13945" in warned.stdout + warned.stderr


def forged_lines(log):
    return [line for line in log.splitlines() if line.startswith("forged")]


def test_log_lines_cannot_be_forged(proxy, guarded):
    """Line ends that a client sends, escaped in a URI or within a token, stay within the line that tells of them."""
    gateway = proxy.gateway
    path = guarded["jwt-auth"]
    for end in ("%0a", "%0d%0a", "%0d"):
        gateway.request(f"{path}{end}forged?a={end}forged")
        gateway.request(f"{path}?jwt={end}forged.b.c")  # the argument is decoded, and told in error.log
    gateway.request(path, headers={"Authorization": base64url(b'{"alg":"\nforged"}') + ".e30.x"})
    gateway.request(path, headers={"Authorization": "Basic " + basic("\nforged", "x").split()[1]})  # $remote_user
    gateway.request("/the-last-one")
    gateway.wait_for_log("/the-last-one", "access.log")
    assert "forged" in gateway.log() and "forged" in gateway.log("access.log")
    assert not forged_lines(gateway.log()) and not forged_lines(gateway.log("access.log"))
    # Not by terminals either: no byte that moves a cursor.
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", written(proxy))
