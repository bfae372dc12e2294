"""WebSocket and event streams over TLS, with the client and with the node."""

import asyncio
import queue
import ssl

import pytest
import websockets

from certificates import Authority
from gateway import PATIENCE_S, running_gateway, wait_until
from raw import RawUpstream
from tls_client import connect, context_for
from websocket_echo import websocket_echo

MESSAGES = ("hello", b"\0" * 10, "x" * 100_000, b"y" * 3_000_000)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def gateway(authority):
    with running_gateway(config={"nginx_config": {"worker_shutdown_timeout": "500ms"}}) as gateway:
        gateway.put_everywhere("/ssls/1", authority.ssl_object("test.com"))
        yield gateway


@pytest.fixture(params=["http", "https"])
def node(request, authority):
    """(scheme, port) of an echo server."""
    context = None
    if request.param == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("node.test"))
    with websocket_echo(max_size=None, ssl=context) as port:
        yield request.param, port


def forward(gateway, scheme, port, **more):
    gateway.put_everywhere("/routes/1", {"uri": "/*", "enable_websocket": True, "upstream": {
        "type": "roundrobin", "scheme": scheme, "nodes": {f"127.0.0.1:{port}": 1}}} | more)


@pytest.mark.parametrize("client", ["ws", "wss"])
def test_echo(gateway, authority, node, client):
    forward(gateway, *node)
    tls = {"ssl": context_for(authority.path), "server_hostname": "test.com"} if client == "wss" else {}
    port = gateway.tls_port if client == "wss" else gateway.port

    async def talk():
        async with websockets.connect(f"{client}://127.0.0.1:{port}/x", max_size=None, **tls) as ws:
            for message in MESSAGES:
                await ws.send(message)
                assert await asyncio.wait_for(ws.recv(), PATIENCE_S) == message

    asyncio.run(talk())


def test_worker_that_leaves_says_1001(gateway, authority, node):
    forward(gateway, *node)

    async def talk():
        async with websockets.connect(f"wss://127.0.0.1:{gateway.tls_port}/x", server_hostname="test.com",
                                      ssl=context_for(authority.path)) as ws:
            await ws.send("before")
            assert await asyncio.wait_for(ws.recv(), PATIENCE_S) == "before"
            assert gateway.run("reload").returncode == 0
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(ws.recv(), PATIENCE_S)
            assert ws.close_code == 1001

    asyncio.run(talk())


def test_ends_pass_through_tls(gateway, authority):
    """A client that ends its TLS in the middle ends the node's connection, and the other way round."""
    switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    upgrade = (b"GET /x HTTP/1.1\r\nHost: test.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
               b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    got = []

    def serve(peer):
        peer.read_head()
        peer.send(switch)
        if got:
            return
        got.append(peer.read_to_end())

    upstream = RawUpstream(serve)
    forward(gateway, "http", upstream.port)
    with connect(gateway.tls_port) as first:
        first.sendall(upgrade)
        assert first.recv(12) == b"HTTP/1.1 101"
        first.sendall(b"\x81\x01x")
    wait_until(lambda: got, "the client's end at the node")
    assert got == [b"\x81\x01x"]
    with connect(gateway.tls_port) as second:
        second.sendall(upgrade)
        received = b""
        while piece := second.recv(65536):
            received += piece
        assert received.startswith(b"HTTP/1.1 101") and received.endswith(b"\r\n\r\n")
    upstream.close()


def test_each_event_leaves_at_once(gateway, authority):
    """The node sends the next event when the client has got the one before."""
    events = queue.Queue()

    def serve(peer):
        peer.read_request()
        peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        while (event := events.get(timeout=PATIENCE_S)) is not None:
            peer.send(f"{len(event):x}\r\n{event}\r\n")

    upstream = RawUpstream(serve)
    forward(gateway, "http", upstream.port)
    with connect(gateway.tls_port) as client:
        client.sendall(b"GET /x HTTP/1.1\r\nHost: test.com\r\n\r\n")
        received = b""
        while not received.endswith(b"\r\n\r\n"):
            received += client.recv(65536)
        for number in range(5):
            event = f"data: {number}\n\n"
            events.put(event)
            received = b""
            while not received.endswith(event.encode() + b"\r\n"):
                received += client.recv(65536)
    events.put(None)
    upstream.close()
