"""A client of HTTP/2 at the level of frames: it sends what a test says, right or wrong, and reads frames as they come.
HPACK is another implementation's (python3-hpack); frames are built here, as a library refuses to build wrong ones."""

import collections
import itertools
import socket
import ssl
import struct
import time
from dataclasses import dataclass

import hpack

# For an end that must come; when all is well it comes at once.
END_S = 10

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, HAS_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20

(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR,
 REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM) = range(12)

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = range(1, 7)
ENABLE_CONNECT_PROTOCOL = 8


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def settings(*pairs):
    return frame(SETTINGS, payload=b"".join(struct.pack("!HI", *pair) for pair in pairs))


def data(stream, payload=b"", end=False, flags=0):
    return frame(DATA, flags | (END_STREAM if end else 0), stream, payload)


def reset(stream, code=CANCEL):
    return frame(RST_STREAM, stream=stream, payload=struct.pack("!I", code))


def window_update(stream, size):
    return frame(WINDOW_UPDATE, stream=stream, payload=struct.pack("!I", size))


def ping(payload=b"12345678", flags=0):
    return frame(PING, flags, payload=payload)


def goaway(last=0, code=NO_ERROR, text=b"", stream=0):
    return frame(GOAWAY, stream=stream, payload=struct.pack("!II", last, code) + text)


def head(block, stream=1, end=True, end_headers=True, flags=0):
    """HEADERS with this block."""
    return frame(HEADERS, flags | (END_STREAM if end else 0) | (END_HEADERS if end_headers else 0), stream, block)


def continuation(block, stream=1, end_headers=True):
    return frame(CONTINUATION, END_HEADERS if end_headers else 0, stream, block)


def literal(name, value):
    """HPACK, RFC 7541 6.2.2: a literal without indexing, in plain bytes; both shorter than 127 bytes."""
    name, value = (part if isinstance(part, bytes) else part.encode() for part in (name, value))
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def literals(fields):
    return b"".join(literal(*field) for field in fields)


def request_fields(path="/", method="GET", more=(), authority="test.com", scheme="http"):
    return [(":method", method), (":scheme", scheme), (":path", path), (":authority", authority), *more]


@dataclass
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def code(self):
        """Of RST_STREAM or GOAWAY."""
        at = 4 if self.kind == GOAWAY else 0
        return struct.unpack_from("!I", self.payload, at)[0]

    @property
    def ends_stream(self):
        return self.kind in (DATA, HEADERS) and bool(self.flags & END_STREAM)


class Response:
    def __init__(self):
        self.fields, self.trailers, self.informational = [], [], []
        self.body = b""
        self.data_sizes = []  # of the DATA frames
        self.ended = False
        self.reset_code = None

    @property
    def status(self):
        return int(dict(self.fields)[":status"]) if self.fields else None

    def header(self, name):
        values = [value for key, value in self.fields if key == name]
        return ", ".join(values) if values else None


class Wire:
    """One connection. `mine`: the settings that it begins with; None: not even a preface is sent. Responses are gathered
    by stream while frames are read. SETTINGS and PING of the other side are acknowledged, windows are opened only by the
    test."""

    def __init__(self, sock, mine=()):
        self.socket = sock
        self.socket.settimeout(END_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.responses = {}
        self.peer_settings = {}
        self.opened = collections.Counter()  # stream, or 0 -> bytes that WINDOW_UPDATE added to what may be sent
        self.goaway = None
        self.end = None  # "closed" or "reset"
        self._buffer = b""
        self._block = b""
        self._pings = itertools.count(1)
        if mine is not None:
            self.send(PREFACE + settings(*mine))

    def send(self, *frames):
        """A connection that the other side has ended already is no error: how it ended is seen by reading."""
        try:
            self.socket.sendall(b"".join(frames))
        except (ConnectionError, ssl.SSLError):
            pass

    def close(self):
        self.socket.close()

    def request(self, path="/", stream=1, end=True, **more):
        """A HEADERS frame; see request_fields()."""
        return head(self.encoder.encode(request_fields(path, **more)), stream, end)

    # ---- reading

    def _read_exactly(self, size):
        while len(self._buffer) < size:
            try:
                got = self.socket.recv(1 << 16)
            except (ConnectionError, ssl.SSLError):
                self.end = "reset"
                return None
            if not got:
                self.end = "closed"
                return None
            self._buffer += got
        out, self._buffer = self._buffer[:size], self._buffer[size:]
        return out

    def read(self):
        """The next frame; None when the connection has ended."""
        start = self._read_exactly(9)
        if start is None:
            return None
        size = int.from_bytes(start[:3], "big")
        kind, flags, stream = struct.unpack("!BBI", start[3:])
        payload = self._read_exactly(size)
        if payload is None:
            return None
        got = Frame(kind, flags, stream & 0x7FFFFFFF, payload)
        self._take(got)
        return got

    def _take(self, got):
        if got.kind == SETTINGS and not got.flags & ACK:
            self.peer_settings |= {struct.unpack_from("!HI", got.payload, at)[0]: struct.unpack_from("!HI", got.payload, at)[1]
                                   for at in range(0, len(got.payload), 6)}
            self.send(frame(SETTINGS, ACK))
        elif got.kind == PING and not got.flags & ACK:
            self.send(ping(got.payload, ACK))
        elif got.kind == GOAWAY:
            self.goaway = got
        elif got.kind == WINDOW_UPDATE:
            self.opened[got.stream] += int.from_bytes(got.payload, "big")
        elif got.stream and got.kind in (DATA, HEADERS, CONTINUATION, RST_STREAM):
            self._take_response(got, self.responses.setdefault(got.stream, Response()))

    def _take_response(self, got, response):
        if got.kind == RST_STREAM:
            response.reset_code = got.code
        elif got.kind == DATA:
            response.body += got.payload
            response.data_sizes.append(len(got.payload))
        else:
            self._block += got.payload
            if got.flags & END_HEADERS:
                fields, self._block = self.decoder.decode(self._block), b""
                if response.fields:
                    response.trailers = fields
                elif dict(fields)[":status"].startswith("1"):
                    response.informational.append(fields)
                else:
                    response.fields = fields
        response.ended = response.ended or got.ends_stream

    def until(self, condition, what):
        """Reads until `condition(frame)`; that frame. Fails when the connection ends before, or nothing comes."""
        deadline = time.monotonic() + END_S
        while time.monotonic() < deadline:
            try:
                got = self.read()
            except TimeoutError:
                break
            assert got is not None, f"the connection was {self.end} before {what}; GOAWAY: {self.goaway}"
            if condition(got):
                return got
        raise AssertionError(f"waited in vain for {what}")

    def response(self, stream=1):
        """Complete; fails when the stream is reset."""
        def ended(_=None):
            response = self.responses.get(stream)
            return response and (response.ended or response.reset_code is not None)

        if not ended():
            self.until(ended, f"the response on stream {stream}")
        response = self.responses[stream]
        assert response.reset_code is None or response.ended, f"stream {stream} was reset with code {response.reset_code}"
        return response

    def get(self, path="/", stream=1, **more):
        self.send(self.request(path, stream, **more))
        return self.response(stream)

    def agreed(self):
        """Both sides have seen the other's settings."""
        self.until(lambda got: got.kind == SETTINGS and got.flags & ACK, "the acknowledgement of settings")
        return self

    def barrier(self):
        """The other side has read all that was sent, and sent what it had to say about it at once. Twice, as the
        acknowledgement of a PING may overtake other frames of its turn."""
        for _ in range(2):
            payload = struct.pack("!Q", next(self._pings))
            self.send(ping(payload))
            self.until(lambda got, mine=payload: got.kind == PING and got.flags & ACK and got.payload == mine, "a PING's acknowledgement")

    def outcome(self, stream):
        """How it ends with the connection or this stream, whichever comes first: ("goaway", code), ("reset", code),
        ("closed", None), ("status", code of the response) or ("nothing", None)."""
        deadline = time.monotonic() + END_S
        while time.monotonic() < deadline:
            response = self.responses.get(stream)
            if response and response.reset_code is not None:
                return "reset", response.reset_code
            if response and response.ended:
                return "status", response.status
            try:
                got = self.read()
            except TimeoutError:
                break
            if got is None:
                return "closed", None
            if got.kind == GOAWAY and got.code != NO_ERROR:
                return "goaway", got.code
        return "nothing", None

    def ends(self):
        """Reads until the other side closes: whether it does."""
        try:
            while self.read() is not None:
                pass
        except TimeoutError:
            return False
        return True


def tls_context(alpn=("h2",)):
    """Takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def connect(port, tls=False, mine=(), receive_buffer=None, server_name="test.com"):
    """A Wire on a new connection."""
    sock = socket.socket()
    sock.settimeout(END_S)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.connect(("127.0.0.1", port))
    if tls:
        sock = tls_context().wrap_socket(sock, server_hostname=server_name)
        assert sock.selected_alpn_protocol() == "h2"
    return Wire(sock, mine)
