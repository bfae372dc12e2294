"""Bodies in both directions: every framing, any size, in bounded memory, at the pace of the slower side."""

import hashlib
import os
import socket
import subprocess
import threading
import time

import pytest

from gateway import BINARY, PATIENCE_S, wait_until

# A small quarantine, so that what AddressSanitizer keeps is not taken for the gateway's memory.
GATEWAY = {"env": {"ASAN_OPTIONS": "quarantine_size_mb=1:malloc_context_size=0"}}
MIB = 1 << 20
SANITIZED = b"__asan_init" in BINARY.read_bytes()
LARGE_BYTES = (256 if SANITIZED else 1024) * MIB
GROWTH_BYTES_MAX = 64 * MIB
BLOCK = os.urandom(MIB)

OK = "HTTP/1.1 200 OK\r\n"


def request(path, more="", method="GET", version="1.1"):
    return f"{method} {path} HTTP/{version}\r\nHost: a.test\r\n{more}\r\n"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def digest_of(blocks):
    digest = hashlib.sha1()
    for _ in range(blocks):
        digest.update(BLOCK)
    return digest.hexdigest()


class Watch:  # the most memory that the worker has while the block runs, over what it had before
    def __init__(self, proxy):
        self.proxy = proxy

    def __enter__(self):
        self.before, self.most, self.over = self.proxy.resident_bytes(), 0, threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def look(self):
        while not self.over.wait(0.05):
            self.most = max(self.most, self.proxy.resident_bytes())

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    @property
    def growth(self):
        return self.most - self.before


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_large_download_in_flat_memory(proxy, chunked):
    blocks = LARGE_BYTES // MIB

    def serve(peer):
        peer.read_request()
        peer.send(OK + ("Transfer-Encoding: chunked\r\n\r\n" if chunked else f"Content-Length: {LARGE_BYTES}\r\n\r\n"))
        for _ in range(blocks):
            peer.send(chunk(BLOCK) if chunked else BLOCK)
        peer.send("0\r\n\r\n" if chunked else "")

    path = proxy.route(proxy.upstream(serve))
    with Watch(proxy) as watch:
        got = subprocess.run(f"curl -sS http://127.0.0.1:{proxy.port}{path} | sha1sum", shell=True, check=True,
                             capture_output=True, timeout=120).stdout
    assert got.split()[0].decode() == digest_of(blocks)
    assert watch.growth < GROWTH_BYTES_MAX


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_large_upload_in_flat_memory(proxy, chunked):
    blocks = LARGE_BYTES // MIB
    digest = hashlib.sha1()

    def serve(peer):
        head = peer.read_head()
        if chunked:
            assert head.header("Transfer-Encoding") == "chunked" and head.header("Content-Length") is None
            while data := peer.read_chunk():
                digest.update(data)
        else:
            assert head.header("Content-Length") == str(LARGE_BYTES)
            for _ in range(blocks):
                digest.update(peer.read_exactly(MIB))
        peer.send(OK + "Content-Length: 2\r\n\r\nok")

    path = proxy.route(proxy.upstream(serve))
    client = proxy.client()
    with Watch(proxy) as watch:
        client.send(request(path, "Transfer-Encoding: chunked\r\n" if chunked else f"Content-Length: {LARGE_BYTES}\r\n", "PUT"))
        for _ in range(blocks):
            client.send(chunk(BLOCK) if chunked else BLOCK)
        client.send("0\r\n\r\n" if chunked else "")
        assert client.read_response().body == b"ok"
    assert digest.hexdigest() == digest_of(blocks)
    assert watch.growth < GROWTH_BYTES_MAX


def test_slow_reader_stops_the_upstream(proxy):
    """Backpressure: the gateway buffers a bounded part of the response, and the upstream's send has to wait."""
    sent = [0]

    def serve(peer):
        peer.read_request()
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        peer.send(OK + f"Content-Length: {64 * MIB}\r\n\r\n")
        for _ in range(64 * 16):
            peer.send(BLOCK[:65536])
            sent[0] += 65536

    path = proxy.route(proxy.upstream(serve))
    before = proxy.resident_bytes()
    client = proxy.client(receive_buffer=65536)
    client.send(request(path))
    client.read_head()
    last = [-1, time.monotonic()]

    def stands_still():
        if sent[0] != last[0]:
            last[:] = [sent[0], time.monotonic()]
        return time.monotonic() - last[1] > 0.4

    wait_until(stands_still, "the upstream to be stopped")
    assert sent[0] < 32 * MIB
    assert proxy.resident_bytes() - before < 16 * MIB
    assert len(client.read_exactly(64 * MIB)) == 64 * MIB


def test_slow_upstream_stops_the_client(proxy):
    go = threading.Event()

    def serve(peer):
        head = peer.read_head()
        assert go.wait(PATIENCE_S)
        assert len(peer.read_exactly(int(head.header("Content-Length")))) == 64 * MIB
        peer.send(OK + "Content-Length: 0\r\n\r\n")

    path = proxy.route(proxy.upstream(serve, receive_buffer=65536))
    client = proxy.client()
    client.send(request(path, f"Content-Length: {64 * MIB}\r\n", "POST"))
    client.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        for sent in range(64):
            client.socket.sendall(b"x" * MIB)
    client.close()
    assert sent < 32
    go.set()


def test_trailers_both_ways(proxy):
    got = []

    def serve(peer):
        got.append(peer.read_request())
        peer.send(OK + "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 42\r\nX-More: 1\r\n\r\n")
        peer.read_to_end()

    path = proxy.route(proxy.upstream(serve))
    response = proxy.client().ask(request(path, "TE: trailers\r\nTransfer-Encoding: chunked\r\n", "POST") +
                                "2\r\nhi\r\n0\r\nX-Digest: d\r\n\r\n")
    assert response.body == b"abc" and response.trailers == [("X-Sum", "42"), ("X-More", "1")]
    assert got[0].body == b"hi" and got[0].trailers == [("X-Digest", "d")]


@pytest.mark.parametrize("status", [204, 304])
def test_responses_without_body_leave_the_connection_usable(proxy, status):
    def serve(peer):
        while peer.read_request():
            peer.send(f"HTTP/1.1 {status} X\r\nETag: \"x\"\r\n\r\n")

    upstream = proxy.upstream(serve)
    client, path = proxy.client(), proxy.route(upstream)
    for _ in range(3):
        response = client.ask(request(path))
        assert (response.status, response.header("ETag"), response.header("Transfer-Encoding")) == (status, '"x"', None)
    assert len(upstream.peers) == 1


@pytest.mark.parametrize("framing", ["Content-Length: 12345\r\n", "Transfer-Encoding: chunked\r\n", ""])
def test_head_has_no_body_however_it_is_framed(proxy, framing):
    def serve(peer):
        while peer.read_request():
            peer.send(OK + framing + "\r\n")

    client, path = proxy.client(), proxy.route(proxy.upstream(serve))
    for _ in range(3):
        response = client.ask(request(path, method="HEAD"), to="HEAD")
        assert response.status == 200
        assert response.header("Content-Length") == ("12345" if "Length" in framing else None)
    client.send(request("/nowhere", method="HEAD") + request("/nowhere"))
    assert client.read_response(to="HEAD").status == 404 and client.read_response().body


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("framing", ["length", "chunked", "until close"])
def test_response_in_each_framing_for_old_and_new_clients(proxy, version, framing):
    def serve(peer):
        while peer.read_request():
            peer.send({"length": OK + "Content-Length: 5\r\n\r\nhello",
                       "chunked": OK + "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
                       "until close": "HTTP/1.0 200 OK\r\n\r\nhello"}[framing])
            if framing == "until close":
                return

    path = proxy.route(proxy.upstream(serve))
    client = proxy.client()
    response = client.ask(request(path, version=version))
    assert response.body == b"hello" and response.start_line.startswith("HTTP/1.1 200")
    if version == "1.0":
        assert response.header("Transfer-Encoding") is None and response.header("Connection") == "close"
        assert client.read_to_end() == b""
    else:
        assert client.ask(request(path)).body == b"hello"


def test_http_1_0_keepalive_is_asked_for(proxy):
    client, path = proxy.client(), proxy.route(proxy.upstream())
    for _ in range(2):
        response = client.ask(request(path, "Connection: keep-alive\r\n", version="1.0"))
        assert (response.body, response.header("Connection")) == (b"ok", "keep-alive")


def test_expect_continue_gets_100_when_the_body_is_wanted(proxy):
    upstream = proxy.upstream()
    client, path = proxy.client(), proxy.route(upstream)
    response = client.ask(request(path, "Expect: 100-continue\r\nContent-Length: 3\r\n", "POST"))
    assert response.status == 100
    assert client.ask("abc").body == b"ok"
    assert b"100-continue" not in upstream.received
    # A client that does not wait is not told to go on.
    response = client.ask(request(path, "Expect: 100-continue\r\nContent-Length: 3\r\n", "POST") + "abc")
    assert response.status == 200
    # Nor one whose response is there without its body.
    assert client.ask(request("/nowhere", "Expect: 100-continue\r\nContent-Length: 3\r\n", "POST")).status == 404


def test_expect_continue_of_curl(proxy):
    path = proxy.route(proxy.upstream())
    body = "x" * 3_000_000
    done = subprocess.run(["curl", "-sS", "-v", "-H", "Expect: 100-continue", "--data-binary", "@-",
                           f"http://127.0.0.1:{proxy.port}{path}"], input=body, text=True, capture_output=True,
                          timeout=60, check=True)
    assert done.stdout == "ok" and "100 Continue" in done.stderr


def test_early_hints_pass_and_are_not_for_old_clients(proxy):
    def serve(peer):
        while peer.read_request():
            peer.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + "Content-Length: 0\r\n\r\n")

    client, path = proxy.client(), proxy.route(proxy.upstream(serve))
    hints = client.ask(request(path))
    assert (hints.status, hints.header("Link"), hints.header("Server")) == (103, "</a>", None)
    assert client.read_response().status == 200
    assert client.ask(request(path, version="1.0")).status == 200


def test_slow_client_body_arrives_as_it_comes(proxy):
    """No buffering: each piece is with the upstream before the next one is sent."""
    upstream = proxy.upstream()
    client, path = proxy.client(), proxy.route(upstream)
    client.send(request(path, "Content-Length: 3\r\n", "POST"))
    for text in (b"1", b"2", b"3"):
        peer = upstream.wait_for_peer()
        client.send(text)
        wait_until(lambda peer=peer, text=text: peer.received.endswith(text), f"{text!r} at the upstream")
    assert client.read_response().body == b"ok"


def test_slow_upstream_body_arrives_as_it_comes(proxy):
    heard = threading.Semaphore(0)

    def serve(peer):
        peer.read_request()
        peer.send(OK + "Transfer-Encoding: chunked\r\n\r\n")
        for text in (b"1", b"2", b"3"):
            peer.send(chunk(text))
            assert heard.acquire(timeout=PATIENCE_S)
        peer.send("0\r\n\r\n")

    client = proxy.client()
    client.send(request(proxy.route(proxy.upstream(serve))))
    client.read_head()
    for text in (b"1", b"2", b"3"):
        assert client.read_chunk() == text
        heard.release()
    assert client.read_chunk() == b""


def test_pipelined_requests_of_many_clients_in_flat_memory(proxy):
    """Each client sends 64 KiB of requests at once. They get responses in order, in bounded memory, and another
    client is served meanwhile."""
    one = request("/nowhere").encode()
    count = 65536 // len(one)
    clients = [proxy.client() for _ in range(100)]
    with Watch(proxy) as watch:
        for client in clients:
            client.socket.setblocking(False)
            client.socket.send(one * count)  # what the socket takes: 64 KiB fit
            client.socket.settimeout(PATIENCE_S)
        begin = time.monotonic()
        assert proxy.get("/nowhere").status == 404
        waited = time.monotonic() - begin
        for client in clients[:3]:
            for _ in range(count):
                assert client.read_response().status == 404
        everything = time.monotonic() - begin
    for client in clients:
        client.close()
    assert watch.growth < GROWTH_BYTES_MAX
    assert waited < everything / 2
