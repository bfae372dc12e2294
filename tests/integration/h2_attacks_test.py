"""What a hostile client of HTTP/2 can send: each attack ends with a GOAWAY or a reset, the worker's memory stays where it
was, and other clients are served. Each bound is named in worker/limits.h."""

import socket
import struct
import threading
import time

import pytest

from gateway import wait_until
from h2_client import END_HEADERS, END_STREAM, PREFACE, H2Client
from hyperframe.frame import (ContinuationFrame, DataFrame, HeadersFrame, PingFrame, PriorityFrame, RstStreamFrame,
                              SettingsFrame, WindowUpdateFrame)

GATEWAY = {"config": {"apisix": {"enable_http2": True},
                      "nginx_config": {"http": {"send_timeout": "2s", "client_header_timeout": "2s",
                                                "client_body_timeout": "2s"}}}, "workers": 1}
ENHANCE_YOUR_CALM, PROTOCOL_ERROR, COMPRESSION_ERROR, STREAM_CLOSED = 11, 1, 9, 5
# With AddressSanitizer freed memory is kept for a while, so a flat curve is not flat here.
GROWTH_BYTES_MAX = 96 << 20


@pytest.fixture
def path(proxy):
    return proxy.route(proxy.upstream())


@pytest.fixture(autouse=True)
def nothing_else_suffers(proxy, path):
    """Around each attack: memory before and after, and a client of HTTP/1 and one of HTTP/2 that are served."""
    assert proxy.get(path).status == 200
    before = proxy.resident_bytes()
    yield
    assert proxy.get(path).status == 200
    with H2Client(proxy.port) as other:
        assert other.ask(path).status == 200
    assert proxy.resident_bytes() - before < GROWTH_BYTES_MAX


def flood(client, make, count=20000, batch=200):
    """Sends make(i) until the connection ends; returns how many were sent."""
    client.wait_for(lambda: client.settings is not None)
    client.give_back = False  # from here on only this thread sends
    reader = threading.Thread(target=client.read_to_end, daemon=True)
    reader.start()
    sent = 0
    while sent < count and client.end is None:
        client.send_bytes(b"".join(make(sent + i) for i in range(batch)))
        sent += batch
    reader.join(10)
    return sent


def serialized(frame, *flags, **more):
    for name, value in more.items():
        setattr(frame, name, value)
    frame.flags |= set(flags)
    return frame.serialize()


def get_block(client, path):
    return client.encoder.encode(client.fields(path))


def test_rapid_reset(proxy, path):
    """CVE-2023-44487."""
    with H2Client(proxy.port) as client:
        first = get_block(client, path)
        block = get_block(client, path)

        def make(i):
            stream = 2 * i + 1
            return (serialized(HeadersFrame(stream, data=first if i == 0 else block), END_HEADERS, END_STREAM) +
                    serialized(RstStreamFrame(stream), error_code=8))
        sent = flood(client, make)
        assert client.goaway[1] == ENHANCE_YOUR_CALM
        assert sent < 5000


@pytest.mark.parametrize("how", ["window of 0", "window beyond 2^31", "content behind the end"])
def test_made_you_reset(proxy, path, how):
    """CVE-2025-8671: the client's broken frames make the gateway reset streams whose work goes on."""
    with H2Client(proxy.port) as client:
        first = get_block(client, path)
        block = get_block(client, path)

        def make(i):
            stream = 2 * i + 1
            head = serialized(HeadersFrame(stream, data=first if i == 0 else block), END_HEADERS, END_STREAM)
            if how == "window of 0":
                return head + b"\0\0\4\x08\0" + struct.pack(">II", stream, 0)
            if how == "window beyond 2^31":
                return head + serialized(WindowUpdateFrame(stream, window_increment=2**31 - 1))
            return head + serialized(DataFrame(stream, data=b"x"))
        flood(client, make)
        assert client.goaway is not None and client.goaway[1] != 0


def test_made_you_reset_by_content_beyond_its_length(proxy):
    """Each round waits until the node has its requests, and for the resets."""
    seen = []

    def node(peer):
        peer.read_head()
        seen.append(peer)
        peer.read_to_end()
    path = proxy.route(proxy.upstream(node))
    with H2Client(proxy.port) as client:
        client.sync()
        fields = client.fields(path, "POST") + [("content-length", "3")]
        opened = 0
        while opened < 1500 and client.goaway is None:
            streams = [client.new_stream() for _ in range(25)]
            opened += len(streams)
            client.send(*[client.head_frame(stream, fields) for stream in streams])
            wait_until(lambda: len(seen) >= opened, "the requests at the node")
            client.send(*[client.data_frame(stream, b"abcdefgh") for stream in streams])
            client.wait_for(lambda: client.goaway or all(client.stream(stream).is_done for stream in streams))
        assert client.goaway is not None and client.goaway[1] == ENHANCE_YOUR_CALM


def test_continuation_flood(proxy):
    with H2Client(proxy.port) as client:
        client.send(HeadersFrame(1, data=b"\x82"))  # no END_HEADERS
        sent = flood(client, lambda _: serialized(ContinuationFrame(1, data=b"\0\1a\1b" * 100)))
        assert client.goaway is None or client.goaway[1] in (ENHANCE_YOUR_CALM, PROTOCOL_ERROR, 2)
        assert client.end and sent < 20000


def test_continuation_flood_without_bytes(proxy):
    with H2Client(proxy.port) as client:
        client.send(HeadersFrame(1, data=b"\x82"))
        sent = flood(client, lambda _: serialized(ContinuationFrame(1)))
        assert client.end and sent < 20000


def test_hpack_bomb(proxy, path):
    """One value of 4 KB in the table, and thousands of references of one byte to it."""
    with H2Client(proxy.port) as client:
        block = get_block(client, path) + b"\x40\x01x" + b"\x7f" + b"\xe1\x1d" + b"a" * 3936  # 127 + 3809
        client.send(client.head_frame(1, None, END_STREAM, block=block + b"\xbe" * 8000))
        client.read_to_end()
        assert client.goaway[1] == ENHANCE_YOUR_CALM


def test_hpack_bomb_in_trailers(proxy, path):
    with H2Client(proxy.port) as client:
        stream = client.request(path, "POST", end=False)
        block = b"\x40\x01x" + b"\x7f" + b"\xe1\x1d" + b"a" * 3936
        client.send(client.head_frame(stream, None, END_STREAM, block=block + b"\xbe" * 8000))
        client.read_to_end()
        assert client.goaway[1] == ENHANCE_YOUR_CALM


def test_hpack_that_cannot_be_decoded_ends_the_connection(proxy):
    with H2Client(proxy.port) as client:
        client.send(client.head_frame(1, None, END_STREAM, block=b"\xff\xff\xff\xff\xff\xff\xff\xff"))
        client.read_to_end()
        assert client.goaway[1] == COMPRESSION_ERROR


def send_long_head(client, stream, fields):
    block = client.encoder.encode(fields)
    pieces = [block[at:at + 16384] for at in range(0, len(block), 16384)]
    frames = [HeadersFrame(stream, data=pieces[0])]
    frames += [ContinuationFrame(stream, data=piece) for piece in pieces[1:]]
    frames[0].flags.add(END_STREAM)
    frames[-1].flags.add(END_HEADERS)
    client.send(*frames)


def test_huge_header_list_is_431(proxy, path):
    with H2Client(proxy.port) as client:
        send_long_head(client, 1, client.fields(path, more=[(f"x-{i}", "a" * 1000) for i in range(60)]))
        assert client.response(1).status == 431
        client.next_id = 3
        assert client.ask(path).status == 200


def test_header_list_without_end_is_a_flood(proxy, path):
    with H2Client(proxy.port) as client:
        send_long_head(client, 1, client.fields(path, more=[(f"x-{i}", "a" * 4000) for i in range(40)]))
        client.read_to_end()
        assert client.goaway[1] == ENHANCE_YOUR_CALM


def test_cookie_crumbs_beyond_the_limit(proxy, path):
    with H2Client(proxy.port) as client:
        block = get_block(client, path) + b"\x40\x06cookie\x01a" + b"\xbe" * 12000
        client.send(client.head_frame(1, None, END_STREAM, block=block))
        client.wait_for(lambda: client.stream(1).is_done or client.goaway)
        assert client.goaway == (1, ENHANCE_YOUR_CALM) or client.stream(1).status == 431


@pytest.mark.parametrize("name, frame", {
    "SETTINGS": lambda i: serialized(SettingsFrame(0)),
    "SETTINGS of six": lambda i: serialized(SettingsFrame(0), settings={1: i % 4096, 3: 100, 4: 65535 - i % 100}),
    "PING": lambda i: serialized(PingFrame(0), opaque_data=b"12345678"),
    "PRIORITY": lambda i: serialized(PriorityFrame(2 * i + 1), depends_on=0, stream_weight=1, exclusive=False),
    "WINDOW_UPDATE": lambda i: serialized(WindowUpdateFrame(0), window_increment=1),
    "unknown": lambda i: b"\0\0\0\xee\0\0\0\0\0",
}.items())
def test_floods_of_frames_that_carry_nothing(proxy, name, frame):
    with H2Client(proxy.port) as client:
        sent = flood(client, frame, count=60000)
        assert client.goaway is not None and client.goaway[1] == ENHANCE_YOUR_CALM, name
        assert sent < 60000, name


def test_flood_of_empty_content(proxy, path):
    with H2Client(proxy.port) as client:
        stream = client.request(path, method="POST", end=False)
        sent = flood(client, lambda _: serialized(DataFrame(stream)), count=60000)
        assert client.goaway[1] == ENHANCE_YOUR_CALM and sent < 60000


def test_pings_of_a_client_that_reads_nothing(proxy):
    with H2Client(proxy.port) as client:
        sent = 0
        while sent < 200000 and client.end is None:
            client.send_bytes(serialized(PingFrame(0), opaque_data=b"12345678") * 100)
            sent += 100
        assert sent < 200000


def test_zero_window_stall_ends_in_time(proxy):
    body = b"z" * (1 << 20)

    def serve(peer):
        while True:
            peer.read_request()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    big = proxy.route(proxy.upstream(serve))
    with H2Client(proxy.port, settings={4: 0}, give_back=False) as client:
        streams = [client.request(big) for _ in range(100)]
        began = time.monotonic()
        client.wait_for(lambda: all(client.stream(stream).is_done for stream in streams), "the resets of all")
        assert all(client.stream(stream).reset is not None for stream in streams)
        assert time.monotonic() - began < 20  # send_timeout is 2 s


def test_slow_head_ends_in_time(proxy):
    with H2Client(proxy.port) as client:
        client.send(HeadersFrame(1, data=b"\x82"))
        client.wait_for(lambda: client.stream(1).is_done or client.goaway or client.end, "an end of the slow head")


def test_slow_body_is_408(proxy):
    def serve(peer):
        peer.read_request()
    slow = proxy.route(proxy.upstream(serve))
    with H2Client(proxy.port) as client:
        got = client.response(client.request(slow, method="POST", end=False))
        assert got.status == 408
        assert client.goaway is None


def test_used_stream_number_is_an_error(proxy, path):
    with H2Client(proxy.port) as client:
        assert client.ask(path).status == 200
        client.send(client.head_frame(1, client.fields(path), END_STREAM))
        client.read_to_end()
        assert client.goaway[1] == STREAM_CLOSED


def test_content_behind_an_early_response_is_no_error(proxy, path):
    """It was on its way when the gateway ended the stream."""
    with H2Client(proxy.port) as client:
        stream = client.request("/no/such/route", method="POST", end=False)
        assert client.response(stream).status == 404
        client.wait_for(lambda: client.stream(stream).reset is not None)
        client.send(client.data_frame(stream, b"late"), client.data_frame(stream, b"later", end=True))
        assert client.ask(path).status == 200


@pytest.mark.parametrize("number", [2, 0])
def test_stream_number_that_is_not_the_clients_is_an_error(proxy, path, number):
    with H2Client(proxy.port) as client:
        frame = client.head_frame(1, client.fields(path), END_STREAM)
        frame.stream_id = number
        data = frame.serialize()
        client.send_bytes(data[:5] + struct.pack(">I", number) + data[9:])
        client.read_to_end()
        assert client.goaway[1] == PROTOCOL_ERROR


def test_more_streams_than_allowed_are_refused(proxy):
    def serve(peer):
        peer.read_request()
        peer.read_to_end()
    stuck = proxy.route(proxy.upstream(serve))
    with H2Client(proxy.port) as client:
        client.wait_for(lambda: client.settings is not None)
        client.sync()
        most = client.settings[3]
        streams = [client.request(stuck) for _ in range(most + 1)]
        client.wait_for(lambda: client.stream(streams[-1]).reset is not None or client.goaway)
        assert client.stream(streams[-1]).reset == 7 or client.goaway[1] == PROTOCOL_ERROR  # REFUSED_STREAM


def test_many_connections_that_say_nothing(proxy, path):
    clients = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(300)]
    for client in clients:
        client.sendall(PREFACE + serialized(SettingsFrame(0)))
    assert proxy.get(path).status == 200
    for client in clients:
        client.close()


def test_wrong_preface_ends_the_connection(proxy):
    with H2Client(proxy.port, preface=b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n") as client:
        client.read_to_end()
        assert client.streams.keys() <= {0}


# --- smuggling: no upstream may see any of it

SMUGGLED = {
    "H2.TE": [("transfer-encoding", "chunked")],
    "H2.TE, identity": [("transfer-encoding", "identity")],
    "H2.CL twice": [("content-length", "0"), ("content-length", "5")],
    "H2.CL and content": [("content-length", "3")],
    "H2.CL signed": [("content-length", "+5")],
    "CR LF in a value": [("x-a", "b\r\ntransfer-encoding: chunked")],
    "LF in a value": [("x-a", "b\ntransfer-encoding: chunked")],
    "NUL in a value": [("x-a", "b\0c")],
    "CR LF in a name": [("x-a: b\r\ntransfer-encoding", "chunked")],
    "colon in a name": [("transfer-encoding: chunked\r\nx", "y")],
    "space in a name": [("transfer-encoding ", "chunked")],
    "upper case": [("Transfer-Encoding", "chunked")],
    "connection": [("connection", "transfer-encoding")],
    "connection, upgrade": [("connection", "upgrade"), ("upgrade", "websocket")],
    "keep-alive": [("keep-alive", "timeout=1")],
    "proxy-connection": [("proxy-connection", "keep-alive")],
    "http2-settings and upgrade": [("upgrade", "h2c"), ("http2-settings", "AAMAAABkAAQAAP__")],
    "te": [("te", "chunked")],
    "another host": [("host", "evil.test")],
}
PSEUDO = {
    "space in :method": {":method": "GET /smuggled HTTP/1.1"},
    "CR LF in :method": {":method": "GET / HTTP/1.1\r\nx: y\r\n\r\nGET"},
    "empty :method": {":method": ""},
    "CR LF in :path": {":path": "{path} HTTP/1.1\r\nx: y\r\n\r\nGET /smuggled"},
    "space in :path": {":path": "{path} HTTP/1.1"},
    "absolute :path": {":path": "http://evil.test{path}"},
    "empty :path": {":path": ""},
    "relative :path": {":path": "smuggled"},
    "CR LF in :authority": {":authority": "a.test\r\nx: y"},
    "user in :authority": {":authority": "evil@a.test"},
    "space in :authority": {":authority": "a.test x"},
    "path in :authority": {":authority": "a.test/x"},
    "CR LF in :scheme": {":scheme": "http\r\nx: y"},
    "another :scheme": {":scheme": "ftp"},
}


def is_refused(got):
    return got.reset == PROTOCOL_ERROR or (got.status is not None and 400 <= got.status < 500)


def test_nothing_is_smuggled_by_fields(proxy):
    upstream = proxy.upstream()
    path = proxy.route(upstream)
    wrong = []
    for name, more in SMUGGLED.items():
        with H2Client(proxy.port) as client:
            got = client.ask(path, method="POST", body=b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nx: y\r\n\r\n", more=more)
            if not is_refused(got) or any(peer.received for peer in upstream.peers if b"smuggled" in peer.received):
                wrong.append((name, got))
    assert not wrong
    assert b"smuggled" not in upstream.received


def test_nothing_is_smuggled_by_pseudo_fields(proxy):
    upstream = proxy.upstream()
    path = proxy.route(upstream)
    wrong = []
    for name, change in PSEUDO.items():
        with H2Client(proxy.port) as client:
            fields = dict(client.fields(path)) | {key: value.replace("{path}", path) for key, value in change.items()}
            got = client.response(client.request(path, fields=list(fields.items())))
            if not is_refused(got):
                wrong.append((name, got))
    assert not wrong
    assert upstream.received == b""


@pytest.mark.parametrize("name, fields", {
    "two :path": [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/x"), (":path", "{path}")],
    "two :authority": [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":authority", "b"),
                       (":path", "{path}")],
    "two :method": [(":method", "GET"), (":method", "POST"), (":scheme", "http"), (":path", "{path}")],
    "pseudo field behind a field": [(":method", "GET"), (":scheme", "http"), ("x", "y"), (":authority", "a"),
                                    (":path", "{path}")],
    "unknown pseudo field": [(":method", "GET"), (":scheme", "http"), (":x", "y"), (":path", "{path}")],
    ":status": [(":method", "GET"), (":scheme", "http"), (":status", "200"), (":path", "{path}")],
    "no :path": [(":method", "GET"), (":scheme", "http"), (":authority", "a")],
    "no :scheme": [(":method", "GET"), (":authority", "a"), (":path", "{path}")],
    "no :method": [(":scheme", "http"), (":authority", "a"), (":path", "{path}")],
}.items())
def test_order_and_number_of_pseudo_fields(proxy, name, fields):
    upstream = proxy.upstream()
    path = proxy.route(upstream)
    with H2Client(proxy.port) as client:
        got = client.response(client.request(path, fields=[(k, v.replace("{path}", path)) for k, v in fields]))
        assert got.reset == PROTOCOL_ERROR, name
    assert upstream.received == b""


def test_pseudo_fields_in_trailers_are_an_error(proxy):
    upstream = proxy.upstream()
    path = proxy.route(upstream)
    with H2Client(proxy.port) as client:
        stream = client.request(path, method="POST", end=False)
        client.send(client.head_frame(stream, [(":path", "/x")], END_STREAM))
        assert client.response(stream).reset == PROTOCOL_ERROR


def test_framing_fields_in_trailers_are_dropped_or_refused(proxy):
    def serve(peer):
        peer.request = peer.read_request()
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    upstream = proxy.upstream(serve)
    path = proxy.route(upstream)
    with H2Client(proxy.port) as client:
        stream = client.request(path, method="POST", end=False)
        client.send(client.data_frame(stream, b"x"),
                    client.head_frame(stream, [("content-length", "9"), ("host", "b"), ("x-sum", "1")], END_STREAM))
        got = client.response(stream)
    assert is_refused(got) or upstream.peers[0].request.trailers == [("x-sum", "1")]
