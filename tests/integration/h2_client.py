"""A client of HTTP/2 over a plain connection (prior knowledge), at the level of frames: it sends what the test says,
valid or not, and keeps what came back by stream. All waits are bounded by PATIENCE_S."""

import socket
from dataclasses import dataclass, field

from hpack import Decoder, Encoder
from hyperframe.frame import (ContinuationFrame, DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame,
                              RstStreamFrame, SettingsFrame, WindowUpdateFrame)

from gateway import PATIENCE_S

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
END_STREAM, END_HEADERS = "END_STREAM", "END_HEADERS"


@dataclass
class Stream:
    """What came on one stream."""
    heads: list = field(default_factory=list)  # of lists of fields: 1xx, the final one, trailers
    data: bytes = b""
    ended: bool = False
    reset: int = None  # an error code

    @property
    def status(self):
        finals = [dict(head).get(":status") for head in self.heads]
        finals = [int(status) for status in finals if status and int(status) >= 200]
        return finals[-1] if finals else None

    def header(self, name):
        values = [value for head in self.heads for key, value in head if key == name]
        return ", ".join(values) if values else None

    @property
    def is_done(self):
        return self.ended or self.reset is not None


class H2Client:
    """`settings`: sent with the preface. `window`: what is given back of what was received ("all", or None)."""

    def __init__(self, port, settings=None, preface=PREFACE, give_back=True, wrap=None, sndbuf=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if wrap is not None:
            self.socket = wrap(self.socket)
        self.encoder, self.decoder = Encoder(), Decoder()
        self.decoder.max_header_list_size = 1 << 20
        self.streams = {}
        self.settings = None  # of the gateway
        self.goaway = None  # (last stream, error code), of the last GOAWAY
        self.goaways = []
        self.pongs = 0
        self.end = None  # "closed" or "reset"
        self.window_updates = []  # (stream, increment)
        self.frames = []
        self.sent = {}  # content, by stream
        self.give_back = give_back
        self._buffer = b""
        self._block = None
        self.next_id = 1
        frame = SettingsFrame(0)
        frame.settings = settings or {}
        self.send_bytes(preface + frame.serialize())

    # --- sending

    def send_bytes(self, data):
        try:
            self.socket.sendall(data)
        except (ConnectionError, BrokenPipeError):
            self.end = self.end or "reset"

    def send(self, *frames):
        self.send_bytes(b"".join(frame.serialize() for frame in frames))

    def head_frame(self, stream, fields, *flags, block=None):
        frame = HeadersFrame(stream, data=self.encoder.encode(fields) if block is None else block)
        frame.flags |= {END_HEADERS, *flags}
        return frame

    def data_frame(self, stream, data=b"", end=False):
        frame = DataFrame(stream, data=data)
        if end:
            frame.flags.add(END_STREAM)
        return frame

    def fields(self, path, method="GET", authority="a.test", more=()):
        return [(":method", method), (":scheme", "http"), (":authority", authority), (":path", path), *more]

    def new_stream(self):
        stream, self.next_id = self.next_id, self.next_id + 2
        return stream

    def request(self, path, method="GET", body=None, more=(), authority="a.test", end=True, fields=None):
        """Sends a request; returns the stream's number."""
        stream = self.new_stream()
        fields = fields if fields is not None else self.fields(path, method, authority, more)
        self.send(self.head_frame(stream, fields, *([END_STREAM] if body is None and end else [])))
        if body is not None:
            self.send_body(stream, body, end)
        return stream

    def window_left(self, stream):
        """How much content may go out on it."""
        grown = [sum(by for number, by in self.window_updates if number == one) for one in (0, stream)]
        initial = (self.settings or {}).get(SettingsFrame.INITIAL_WINDOW_SIZE, 65535)
        return min(65535 + grown[0] - sum(self.sent.values()), initial + grown[1] - self.sent.get(stream, 0))

    def send_body(self, stream, body, end=True):
        """As the gateway's windows let it."""
        while body and not self.stream(stream).is_done:
            self.wait_for(lambda: self.window_left(stream) > 0 or self.stream(stream).is_done, "a window")
            piece = body[:min(16384, max(self.window_left(stream), 0))]
            self.sent[stream] = self.sent.get(stream, 0) + len(piece)
            self.send(self.data_frame(stream, piece))
            body = body[len(piece):]
        if end:
            self.send(self.data_frame(stream, end=True))

    def reset(self, stream, code=8):
        frame = RstStreamFrame(stream)
        frame.error_code = code
        self.send(frame)

    def window_update(self, stream, increment):
        self.send(WindowUpdateFrame(stream, window_increment=increment))

    def ping(self):
        self.send(PingFrame(0, opaque_data=b"12345678"))

    # --- receiving

    def stream(self, number):
        return self.streams.setdefault(number, Stream())

    def _more(self, timeout_s=PATIENCE_S):
        self.socket.settimeout(timeout_s)
        try:
            got = self.socket.recv(1 << 18)
        except ConnectionError:
            self.end = "reset"
            return False
        if not got:
            self.end = self.end or "closed"
            return False
        self._buffer += got
        while self._take_frame():
            pass
        return True

    def _take_frame(self):
        if len(self._buffer) < 9:
            return False
        frame, length = Frame.parse_frame_header(memoryview(self._buffer[:9]))
        if len(self._buffer) < 9 + length:
            return False
        frame.parse_body(memoryview(self._buffer[9:9 + length]))
        self._buffer = self._buffer[9 + length:]
        self.frames.append(frame)
        self._on_frame(frame)
        return True

    def _on_frame(self, frame):
        stream = self.stream(frame.stream_id)
        if isinstance(frame, SettingsFrame):
            if "ACK" not in frame.flags:
                self.settings = dict(frame.settings)
                ack = SettingsFrame(0)
                ack.flags.add("ACK")
                self.send(ack)
        elif isinstance(frame, GoAwayFrame):
            self.goaway = (frame.last_stream_id, frame.error_code)
            self.goaways.append(self.goaway)
        elif isinstance(frame, PingFrame):
            self.pongs += "ACK" in frame.flags
        elif isinstance(frame, RstStreamFrame):
            stream.reset = frame.error_code
        elif isinstance(frame, WindowUpdateFrame):
            self.window_updates.append((frame.stream_id, frame.window_increment))
        elif isinstance(frame, DataFrame):
            stream.data += frame.data
            stream.ended |= END_STREAM in frame.flags
            if self.give_back and frame.data:
                self.send(WindowUpdateFrame(0, window_increment=len(frame.data)),
                          WindowUpdateFrame(frame.stream_id, window_increment=len(frame.data)))
        elif isinstance(frame, (HeadersFrame, ContinuationFrame)):
            if isinstance(frame, HeadersFrame):
                self._block, self._ends = b"", END_STREAM in frame.flags
            self._block += frame.data
            if END_HEADERS in frame.flags:
                stream.heads.append(self.decoder.decode(self._block))
                stream.ended |= self._ends

    def wait_for(self, condition, what="a frame"):
        while not condition():
            assert self.end is None and self._more(), f"waited for {what}; {self.end}, {self.goaway}, {self.streams}"

    def response(self, stream):
        """The stream, once it has ended or was reset, or the connection ended."""
        while not self.stream(stream).is_done and self.end is None:
            self._more()
        return self.stream(stream)

    def ask(self, path, **more):
        return self.response(self.request(path, **more))

    def read_to_end(self):
        while self.end is None:
            self._more()
        return self

    def sync(self):
        """A PING and back: what was sent before it is read, and what came of it at once is here."""
        seen = self.pongs
        self.ping()
        self.wait_for(lambda: self.pongs > seen, "a PING's ACK")

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
