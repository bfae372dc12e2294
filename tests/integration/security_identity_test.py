"""Header spoofing: a client that says itself what only the gateway may say to an upstream, who the consumer is and
where the client is. Whatever spelling it chooses, the upstream must see what the gateway found, and nothing else.

An upstream that makes variables of header fields (CGI, WSGI, PHP) reads X_Consumer_Username as X-Consumer-Username, so
names are compared here as such an upstream would."""

import pytest

from signing import basic, signed, token

# config.yaml trusts X-Real-IP of 127.0.0.1 by default; here the tests are strangers.
GATEWAY = {"config": {"nginx_config": {"http": {"real_ip_from": ["203.0.113.1"]}}}}
IDENTITY = ("X-Consumer-Username", "X-Credential-Identifier", "X-Consumer-Custom-ID")
SPELLINGS = [str, str.lower, str.upper, lambda name: name.replace("-", "_"), lambda name: name.lower().replace("-", "_"),
             lambda name: name.replace("-", "_", 1)]
FORGED = "".join(f"{spell(name)}: root\r\n" for name in IDENTITY for spell in SPELLINGS)

JWT_HEADER = {"alg": "HS256", "typ": "JWT"}
# What jack sends; the configuration of the route.
PLUGINS = {
    "key-auth": (lambda path: {"apikey": "key-of-jack"}, {"key-auth": {}}),
    "basic-auth": (lambda path: {"Authorization": basic("jack", "password-of-jack")}, {"basic-auth": {}}),
    "jwt-auth": (lambda path: {"Authorization": token(JWT_HEADER, {"key": "jack"}, b"secret-of-jack")}, {"jwt-auth": {}}),
    "hmac-auth": (signed, {"hmac-auth": {}}),
    "multi-auth": (lambda path: {"apikey": "key-of-jack"},
                   {"multi-auth": {"auth_plugins": [{"basic-auth": {}}, {"key-auth": {}}]}}),
}


@pytest.fixture
def people(proxy):
    """jack has no label and no credential; rose has both; guest is the anonymous consumer."""
    proxy.gateway.put("/consumers/jack", {"username": "jack", "plugins": {
        "key-auth": {"key": "key-of-jack"}, "basic-auth": {"username": "jack", "password": "password-of-jack"},
        "jwt-auth": {"key": "jack", "secret": "secret-of-jack"},
        "hmac-auth": {"key_id": "my-access-key", "secret_key": "my-secret-key"}}})
    proxy.gateway.put("/consumers/rose", {"username": "rose", "labels": {"custom_id": "7"}})
    proxy.gateway.put("/consumers/rose/credentials/c1", {"plugins": {"key-auth": {"key": "key-of-rose"}}})
    proxy.gateway.put("/consumers/guest", {"username": "guest"})


@pytest.fixture
def received(proxy):
    """A raw upstream; received.identity() is what a CGI program would be told by the last request, trailers included."""
    class Received:
        def __init__(self):
            self.requests = []
            self.upstream = proxy.upstream(self.serve)

        def serve(self, peer):
            while True:
                self.requests.append(peer.read_request())
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        def values(self, name):
            last = self.requests[-1]
            return [value for sent, value in last.headers + last.trailers
                    if sent.lower().replace("_", "-") == name.lower()]

        def identity(self):
            return [self.values(name) for name in IDENTITY]

    return Received()


def ask(proxy, path, headers=None, forged=FORGED, rest="\r\n", method="GET"):
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    client = proxy.client()
    try:
        # On both sides of the client's own fields: neither the first nor the last of a name may win.
        return client.ask(f"{method} {path} HTTP/1.1\r\nHost: a.test\r\n{forged}{lines}{forged}{rest}")
    finally:
        client.close()


@pytest.mark.parametrize("plugin", PLUGINS)
def test_every_auth_plugin_removes_what_the_client_says_of_itself(proxy, people, received, plugin):
    credentials, plugins = PLUGINS[plugin]
    path = proxy.route(received.upstream, plugins=plugins)
    assert ask(proxy, path, credentials(path)).status == 200
    assert received.identity() == [["jack"], [], []]
    assert ask(proxy, path).status == 401 and len(received.requests) == 1


@pytest.mark.parametrize("plugin", [name for name in PLUGINS if name != "multi-auth"])
def test_the_anonymous_consumer_is_no_other_consumer(proxy, people, received, plugin):
    path = proxy.route(received.upstream, plugins={plugin: {"anonymous_consumer": "guest"}})
    assert ask(proxy, path).status == 200
    assert received.identity() == [["guest"], [], []]


def test_a_credential_and_a_label_replace_what_the_client_says(proxy, people, received):
    path = proxy.route(received.upstream, plugins={"key-auth": {}})
    assert ask(proxy, path, {"apikey": "key-of-rose"}).status == 200
    assert received.identity() == [["rose"], ["c1"], ["7"]]


def test_connection_cannot_take_the_identity_away(proxy, people, received):
    """A client that names the field in Connection wants it removed as hop-by-hop, so that the upstream sees a request
    of no consumer, which some upstreams take for one of their own."""
    path = proxy.route(received.upstream, plugins={"key-auth": {}})
    connection = {"apikey": "key-of-rose", "Connection": "close, " + ", ".join(IDENTITY)}
    assert ask(proxy, path, connection).status == 200
    assert received.identity() == [["rose"], ["c1"], ["7"]]


def test_trailers_cannot_bring_an_identity(proxy, people, received):
    """Fields behind a chunked body come after every plugin; upstreams that merge them into the header would believe
    them (RFC 9110 6.5.1)."""
    path = proxy.route(received.upstream, plugins={"key-auth": {}})
    more = "X-Real-IP: root\r\nX-Forwarded-For: root\r\nAuthorization: root\r\nX-Checksum: 1\r\n"
    body = f"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n{FORGED}{more}\r\n"
    assert ask(proxy, path, {"apikey": "key-of-jack"}, rest=body, method="POST").status == 200
    assert received.identity() == [["jack"], [], []]
    assert received.requests[-1].trailers == [("X-Checksum", "1")]


def test_a_skipped_auth_plugin_lets_no_identity_pass(proxy, people, received):
    """The plugin does not run for this request; the upstream cannot know that and trusts the fields."""
    path = proxy.route(received.upstream, plugins={"key-auth": {"_meta": {"filter": [["arg_login", "==", "1"]]}}})
    assert ask(proxy, path).status == 200
    assert received.identity() == [[], [], []]
    assert ask(proxy, path + "?login=1", {"apikey": "key-of-jack"}).status == 200
    assert received.identity() == [["jack"], [], []]


def test_a_skipped_auth_plugin_does_not_forget_who_another_one_found(proxy, people, received):
    plugins = {"key-auth": {"_meta": {"filter": [["arg_login", "==", "1"]]}}, "basic-auth": {}}
    path = proxy.route(received.upstream, plugins=plugins)
    assert ask(proxy, path, {"Authorization": basic("jack", "password-of-jack")}).status == 200
    assert received.identity() == [["jack"], [], []]


def test_consumer_restriction_believes_no_header(proxy, people, received):
    """Without an auth plugin there is no consumer, whatever the client says."""
    path = proxy.route(received.upstream, plugins={"consumer-restriction": {"whitelist": ["root", "jack"]}})
    assert ask(proxy, path).status == 401
    assert not received.requests


def test_the_address_of_the_client_is_the_gateway_s_to_say(proxy, received):
    path = proxy.route(received.upstream)
    forged = "X-Real-IP: 192.0.2.9\r\nx-real-ip: 192.0.2.8\r\nX-Forwarded-For: 192.0.2.9\r\n"
    assert ask(proxy, path, forged=forged).status == 200
    assert received.values("X-Real-IP") == ["127.0.0.1"]
    assert received.values("X-Forwarded-For")[-1].endswith(", 127.0.0.1")  # what follows the forged part is true


@pytest.mark.parametrize("forged, found", [
    ("X_Forwarded_For: 192.0.2.9\r\n", "198.51.100.1"),  # read as the same name it would stand last in the list
    ("x_forwarded-for: 192.0.2.9\r\n", "198.51.100.1"),
    ("X-Real-IP: 192.0.2.9\r\nForwarded: for=192.0.2.9\r\n", "198.51.100.1"),
])
def test_real_ip_takes_only_the_field_of_the_trusted_proxy(proxy, received, forged, found):
    """A proxy in front appends the address that it sees to X-Forwarded-For and passes the client's other fields on,
    behind it or in front of it."""
    path = proxy.route(received.upstream, plugins={"real-ip": {"source": "http_x_forwarded_for",
                                                               "trusted_addresses": ["127.0.0.0/8"]}})
    of_the_proxy = {"X-Forwarded-For": f"192.0.2.1, {found}"}
    assert ask(proxy, path, of_the_proxy, forged=forged).status == 200
    assert [value for name, value in received.requests[-1].headers if name == "X-Real-IP"] == [found]


@pytest.mark.parametrize("plugins, status", [
    ({"real-ip": {"source": "http_x_forwarded_for", "trusted_addresses": ["203.0.113.0/24"]}}, 403),
    ({}, 403),
    # The same forgery works on a route that trusts every peer: the test sees what it looks for.
    ({"real-ip": {"source": "http_x_forwarded_for"}}, 200),
])
def test_untrusted_peers_cannot_choose_their_address(proxy, received, plugins, status):
    path = proxy.route(received.upstream, plugins=plugins | {"ip-restriction": {"whitelist": ["192.0.2.0/24"]}})
    forged = "".join(f"{name}: 192.0.2.9\r\n" for name in ("X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP"))
    assert ask(proxy, path, forged=forged + "Forwarded: for=192.0.2.9\r\n").status == status


def test_an_empty_request_id_is_none_and_there_is_only_one(proxy, received):
    """A client may give an id, but it cannot leave a request without one."""
    path = proxy.route(received.upstream, plugins={"request-id": {}})
    response = ask(proxy, path, forged="X-Request-Id: \r\n")
    (told,) = response.all("X-Request-Id")
    assert len(told) == 36 and received.values("X-Request-Id") == [told]
