"""gzip: what comes out is what went in, in flat memory, at the pace of the client, and without waiting for more."""

import gzip
import hashlib
import os
import random
import socket
import subprocess
import time
import zlib

import pytest

from gateway import wait_until

MIB = 1 << 20
OK = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
# Of a build with sanitizers, whose allocator keeps what was freed; zlib needs 256 KiB.
GROWTH_BYTES_MAX = 48 * MIB


def request(path, method="GET", version="1.1", headers="Accept-Encoding: gzip\r\n"):
    return f"{method} {path} HTTP/{version}\r\nHost: a.test\r\n{headers}\r\n"


def chunk(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def answering(head, *parts):
    def serve(peer):
        while True:
            peer.read_request()
            peer.send(head)
            for part in parts:
                peer.send(part)
    return serve


def compressed(proxy, *upstreams, conf=None, **route):
    return proxy.route(*upstreams, plugins={"gzip": conf or {}}, **route)


@pytest.mark.parametrize("level", [1, 9])
@pytest.mark.parametrize("size", [20, 300, 8 * 1024, 200 * 1024, 3 * MIB])
def test_the_client_gets_what_the_upstream_sent(proxy, level, size):
    body = random.Random(size).randbytes(size // 2).hex().encode()[:size]
    path = compressed(proxy, proxy.upstream(answering(OK + f"Content-Length: {size}\r\n\r\n", body)), conf={"comp_level": level})
    response = proxy.client().ask(request(path))
    assert response.header("Content-Encoding") == "gzip" and response.header("Content-Length") is None
    assert gzip.decompress(response.body) == body
    assert size < 8192 or len(response.body) < size * 0.6


def test_keeps_the_connection_and_serves_old_clients(proxy):
    body = b"0123456789" * 100
    path = compressed(proxy, proxy.upstream(answering(OK + "Content-Length: 1000\r\n\r\n", body)), conf={"http_version": 1.0})
    client = proxy.client()
    for _ in range(3):
        assert gzip.decompress(client.ask(request(path)).body) == body
    old = proxy.client()
    response = old.ask(request(path, version="1.0"))
    assert response.header("Transfer-Encoding") is None and gzip.decompress(response.body) == body and old.end == "closed"
    modern = compressed(proxy, proxy.upstream(answering(OK + "Content-Length: 1000\r\n\r\n", body)))
    assert proxy.client().ask(request(modern, version="1.0")).body == body  # http_version is 1.1 unless told otherwise


def test_bodies_without_a_length(proxy):
    chunked = answering(OK + "Transfer-Encoding: chunked\r\n\r\n", chunk(b"one,"), chunk(b"two"), b"0\r\n\r\n")
    assert gzip.decompress(proxy.client().ask(request(compressed(proxy, proxy.upstream(chunked)))).body) == b"one,two"
    empty = answering(OK + "Transfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n")
    assert gzip.decompress(proxy.client().ask(request(compressed(proxy, proxy.upstream(empty)))).body) == b""

    def until_close(peer):
        peer.read_request()
        peer.send(OK + "\r\nall of it")
    assert gzip.decompress(proxy.client().ask(request(compressed(proxy, proxy.upstream(until_close)))).body) == b"all of it"


def test_what_arrives_is_not_kept_back(proxy):
    """An upstream that sends now and then (events): the client sees each message when it was sent."""
    path = compressed(proxy, proxy.upstream(lambda peer: (peer.read_request(), peer.send(OK + "Transfer-Encoding: chunked\r\n\r\n"),
                                                          messages.append(peer), peer.read_to_end())))
    messages = []
    client = proxy.client()
    client.send(request(path))
    assert client.read_head().header("Content-Encoding") == "gzip"
    wait_until(lambda: messages, "the upstream to be asked")
    decoder = zlib.decompressobj(31)
    for number in range(5):
        messages[0].send(chunk(b"message %d\n" % number))
        text = b""
        while not text.endswith(b"\n"):
            text += decoder.decompress(client.read_chunk())
        assert text == b"message %d\n" % number
    messages[0].send("0\r\n\r\n")
    rest = b""
    while part := client.read_chunk():
        rest += decoder.decompress(part)
    assert rest + decoder.flush() == b"" and decoder.eof


def test_a_broken_upstream_is_not_made_whole(proxy):
    def serve(peer):
        peer.read_request()
        peer.send(OK + "Content-Length: 1000\r\n\r\n" + "x" * 500)
    client = proxy.client()
    client.send(request(compressed(proxy, proxy.upstream(serve))))
    client.read_head()
    with pytest.raises(EOFError):
        while client.read_chunk():
            pass


def test_one_gibibyte_in_flat_memory(proxy):
    block = random.Random(1).randbytes(1024) * 1024  # long matches: quick to compress
    blocks = 1024

    def serve(peer):
        peer.read_request()
        peer.send(OK + f"Content-Length: {blocks * MIB}\r\n\r\n")
        for _ in range(blocks):
            peer.send(block)
            most[0] = max(most[0], proxy.resident_bytes())

    path = compressed(proxy, proxy.upstream(serve))
    before = proxy.resident_bytes()
    most = [before]
    command = f"curl -sS --compressed http://127.0.0.1:{proxy.port}{path} | sha1sum"
    got = subprocess.run(command, shell=True, check=True, capture_output=True, timeout=300).stdout
    expected = hashlib.sha1()
    for _ in range(blocks):
        expected.update(block)
    assert got.split()[0].decode() == expected.hexdigest()
    assert most[0] - before < GROWTH_BYTES_MAX


def test_a_client_that_stops_reading_stops_the_upstream(proxy):
    """Backpressure goes through the coder: what is kept for the client is bounded, nothing is lost."""
    block = os.urandom(65536)  # nothing to gain: what goes in comes out
    sent = [0]

    def serve(peer):
        peer.read_request()
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        peer.send(OK + f"Content-Length: {32 * MIB}\r\n\r\n")
        for _ in range(32 * 16):
            peer.send(block)
            sent[0] += 65536

    path = compressed(proxy, proxy.upstream(serve))
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
    assert sent[0] < 20 * MIB
    assert proxy.resident_bytes() - before < GROWTH_BYTES_MAX
    decoder, digest, total = zlib.decompressobj(31), hashlib.sha1(), 0
    while part := client.read_chunk():
        plain = decoder.decompress(part)
        digest.update(plain)
        total += len(plain)
    assert total == 32 * MIB and decoder.eof
    assert digest.digest() == hashlib.sha1(block * 512).digest()
