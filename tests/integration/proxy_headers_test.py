"""What the upstream gets of the request and its client, and what the client gets of the response's head."""

import email.utils
import time

import pytest

import raw
from ports import free_port

NETWORKS = ["127.0.0.1"]
GATEWAY = {"config": {"nginx_config": {"http": {"real_ip_header": "X-Client", "real_ip_from": ["127.0.0.1"]}}}}


@pytest.fixture
def seen(proxy):
    """Sends a request with these header lines; returns what the upstream received."""
    got = []

    def serve(peer):
        while True:
            got.append(peer.read_request())
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    upstream = proxy.upstream(serve)
    path = proxy.route(upstream)

    def ask(headers="", target=None, host="a.test", method="GET", route=path):
        response = proxy.client().ask(f"{method} {target if target else route} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n")
        assert response.status == 200
        return got[-1]

    ask.upstream, ask.path = upstream, path
    return ask


def test_client_address_and_forwarded_headers(proxy, seen):
    request = seen("User-Agent: t\r\nX-Own: 1\r\nX-Own: 2\r\n")
    assert request.header("Host") == "a.test"
    assert request.header("X-Real-IP") == "127.0.0.1"
    assert request.header("X-Forwarded-For") == "127.0.0.1"
    assert request.header("X-Forwarded-Proto") == "http"
    assert request.header("X-Forwarded-Host") == "a.test"
    assert request.header("X-Forwarded-Port") == str(proxy.port)
    assert request.all("X-Own") == ["1", "2"] and request.header("User-Agent") == "t"
    assert request.start_line.endswith(" HTTP/1.1") and request.header("Connection") is None


def test_forged_forwarded_headers_are_replaced_and_for_is_appended_to(proxy, seen):
    request = seen("X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\nX-Real-IP: 10.0.0.3\r\n"
                   "X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\nForwarded: for=10.0.0.1\r\n")
    assert request.all("X-Forwarded-For") == ["10.0.0.1, 10.0.0.2, 127.0.0.1"]
    assert request.all("X-Real-IP") == ["127.0.0.1"]
    assert request.all("X-Forwarded-Proto") == ["http"]
    assert request.all("X-Forwarded-Host") == ["a.test"]
    assert request.all("X-Forwarded-Port") == [str(proxy.port)]
    assert request.header("Forwarded") is None


def test_real_ip_header_names_the_client(seen):
    request = seen("X-Client: 192.0.2.7\r\n")
    assert request.header("X-Real-IP") == "192.0.2.7" and request.header("X-Forwarded-For") == "192.0.2.7"
    assert seen("X-Client: nonsense\r\n").header("X-Real-IP") == "127.0.0.1"


@pytest.mark.parametrize("line, kept", [
    ("Connection: X-Secret\r\nX-Secret: 1", None),
    ("Connection: close, x-secret\r\nX-Secret: 1", None),
    ("Connection: keep-alive\r\nX-Secret: 1", "1"),
])
def test_nominated_headers_end_here(seen, line, kept):
    assert seen(line + "\r\n").header("X-Secret") == kept


def test_hop_by_hop_headers_end_here(seen):
    request = seen("Keep-Alive: 5\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nTE: gzip\r\nProxy-Authorization: y\r\n"
                   "HTTP2-Settings: AAAA\r\nConnection: upgrade, http2-settings\r\n")
    names = {name.lower() for name, _ in request.headers}
    assert not names & {"keep-alive", "proxy-connection", "upgrade", "http2-settings", "connection"}


@pytest.mark.parametrize("name", ["Host", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Proto", "Content-Length"])
def test_connection_cannot_take_away_what_the_gateway_says(seen, name):
    request = seen(f"Connection: {name}\r\nContent-Length: 0\r\n", method="POST")
    assert request.header(name) in ("a.test", "127.0.0.1", "http", "0")


@pytest.mark.parametrize("sent, forwarded", [
    ("/a//b", "/a/b"),
    ("/a/./b", "/a/b"),
    ("/a/../b?x=/../y", "/b?x=/../y"),
    ("/%2e%2e/%2e%2e/%2e%2e/a", None),
    ("/a%2Fb", "/a%2Fb"),
    ("/%41?q=%41&r=a+b", "/%41?q=%41&r=a+b"),
    ("/a%20b", "/a%20b"),
    ("?", "?"),
    ("/;p=1", "/;p=1"),
    ("/\u00e4".encode().decode("latin-1"), "/\u00e4".encode().decode("latin-1")),
])
def test_what_was_matched_is_what_is_forwarded(proxy, seen, sent, forwarded):
    client = proxy.client()
    client.send(f"GET {seen.path}{sent} HTTP/1.1\r\nHost: a\r\n\r\n".encode("latin-1"))
    response = client.read_response()
    received = seen.upstream.received.split(b"\r\n")[0].decode("latin-1")
    if forwarded is None:
        assert response.status == 400 and not received
        return
    assert response.status == 200
    assert received.split(" ")[1] == seen.path + forwarded


def test_dot_segments_cannot_leave_a_route(proxy, seen):
    """/public/../r1 is /r1 for the gateway, so it has to be /r1 for the upstream too."""
    target = f"/public/..{seen.path}/x"
    for text in (target, target.replace("..", "%2e%2E"), target.replace("..", ".%2e")):
        assert seen(target=text).target == f"{seen.path}/x"


def test_absolute_form_and_its_host_win(seen):
    request = seen(target=f"http://b.test:81{seen.path}/x?y", host="a.test")
    assert (request.target, request.header("Host")) == (f"{seen.path}/x?y", "b.test:81")


def test_options_asterisk(proxy):
    assert proxy.client().ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").status == 404


def test_trace_track_and_connect_are_405_and_not_forwarded(proxy, seen):
    """The response to TRACE is the request, with the cookies that a script may not see."""
    client = proxy.client()
    for method, target in (("TRACE", seen.path), ("TRACK", seen.path), ("CONNECT", "a:80"), ("TRACE", "/nowhere")):
        response = client.ask(f"{method} {target} HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\r\n")  # on one connection
        assert response.status == 405 and b"405 Not Allowed" in response.body and b"secret" not in response.body, method
    assert not seen.upstream.received


def test_trace_is_405_on_the_admin_port_too(proxy):
    client = raw.Client(proxy.gateway.admin_port)
    assert client.ask("TRACE /apisix/admin/routes HTTP/1.1\r\nHost: a\r\nX-API-KEY: k\r\n\r\n").status == 405


INVALID_NAMES = ["X[1]", '"X"', "X@", "X(1)", "X/Y", "X\xff", "Content.Length", "Content_Length", "Transfer_Encoding", "transfer_encoding",
                 "Keep_Alive", "Proxy_Connection", "HTTP2_Settings"]


def test_invalid_names_are_not_forwarded(seen):
    request = seen("".join(f"{name}: 5\r\n" for name in INVALID_NAMES) + "X-Good: 1\r\nX_Good: 2\r\nX.Y: 3\r\nX!#$%&'*+^`|~: 4\r\n")
    assert [request.header(name) for name in ("X-Good", "X_Good", "X.Y", "X!#$%&'*+^`|~")] == ["1", "2", "3", "4"]
    sent = {name for name, _ in request.headers}
    assert not sent & set(INVALID_NAMES)
    assert request.header("Content-Length") is None and request.header("Transfer-Encoding") is None


def test_invalid_names_of_a_response_are_not_passed_on(proxy):
    def serve(peer):
        peer.read_request()
        peer.send("HTTP/1.1 200 OK\r\nX[1]: a\r\nX.Y: b\r\nContent_Length: 9\r\nContent-Length: 2\r\n\r\nok")
        peer.read_to_end()

    response = proxy.get(proxy.route(proxy.upstream(serve)))
    assert (response.status, response.body, response.header("X.Y")) == (200, b"ok", "b")
    assert response.header("X[1]") is None and response.header("Content_Length") is None


def test_tokens_of_odd_characters_are_dropped_with_ignore_invalid_headers_on(make_proxy):
    proxy = make_proxy(config={"nginx_config": {"http": {"ignore_invalid_headers": "on"}}})
    upstream = proxy.upstream()
    proxy.get(proxy.route(upstream), "X.Y: 1\r\nX!: 2\r\nX-Good: 3\r\n")
    assert b"\r\nX-Good: 3\r\n" in upstream.received
    assert b"X.Y" not in upstream.received and b"X!" not in upstream.received


@pytest.mark.parametrize("pass_host", ["pass", "node"])
def test_http_1_0_without_host_gets_the_node_s(proxy, seen, pass_host):
    path = proxy.route(seen.upstream, upstream={"pass_host": pass_host})
    client = proxy.client()
    client.send(f"GET {path} HTTP/1.0\r\n\r\n")
    assert client.read_response().status == 200
    head = seen.upstream.received.split(b"\r\n\r\n")[0].decode().split("\r\n")
    assert head[0] == f"GET {path} HTTP/1.1"
    assert [line for line in head if line.startswith("Host:")] == [f"Host: {seen.upstream.node}"]


@pytest.mark.parametrize("upstream, host", [
    ({"pass_host": "pass"}, "a.test:99"),
    ({"pass_host": "rewrite", "upstream_host": "other.test"}, "other.test"),
    ({"pass_host": "node"}, None),
])
def test_pass_host(proxy, seen, upstream, host):
    path = proxy.route(seen.upstream, upstream=upstream)
    assert seen(route=path, host="a.test:99").header("Host") == (host or seen.upstream.node)


def test_pass_host_node_is_set_for_each_try(proxy, seen):
    path = proxy.route(free_port(), seen.upstream, upstream={"pass_host": "node"})
    for _ in range(4):
        assert seen(route=path).header("Host") == seen.upstream.node


def response_of(proxy, head):
    path = proxy.route(proxy.upstream(lambda peer: (peer.read_request(), peer.send(head), peer.read_to_end())))
    return proxy.get(path)


def test_response_headers_of_the_gateway(proxy):
    response = response_of(proxy, "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\nContent-Type: text/html\r\nServer: x\r\n\r\n")
    assert response.start_line == "HTTP/1.1 200 Fine"
    assert response.all("Server") == ["APISIX/3.18.0"]
    assert response.header("Content-Type") == "text/html; charset=utf-8"
    assert abs(email.utils.parsedate_to_datetime(response.header("Date")).timestamp() - time.time()) < 60
    assert response.header("X-APISIX-Upstream-Status") is None


@pytest.mark.parametrize("kind, charset", [("application/json", ""), ("text/plain; charset=latin1", ""),
                                           ("image/png", ""), ("text/plain", "; charset=utf-8")])
def test_charset(proxy, kind, charset):
    response = response_of(proxy, f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Type: {kind}\r\n\r\n")
    assert response.header("Content-Type") == kind + charset


def test_hop_by_hop_headers_of_the_response_end_here(proxy):
    response = response_of(proxy, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: X-Secret\r\nX-Secret: 1\r\n"
                              "Keep-Alive: 5\r\nProxy-Connection: x\r\nX-Accel-Redirect: /x\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n")
    names = {name.lower() for name, _ in response.headers}
    assert not names & {"x-secret", "keep-alive", "proxy-connection", "x-accel-redirect"}
    assert response.all("Set-Cookie") == ["a", "b"] and response.header("Connection") == "keep-alive"


def test_local_responses(proxy):
    response = proxy.get("/nowhere")
    assert response.status == 404 and response.header("Server") == "APISIX/3.18.0"
    assert response.body == b'{"error_msg":"404 Route Not Found"}\n'
    assert response.header("Content-Type") == "text/plain; charset=utf-8"
    page = proxy.get(proxy.route(free_port()))
    assert page.status == 502 and page.header("Content-Type") == "text/html; charset=utf-8"
    assert b"<center><h1>502 Bad Gateway</h1></center>" in page.body and page.header("X-APISIX-Upstream-Status") == "502"


def test_trusted_addresses(make_gateway, upstream):
    gateway = make_gateway(config={"apisix": {"trusted_addresses": NETWORKS, "show_upstream_status_in_response_header": True}})
    gateway.put("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    sent = {"X-Forwarded-For": "10.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "h.test", "X-Forwarded-Port": "8443",
            "Forwarded": "for=10.0.0.1"}
    response = gateway.request("/", headers=sent)
    while response.status == 404:
        response = gateway.request("/", headers=sent)
    assert response.header("X-APISIX-Upstream-Status") == "200"
    received = {name: value for name, value in response.json()["headers"]}
    assert {name: received.get(name) for name in sent} == sent | {"X-Forwarded-For": "10.0.0.1, 127.0.0.1"}
