"""What an HTTP/2 server does with frames that are right or wrong, as a table: RFC 9113 (and of RFC 7540 what it left
out and h2spec still asks for), RFC 7541. See h2_conformance_test.py, which runs it."""

from dataclasses import dataclass

from h2_wire import (ACK, COMPRESSION_ERROR, ENABLE_PUSH, END_HEADERS, END_STREAM, FLOW_CONTROL_ERROR,
                     FRAME_SIZE_ERROR, GOAWAY, HAS_PRIORITY, HEADER_TABLE_SIZE, HEADERS, INITIAL_WINDOW_SIZE,
                     MAX_FRAME_SIZE, PADDED, PING, PRIORITY, PROTOCOL_ERROR, PUSH_PROMISE,
                     RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, continuation, data, frame, goaway,
                     head, literal, literals, ping, request_fields, reset, settings, window_update)

MOST_WINDOW = 2**31 - 1
# A response cannot end while its window is closed: so a stream stays half closed for as long as a case needs.
SHUT = ((INITIAL_WINDOW_SIZE, 0),)


@dataclass
class Expect:
    """`scope`: "connection" (GOAWAY or close), "stream" (the same or RST_STREAM), "malformed" (as "stream",
    and no upstream has seen the request), "refused" (the same, or a response of status 400), "served" (status 200), "ignored" (nothing, and the connection serves on)."""
    scope: str
    codes: tuple = ()


def connection(*codes):
    return Expect("connection", codes)


def stream(*codes):
    return Expect("stream", codes)


MALFORMED = Expect("malformed", (PROTOCOL_ERROR,))
REFUSED = Expect("refused", (PROTOCOL_ERROR,))
SERVED = Expect("served")
IGNORED = Expect("ignored")


@dataclass
class Case:
    section: str
    what: str
    frames: object  # called with the Wire and the path of the request; returns what is sent
    expect: Expect
    mine: tuple = ()  # settings of this client

    @property
    def name(self):
        return f"{self.section} {self.what}"


def priority(on, length=5, depends_on=0):
    return frame(PRIORITY, stream=on, payload=(depends_on.to_bytes(4, "big") + b"\x0f" + bytes(8))[:length])


def post(wire, path, more=()):
    """The head of a request whose content follows."""
    return wire.request(path, end=False, method="POST", more=more)


def block(wire, path, more=()):
    return wire.encoder.encode(request_fields(path, more=more))


def in_two(text, at=4):
    return text[:at], text[at:]


def split(wire, path, between=b"", last=b"", end=True):
    """A header block in two frames with `between` between them, and `last` at the end."""
    first, second = in_two(block(wire, path))
    return head(first, end=end, end_headers=False) + between + continuation(second) + last


def after_reset(wire, path, then):
    """Frames on a stream that this client has reset itself."""
    wire.send(post(wire, path), reset(1))
    wire.barrier()
    return then()


def after_end(wire, path, then):
    """Frames on a stream that both sides have ended."""
    wire.get(path)
    del wire.responses[1]
    return then()


def plain(path, change=None, add=(), drop=(), first=()):
    """The literals of a GET; `change`: other values by name."""
    fields = [(name, (change or {}).get(name, value)) for name, value in request_fields(path) if name not in drop]
    return literals([*first, *fields, *add])


def malformed(section, what, **fields):
    return Case(section, what, lambda wire, path: head(plain(path, **fields)), MALFORMED)


def refused(section, what, **fields):
    return Case(section, what, lambda wire, path: head(plain(path, **fields)), REFUSED)


def content(section, what, length, *sizes):
    """A content-length that disagrees with DATA."""
    def frames(wire, path):
        parts = [data(1, b"x" * size, end=number == len(sizes) - 1) for number, size in enumerate(sizes)]
        return post(wire, path, [("content-length", length)]) + b"".join(parts)
    return Case(section, what, frames, MALFORMED)


FRAMING = [
    Case("4.1", "a frame of unknown type", lambda w, p: frame(0x16, 0, 0, b"12345678"), IGNORED),
    Case("4.1", "flags that mean nothing", lambda w, p: ping(flags=0x16), IGNORED),
    Case("4.1", "the reserved bit of a stream's number",
         lambda w, p: frame(HEADERS, END_STREAM | END_HEADERS, 1 | 1 << 31, block(w, p)), SERVED),
    Case("4.2", "DATA of the largest size", lambda w, p: post(w, p) + data(1, b"x" * 16384, end=True), SERVED),
    Case("4.2", "DATA over the largest size", lambda w, p: post(w, p) + data(1, b"x" * 16385, end=True), stream(FRAME_SIZE_ERROR)),
    Case("4.2", "HEADERS over the largest size",
         lambda w, p: head(block(w, p, [("x", "y" * 100)]) + literals([(f"n{n}", "v" * 120) for n in range(140)])),
         connection(FRAME_SIZE_ERROR)),
    Case("4.2", "SETTINGS over the largest size", lambda w, p: settings(*[(0x99, 1)] * 2731), connection(FRAME_SIZE_ERROR)),
    Case("4.3", "a header block that is no HPACK", lambda w, p: head(b"\x82\x84\x86\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
         connection(COMPRESSION_ERROR)),
    Case("4.3", "a header block that breaks off", lambda w, p: head(b"\x82\x84\x86\x41\x7f"), connection(COMPRESSION_ERROR)),
    Case("4.3", "PRIORITY within a header block", lambda w, p: split(w, p, priority(1)), connection(PROTOCOL_ERROR)),
    Case("4.3", "HEADERS of another stream within a header block", lambda w, p: split(w, p, head(plain(p), 3)), connection(PROTOCOL_ERROR)),
]

STREAMS = [
    Case("5.1", "DATA on an idle stream", lambda w, p: data(1, b"x", end=True), connection(PROTOCOL_ERROR)),
    Case("5.1", "RST_STREAM on an idle stream", lambda w, p: reset(1), connection(PROTOCOL_ERROR)),
    Case("5.1", "WINDOW_UPDATE on an idle stream", lambda w, p: window_update(1, 100), connection(PROTOCOL_ERROR)),
    Case("5.1", "CONTINUATION on an idle stream", lambda w, p: continuation(block(w, p)), connection(PROTOCOL_ERROR)),
    Case("5.1", "PRIORITY on an idle stream", lambda w, p: priority(1) + w.request(p, 3), IGNORED),
    Case("5.1", "DATA behind the end", lambda w, p: w.request(p) + data(1, b"x", end=True), stream(STREAM_CLOSED), SHUT),
    Case("5.1", "HEADERS behind the end", lambda w, p: w.request(p) + w.request(p), stream(STREAM_CLOSED), SHUT),
    Case("5.1", "CONTINUATION behind the end", lambda w, p: w.request(p) + continuation(block(w, p)),
         connection(STREAM_CLOSED, PROTOCOL_ERROR), SHUT),
    Case("5.1", "WINDOW_UPDATE and PRIORITY behind the end", lambda w, p: w.request(p) + priority(1) + window_update(1, 1), SERVED),
    Case("5.1", "RST_STREAM behind the end", lambda w, p: w.request(p) + reset(1), IGNORED, SHUT),
    Case("5.1", "DATA after a reset", lambda w, p: after_reset(w, p, lambda: data(1, b"x")), stream(STREAM_CLOSED)),
    Case("5.1", "HEADERS after a reset", lambda w, p: after_reset(w, p, lambda: w.request(p)), stream(STREAM_CLOSED)),
    Case("5.1", "CONTINUATION after a reset", lambda w, p: after_reset(w, p, lambda: continuation(block(w, p))),
         connection(STREAM_CLOSED, PROTOCOL_ERROR)),
    Case("5.1", "WINDOW_UPDATE and RST_STREAM after a reset", lambda w, p: after_reset(w, p, lambda: window_update(1, 1) + reset(1)), IGNORED),
    Case("5.1", "DATA on a closed stream", lambda w, p: after_end(w, p, lambda: data(1, b"x", end=True)), stream(STREAM_CLOSED)),
    Case("5.1", "HEADERS on a closed stream", lambda w, p: after_end(w, p, lambda: w.request(p)), stream(STREAM_CLOSED, PROTOCOL_ERROR)),
    Case("5.1", "CONTINUATION on a closed stream", lambda w, p: after_end(w, p, lambda: continuation(block(w, p))),
         connection(STREAM_CLOSED, PROTOCOL_ERROR)),
    Case("5.1", "PRIORITY and WINDOW_UPDATE on a closed stream", lambda w, p: after_end(w, p, lambda: priority(1) + window_update(1, 1)), IGNORED),
    Case("5.1.1", "an even stream number", lambda w, p: w.request(p, 2), connection(PROTOCOL_ERROR)),
    Case("5.1.1", "a smaller stream number", lambda w, p: w.request(p, 5) + w.request(p, 3),
         connection(PROTOCOL_ERROR, STREAM_CLOSED)),
    Case("5.1.1", "stream numbers left out", lambda w, p: w.request(p, 1) + w.request(p, 99), SERVED),
    Case("5.3.1 of RFC 7540", "HEADERS that depend on themselves",
         lambda w, p: head(b"\0\0\0\1\x0f" + block(w, p), flags=HAS_PRIORITY), stream(PROTOCOL_ERROR)),
    Case("5.3.1 of RFC 7540", "PRIORITY that depends on itself", lambda w, p: priority(1, depends_on=1), stream(PROTOCOL_ERROR)),
    Case("5.3.1 of RFC 7540", "PRIORITY that depends on another stream", lambda w, p: priority(1, depends_on=3) + w.request(p), SERVED),
    Case("5.4.1", "a connection error closes the connection", lambda w, p: frame(PING, 0, 3, b"12345678"), connection(PROTOCOL_ERROR)),
    Case("5.5", "an unknown frame within a header block", lambda w, p: split(w, p, frame(0x16, 0, 0, b"1")), connection(PROTOCOL_ERROR)),
    Case("5.5", "an unknown frame on a stream", lambda w, p: post(w, p) + frame(0x16, 1, 1, b"1") + data(1, end=True), SERVED),
]

FRAMES = [
    Case("6.1", "DATA on the connection", lambda w, p: post(w, p) + data(0, b"x", end=True), connection(PROTOCOL_ERROR)),
    Case("6.1", "DATA with padding", lambda w, p: post(w, p) + data(1, b"\x06test" + bytes(6), end=True, flags=PADDED), SERVED),
    Case("6.1", "DATA without content", lambda w, p: post(w, p) + data(1) * 3 + data(1, end=True), SERVED),
    Case("6.1", "DATA with more padding than payload", lambda w, p: post(w, p) + data(1, b"\x05test", end=True, flags=PADDED),
         connection(PROTOCOL_ERROR)),
    Case("6.1", "DATA with padding and no payload", lambda w, p: post(w, p) + data(1, end=True, flags=PADDED),
         connection(PROTOCOL_ERROR, FRAME_SIZE_ERROR)),
    Case("6.2", "HEADERS with padding", lambda w, p: head(b"\x06" + block(w, p) + bytes(6), flags=PADDED), SERVED),
    Case("6.2", "HEADERS with a priority", lambda w, p: head(b"\0\0\0\0\x0f" + block(w, p), flags=HAS_PRIORITY), SERVED),
    Case("6.2", "HEADERS with both", lambda w, p: head(b"\x06\x80\0\0\0\x0f" + block(w, p) + bytes(6), flags=PADDED | HAS_PRIORITY), SERVED),
    Case("6.2", "DATA within a header block", lambda w, p: split(w, p, data(1, b"x"), end=False), connection(PROTOCOL_ERROR)),
    Case("6.2", "HEADERS on the connection", lambda w, p: w.request(p, 0), connection(PROTOCOL_ERROR)),
    Case("6.2", "HEADERS with more padding than payload", lambda w, p: head(b"\xff" + block(w, p), flags=PADDED), connection(PROTOCOL_ERROR)),
    Case("6.2", "HEADERS too short for a priority", lambda w, p: head(b"\0\0", flags=HAS_PRIORITY), connection(PROTOCOL_ERROR, FRAME_SIZE_ERROR)),
    Case("6.3", "PRIORITY on the connection", lambda w, p: priority(0), connection(PROTOCOL_ERROR)),
    Case("6.3", "PRIORITY of the wrong size", lambda w, p: post(w, p) + priority(1, 4), stream(FRAME_SIZE_ERROR)),
    Case("6.3", "PRIORITY among DATA", lambda w, p: post(w, p) + data(1, b"x") + priority(1) + data(1, end=True), SERVED),
    Case("6.4", "RST_STREAM on the connection", lambda w, p: reset(0), connection(PROTOCOL_ERROR)),
    Case("6.4", "RST_STREAM of the wrong size", lambda w, p: post(w, p) + frame(RST_STREAM, 0, 1, bytes(3)), connection(FRAME_SIZE_ERROR)),
    Case("6.5", "an acknowledgement of SETTINGS with settings", lambda w, p: frame(SETTINGS, ACK, 0, bytes(6)), connection(FRAME_SIZE_ERROR)),
    Case("6.5", "SETTINGS on a stream", lambda w, p: frame(SETTINGS, 0, 1, bytes(6)), connection(PROTOCOL_ERROR)),
    Case("6.5", "SETTINGS of the wrong size", lambda w, p: frame(SETTINGS, 0, 0, bytes(5)), connection(FRAME_SIZE_ERROR)),
    Case("6.5.2", "ENABLE_PUSH 2", lambda w, p: settings((ENABLE_PUSH, 2)), connection(PROTOCOL_ERROR)),
    Case("6.5.2", "a window over the largest", lambda w, p: settings((INITIAL_WINDOW_SIZE, 1 << 31)), connection(FLOW_CONTROL_ERROR)),
    Case("6.5.2", "a frame size under the least", lambda w, p: settings((MAX_FRAME_SIZE, 16383)), connection(PROTOCOL_ERROR)),
    Case("6.5.2", "a frame size over the largest", lambda w, p: settings((MAX_FRAME_SIZE, 1 << 24)), connection(PROTOCOL_ERROR)),
    Case("6.5.2", "an unknown setting", lambda w, p: settings((0xFF, 1)) + w.request(p), SERVED),
    Case("6.5.2", "a header table of no size", lambda w, p: settings((HEADER_TABLE_SIZE, 0)) + w.request(p), SERVED),
    Case("6.6", "PUSH_PROMISE", lambda w, p: post(w, p) + frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + block(w, p)),
         connection(PROTOCOL_ERROR)),
    Case("6.7", "PING on a stream", lambda w, p: frame(PING, 0, 1, b"12345678"), connection(PROTOCOL_ERROR)),
    Case("6.7", "PING of the wrong size", lambda w, p: ping(b"123456"), connection(FRAME_SIZE_ERROR)),
    Case("6.7", "an acknowledgement that was not asked for", lambda w, p: ping(flags=ACK), IGNORED),
    Case("6.8", "GOAWAY on a stream", lambda w, p: goaway(stream=1), connection(PROTOCOL_ERROR)),
    Case("6.8", "GOAWAY of the wrong size", lambda w, p: frame(GOAWAY, payload=bytes(7)), connection(FRAME_SIZE_ERROR)),
    Case("6.8", "GOAWAY while a request is under way", lambda w, p: w.request(p) + goaway(), SERVED),
    Case("6.9", "a window increment of 0 for the connection", lambda w, p: window_update(0, 0), connection(PROTOCOL_ERROR)),
    Case("6.9", "a window increment of 0 for a stream", lambda w, p: post(w, p) + window_update(1, 0), stream(PROTOCOL_ERROR)),
    Case("6.9", "WINDOW_UPDATE of the wrong size", lambda w, p: frame(WINDOW_UPDATE, payload=bytes(3)), connection(FRAME_SIZE_ERROR)),
    Case("6.9.1", "a window of the connection over the largest", lambda w, p: window_update(0, MOST_WINDOW) * 2, connection(FLOW_CONTROL_ERROR)),
    Case("6.9.1", "a window of a stream over the largest", lambda w, p: post(w, p) + window_update(1, MOST_WINDOW) * 2,
         stream(FLOW_CONTROL_ERROR)),
    # A connection error in the RFC; nginx and nghttp2 end the stream alone, which harms no other.
    Case("6.9.2", "a window that a setting makes too large",
         lambda w, p: post(w, p) + window_update(1, MOST_WINDOW - 65535) + settings((INITIAL_WINDOW_SIZE, 65536)),
         stream(FLOW_CONTROL_ERROR)),
    Case("6.10", "a header block in many frames",
         lambda w, p: (lambda text: head(text[:1], end_headers=False) + b"".join(continuation(text[n:n + 1], end_headers=False)
                                                                              for n in range(1, 6)) + continuation(text[6:]))(block(w, p)),
         SERVED),
    Case("6.10", "CONTINUATION without content", lambda w, p: split(w, p, continuation(b"", end_headers=False)), SERVED),
    Case("6.10", "CONTINUATION on the connection",
         lambda w, p: head(block(w, p), end_headers=False) + continuation(b"", 0), connection(PROTOCOL_ERROR)),
    Case("6.10", "CONTINUATION of another stream",
         lambda w, p: head(block(w, p), end_headers=False) + continuation(b"", 3), connection(PROTOCOL_ERROR)),
    Case("6.10", "CONTINUATION behind the end of a header block", lambda w, p: post(w, p) + continuation(block(w, p)), connection(PROTOCOL_ERROR)),
    Case("6.10", "CONTINUATION behind the end of another CONTINUATION",
         lambda w, p: split(w, p, last=continuation(literal("x", "y")), end=False), connection(PROTOCOL_ERROR)),
    Case("6.10", "CONTINUATION behind DATA", lambda w, p: post(w, p) + data(1, b"x") + continuation(literal("x", "y")), connection(PROTOCOL_ERROR)),
    Case("7", "GOAWAY with an unknown code", lambda w, p: goaway(code=0xFF) + w.request(p), Expect("served or closed")),
    Case("7", "RST_STREAM with an unknown code", lambda w, p: post(w, p) + reset(1, 0xFF), IGNORED),
]

# Fields in the request of a client: RFC 9113 8.2 and 8.3.
FIELDS = [
    malformed("8.2.1", "an upper-case name", add=[("X-Test", "1")]),
    refused("8.2.1", "a name with a space", add=[("x test", "1")]),
    refused("8.2.1", "a name with a colon", add=[("x:test", "1")]),
    refused("8.2.1", "an empty name", add=[("", "1")]),
    refused("8.2.1", "a name with a byte over 127", add=[(b"x\xff", "1")]),
    refused("8.2.1", "a value with CR LF", add=[("x-test", "1\r\nx-other: 2")]),
    refused("8.2.1", "a value with LF", add=[("x-test", "1\n2")]),
    refused("8.2.1", "a value with NUL", add=[("x-test", "1\x002")]),
    *[malformed("8.2.2", f"connection-specific: {name}", add=[(name, value)]) for name, value in [
        ("connection", "keep-alive"), ("proxy-connection", "keep-alive"), ("keep-alive", "timeout=5"), ("transfer-encoding", "chunked"),
        ("upgrade", "h2c")]],
    malformed("8.2.2", "te other than trailers", add=[("te", "trailers, deflate")]),
    Case("8.2.2", "te: trailers", lambda w, p: head(plain(p, add=[("te", "trailers")])), SERVED),
    malformed("8.3", "an unknown pseudo field", first=[(":test", "1")]),
    malformed("8.3", "the pseudo field of a response", first=[(":status", "200")]),
    malformed("8.3", "a pseudo field behind others", drop=[":path"], add=[("x-test", "1"), (":path", "/")]),
    malformed("8.3", "a pseudo field that is there twice, apart", add=[("x-test", "1"), (":method", "GET")]),
    *[malformed("8.3.1", f"no {name}", drop=[name]) for name in (":method", ":scheme", ":path")],
    *[malformed("8.3.1", f"{name} twice", first=[(name, value)]) for name, value in request_fields("/")],
    malformed("8.3.1", "an empty :path", change={":path": ""}),
    refused("8.3.1", ":path without a slash", change={":path": "test"}),
    refused("8.3.1", ":path with a space", change={":path": "/a b"}),
    refused("8.3.1", ":path with CR LF", change={":path": "/ HTTP/1.1\r\nHost: a\r\n\r\n"}),
    refused("8.3.1", ":method with a space", change={":method": "GET /"}),
    refused("8.3.1", "an empty :method", change={":method": ""}),
    refused("8.3.1", ":authority with user information", change={":authority": "user@test.com"}),
    refused("8.3.1", ":authority with CR LF", change={":authority": "test.com\r\nx: y"}),
    refused("8.3.1", "host that is not :authority", add=[("host", "other.com")]),
    Case("8.3.1", "host instead of :authority", lambda w, p: head(plain(p, drop=[":authority"], add=[("host", "test.com")])), SERVED),
    Case("8.3.1", "host that is :authority", lambda w, p: head(plain(p, add=[("host", "test.com")])), SERVED),
    refused("8.3.1", "neither host nor :authority", drop=[":authority"]),
    malformed("8.5", "CONNECT with :path and :scheme", change={":method": "CONNECT"}),
    Case("8.1", "a second HEADERS that does not end the stream", lambda w, p: post(w, p) + head(literal("x-test", "1"), end=False), MALFORMED),
    Case("8.1", "a pseudo field in trailers", lambda w, p: post(w, p) + data(1, b"x") + head(literal(":method", "GET")), MALFORMED),
    Case("8.1", "an upper-case name in trailers", lambda w, p: post(w, p) + data(1, b"x") + head(literal("X-Test", "1")), MALFORMED),
    Case("8.1", "trailers", lambda w, p: post(w, p) + data(1, b"x") + head(literal("x-test", "1")), SERVED),
    content("8.1.1", "a content-length over the DATA frame", "5", 4),
    content("8.1.1", "a content-length under the DATA frame", "3", 4),
    content("8.1.1", "a content-length over several DATA frames", "9", 4, 4),
    content("8.1.1", "a content-length under several DATA frames", "7", 4, 4),
    content("8.1.1", "a content-length that is no number", "4x", 4),
    content("8.1.1", "a content-length with a sign", "+4", 4),
    Case("8.1.1", "a content-length without content", lambda w, p: w.request(p, method="POST", more=[("content-length", "4")]), MALFORMED),
    Case("8.1.1", "two content-lengths", lambda w, p: post(w, p, [("content-length", "4"), ("content-length", "5")]) + data(1, b"test", end=True), MALFORMED),
    Case("8.1.1", "the right content-length", lambda w, p: post(w, p, [("content-length", "8")]) + data(1, b"test") + data(1, b"test", end=True), SERVED),
]


def compressed(what, start=b"", end=b"", section="2.3.3"):
    """A request whose block is wrong for HPACK. The stream is not to be judged: the table is out of step."""
    return Case(f"RFC 7541 {section}", what, lambda w, p: head(start + plain(p) + end), connection(COMPRESSION_ERROR))


def huffman(octets):
    """A literal whose value these octets encode."""
    return b"\0\x04x-hf" + bytes([0x80 | len(octets)]) + octets


COMPRESSION = [
    compressed("an index behind the table's end", end=b"\xff\x00"),
    compressed("a name's index behind the table's end", end=b"\x7f\x00\x01x"),
    compressed("a size update at the end of a block", end=b"\x20", section="4.2"),
    compressed("a size update over the setting", start=b"\x3f" + b"\xff\xff\xff\x0f", section="6.3"),
    compressed("an integer that never ends", end=b"\xff" + b"\xff" * 12 + b"\x01", section="5.1"),
    compressed("a string longer than the block", end=b"\x00\x7f\xff\x01x", section="5.2"),
    compressed("padding longer than seven bits", end=huffman(b"\x64\x0e\xff\xff"), section="5.2"),
    compressed("padding of zeros", end=huffman(b"\x64\x0e\x80"), section="5.2"),
    compressed("the end-of-string symbol", end=huffman(b"\xff\xff\xff\xff"), section="5.2"),
    compressed("index 0", end=b"\x80", section="6.1"),
    Case("RFC 7541 4.2", "size updates at the begin of a block", lambda w, p: head(b"\x20\x3f\xe1\x1f" + plain(p)), SERVED),
    Case("RFC 7541 5.2", "strings in Huffman code", lambda w, p: head(plain(p) + huffman(b"\x64\x0e\xff")), SERVED),
    Case("RFC 7541 6.1", "fields of the static table", lambda w, p: head(b"\x82\x86\x84\x41\x08test.com"), SERVED),
    Case("RFC 7541 6.2", "literals that are indexed and then named by index",
         lambda w, p: head(plain(p) + b"\x40\x02x1\x01a" + b"\xbe" * 3) + head(plain(p) + b"\xbe", 3), SERVED),
    Case("RFC 7541 6.2.3", "literals that are never indexed", lambda w, p: head(plain(p) + b"\x10\x04cook\x01a"), SERVED),
]

ALL = FRAMING + STREAMS + FRAMES + FIELDS + COMPRESSION
