"""A client that asks for new keys (RFC 8446 4.6.3) while it does not read: the gateway has to write to go on reading. By OpenSSL itself, as
Python's ssl has no call for it."""

import ctypes
import ctypes.util
import socket
from pathlib import Path

import pytest

from certificates import self_signed
from gateway import pause, wait_until
from upstream import Upstream

BODY = bytes(range(256)) * 32 * 1024  # 8 MiB: more than the sockets of both sides hold
REQUEST = b"GET /%s HTTP/1.1\r\nHost: test.com\r\n\r\n"
UPDATE_REQUESTED = 1


def unsent(port):
    """Bytes that the sockets of this local port have not sent."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4].partition(":")[0], 16) for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01")


def is_blocked(port, looks=20):
    """It has bytes to send, and as many at each look."""
    seen = {unsent(port)}
    for _ in range(looks):
        pause(0.01)
        seen.add(unsent(port))
    return len(seen) == 1 and seen != {0}


def library():
    found = ctypes.CDLL(ctypes.util.find_library("ssl"))
    for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
        getattr(found, name).restype = ctypes.c_void_p
    return found


class Client:
    """A TLS 1.3 session on a blocking socket with a small receive buffer."""

    def __init__(self, port):
        self.ssl = library()
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        self.socket.connect(("127.0.0.1", port))
        self.context = ctypes.c_void_p(self.ssl.SSL_CTX_new(ctypes.c_void_p(self.ssl.TLS_client_method())))
        self.session = ctypes.c_void_p(self.ssl.SSL_new(self.context))
        self.ssl.SSL_ctrl(self.session, 55, 0, b"test.com")  # SSL_CTRL_SET_TLSEXT_HOSTNAME
        self.ssl.SSL_set_fd(self.session, self.socket.fileno())
        assert self.ssl.SSL_connect(self.session) == 1
        assert self.ssl.SSL_version(self.session) == 0x304

    def send(self, data):
        assert self.ssl.SSL_write(self.session, data, len(data)) == len(data)

    def ask_for_new_keys(self):
        assert self.ssl.SSL_key_update(self.session, UPDATE_REQUESTED) == 1

    def receive(self, size=65536):
        buffer = ctypes.create_string_buffer(size)
        got = self.ssl.SSL_read(self.session, buffer, size)
        assert got > 0, f"SSL_read() returned {got}, error {self.ssl.SSL_get_error(self.session, got)}"
        return buffer.raw[:got]

    def response(self):
        got = b""
        while b"\r\n\r\n" not in got:
            got += self.receive()
        head, _, body = got.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK"), head
        parts, size = [body], len(body)
        while size < len(BODY):
            parts.append(self.receive())
            size += len(parts[-1])
        return b"".join(parts)

    def close(self):
        self.ssl.SSL_free(self.session)
        self.ssl.SSL_CTX_free(self.context)
        self.socket.close()


@pytest.fixture
def node():
    server = Upstream(lambda request: (200, {}, BODY))
    yield server
    server.close()


@pytest.mark.parametrize("updates", [1, 5])
def test_new_keys_while_the_output_is_blocked(make_gateway, tmp_path, node, updates):
    gateway = make_gateway()
    certificate, key = self_signed(tmp_path, "test.com")
    gateway.put("/ssls/1", {"snis": ["test.com"], "cert": certificate, "key": key})
    gateway.put_everywhere("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {node.node: 1}}})
    client = Client(gateway.tls_port)
    try:
        client.send(REQUEST % b"first")
        wait_until(lambda: node.requests, "the first request")
        wait_until(lambda: is_blocked(gateway.tls_port), "the gateway to have more than the client takes")
        for _ in range(updates):
            client.ask_for_new_keys()
            client.send(REQUEST % b"behind")
        assert client.response() == BODY
        for _ in range(updates):
            assert client.response() == BODY
        assert [request.path for request in node.requests] == ["/first", *["/behind"] * updates]
    finally:
        client.close()
