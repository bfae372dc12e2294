"""Upgraded connections: WebSocket through a route that allows it, and the ends of both directions of the tunnel."""

import asyncio
import threading
import time

import pytest
import websockets

from gateway import PATIENCE_S, pause, wait_until
from websocket_echo import websocket_echo

SWITCH = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"


def upgrade(path, more=""):
    return (f"GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n")


@pytest.fixture
def websocket_port():
    with websocket_echo(max_size=None) as port:
        yield port


def test_websocket_echo(proxy, websocket_port):
    path = proxy.route(websocket_port, enable_websocket=True)

    async def talk():
        async with websockets.connect(f"ws://127.0.0.1:{proxy.port}{path}", max_size=None) as socket:
            for message in ("hello", b"\0" * 10, "x" * 100_000, b"y" * 3_000_000):
                await socket.send(message)
                assert await asyncio.wait_for(socket.recv(), PATIENCE_S) == message

    asyncio.run(talk())


def test_route_without_websocket_strips_the_upgrade(proxy):
    upstream = proxy.upstream()
    response = proxy.client().ask(upgrade(proxy.route(upstream)))
    assert response.status == 200
    head = upstream.received.lower()
    assert b"\r\nupgrade:" not in head and b"\r\nconnection:" not in head


def tunnel(proxy, serve, **route):
    """A client and its upstream peer behind a 101."""
    ready = []

    def accept(peer):
        head = peer.read_head()
        assert (head.header("Connection") or "").lower() == "upgrade" and head.header("Upgrade") == "websocket"
        ready.append(peer)
        serve(peer)

    upstream = proxy.upstream(accept)
    client = proxy.client()
    return client, upstream, proxy.route(upstream, enable_websocket=True, **route)


def test_bytes_in_front_of_the_101_wait_for_it(proxy):
    go = threading.Event()

    def serve(peer):
        assert go.wait(PATIENCE_S)
        peer.send(SWITCH)
        assert peer.read_exactly(5) == b"early"
        peer.send("late")

    client, upstream, path = tunnel(proxy, serve)
    client.send(upgrade(path) + "early")
    peer = upstream.wait_for_peer()
    wait_until(lambda: b"\r\n\r\n" in peer.received, "the request")
    assert proxy.get("/nowhere").status == 404  # the gateway had its turns to do it wrong
    assert b"early" not in peer.received
    go.set()
    response = client.read_head()
    assert response.status == 101 and response.header("Upgrade") == "websocket" and response.header("Connection").lower() == "upgrade"
    assert client.read_to_end() == b"late"


def test_refused_upgrade_is_an_ordinary_response(proxy):
    def serve(peer):
        peer.send("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
        peer.read_request()
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    client, _, path = tunnel(proxy, serve)
    assert client.ask(upgrade(path)).status == 403
    assert client.ask(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").body == b"ok"


def test_client_half_close_passes_behind_its_bytes(proxy):
    go = threading.Event()

    def serve(peer):
        peer.send(SWITCH)
        assert go.wait(PATIENCE_S)
        assert peer.read_to_end() == b"x" * 3_000_000
        peer.send("bye" * 1_000_000)

    client, _, path = tunnel(proxy, serve)
    client.ask(upgrade(path))
    sender = threading.Thread(target=lambda: (client.send(b"x" * 3_000_000), client.half_close()))
    sender.start()
    go.set()
    assert client.read_to_end() == b"bye" * 1_000_000
    sender.join()


def test_upstream_half_close_passes_behind_its_bytes(proxy):
    got = []

    def serve(peer):
        peer.send(SWITCH + "hello" * 1_000_000)
        peer.half_close()
        got.append(peer.read_to_end())

    client, _, path = tunnel(proxy, serve)
    client.ask(upgrade(path))
    assert client.read_to_end() == b"hello" * 1_000_000
    client.send(b"z" * 3_000_000)
    client.half_close()
    wait_until(lambda: got, "what the client sent after the upstream's end")
    assert got == [b"z" * 3_000_000]


def test_broken_sides_end_the_tunnel(proxy):
    for breaks in ("client", "upstream"):
        go = threading.Event()

        def serve(peer, breaks=breaks, go=go):
            peer.send(SWITCH)
            if breaks == "upstream":
                assert go.wait(PATIENCE_S)
                peer.reset()
            else:
                peer.read_to_end()

        client, upstream, path = tunnel(proxy, serve)
        client.ask(upgrade(path))
        if breaks == "client":
            client.reset()
            peer = upstream.wait_for_peer()
            wait_until(lambda peer=peer: peer.end, "the end at the upstream")
        else:
            go.set()
            client.read_to_end()


def test_silence_ends_the_tunnel_and_either_side_s_bytes_keep_it(proxy):
    def serve(peer):
        peer.send(SWITCH)
        for _ in range(8):  # longer than the timeout, never silent for as long as it
            pause(0.1)
            peer.send("x")
        peer.read_to_end()

    client, _, path = tunnel(proxy, serve, timeout={"connect": 5, "send": 5, "read": 0.5})
    client.ask(upgrade(path))
    begin = time.monotonic()
    assert client.read_to_end() == b"x" * 8
    assert 1.2 < time.monotonic() - begin < 5


@pytest.mark.parametrize("end", ["reload", "quit"])
def test_websocket_outlives_its_worker_until_the_shutdown_timeout(make_proxy, websocket_port, end):
    proxy = make_proxy(config={"nginx_config": {"worker_shutdown_timeout": "500ms"}})
    path = proxy.route(websocket_port, enable_websocket=True)

    async def talk():
        async with websockets.connect(f"ws://127.0.0.1:{proxy.port}{path}") as socket:
            await socket.send("before")
            assert await socket.recv() == "before"
            assert proxy.gateway.run(end).returncode == 0
            await socket.send("after")
            assert await asyncio.wait_for(socket.recv(), PATIENCE_S) == "after"
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(socket.recv(), PATIENCE_S)
            assert socket.close_code == 1001, "going away, and not a broken connection"

    asyncio.run(talk())


def test_tunnel_in_the_middle_of_a_frame_ends_without_a_goodbye(make_proxy):
    proxy = make_proxy(config={"nginx_config": {"worker_shutdown_timeout": "300ms"}})
    half_a_frame = b"\x82\x7e\x01\x00half"
    at_the_server = []

    def serve(connection):
        connection.read_head()
        connection.send(SWITCH.encode() + half_a_frame)
        at_the_server.append(connection.read_to_end())

    path = proxy.route(proxy.upstream(serve), enable_websocket=True)
    client = proxy.client()
    client.send(upgrade(path))
    assert client.read_head().status == 101
    assert proxy.gateway.run("reload").returncode == 0
    assert client.read_to_end() == half_a_frame
    wait_until(lambda: at_the_server, "the end at the server")
    assert at_the_server == [b"\x88\x82\0\0\0\0\x03\xe9"], "the other direction is between frames"
    assert client.end == "closed"


def test_frame_that_ends_in_time_gets_its_goodbye_behind_it(make_proxy):
    """In both directions; a frame that begins after that is not passed on."""
    proxy = make_proxy(config={"nginx_config": {"worker_shutdown_timeout": "300ms"}})
    begun, rest, next_one = b"\x82\x7e\x01\x00half", b"x" * 252, b"\x82\x05hello"
    at_the_server, go = [], threading.Event()

    def serve(connection):
        connection.read_head()
        connection.send(SWITCH.encode() + begun)
        at_the_server.append(connection.read_exactly(3))
        assert go.wait(PATIENCE_S)
        connection.send(rest + next_one)
        at_the_server.append(connection.read_to_end())

    path = proxy.route(proxy.upstream(serve), enable_websocket=True)
    client = proxy.client()
    client.send(upgrade(path) + "\x01\x05h")
    assert client.read_head().status == 101
    assert client.read_exactly(len(begun)) == begun
    wait_until(lambda: at_the_server, "the beginning of the client's frame")
    assert proxy.gateway.run("reload").returncode == 0
    proxy.gateway.wait_for_log("worker_shutdown_timeout is over")
    client.send(b"ello" + next_one)
    go.set()
    assert client.read_to_end() == rest + b"\x88\x02\x03\xe9"
    wait_until(lambda: len(at_the_server) == 2, "the end at the server")
    assert at_the_server == [b"\x01\x05h", b"ello\x88\x82\0\0\0\0\x03\xe9"]


def test_side_that_sent_a_close_sends_no_other(make_proxy):
    proxy = make_proxy(config={"nginx_config": {"worker_shutdown_timeout": "300ms"}})
    close = b"\x88\x02\x03\xe8"
    at_the_server = []

    def serve(connection):
        connection.read_head()
        connection.send(SWITCH.encode() + close)
        at_the_server.append(connection.read_to_end())

    path = proxy.route(proxy.upstream(serve), enable_websocket=True)
    client = proxy.client()
    client.send(upgrade(path))
    assert client.read_head().status == 101
    assert client.read_exactly(len(close)) == close
    assert proxy.gateway.run("reload").returncode == 0
    assert client.read_to_end() == b""
    wait_until(lambda: at_the_server, "the end at the server")
    assert at_the_server == [b"\x88\x82\0\0\0\0\x03\xe9"]
