"""What plugins of the corpus find by fixed names: a DNS server that knows these names, and a redis at one of them.

Addresses are other ones of 127.0.0.0/8, so that a port that a plugin has in its text is free.
"""

import ipaddress
import secrets
import socket
import struct
import threading

from redis_server import RedisServer
from upstream import Upstream


class NameServer:
    """Gives the A records of `names`; NXDOMAIN for any other name, no record for any other type."""

    def __init__(self, names):
        self.names = names
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self):
        while True:
            query, client = self._socket.recvfrom(4096)
            if not query:
                return
            self._socket.sendto(self._response(query), client)

    def _response(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        question = query[12:at + 5]
        address = self.names.get(".".join(labels).lower())
        records = b""
        if address and question.endswith(b"\0\1\0\1"):
            records = struct.pack(">HHHIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton(address)
        flags = 0x8180 if address else 0x8183
        return query[:2] + struct.pack(">HHHHH", flags, 1, 1 if records else 0, 0, 0) + question + records


def address_with_free(port):
    """An address of this machine where `port` is free."""
    while True:
        address = str(ipaddress.ip_address("127.0.0.0") + secrets.randbelow(2**24 - 2) + 1)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
                return address
            except OSError:
                continue


class Services:
    """`redis` is started by the first scenario that wants it; `http` is what responds at service:8080."""

    def __init__(self):
        self.redis_address = address_with_free(6379)
        http_address = address_with_free(8080)
        self.names = NameServer({"redis": self.redis_address, "service": http_address, "code-tom": http_address})
        self.http = Upstream(lambda request: (200, {}, b""), http_address, 8080)
        self._redis = None

    @property
    def redis(self):
        if self._redis is None:
            self._redis = RedisServer(port=6379, host=self.redis_address)
        return self._redis

    def close(self):
        self.names.close()
        self.http.close()
        if self._redis:
            self._redis.close()
