"""response-rewrite on bodies that come in pieces, coded, endless or damaged."""

import gzip
import zlib

import pytest

from gateway import wait_until

OK = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
HELLO = {"filters": [{"regex": "hello", "replace": "bye", "scope": "global"}]}


def request(path, method="GET"):
    return f"{method} {path} HTTP/1.1\r\nHost: a.test\r\n\r\n"


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


def rewritten(proxy, serve, conf, **plugins):
    return proxy.route(proxy.upstream(serve), plugins={"response-rewrite": conf} | plugins)


def test_a_match_across_pieces(proxy):
    pieces = [chunk(bytes([letter])) for letter in b"hello, hello"] + [b"0\r\n\r\n"]
    path = rewritten(proxy, answering(OK + "Transfer-Encoding: chunked\r\n\r\n", *pieces), HELLO)
    client = proxy.client()
    for _ in range(2):
        assert client.ask(request(path)).body == b"bye, bye"


@pytest.mark.parametrize("coding, body", [("gzip", gzip.compress(b"hello " * 1000)), ("deflate", zlib.compress(b"hello " * 1000))],
                         ids=["gzip", "deflate"])
def test_a_coded_body_is_decoded(proxy, coding, body):
    head = OK + f"Content-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    path = rewritten(proxy, answering(head, body[:10], body[10:]), HELLO)
    response = proxy.client().ask(request(path))
    assert response.body == b"bye " * 1000 and response.header("Content-Encoding") is None
    bare = proxy.client().ask(request(path, "HEAD"), to="HEAD")
    assert bare.status == 200


def test_decoded_filtered_and_coded_again(proxy):
    body = gzip.compress(b"hello " * 1000)
    head = OK + f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    path = rewritten(proxy, answering(head, body), HELLO, gzip={"types": ["text/plain"]})
    response = proxy.client().ask(f"GET {path} HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n")
    assert response.header("Content-Encoding") == "gzip" and gzip.decompress(response.body) == b"bye " * 1000


@pytest.mark.parametrize("body", [gzip.compress(b"hello" * 100)[:-9], gzip.compress(b"hello" * 100)[:-6] + b"\0\0\0\0\0\0"],
                         ids=["truncated", "damaged"])
def test_a_damaged_body_is_not_made_whole(proxy, body):
    head = OK + f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    path = rewritten(proxy, answering(head, body), HELLO)
    assert proxy.client().ask(request(path)).status == 502


def test_a_bomb_is_cut_off(proxy):
    body = gzip.compress(b"hello " * (20 << 20))  # 120 MiB of 120 KiB
    head = OK + f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    path = rewritten(proxy, answering(head, body), HELLO | {"max_resp_body_size": 60_000})
    before = proxy.resident_bytes()
    assert proxy.client().ask(request(path)).body == b"bye " * 10_000
    assert proxy.resident_bytes() - before < 24 << 20


def test_an_endless_body_that_is_replaced(proxy):
    """The client does not wait for the end of a body that it will not see, and the upstream's connection is closed."""
    ended = []

    def serve(peer):
        peer.read_request()
        peer.send(OK + "Transfer-Encoding: chunked\r\n\r\n" + "5\r\nhello\r\n")
        peer.read_to_end()
        ended.append(peer.end)

    path = rewritten(proxy, serve, {"body": "replaced"})
    client = proxy.client()
    assert client.ask(request(path)).body == b"replaced"
    wait_until(lambda: ended, "the upstream's connection to be closed")
    assert client.ask(request(path)).body == b"replaced"


def test_a_status_without_a_body_keeps_the_connection_in_step(proxy):
    """The upstream's body could otherwise be read as the next response."""
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    path = rewritten(proxy, answering(OK + f"Content-Length: {len(evil)}\r\n\r\n", evil), {"status_code": 204})
    chunked = rewritten(proxy, answering(OK + "Transfer-Encoding: chunked\r\n\r\n", chunk(evil), b"0\r\n\r\n"), {"status_code": 304})
    plain = proxy.route(proxy.upstream())
    client = proxy.client()
    for _ in range(2):
        assert client.ask(request(path)).status == 204
        assert client.ask(request(chunked)).status == 304
        assert client.ask(request(plain)).body == b"ok"
