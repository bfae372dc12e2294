"""Bounds on what a client may send and how long it may take; and the end of connections at reload and quit."""

import signal
import time

import pytest

from gateway import is_listening, pause, wait_until
from raw import Client

GATEWAY = {"config": {"nginx_config": {"http": {
    "client_max_body_size": 100_000, "client_header_timeout": "600ms", "client_body_timeout": "700ms",
    "client_body_min_rate": 1000, "send_timeout": "500ms", "keepalive_timeout": "400ms"}}}}
KIB = 1024


def request(path, more="", method="GET"):
    return f"{method} {path} HTTP/1.1\r\nHost: a.test\r\n{more}\r\n"


def post(path, more):
    return request(path, more, "POST")


@pytest.mark.parametrize("text, status", [
    ("GET /" + "a" * 9 * KIB + " HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    ("GET /" + "a" * 40 * KIB, 414),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: " + "a" * 9 * KIB + "\r\n\r\n", 431),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: " + "a" * 40 * KIB, 431),
    ("GET / HTTP/1.1\r\nHost: a\r\n" + "X: a\r\n" * 600 + "\r\n", 431),
    ("GET / HTTP/1.1\r\nHost: a\r\n" + ("X: " + "a" * 7 * KIB + "\r\n") * 6, 431),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: " + "a" * 7 * KIB + "\r\n\r\n", 404),
    ("GET / HTTP/3.7\r\nHost: a\r\n\r\n", 505),
], ids=["long line", "endless line", "long field", "endless field", "many fields", "long head", "fits", "version"])
@pytest.mark.parametrize("piece", [1 << 20, 1000])
def test_heads(proxy, text, status, piece):
    client = proxy.client()
    for at in range(0, len(text), piece):
        try:
            client.send(text[at:at + piece])
        except OSError:  # refused before all of it was sent
            break
    response = client.read_head()
    assert response.status == status
    client.close()


@pytest.mark.parametrize("size, status", [(100_000, 200), (100_001, 413)])
@pytest.mark.parametrize("chunked", [False, True])
def test_client_max_body_size(proxy, size, status, chunked):
    upstream = proxy.upstream()
    client = proxy.client()
    path = proxy.route(upstream)
    if chunked:
        client.send(post(path, "Transfer-Encoding: chunked\r\n"))
        for at in range(0, size, 10_000):
            part = min(10_000, size - at)
            client.send(f"{part:x}\r\n{'x' * part}\r\n")
        client.send("0\r\n\r\n")
    else:
        client.send(post(path, f"Content-Length: {size}\r\n"))
        client.send("x" * size)
    response = client.read_response()
    assert response.status == status
    if status == 413:
        assert response.header("Connection") == "close" and client.read_to_end() == b""
        assert chunked or not upstream.received


def test_silent_client_is_closed_without_a_response(proxy):
    for text in ("", "GET / HTTP/1.1\r\nHost"):
        client = proxy.client()
        begin = time.monotonic()
        client.send(text)
        assert client.read_to_end() == b"" and 0.5 < time.monotonic() - begin < 3


def test_head_drop_by_drop_has_no_more_time(proxy):
    client = proxy.client()
    begin = time.monotonic()
    with pytest.raises(OSError):
        for byte in "GET / HTTP/1.1\r\nHost: a\r\nX: " + "a" * 1000:
            client.send(byte)
            pause(0.05)
    assert time.monotonic() - begin < 3


def test_silent_body_is_408(proxy):
    upstream = proxy.upstream()
    client = proxy.client()
    client.send(post(proxy.route(upstream), "Content-Length: 10\r\n") + "abc")
    response = client.read_response()
    assert response.status == 408 and response.header("Connection") == "close"
    assert client.read_to_end() == b""
    wait_until(lambda: upstream.peers[0].end, "the upstream's connection to be given up")


@pytest.mark.parametrize("framing", ["Content-Length: 10000\r\n", "Transfer-Encoding: chunked\r\n"])
def test_body_drop_by_drop_is_408(proxy, framing):
    """Each byte comes in time, but the average is below client_body_min_rate."""
    client = proxy.client()
    client.send(post(proxy.route(proxy.upstream()), framing))
    client.socket.settimeout(0.1)
    begin = time.monotonic()
    while time.monotonic() - begin < 5:
        client.send("1\r\nx\r\n" if "chunked" in framing else "x")
        try:
            assert client.read_response().status == 408
            break
        except TimeoutError:
            continue
    assert 0.6 < time.monotonic() - begin < 3


def test_body_that_is_fast_enough_may_take_long(proxy):
    client = proxy.client()
    client.send(post(proxy.route(proxy.upstream()), "Content-Length: 6000\r\n"))
    for _ in range(12):
        client.send("x" * 500)
        pause(0.1)
    assert client.read_response().body == b"ok"


def test_upstream_that_is_slow_is_not_the_client_s_fault(proxy):
    def serve(peer):
        peer.read_request()
        pause(1.5)
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    assert proxy.client().ask(post(proxy.route(proxy.upstream(serve)), "Content-Length: 3\r\n") + "abc").status == 200


def test_client_that_does_not_read_is_given_up(proxy):
    def serve(peer):
        peer.read_request()
        peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {32 << 20}\r\n\r\n")
        peer.send(b"x" * (32 << 20))

    upstream = proxy.upstream(serve)
    client = proxy.client(receive_buffer=4096)
    client.send(request(proxy.route(upstream)))
    client.read_head()
    peer = upstream.wait_for_peer()
    wait_until(lambda: peer.socket.fileno() < 0, "the upstream to be let go")
    assert len(client.read_to_end()) < 32 << 20


def test_idle_connection_is_closed_after_keepalive_timeout(proxy):
    client = proxy.client()
    assert client.ask(request("/nowhere")).status == 404
    begin = time.monotonic()
    assert client.read_to_end() == b"" and 0.3 < time.monotonic() - begin < 3


def waits(peer):
    """Answers a request when the test says so, by `go` on the peer."""
    peer.read_request()
    wait_until(lambda: getattr(peer, "go", False), "the test")
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def test_worker_connections(make_proxy):
    """Clients over the limit wait in the kernel's queue until there is room; operators do not."""
    proxy = make_proxy(config={"nginx_config": {"event": {"worker_connections": 10}}})
    path = proxy.route(proxy.upstream(lambda peer: peer.read_to_end()))
    clients = [proxy.client() for _ in range(5)]  # with a request in flight: each has a connection to the upstream
    for client in clients:
        client.send(request(path))
    proxy._upstreams[-1].wait_for_peer(5)
    late = proxy.client()
    late.send(request("/nowhere"))
    proxy.gateway.wait_for_log("10 worker_connections are not enough")
    assert proxy.gateway.admin("GET", "/routes").status == 200
    assert late.received == b""
    clients[0].close()
    assert late.read_response().status == 404


@pytest.mark.parametrize("how", ["reload", "quit"])
def test_requests_in_flight_survive_the_end_of_their_worker(make_proxy, how):
    proxy = make_proxy()
    gateway = proxy.gateway
    upstream = proxy.upstream(waits)
    path = proxy.route(upstream)
    idle, busy, half = proxy.client(), proxy.client(), proxy.client()
    assert idle.ask(request("/nowhere")).status == 404
    busy.send(request(path))
    peer = upstream.wait_for_peer()
    half.send("GET /nowhere HTTP/1.1\r\nHo")
    old = set(gateway.worker_pids())
    if how == "reload":
        assert gateway.run("reload").returncode == 0
        wait_until(lambda: set(gateway.worker_pids()) - old, "new workers")
    else:
        gateway.signal(signal.SIGQUIT)
        wait_until(lambda: not is_listening(proxy.port), "no new connections")
    assert idle.read_to_end() == b""  # closed at once
    half.send("st: a\r\n\r\n")
    response = half.read_response()
    assert response.status == 404 and response.header("Connection") == "close"
    peer.go = True
    response = busy.read_response()
    assert (response.status, response.body, response.header("Connection")) == (200, b"ok", "close")
    assert busy.read_to_end() == b""
    wait_until(lambda: not (old & set(gateway.worker_pids())), "the old worker to leave")
    if how == "reload":
        assert Client(proxy.port).ask(request("/nowhere")).status == 404


def test_reload_under_requests_loses_none(make_proxy):
    """A connection may end between two requests, as any idle one; then the request on it was not processed."""
    proxy = make_proxy()
    upstream = proxy.upstream()
    path = proxy.route(upstream)
    client, answered, reloads = proxy.client(), 0, 0
    while reloads < 2 or answered < 200:
        if answered == 50 * (reloads + 1) and reloads < 2:
            assert proxy.gateway.run("reload").returncode == 0
            reloads += 1
        try:
            response = client.ask(request(path))
            assert response.body == b"ok"
            answered += 1
        except (EOFError, ConnectionError):
            client = proxy.client()
            continue
        if response.header("Connection") == "close":
            client = proxy.client()
    assert upstream.received.count(b"GET ") == answered


def test_silent_body_behind_an_early_response_is_given_up(proxy):
    """The response began before the body was there, and what came of it was taken: the body still has a deadline."""
    begun = 1 << 20

    def serve(peer):
        peer.read_head()
        peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {begun + 1}\r\n\r\n")
        peer.send(b"x" * begun)
        peer.read_to_end()

    upstream = proxy.upstream(serve)
    client = proxy.client(receive_buffer=4096)
    client.send(post(proxy.route(upstream), "Content-Length: 1000\r\n") + "x" * 10)
    client.read_head()
    client.read_exactly(begun)
    begin = time.monotonic()
    assert client.read_to_end() == b""
    assert time.monotonic() - begin < 5
    wait_until(lambda: upstream.peers[0].end, "the upstream's connection to be given up")


@pytest.mark.parametrize("sent, status", [(90_000, 200), (80_000, 408)], ids=["whole", "silent"])
def test_body_behind_a_plugin_that_waited_is_read_on(proxy, sent, status):
    """More than is kept of a body that is not wanted yet: reading goes on when the pipeline does, with a deadline."""
    path = proxy.route(proxy.upstream(), plugins={"fault-injection": {"delay": {"duration": 0.2}}})
    assert proxy.get(path).status == 200  # its connection is pooled
    client = proxy.client()
    client.send(post(path, "Content-Length: 90000\r\n"))
    client.send("x" * sent)
    assert client.read_response().status == status
