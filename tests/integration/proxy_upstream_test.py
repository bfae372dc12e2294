"""What happens when nodes fail: retries, timeouts, pooled connections, and what each side gets to know of it."""

import fcntl
import os
import signal
import socket
import struct
import termios
import threading
import time

import pytest

from gateway import PATIENCE_S, wait_until
from ports import free_port
from raw import respond_ok

GATEWAY = {"config": {"nginx_config": {"http": {"upstream": {"keepalive": 320}}}}}
OK_HEAD = "HTTP/1.1 200 OK\r\n"
OK = OK_HEAD + "Content-Length: 2\r\n\r\nok"


def request(path, more="", method="GET"):
    return f"{method} {path} HTTP/1.1\r\nHost: a.test\r\n{more}\r\n"


def unsent_bytes(sock):
    """What the other end has not acknowledged."""
    return struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0]


def silent(peer):
    peer.read_to_end()


def closes_after_request(peer):
    peer.read_request()


@pytest.fixture
def full_port():
    """A port that does not accept connections: its backlog is full."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listening.getsockname())
        fillers.append(filler)
    yield listening.getsockname()[1]
    for sock in [listening, *fillers]:
        sock.close()


def test_refused_connect_goes_to_the_next_node(proxy):
    good = proxy.upstream()
    path = proxy.route(free_port(), good, free_port())
    client = proxy.client()
    for method in ("GET", "POST", "PATCH") * 4:  # nothing was sent yet: any method
        body = "" if method == "GET" else "Content-Length: 0\r\n"
        assert client.ask(request(path, body, method)).status == 200


def test_retries_0_tries_once(proxy):
    path = proxy.route(free_port(), free_port(), upstream={"retries": 0})
    response = proxy.get(path)
    assert (response.status, response.header("X-APISIX-Upstream-Status")) == (502, "502")


def test_retries_default_to_the_other_nodes(proxy):
    response = proxy.get(proxy.route(free_port(), free_port(), free_port()))
    assert (response.status, response.header("X-APISIX-Upstream-Status")) == (502, "502, 502, 502")


def test_retry_timeout_ends_the_tries(proxy, full_port):
    good = proxy.upstream()
    path = proxy.route(full_port, upstream={"retries": 10, "retry_timeout": 0.3,
                                            "timeout": {"connect": 0.2, "send": 1, "read": 1}})
    begin = time.monotonic()
    response = proxy.get(path)
    assert response.status == 504 and response.header("X-APISIX-Upstream-Status") == "504, 504"
    assert time.monotonic() - begin < 2 and not good.peers


@pytest.mark.parametrize("what", ["connect", "read", "send"])
def test_timeouts_are_504(proxy, full_port, what):
    timeout = {"connect": 5, "send": 5, "read": 5} | {what: 0.3}
    hold = threading.Event()
    upstream = proxy.upstream(lambda peer: hold.wait(PATIENCE_S) if what == "send" else silent(peer),
                              receive_buffer=4096)
    path = proxy.route(full_port if what == "connect" else upstream, upstream={"timeout": timeout, "retries": 0})
    client = proxy.client()
    begin = time.monotonic()
    if what == "send":
        client.send(request(path, f"Content-Length: {64 << 20}\r\n", "POST"))
        threading.Thread(target=lambda: _send_until_it_fails(client), daemon=True).start()
    else:
        client.send(request(path))
    assert client.read_response().status == 504
    assert 0.3 <= time.monotonic() - begin < 4
    hold.set()


def _send_until_it_fails(client):
    try:
        client.send(b"x" * (64 << 20))
    except OSError:
        pass


@pytest.mark.parametrize("method, tries", [("GET", 2), ("PUT", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1)])
def test_what_a_node_may_have_acted_on_is_not_repeated(proxy, method, tries):
    upstreams = [proxy.upstream(closes_after_request) for _ in range(2)]
    response = proxy.get(proxy.route(*upstreams), "Content-Length: 0\r\n", method=method)
    assert response.status == 502
    assert sum(len(upstream.peers) for upstream in upstreams) == tries


def test_retry_sends_the_whole_body_again(proxy):
    bodies = []

    def serve(peer):
        bodies.append(peer.read_request().body)
        if len(bodies) > 1:
            peer.send(OK)

    body = "0123456789" * 1000
    path = proxy.route(proxy.upstream(serve), proxy.upstream(serve))
    response = proxy.client().ask(request(path, f"Content-Length: {len(body)}\r\n", "PUT") + body)
    assert response.status == 200 and bodies == [body.encode()] * 2


def test_long_body_is_not_repeated(proxy):
    upstreams = [proxy.upstream(closes_after_request) for _ in range(2)]
    body = "x" * 100_000
    response = proxy.client().ask(request(proxy.route(*upstreams), f"Content-Length: {len(body)}\r\n", "PUT") + body)
    assert response.status == 502 and sum(len(upstream.peers) for upstream in upstreams) == 1


def test_status_5xx_is_a_response(proxy):
    def serve(peer):
        while peer.read_request():
            peer.send("HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno")

    upstreams = [proxy.upstream(serve), proxy.upstream(serve)]
    response = proxy.get(proxy.route(*upstreams))
    assert (response.status, response.body, response.header("X-APISIX-Upstream-Status")) == (503, b"no", "503")
    assert sum(len(upstream.peers) for upstream in upstreams) == 1


def test_connections_are_pooled(proxy):
    upstream = proxy.upstream()
    path = proxy.route(upstream)
    for _ in range(20):
        assert proxy.get(path).status == 200
    assert len(upstream.peers) == 1 and upstream.received.count(b"GET ") == 20


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_idle_connection_closed_by_the_node_is_not_used(proxy, method):
    """The gateway closes its end as soon as the node did: even a POST, which is never sent twice, always gets through."""
    def once(peer):
        peer.read_request()
        peer.send(OK)
        peer.half_close()
        peer.read_to_end()

    upstream = proxy.upstream(once)
    path = proxy.route(upstream)
    for number in range(1, 21):
        assert proxy.get(path, "Content-Length: 0\r\n", method=method).status == 200
        assert len(upstream.peers) == number
        wait_until(lambda peer=upstream.peers[-1]: peer.end, "the gateway to close the idle connection")
    assert [peer.received.count(b" HTTP/1.1\r\n") for peer in upstream.peers] == [1] * 20


def test_stale_connection_repeats_get_but_not_post(proxy):
    """The node closes exactly when the second request arrives: whether it was read cannot be known."""
    def second_is_dropped(peer):
        peer.read_request()
        peer.send(OK)
        peer.read_request()

    for method, status in (("GET", 200), ("POST", 502)):
        upstream = proxy.upstream([second_is_dropped, respond_ok])
        path = proxy.route(upstream)
        assert proxy.get(path).status == 200
        assert proxy.get(path, "Content-Length: 0\r\n", method=method).status == status
        assert len(upstream.peers) == (2 if status == 200 else 1)


@pytest.mark.parametrize("pool, connections", [({"size": 1, "idle_timeout": 60, "requests": 3}, 4),
                                               ({"size": 1, "idle_timeout": 60, "requests": 1000}, 1)])
def test_keepalive_pool_of_the_upstream(proxy, pool, connections):
    upstream = proxy.upstream()
    path = proxy.route(upstream, upstream={"keepalive_pool": pool})
    for _ in range(10):
        assert proxy.get(path).status == 200
    assert len(upstream.peers) == connections


def test_keepalive_pool_idle_timeout(proxy):
    upstream = proxy.upstream()
    path = proxy.route(upstream, upstream={"keepalive_pool": {"size": 5, "idle_timeout": 0.3, "requests": 100}})
    assert proxy.get(path).status == 200
    wait_until(lambda: upstream.peers[0].end, "the idle connection closed")


def test_weights(proxy):
    heavy, light, off = (proxy.upstream() for _ in range(3))
    nodes = {heavy.node: 3, light.node: 1, off.node: 0}
    path = proxy.route(upstream={"nodes": nodes})
    for _ in range(40):
        assert proxy.get(path).status == 200
    assert [u.received.count(b"GET ") for u in (heavy, light, off)] == [30, 10, 0]


def test_no_nodes_is_503(proxy):
    assert proxy.get(proxy.route(upstream={"nodes": {}})).status == 503


@pytest.mark.serial
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_client_that_goes_away_is_noticed_at_once(proxy, method):
    upstream = proxy.upstream(silent)
    client = proxy.client()
    client.send(request(proxy.route(upstream), "Content-Length: 1000\r\n" if method == "POST" else "", method))
    peer = upstream.wait_for_peer()
    wait_until(lambda: b"\r\n\r\n" in peer.received, "the request at the upstream")
    begin = time.monotonic()
    client.close()
    wait_until(lambda: peer.end, "the end of the upstream's connection")
    assert time.monotonic() - begin < 0.5


@pytest.mark.parametrize("head, version", [("Content-Length: 1000\r\n\r\nabc", "1.1"),
                                           ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "1.1"),
                                           ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "1.0")])
def test_upstream_dying_in_a_body_is_seen_by_the_client(proxy, head, version):
    def serve(peer):
        peer.read_request()
        peer.send("HTTP/1.1 200 OK\r\n" + head)

    client = proxy.client()
    client.send(request(proxy.route(proxy.upstream(serve))).replace("HTTP/1.1", f"HTTP/{version}"))
    client.read_head()
    rest = client.read_to_end()
    assert not rest.endswith(b"0\r\n\r\n") and b"abc" in rest
    # What is only delimited by the end of the connection must not end like a whole body.
    assert client.end == ("reset" if version == "1.0" else "closed")


@pytest.mark.parametrize("reuse", [False, True])
def test_early_response_while_the_body_is_in_flight(proxy, reuse):
    def serve(peer):
        head = peer.read_head()
        if head.start_line.startswith("GET"):
            peer.send(OK)
            peer.read_head()
        peer.send("HTTP/1.1 413 No\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlong")

    path = proxy.route(proxy.upstream(serve))
    if reuse:
        assert proxy.get(path).status == 200
    client = proxy.client()
    client.send(request(path, f"Content-Length: {1 << 20}\r\n", "POST"))
    for _ in range(8):
        client.send(b"x" * 1000)
    response = client.read_response()
    assert (response.status, response.body) == (413, b"long")
    assert client.read_to_end() == b""


def test_body_behind_a_complete_response_is_not_read(proxy):
    """The node's connection is given back while the response still waits for a slow client that keeps sending."""
    def serve(peer):
        peer.read_head()
        peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {4 << 20}\r\n\r\n")
        peer.send(b"x" * (4 << 20))
        peer.read_to_end()

    client = proxy.client(receive_buffer=4096)
    client.send(request(proxy.route(proxy.upstream(serve)), "Content-Length: 100000\r\n", "POST"))
    client.read_head()
    for _ in range(20):
        client.send(b"y" * 1000)
    assert len(client.read_exactly(4 << 20)) == 4 << 20
    client.send(b"y" * 1000)
    client.read_to_end()


def test_many_nodes_that_refuse_are_tried_in_a_loop_with_a_bound(proxy):
    """Each connect fails at once. More nodes than the stack would hold, were each try a call inside the last one."""
    nodes = {f"127.1.{i >> 8}.{i & 255}:1": 1 for i in range(16_000)}
    path = proxy.route(upstream={"nodes": nodes})
    worker = proxy.worker
    assert proxy.get(path).status == 502
    assert proxy.worker == worker
    tries = proxy.route(proxy.upstream(), upstream={"nodes": {f"127.2.0.{i}:1": 1 for i in range(1, 100)},
                                                    "retries": 3})
    response = proxy.get(tries)
    assert response.status == 502 and response.header("X-APISIX-Upstream-Status") == "502, 502, 502, 502"


@pytest.mark.parametrize("method, status, head", [
    ("HEAD", 200, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
    ("GET", 204, "HTTP/1.1 204 No Content\r\n\r\n"),
    ("GET", 304, "HTTP/1.1 304 Not Modified\r\n\r\n"),
], ids=["HEAD", "204", "304"])
def test_late_extra_response_never_reaches_the_next_client(proxy, method, status, head):
    """The node sends a body that the rules forbid, behind the head and late: the request that follows at once must
    not get it. The worker is stopped meanwhile, so that both are there when it looks."""
    late, sent = threading.Event(), threading.Event()

    def serve(peer):
        peer.read_head()
        peer.send(head)
        late.wait(5)
        peer.send("HTTP/1.1 200 OK\r\nX-Stolen: yes\r\nContent-Length: 6\r\n\r\nstolen")
        sent.set()
        peer.read_to_end()

    path = proxy.route(proxy.upstream([serve, respond_ok]))
    first, second = proxy.client(), proxy.client()
    assert second.ask(request("/nowhere")).status == 404  # its connection is older than the upstream's
    assert first.ask(request(path, method=method), to=method).status == status
    os.kill(proxy.worker, signal.SIGSTOP)
    try:
        second.send(request(path))
        late.set()
        assert sent.wait(PATIENCE_S)
        peer = proxy._upstreams[-1].peers[0]
        wait_until(lambda: unsent_bytes(peer.socket) == 0, "the late response to be with the gateway")
    finally:
        os.kill(proxy.worker, signal.SIGCONT)
    response = second.read_response()
    assert (response.status, response.body, response.header("X-Stolen")) == (200, b"ok", None)


@pytest.mark.parametrize("body", [
    "5\r\nhello\r\nzz\r\n",
    "5\r\nhello\r\n0\r\nno colon here\r\n\r\n",
    "5\r\nhello\r\n0\r\nX-Long: " + "z" * 20_000 + "\r\n\r\n",
], ids=["chunk size", "trailer without colon", "long trailer"])
@pytest.mark.parametrize("plugins", [{}, {"response-rewrite": {"filters": [{"regex": "h", "replace": "H"}]}}],
                         ids=["plain", "filtered"])
def test_response_that_is_malformed_in_its_first_bytes_is_502(proxy, body, plugins):
    """Nothing was sent yet: the client gets an error page and the log says so. A response that breaks later is cut."""
    def serve(peer):
        peer.read_head()
        peer.send(f"{OK_HEAD}Transfer-Encoding: chunked\r\nX-Node: 1\r\n\r\n{body}")
        peer.read_to_end()

    path = proxy.route(proxy.upstream(serve), plugins=plugins)
    response = proxy.get(path)
    assert (response.status, response.header("X-Node")) == (502, None)
    assert response.header("Content-Type").startswith("text/html") and b"502 Bad Gateway" in response.body
    log = proxy.gateway.prefix / "logs/access.log"
    (line,) = wait_until(lambda: [line for line in log.read_text().splitlines() if f"{path} " in line], "the line")
    assert f'" 502 {len(response.body)} ' in line


def test_response_that_is_malformed_later_is_cut(proxy):
    def serve(peer):
        peer.read_head()
        peer.send(f"{OK_HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        go_on.wait(5)
        peer.send("0\r\nno colon here\r\n\r\n")
        peer.read_to_end()

    go_on = threading.Event()
    client = proxy.client()
    client.send(request(proxy.route(proxy.upstream(serve))))
    assert client.read_head().status == 200
    client.read_until(b"hello")
    go_on.set()
    assert not client.read_to_end().endswith(b"0\r\n\r\n")
