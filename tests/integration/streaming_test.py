"""Responses that are streams of events: each event leaves when it comes, through every filter, and the node learns at once
that its client is gone.

The node here sends an event only when the client has got the one before, so that one that is held back anywhere stops the
test; nothing measures how fast it was, but where the bound is what is promised."""

import queue
import time
import zlib

import pytest

from gateway import PATIENCE_S, wait_until

CHUNKED = "Transfer-Encoding: chunked\r\n"
EVENTS = [f"event: tick\ndata: {n}\n\n".encode() for n in range(5)]


def chunk(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


class EventSource:
    """Serves one request: the head at once, then what push() is given, as it is given; close() ends the connection."""

    def __init__(self, head):
        self.head = head
        self.pieces = queue.Queue()
        self.gone = queue.Queue()  # when the gateway closed the connection

    def serve(self, peer):
        peer.read_request()
        peer.send(self.head)
        while (piece := self.pieces.get(timeout=PATIENCE_S)) is not None:
            peer.send(piece)

    def serve_until_gone(self, peer):
        peer.read_request()
        peer.send(self.head)
        peer.read_to_end()
        self.gone.put(time.monotonic())

    def push(self, piece):
        self.pieces.put(piece)

    def close(self):
        self.pieces.put(None)


def head(framing=CHUNKED, content_type="text/event-stream"):
    return f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n{framing}\r\n"


PLUGINS = {
    "none": {},
    "headers": {"response-rewrite": {"headers": {"set": {"X-A": "1"}}}, "cors": {}, "request-id": {}, "prometheus": {}},
    "echo": {"echo": {"before_body": ": hello\n\n"}},
    "gzip": {"gzip": {"types": ["text/event-stream"], "min_length": 1}},
    "logger": {"http-logger": {"uri": "http://127.0.0.1:1/", "include_resp_body": True}},
    "loggers": {"gzip": {"types": "*"}, "file-logger": {"path": "/dev/null", "include_resp_body": True}},
    "limits": {"limit-conn": {"conn": 10, "burst": 0, "default_conn_delay": 0.1, "key": "remote_addr"}},
}


class Reader:
    """The body of a chunked response, with its content coding taken off, as it comes."""

    def __init__(self, client, response):
        self.client, self.text = client, b""
        self.is_chunked = "chunked" in (response.header("Transfer-Encoding") or "")
        self.decoder = zlib.decompressobj(31) if response.header("Content-Encoding") == "gzip" else None

    def wait_for(self, text):
        """Reads until all of `text` has come."""
        wanted = self.text + text
        while not self.text == wanted:
            assert wanted.startswith(self.text), (self.text[-100:], wanted[-100:])
            left = 1 if self.decoder else len(wanted) - len(self.text)
            piece = self.client.read_chunk() if self.is_chunked else self.client.read_exactly(left)
            assert piece, f"the end, behind {self.text[-100:]!r}"
            self.text += self.decoder.decompress(piece) if self.decoder else piece


def open_stream(proxy, source, plugins=None, headers="Accept-Encoding: gzip\r\n", **route):
    path = proxy.route(proxy.upstream(source.serve), plugins=plugins or {}, **route)
    client = proxy.client()
    client.send(f"GET {path} HTTP/1.1\r\nHost: a.test\r\nAccept: text/event-stream\r\n{headers}\r\n")
    # The head comes although nothing of the body is there yet.
    response = client.read_head()
    assert response.status == 200
    return client, Reader(client, response)


@pytest.mark.parametrize("plugins", PLUGINS)
def test_each_event_leaves_at_once(proxy, plugins):
    source = EventSource(head())
    client, reader = open_stream(proxy, source, PLUGINS[plugins])
    assert (reader.decoder is not None) == ("gzip" in PLUGINS[plugins])
    source.push(chunk(b":\n\n"))
    reader.wait_for(b": hello\n\n:\n\n" if plugins == "echo" else b":\n\n")
    for event in EVENTS:
        source.push(chunk(event))
        reader.wait_for(event)
    source.push(b"0\r\n\r\n")
    wait_until(lambda: client.read_chunk() == b"", "the end of the body")
    source.close()


@pytest.mark.parametrize("plugins", ["none", "gzip", "logger"])
@pytest.mark.parametrize("framing", ["", f"Content-Length: {sum(map(len, EVENTS))}\r\n"], ids=["close", "length"])
def test_each_event_leaves_at_once_in_other_framings(proxy, plugins, framing):
    source = EventSource(head(framing))
    client, reader = open_stream(proxy, source, PLUGINS[plugins])
    for event in EVENTS:
        source.push(event)
        reader.wait_for(event)
    source.close()
    client.close()


@pytest.mark.parametrize("plugins", ["none", "gzip", "logger"])
def test_event_in_front_of_half_a_chunk_leaves_at_once(proxy, plugins):
    """What the node sends is cut anywhere: an event is not kept because something that is no content came with it."""
    source = EventSource(head())
    client, reader = open_stream(proxy, source, PLUGINS[plugins])
    left = b""
    for event in EVENTS:
        whole = chunk(event)
        for cut in (1, 2, 3, 9):  # in its size, behind it, in the event
            source.push(left + whole[:cut])
            left = b""
            reader.wait_for(event[:max(0, cut - len(whole) + len(event) + 2)])
            whole, event = whole[cut:], event[max(0, cut - len(whole) + len(event) + 2):]
        # The end of the event comes with the first byte of the next chunk's size.
        source.push(whole + b"1")
        reader.wait_for(event)
        source.push(b"\r\n.\r\n")
        reader.wait_for(b".")
    source.close()
    client.close()


@pytest.mark.parametrize("plugins", ["none", "gzip"])
@pytest.mark.parametrize("size", [65536, 520_008])
def test_event_that_fills_a_read_leaves_without_the_next(proxy, plugins, size):
    """The gateway reads 64 KiB at once: when there is no more, none follows that would take the event along."""
    source = EventSource(head(""))
    client, reader = open_stream(proxy, source, PLUGINS[plugins])
    event = bytes(range(97, 123)) * (size // 26 + 1)
    for _ in range(3):
        source.push(event[:size])
        reader.wait_for(event[:size])
    source.close()
    client.close()


def test_filters_of_response_rewrite_hold_the_body_as_in_apisix(proxy):
    source = EventSource(head())
    path = proxy.route(proxy.upstream(source.serve), plugins={
        "response-rewrite": {"filters": [{"regex": "tick", "replace": "tock", "scope": "global"}]}})
    client = proxy.client()
    client.send(f"GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n")
    for event in EVENTS:
        source.push(chunk(event))
    source.push(b"0\r\n\r\n")
    assert client.read_response().body == b"".join(EVENTS).replace(b"tick", b"tock")
    source.close()


@pytest.mark.serial
@pytest.mark.parametrize("plugins", ["none", "gzip", "logger"])
@pytest.mark.parametrize("end", ["close", "reset", "half_close"])
def test_client_that_leaves_is_seen_by_a_silent_node(proxy, end, plugins):
    source = EventSource(head() + "1\r\n.\r\n")
    path = proxy.route(proxy.upstream(source.serve_until_gone), plugins=PLUGINS[plugins])
    client = proxy.client()
    client.send(f"GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n")
    assert client.read_head().status == 200 and client.read_chunk() == b"."
    begin = time.monotonic()
    getattr(client, end)()
    assert source.gone.get(timeout=PATIENCE_S) - begin < 0.1


@pytest.mark.serial
def test_client_that_leaves_in_front_of_the_head_is_seen_by_a_silent_node(proxy):
    source = EventSource("")
    upstream = proxy.upstream(source.serve_until_gone)
    path = proxy.route(upstream)
    client = proxy.client()
    client.send(f"POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello")
    wait_until(lambda: upstream.received.endswith(b"hello"), "the request")
    begin = time.monotonic()
    client.close()
    assert source.gone.get(timeout=PATIENCE_S) - begin < 0.1


def test_silence_longer_than_the_read_timeout_ends_the_stream(proxy):
    source = EventSource(head())
    client, reader = open_stream(proxy, source, timeout={"connect": 5, "send": 5, "read": 0.5})
    source.push(chunk(EVENTS[0]))
    reader.wait_for(EVENTS[0])
    begin = time.monotonic()
    assert client.read_to_end() == b"", "the body has no end"
    assert time.monotonic() - begin > 0.4
    source.close()
