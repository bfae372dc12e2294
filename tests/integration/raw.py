"""Both ends of a proxied exchange at the level of bytes: a client that sends given bytes, and an upstream whose
connections are driven by a function of the test. What the upstream received is kept as it came."""

import socket
import struct
import threading
from dataclasses import dataclass, field

from gateway import PATIENCE_S, wait_until

RECEIVED_BYTES_MAX = 1 << 20


@dataclass
class Message:
    """A response or a request as received."""
    start_line: str
    headers: list
    head: bytes
    body: bytes = b""
    trailers: list = field(default_factory=list)

    @property
    def status(self):
        return int(self.start_line.split()[1])

    @property
    def target(self):
        return self.start_line.split()[1]

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        return ", ".join(self.all(name)) or None


def parse_fields(lines):
    return [tuple(part.strip() for part in line.split(":", 1)) for line in lines if line]


class Peer:
    """One end of a connection. All waits are bounded by PATIENCE_S."""

    def __init__(self, sock):
        self.socket = sock
        self.socket.settimeout(PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""  # from the beginning on, up to RECEIVED_BYTES_MAX
        self._buffer = bytearray()
        self.end = None  # "closed" or "reset" once it was seen
        self.sni = None  # of TLS: the name that was asked for
        self.handshake_error = None

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def start_tls(self, context):
        """As the server. False: the handshake failed."""
        try:
            self.socket = context.wrap_socket(self.socket, server_side=True, suppress_ragged_eofs=False)
        except OSError as error:  # ssl.SSLError is one
            self.handshake_error = error
            return False
        self.sni = getattr(self.socket, "sni", None)
        return True

    def close_notify(self):
        """The end of TLS, behind which the connection ends."""
        self.socket.setblocking(False)
        try:
            self.socket.unwrap()
        except OSError:
            pass  # the other side has not said it yet

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def _more(self):
        try:
            got = self.socket.recv(1 << 18)
        except ConnectionError:
            self.end = "reset"
            return False
        if not got:
            self.end = "closed"
            return False
        if len(self.received) < RECEIVED_BYTES_MAX:
            self.received += got
        self._buffer += got
        return True

    def read_until(self, mark):
        while mark not in self._buffer:
            if not self._more():
                raise EOFError(f"{self.end} before {mark!r}: {bytes(self._buffer[-200:])!r}")
        at = self._buffer.index(mark) + len(mark)
        return self._take(at)

    def read_exactly(self, size):
        while len(self._buffer) < size:
            if not self._more():
                raise EOFError(f"{self.end} after {len(self._buffer)} of {size} bytes")
        return self._take(size)

    def read_to_end(self):
        while self._more():
            pass
        return self._take(len(self._buffer))

    def _take(self, size):
        out = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        return out

    def read_head(self):
        head = self.read_until(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        return Message(lines[0], parse_fields(lines[1:]), head)

    def read_chunk(self):
        size = int(self.read_until(b"\r\n").split(b";")[0], 16)
        if size == 0:
            return b""
        data = self.read_exactly(size)
        assert self.read_exactly(2) == b"\r\n"
        return data

    def read_body_of(self, message, until_close):
        if "chunked" in (message.header("Transfer-Encoding") or ""):
            while chunk := self.read_chunk():
                message.body += chunk
            lines = []
            while line := self.read_until(b"\r\n")[:-2]:
                lines.append(line.decode("latin-1"))
            message.trailers = parse_fields(lines)
        elif message.header("Content-Length") is not None:
            message.body = self.read_exactly(int(message.header("Content-Length")))
        elif until_close:
            message.body = self.read_to_end()
        return message

    def read_request(self):
        return self.read_body_of(self.read_head(), until_close=False)

    def read_response(self, to="GET"):
        message = self.read_head()
        if to == "HEAD" or message.status in (204, 304) or message.status < 200:
            return message
        return self.read_body_of(message, until_close=True)


class Client(Peer):
    def __init__(self, port, receive_buffer=None):
        sock = socket.socket()
        sock.settimeout(PATIENCE_S)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.connect(("127.0.0.1", port))
        super().__init__(sock)

    def ask(self, data, to="GET"):
        self.send(data)
        return self.read_response(to)


def respond_ok(peer):
    """Serves requests with 200 and the body "ok" until the gateway closes."""
    while True:
        try:
            peer.read_request()
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (EOFError, OSError):
            return


class RawUpstream:
    """`serve(peer)` runs in a thread for each connection, which is closed when it returns. With a list, the first
    function serves the first connection and so on, the last one all that follow. `tls`: an ssl.SSLContext; then it
    is called behind a handshake that succeeded."""

    def __init__(self, serve=respond_ok, receive_buffer=None, tls=None):
        self.serve = serve
        self.tls = tls
        self.peers = []
        self.failures = []
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer:
            self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen(256)
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def node(self):
        return f"127.0.0.1:{self.port}"

    @property
    def received(self):
        return b"".join(peer.received for peer in self.peers)

    def wait_for_peer(self, count=1):
        wait_until(lambda: len(self.peers) >= count, f"connection {count} to the upstream")
        return self.peers[count - 1]

    def close(self):
        # shutdown() wakes the accept() that another thread is in; close() alone would leave the port open.
        try:
            self._listening.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listening.close()
        for peer in self.peers:
            peer.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            peer = Peer(sock)
            self.peers.append(peer)
            serve = self.serve
            if isinstance(serve, list):
                serve = serve[min(len(self.peers), len(serve)) - 1]
            threading.Thread(target=self._run, args=(serve, peer), daemon=True).start()

    def _run(self, serve, peer):
        try:
            if self.tls is None or peer.start_tls(self.tls):
                serve(peer)
        except (EOFError, OSError):
            pass
        except Exception as failure:  # noqa: BLE001 - shown by the fixture
            self.failures.append(failure)
        finally:
            peer.close()
