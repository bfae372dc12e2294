"""hmac-auth: signatures that are made here, by the clock of this machine."""
import time

import pytest

from gateway import running_gateway, wait_until
from signing import date_at, digest_of, moved, signed

SECRET = "my-secret-key"


@pytest.fixture(scope="module")
def gate():
    with running_gateway() as gateway:
        gateway.put("/consumers/jack", {"username": "jack", "plugins": {
            "hmac-auth": {"key_id": "my-access-key", "secret_key": SECRET}}})
        gateway.put("/consumers/guest", {"username": "guest"})
        yield gateway


@pytest.fixture
def route(gate, upstream):
    serial = iter(range(1000))

    def put(conf=None):
        # A path of its own: what is asked for is in force when it is found.
        path = f"/{time.monotonic_ns()}-{next(serial)}"
        gate.put("/routes/1", {"uris": [path, path + "/*"], "plugins": {"hmac-auth": conf or {}},
                               "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
        wait_until(lambda: gate.request(path).status != 404, "the route in force")
        upstream.requests.clear()
        return path

    return put


def refused(response, message="client request can't be validated"):
    assert response.status == 401 and response.json() == {"message": message}, response.text
    assert response.header("WWW-Authenticate") == 'hmac realm="hmac"'
    return True


@pytest.mark.parametrize("algorithm", ["hmac-sha1", "hmac-sha256", "hmac-sha512"])
def test_every_algorithm(gate, route, upstream, algorithm):
    path = route()
    assert gate.request(path, headers=signed(path, algorithm=algorithm)).status == 200
    assert upstream.requests[-1].header("X-Consumer-Username") == "jack"
    assert upstream.requests[-1].header("Authorization") is not None


def test_only_allowed_algorithms(gate, route):
    path = route({"allowed_algorithms": ["hmac-sha256"]})
    assert gate.request(path, headers=signed(path)).status == 200
    assert refused(gate.request(path, headers=signed(path, algorithm="hmac-sha1")))
    assert "Invalid algorithm" in gate.log()


def test_what_is_signed_cannot_be_changed(gate, route, upstream):
    path = route({"signed_headers": ["date", "x-role"]})
    names = ("@request-target", "date", "x-role")
    headers = signed(path + "/a?b=1", headers={"X-Role": "user"}, names=names)
    assert gate.request(path + "/a?b=1", headers=headers).status == 200
    upstream.requests.clear()
    assert refused(gate.request(path + "/a?b=2", headers=headers))
    assert refused(gate.request(path + "/a?b=1", "POST", headers=headers))
    assert refused(gate.request(path + "/a?b=1", headers=headers | {"X-Role": "admin"}))
    assert refused(gate.request(path + "/a?b=1", headers=headers | {"x-Role": "admin"}))  # a second one beside it
    assert refused(gate.request(path + "/a?b=1", headers={k: v for k, v in headers.items() if k != "X-Role"}))
    assert refused(gate.request(path + "/a?b=1", headers=headers | {"Date": moved(headers["Date"], -1)}))
    assert not upstream.requests


def test_headers_that_must_be_signed(gate, route):
    path = route({"signed_headers": ["date", "x-role"]})
    assert refused(gate.request(path, headers=signed(path, headers={"X-Role": "user"})))
    assert 'expected header "x-role" missing in signing' in gate.log()
    by_default = route()
    assert refused(gate.request(by_default, headers=signed(by_default, names=("@request-target",))))
    free = route({"signed_headers": []})
    assert gate.request(free, headers=signed(free, names=())).status == 200


def test_clock_skew(gate, route):
    path = route({"clock_skew": 6000})  # what a slow machine needs in between does not matter
    for offset_s in (-5000, 5000):
        assert gate.request(path, headers=signed(path, offset_s=offset_s)).status == 200
    for offset_s in (-7000, 7000):
        assert refused(gate.request(path, headers=signed(path, offset_s=offset_s)))
    assert "Clock skew exceeded" in gate.log()
    without = {k: v for k, v in signed(path).items() if k != "Date"}
    assert refused(gate.request(path, headers=without))
    assert refused(gate.request(path, headers=signed(path, headers={"Date": "yesterday"})))
    assert "Invalid GMT format time" in gate.log()


@pytest.mark.parametrize("field, reason", [
    (None, "client request can't be validated: missing Authorization header"),
    ("Basic Zm9vOmJhcg==", "client request can't be validated: Authorization header does not start with 'Signature'"),
    ("Signature", "client request can't be validated"),
    ('Signature keyId="my-access-key"', "client request can't be validated"),
    ('Signature keyId="my-access-key",signature="YQ=="', "client request can't be validated"),
    ('Signature keyId="nobody",algorithm="hmac-sha256",signature="YQ=="', "client request can't be validated"),
    ('Signature keyId="my-access-key",algorithm="hmac-sha256",headers="date",signature=""', "client request can't be validated"),
    ('Signature keyId="my-access-key",algorithm="hmac-sha256",headers="date",signature="?"', "client request can't be validated"),
])
def test_fields_that_are_none(gate, route, field, reason):
    path = route()
    headers = {"Date": date_at()} | ({"Authorization": field} if field else {})
    assert refused(gate.request(path, headers=headers), reason)


@pytest.mark.parametrize("names, reason", [
    (("date", "a", "A"), 'header "A" signed twice'),
    (("date", *(f"h{i}" for i in range(64))), "more than 64 headers signed"),
], ids=["repeated", "many"])
def test_names_that_cost_too_much_are_refused_before_anything_is_signed(gate, route, names, reason):
    path = route()
    assert refused(gate.request(path, headers=signed(path, headers={"a": "1"}, names=names)))
    assert reason in gate.log()


def test_another_secret(gate, route):
    path = route()
    assert refused(gate.request(path, headers=signed(path, secret="guessed")))
    assert refused(gate.request(path, headers=signed(path, secret="")))


def test_the_body(gate, route, upstream):
    path = route({"validate_request_body": True, "signed_headers": ["date", "digest"], "max_req_body_size": 1000})
    names = ("@request-target", "date", "digest")
    body = b'{"name": "world"}'
    headers = signed(path, "POST", {"Digest": digest_of(body)}, names)
    assert gate.request(path, "POST", headers=headers, body=body).status == 200
    assert upstream.requests[-1].body == body
    upstream.requests.clear()
    assert refused(gate.request(path, "POST", headers=headers, body=body + b" "))
    assert refused(gate.request(path, "POST", headers=headers))
    assert refused(gate.request(path, "POST", headers=signed(path, "POST", names=("@request-target", "date", "digest")),
                                body=body))
    # Without a body the digest is that of nothing.
    assert gate.request(path, headers=signed(path, headers={"Digest": digest_of(b"")}, names=names)).status == 200
    upstream.requests.clear()
    long = b"x" * 1001
    response = gate.request(path, "POST", headers=signed(path, "POST", {"Digest": digest_of(long)}, names), body=long)
    assert response.status == 413
    assert response.json() == {"message": "request size 1001 is greater than the maximum size 1000 allowed"}
    chunked = gate.request(path, "POST", headers=signed(path, "POST", {"Digest": digest_of(long)}, names),
                           body=iter([long]))
    assert chunked.status == 413
    assert not upstream.requests


def test_a_body_in_chunks(gate, route, upstream):
    path = route({"validate_request_body": True})
    pieces = [b"a" * 40000, b"b" * 40000]
    headers = signed(path, "POST", {"Digest": digest_of(b"".join(pieces))})
    assert gate.request(path, "POST", headers=headers, body=iter(pieces)).status == 200
    assert upstream.requests[-1].body == b"".join(pieces)


def test_hidden_credentials_and_the_anonymous_consumer(gate, route, upstream):
    path = route({"hide_credentials": True, "anonymous_consumer": "guest"})
    assert gate.request(path, headers=signed(path)).status == 200
    assert upstream.requests[-1].header("X-Consumer-Username") == "jack"
    assert upstream.requests[-1].header("Authorization") is None
    spoofed = {"X-Consumer-Username": "root", "x_consumer_username": "root", "X-Credential-Identifier": "c"}
    assert gate.request(path, headers=signed(path, secret="guessed") | spoofed).status == 200
    assert upstream.requests[-1].header("X-Consumer-Username") == "guest"
    assert upstream.requests[-1].header("x_consumer_username") is None
    assert upstream.requests[-1].header("X-Credential-Identifier") is None
    assert upstream.requests[-1].header("Authorization") is None


def test_a_client_cannot_say_who_it_is(gate, route, upstream):
    path = route()
    spoofed = {"X-Consumer-Username": "root", "x_consumer_username": "root", "X-Credential-Identifier": "c",
               "X-Consumer-Custom-ID": "1"}
    assert gate.request(path, headers=signed(path) | spoofed).status == 200
    seen = upstream.requests[-1]
    assert seen.header("X-Consumer-Username") == "jack"
    for name in ("x_consumer_username", "X-Credential-Identifier", "X-Consumer-Custom-ID"):
        assert seen.header(name) is None


def test_under_multi_auth(gate, upstream):
    gate.put("/routes/2", {"uri": "/multi", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}},
                           "plugins": {"multi-auth": {"auth_plugins": [{"key-auth": {}},
                                                                       {"hmac-auth": {"validate_request_body": True}}]}}})
    body = b"text"
    wait_until(lambda: gate.request("/multi").status != 404, "the route in force")
    good = gate.request("/multi", "POST", headers=signed("/multi", "POST", {"Digest": digest_of(body)}), body=body)
    assert good.status == 200 and upstream.requests[-1].body == body
    bad = gate.request("/multi", "POST", headers=signed("/multi", "POST", {"Digest": digest_of(b"other")}), body=body)
    assert bad.status == 401 and bad.json() == {"message": "Authorization Failed"}
    assert ("hmac-auth failed to authenticate the request, code: 401. error: client request can't be validated: "
            "Invalid digest") in gate.log()
