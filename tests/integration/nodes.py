"""Many nodes in one process: every loopback address (127.x.y.z) at one port, each with a behaviour of its own.

A request for /health is a probe: it gets the node's status and is remembered. Anything else is traffic and
gets the node's address.
"""

import asyncio
import collections
import ssl
import threading
import time
from dataclasses import dataclass

from gateway import PATIENCE_S

HANGS = "hangs"  # takes connections and says nothing


@dataclass
class Probe:
    at: float  # time.monotonic()
    text: str  # as received


class Nodes:
    """`certificate`: (certificate file, key file) to serve TLS."""

    def __init__(self, certificate=None):
        self.behaviour = collections.defaultdict(lambda: 200)  # address -> status of its probes, or HANGS
        self.traffic = collections.defaultdict(lambda: 200)  # address -> status of everything else
        self.probes = collections.defaultdict(list)  # address -> [Probe]
        self.open = collections.Counter()  # address -> connections now
        self.open_max = 0  # of all, at any time
        self.port = None
        self._tls = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*certificate)
        self._started, self._loop, self._end = threading.Event(), None, None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._started.wait(PATIENCE_S)

    def node(self, number):
        """The address of a node: 1 is 127.0.0.1."""
        return f"127.0.{number // 250}.{number % 250 or 250}"

    def named(self, *numbers):
        """For `nodes` of an upstream object."""
        return {f"{self.node(number)}:{self.port}": 1 for number in numbers}

    def count(self, number):
        """Probes so far."""
        return len(self.probes[self.node(number)])

    def close(self):
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _serve(self):
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._talk, "0.0.0.0", 0, ssl=self._tls, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._end.wait()
        server.close()

    async def _talk(self, reader, writer):
        address = writer.get_extra_info("sockname")[0]
        self.open[address] += 1
        self.open_max = max(self.open_max, self.open.total())
        try:
            while await self._respond(address, reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self.open[address] -= 1
            writer.close()

    async def _respond(self, address, reader, writer):
        if self.behaviour[address] == HANGS:
            await reader.read()  # until the other side gives up
            return False
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, body = self.traffic[address], address.encode()
        if "/health" in text.partition("\r\n")[0]:
            status, body = self.behaviour[address], b""
            self.probes[address].append(Probe(time.monotonic(), text))
        writer.write(b"HTTP/1.1 %d Told\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        await writer.drain()
        return "connection: close" not in text.lower()
