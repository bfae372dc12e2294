"""Where one request ends and the next begins: what is refused, and what is never read twice."""

import pytest

HEAD = "POST {path} HTTP/1.1\r\nHost: a.test\r\n"
CHUNKED = HEAD + "Transfer-Encoding: chunked\r\n"
SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n"

# Each is sent to a route; none may reach its upstream.
REFUSED_HEADS = {
    "CL.TE": HEAD + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    "TE.CL": CHUNKED + "Content-Length: 3\r\n\r\n1\r\nZ\r\n0\r\n\r\n",
    "TE.TE": CHUNKED + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE.TE, identity": CHUNKED + "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "xchunked": HEAD + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked, not last": HEAD + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "vertical tab in TE": HEAD + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "TE in HTTP/1.0": "POST {path} HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "list of lengths": HEAD + "Content-Length: 5, 6\r\n\r\nhello!",
    "negative length": HEAD + "Content-Length: -1\r\n\r\n",
    "signed length": HEAD + "Content-Length: +5\r\n\r\nhello",
    "hex length": HEAD + "Content-Length: 0x5\r\n\r\nhello",
    "huge length": HEAD + "Content-Length: 99999999999999999999\r\n\r\n",
    "folded line": HEAD + "X: a\r\n b\r\n\r\n",
    "folded Transfer-Encoding": HEAD + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "bare LF": "GET {path} HTTP/1.1\nHost: a\n\n",
    "bare LF in a head": HEAD + "X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare CR in a value": HEAD + "X: a\rTransfer-Encoding: chunked\r\n\r\n",
    "space before colon": HEAD + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "tab before colon": HEAD + "Content-Length\t: 5\r\n\r\nhello",
    "space before the first field": "GET {path} HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n",
    "NUL in a value": HEAD + "X: a\0b\r\n\r\n",
    "NUL in a name": HEAD + "X\0: a\r\n\r\n",
    "no colon": HEAD + "X\r\n\r\n",
    "empty name": HEAD + ": a\r\n\r\n",
    "two Hosts": "GET {path} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no Host": "GET {path} HTTP/1.1\r\n\r\n",
    "user in Host": "GET {path} HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "slash in Host": "GET {path} HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "two spaces": "GET  {path} HTTP/1.1\r\nHost: a\r\n\r\n",
    "space in the target": "GET {path} x HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in the target": "GET {path}\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "encoded NUL in the path": "GET {path}/%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    "above the root": "GET {path}/../../x HTTP/1.1\r\nHost: a\r\n\r\n",
    "control character in the method": "GE\x01T {path} HTTP/1.1\r\nHost: a\r\n\r\n",
}

# The head is fine and goes out; what must not go out is the end of a request or anything behind it.
REFUSED_CHUNKS = {
    "no size": "\r\nhello\r\n0\r\n\r\n",
    "not hex": "5g\r\nhello\r\n0\r\n\r\n",
    "0x": "0x5\r\nhello\r\n0\r\n\r\n",
    "signed": "+5\r\nhello\r\n0\r\n\r\n",
    "space in front": " 5\r\nhello\r\n0\r\n\r\n",
    "overflow": "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "bare LF after the size": "5\nhello\r\n0\r\n\r\n",
    "bare LF after the data": "5\r\nhello\n0\r\n\r\n",
    "data longer than its size": "5\r\nhello!\r\n0\r\n\r\n",
    "LF in an extension": "5;a=\nb\r\nhello\r\n0\r\n\r\n",
    "CR in an extension": "5;a=\rb\r\nhello\r\n0\r\n\r\n",
    "long extension": "5;" + "a" * 1000 + "\r\nhello\r\n0\r\n\r\n",
    "bad trailer": "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
    "bare LF at the end": "5\r\nhello\r\n0\r\n\n",
}


@pytest.fixture
def target(proxy):
    upstream = proxy.upstream()
    return upstream, proxy.route(upstream)


def test_every_malformed_head_is_400_and_reaches_no_upstream(proxy, target):
    upstream, path = target
    wrong = []
    for name, text in REFUSED_HEADS.items():
        client = proxy.client()
        client.send(text.replace("{path}", path).encode("latin-1") + SMUGGLED.encode())
        responses = client.read_to_end()
        client.close()
        # One response, and the end of the connection: what is behind cannot be trusted to be a request.
        if not responses.startswith(b"HTTP/1.1 400 ") or responses.count(b"HTTP/1.1 ") != 1:
            wrong.append(f"{name}: {responses[:60]!r}")
        if upstream.received:
            wrong.append(f"{name} reached the upstream: {upstream.received!r}")
            break
    assert not wrong, "\n".join(wrong)


def test_other_codings_than_chunked_are_501(proxy, target):
    upstream, path = target
    client = proxy.client()
    client.send(HEAD.format(path=path) + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED)
    assert client.read_to_end().startswith(b"HTTP/1.1 501 ")
    assert not upstream.received


@pytest.mark.parametrize("together", [True, False], ids=["one segment", "body later"])
def test_malformed_chunks_end_both_connections(proxy, target, together):
    upstream, path = target
    wrong = []
    for count, (name, body) in enumerate(REFUSED_CHUNKS.items(), 1):
        client = proxy.client()
        head = CHUNKED.format(path=path) + "\r\n"
        if together:
            client.send(head + body + SMUGGLED)
        else:
            client.send(head)
            upstream.wait_for_peer(count)
            client.send(body + SMUGGLED)
        responses = client.read_to_end()
        client.close()
        if not responses.startswith(b"HTTP/1.1 400 ") or responses.count(b"HTTP/1.1 ") != 1:
            wrong.append(f"{name}: {responses[:60]!r}")
        upstream.wait_for_peer(count)
    assert not wrong, "\n".join(wrong)
    assert b"smuggled" not in upstream.received
    assert b"0\r\n\r\n" not in upstream.received


def test_body_that_waited_for_a_connection_is_not_read_again(proxy, target):
    """The head and body arrive together while no connection to the node is open, so the body is kept aside."""
    _, path = target
    client = proxy.client()
    body = f"GET {path}/smuggled HTTP/1.1\r\nX: y"
    for _ in range(2):
        response = client.ask(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n{body}")
        assert (response.status, response.body) == (200, b"ok")
    upstream = target[0]
    client.send(f"GET {path}/next HTTP/1.1\r\nHost: a\r\n\r\n")
    assert client.read_response().status == 200
    client.send("\r\nHost: b\r\n\r\n")
    assert client.read_to_end().startswith(b"HTTP/1.1 400")
    assert upstream.received.count(b"X-Real-IP") == 3


def test_pipelined_requests_in_one_segment(proxy, target):
    _, path = target
    client = proxy.client()
    count = 50
    client.send("".join(f"POST {path}/{i} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" for i in range(count)))
    for _ in range(count):
        assert client.read_response().body == b"ok"
    heads = target[0].received.split(b"abc")
    assert [int(head.split()[1].rsplit(b"/", 1)[1]) for head in heads[:-1]] == list(range(count))


def test_pipelined_requests_byte_by_byte(proxy, target):
    _, path = target
    client = proxy.client()
    text = (f"GET {path}/1 HTTP/1.1\r\nHost: a\r\n\r\n"
            f"POST {path}/2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n"
            f"POST {path}/3 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
            f"GET {path}/4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    for byte in text:
        client.send(byte)
    assert [client.read_response().status for _ in range(4)] == [200] * 4
    assert client.read_to_end() == b""
    received = target[0].received
    assert received.count(b"HTTP/1.1\r\n") == 4 and received.count(b"T: v\r\n\r\n") == 1


def test_pipelined_404s_keep_their_order_with_proxied_ones(proxy, target):
    _, path = target
    client = proxy.client()
    client.send(f"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\nGET {path} HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
    assert [client.read_response().status for _ in range(40)] == [404, 200] * 20


def test_response_survives_bytes_behind_the_last_request(proxy, target):
    """Closing a socket with unread bytes resets it, which may destroy the response in flight."""
    _, path = target
    for _ in range(10):
        client = proxy.client()
        client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + "x" * 1000)
        assert client.read_to_end().endswith(b"\r\n\r\nok")
        assert client.end == "closed"
        client.close()


@pytest.mark.parametrize("response", [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "hello\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: " + "a" * 70000 + "\r\n\r\n",
], ids=["CL and TE", "two lengths", "bad length", "folded", "NUL", "status", "garbage", "101 unasked", "too long"])
def test_malformed_response_is_502(proxy, response):
    upstream = proxy.upstream(lambda peer: (peer.read_request(), peer.send(response), peer.read_to_end()))
    path = proxy.route(upstream)
    assert proxy.get(path).status == 502
    assert len(upstream.peers) == 1  # it saw the request: not to be repeated elsewhere


def test_bytes_behind_a_response_are_discarded(proxy):
    """An upstream that sends more than its response is not used again, and the surplus reaches no client."""
    def serve(peer):
        peer.read_request()
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        peer.read_to_end()

    upstream = proxy.upstream(serve)
    path = proxy.route(upstream)
    client = proxy.client()
    for _ in range(3):
        assert client.ask(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").body == b"ok"
    assert len(upstream.peers) == 3
