"""TLS to upstreams: what is asked for and what is shown, and what happens when a node fails at it. Verified nodes:
upstream_tls_verify_test.py."""

import asyncio
import re
import ssl

import pytest
import websockets

from gateway import PATIENCE_S, wait_until
from ports import free_port
from raw import respond_ok
from tls_nodes import Authority, server_context

OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MIB = 1 << 20
REQUEST = "GET {} HTTP/1.1\r\nHost: {}\r\n\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("node.test")


@pytest.fixture(scope="module")
def tls(pair):
    return server_context(pair)


def https(**more):
    return {"scheme": "https"} | more


def logged(proxy, path, text):
    """The line of error.log about the request for `path` that has `text` in it."""
    def find():
        lines = [line for line in proxy.gateway.log().splitlines() if path in line and text in line]
        return lines[0] if lines else None
    return wait_until(find, f"{text!r} in error.log")


def test_request_reaches_the_node_with_the_host_as_server_name(proxy, tls):
    node = proxy.upstream(tls=tls)
    response = proxy.get(proxy.route(node, upstream=https()))
    assert (response.status, response.body) == (200, b"ok")
    assert node.peers[0].sni == "a.test"


@pytest.mark.parametrize("host, name", [("b.test:8443", "b.test"), ("B.Test", "B.Test"), ("c.test.", "c.test"),
                                        ("127.0.0.1", None), ("[::1]:9443", None)])
def test_server_name_is_the_host_without_port_and_no_address(proxy, tls, host, name):
    node = proxy.upstream(tls=tls)
    path = proxy.route(node, upstream=https())
    assert proxy.client().ask(REQUEST.format(path, host)).status == 200
    assert node.peers[0].sni == name


@pytest.mark.parametrize("more, name", [({"pass_host": "rewrite", "upstream_host": "up.test:99"}, "up.test"),
                                        ({"pass_host": "node"}, "localhost")])
def test_server_name_follows_pass_host(proxy, tls, more, name):
    node = proxy.upstream(tls=tls)
    nodes = [{"host": "localhost", "port": node.port, "weight": 1}]
    path = proxy.route(upstream=https(nodes=nodes, **more))
    assert proxy.get(path).status == 200
    assert node.peers[0].sni == name
    wanted = "up.test:99" if name == "up.test" else f"localhost:{node.port}"
    assert f"Host: {wanted}\r\n".encode() in node.received


def test_certificates_are_not_verified_whatever_the_object_says(proxy, authority):
    """As in APISIX, where tls.verify is for kafka."""
    node = proxy.upstream(tls=server_context(authority.issue("ended.test", days=-1)))
    assert proxy.get(proxy.route(node, upstream=https(tls={"verify": True}))).status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions(proxy, pair, version):
    node = proxy.upstream(tls=server_context(pair, version=version))
    path = proxy.route(node, upstream=https())
    client = proxy.client()
    for _ in range(3):
        assert client.ask(REQUEST.format(path, "a.test")).body == b"ok"
    assert len(node.peers) == 1, "the connection is used again"
    assert node.peers[0].socket.version() == version.name.replace("_", ".")


def test_connections_are_shared_by_server_name(proxy, tls):
    node = proxy.upstream(tls=tls)
    path = proxy.route(node, upstream=https())
    client = proxy.client()
    for host in ("one.test", "two.test", "one.test", "two.test"):
        assert client.ask(REQUEST.format(path, host)).status == 200
    assert [peer.sni for peer in node.peers] == ["one.test", "two.test"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed_for_the_same_server_name(proxy, pair, version):
    node = proxy.upstream(tls=server_context(pair, version=version))
    path = proxy.route(node, upstream=https(keepalive_pool={"size": 1, "idle_timeout": 60, "requests": 1}))
    client = proxy.client()
    for host in ("one.test",) * 4 + ("two.test",) * 2:
        assert client.ask(REQUEST.format(path, host)).status == 200
    assert [peer.is_resumed for peer in node.peers] == [False, True, True, True, False, True]


def test_a_change_that_says_nothing_of_tls_keeps_the_connections(proxy, tls):
    node = proxy.upstream(tls=tls)
    path = proxy.route(node, upstream=https())
    assert proxy.get(path).status == 200
    number = path.removeprefix("/r")
    proxy.gateway.put(f"/routes/{number}", {"uri": f"/r{number}*", "desc": "changed", "upstream": {
        "type": "roundrobin", "scheme": "https", "retries": 1, "nodes": {node.node: 1}}})
    proxy.apply()
    assert proxy.get(path).status == 200
    assert len(node.peers) == 1


def test_tls_goes_beside_plain_to_the_same_port(proxy, tls):
    node = proxy.upstream(tls=tls)
    secure, plain = proxy.route(node, upstream=https()), proxy.route(node, upstream={"retries": 0})
    client = proxy.client()
    assert client.ask(REQUEST.format(secure, "a.test")).status == 200
    assert client.ask(REQUEST.format(plain, "a.test")).status == 502
    assert client.ask(REQUEST.format(secure, "a.test")).status == 200


def test_bodies_of_a_mebibyte_both_ways(proxy, tls):
    def echo(peer):
        while True:
            request = peer.read_request()
            peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(request.body)}\r\n\r\n".encode() + request.body)

    node = proxy.upstream(echo, tls=tls)
    path = proxy.route(node, upstream=https())
    body = bytes(range(256)) * (MIB // 256)
    client = proxy.client()
    for _ in range(2):
        head = f"POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {len(body)}\r\n\r\n"
        assert client.ask(head.encode() + body).body == body
    assert len(node.peers) == 1


def test_slow_client_gets_all_of_a_large_response(proxy, tls):
    body = b"0123456789abcdef" * (8 * MIB // 16)

    def respond(peer):
        peer.read_request()
        peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        peer.read_to_end()

    node = proxy.upstream(respond, tls=tls)
    client = proxy.client(receive_buffer=8192)
    client.send(REQUEST.format(proxy.route(node, upstream=https()), "a.test"))
    head = client.read_head()
    assert head.status == 200
    before = proxy.resident_bytes()
    for start in range(0, len(body), 65536):
        assert client.read_exactly(65536) == body[start:start + 65536]
    assert proxy.resident_bytes() - before < 16 * MIB, "it waits in the node, not here"


def test_slow_node_gets_all_of_a_large_request(proxy, tls):
    def read(peer):
        head = peer.read_head()
        for _ in range(int(head.header("Content-Length")) // 4096):
            peer.read_exactly(4096)
        peer.send(OK)

    node = proxy.upstream(read, tls=tls, receive_buffer=8192)
    path = proxy.route(node, upstream=https())
    head = f"POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {4 * MIB}\r\n\r\n"
    assert proxy.client().ask(head.encode() + b"x" * (4 * MIB)).status == 200


@pytest.mark.parametrize("says_it", [True, False])
def test_response_ends_with_the_connection(proxy, tls, says_it):
    """With close_notify or, as many servers do it and nginx takes it, without."""
    def respond(peer):
        peer.read_request()
        peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")
        if says_it:
            peer.close_notify()

    response = proxy.get(proxy.route(proxy.upstream(respond, tls=tls), upstream=https()))
    assert (response.status, response.body) == (200, b"all of it")


def test_idle_connection_that_the_node_ends_is_not_used_again(proxy, tls):
    def once(peer):
        peer.read_request()
        peer.send(OK)
        peer.close_notify()

    node = proxy.upstream(once, tls=tls)
    path = proxy.route(node, upstream=https(retries=0))
    client = proxy.client()
    for _ in range(3):
        request = f"POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n"  # which is not repeated
        assert client.ask(request).status == 200
        wait_until(lambda: node.peers[-1].socket.fileno() == -1, "the end of the connection")
    assert len(node.peers) == 3


def test_websocket_over_tls(proxy, tls):
    def serve(sock):
        async def echo(socket, *_):
            async for message in socket:
                await socket.send(message)

        async def run(ready, stop):
            async with websockets.serve(echo, "127.0.0.1", 0, ssl=tls, max_size=None) as server:
                ready.set_result(server.sockets[0].getsockname()[1])
                await stop
        return run(*sock)

    async def talk():
        ready, stop = asyncio.get_running_loop().create_future(), asyncio.get_running_loop().create_future()
        node = asyncio.create_task(serve((ready, stop)))
        path = await asyncio.to_thread(proxy.route, await ready, upstream=https(), enable_websocket=True)
        async with websockets.connect(f"ws://127.0.0.1:{proxy.port}{path}", max_size=None) as socket:
            for message in ("hello", b"\0" * 10, "x" * 100_000, b"y" * 3_000_000):
                await socket.send(message)
                assert await asyncio.wait_for(socket.recv(), PATIENCE_S) == message
        stop.set_result(None)
        await node

    asyncio.run(talk())


# --- nodes that fail


def speaks_plain(peer):
    """As servers do with what is no request."""
    peer.read_exactly(5)
    peer.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    peer.read_to_end()


def test_node_that_speaks_plain_is_a_failed_handshake(proxy):
    path = proxy.route(proxy.upstream(speaks_plain), upstream=https())
    assert proxy.get(path).status == 502
    line = logged(proxy, path, "while SSL handshaking to upstream")
    assert re.search(r'SSL_do_handshake\(\) failed \(SSL: .+\) while SSL handshaking to upstream.*, upstream: '
                     rf'"https://127\.0\.0\.1:\d+{path}"', line), line


def test_node_that_closes_in_the_handshake(proxy):
    def close_at_once(peer):
        peer.read_exactly(5)
        peer.read_exactly(1)

    path = proxy.route(proxy.upstream(close_at_once), upstream=https())
    assert proxy.get(path).status == 502
    logged(proxy, path, "peer closed connection in SSL handshake (")


def test_refused_connection_says_so(proxy):
    path = proxy.route(free_port(), upstream=https())
    assert proxy.get(path).status == 502
    logged(proxy, path, "Connection refused")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_failed_handshake_goes_to_the_next_node(proxy, tls, method):
    plain, good = proxy.upstream(speaks_plain), proxy.upstream(tls=tls)
    path = proxy.route(plain, good, upstream=https())
    client = proxy.client()
    for _ in range(6):  # nothing was sent to the first: any method
        assert client.ask(f"{method} {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n").status == 200


def test_slow_handshake_is_in_the_connect_timeout(proxy):
    def silent(peer):
        peer.read_to_end()

    path = proxy.route(proxy.upstream(silent),
                       upstream=https(retries=0, timeout={"connect": 0.3, "send": 60, "read": 60}))
    assert proxy.get(path).status == 504
    logged(proxy, path, "SSL handshaking with")


def test_client_that_leaves_in_the_handshake_takes_the_connection_along(proxy):
    node = proxy.upstream(lambda peer: peer.read_to_end())
    client = proxy.client()
    client.send(REQUEST.format(proxy.route(node, upstream=https()), "a.test"))
    peer = node.wait_for_peer()
    client.reset()
    wait_until(lambda: peer.end is not None, "the end of the upstream connection")


def test_server_name_that_is_too_long_is_no_fault_of_the_node(proxy, tls):
    node = proxy.upstream(tls=tls)
    path = proxy.route(node, upstream=https())
    host = ".".join(["x" * 60] * 5)
    assert proxy.client().ask(REQUEST.format(path, host)).status == 502
    logged(proxy, path, "cannot be a server name of TLS")
    assert proxy.get(path).status == 200


def test_connections_survive_a_reload_under_load(proxy, tls):
    node = proxy.upstream(tls=tls)
    path = proxy.route(node, upstream=https())
    statuses = [proxy.get(path).status for _ in range(5)]
    proxy.gateway.reload()
    statuses += [proxy.get(path).status for _ in range(5)]
    assert statuses == [200] * 10


# --- certificates that are shown


def shows(authority, name, usage="clientAuth"):
    certificate, key = authority.issue(name, usage=usage)
    return {"client_cert": certificate.read_text(), "client_key": key.read_text()}


def subject_of(peer):
    return dict(pair[0] for pair in peer.socket.getpeercert()["subject"])["commonName"]


def test_certificate_of_the_object_is_shown(proxy, authority, pair):
    node = proxy.upstream(tls=server_context(pair, client_authority=authority))
    path = proxy.route(node, upstream=https(tls=shows(authority, "gateway.test")))
    subjects = []
    node.serve = lambda peer: (subjects.append(subject_of(peer)), respond_ok(peer))
    assert proxy.get(path).status == 200
    assert subjects == ["gateway.test"]
    stored = proxy.gateway.admin("GET", f"/routes/{path.removeprefix('/r')}").text
    assert "PRIVATE KEY" not in stored


def test_node_that_wants_a_certificate_refuses_others(proxy, authority, pair, tmp_path):
    node = proxy.upstream(tls=server_context(pair, client_authority=authority))
    without = proxy.route(node, upstream=https())
    of_a_stranger = proxy.route(node, upstream=https(tls=shows(Authority(tmp_path, "stranger"), "stranger.test")))
    for path in (without, of_a_stranger):
        assert proxy.get(path).status == 502
    good = proxy.route(node, upstream=https(tls=shows(authority, "good.test")))
    assert proxy.get(good).status == 200


def test_connections_are_shared_by_certificate(proxy, authority, pair):
    node = proxy.upstream(tls=server_context(pair, client_authority=authority))
    subjects = []

    def serve(peer):
        subjects.append(subject_of(peer))
        respond_ok(peer)

    node.serve = serve
    one, two = shows(authority, "one.test"), shows(authority, "two.test")
    paths = [proxy.route(node, upstream=https(tls=shown)) for shown in (one, two, one)]
    client = proxy.client()
    for path in paths * 2:
        assert client.ask(REQUEST.format(path, "a.test")).status == 200
    assert subjects == ["one.test", "two.test"]


def store_client(proxy, number, authority, name, **more):
    certificate, key = authority.issue(name, usage="clientAuth")
    proxy.gateway.put(f"/ssls/{number}", {"type": "client", "cert": certificate.read_text(), "key": key.read_text()} | more)


def test_stored_certificate_is_shown_and_followed(proxy, authority, pair):
    node = proxy.upstream(tls=server_context(pair, client_authority=authority))
    subjects = []

    def serve(peer):
        subjects.append(subject_of(peer))
        respond_ok(peer)

    node.serve = serve
    store_client(proxy, "shown", authority, "first.test")
    path = proxy.route(node, upstream=https(tls={"client_cert_id": "shown"}))
    client = proxy.client()
    for _ in range(2):
        assert client.ask(REQUEST.format(path, "a.test")).status == 200
    store_client(proxy, "shown", authority, "second.test")
    proxy.apply()
    for _ in range(2):
        assert client.ask(REQUEST.format(path, "a.test")).status == 200
    assert subjects == ["first.test", "second.test"]


def test_stored_certificate_that_is_gone_or_a_servers_is_502(proxy, authority, tls):
    node = proxy.upstream(tls=tls)
    store_client(proxy, "going", authority, "gateway.test")
    path = proxy.route(node, upstream=https(tls={"client_cert_id": "going"}))
    assert proxy.get(path).status == 200
    store_client(proxy, "going", authority, "server.test", type="server", snis=["server.test"])
    proxy.apply()
    assert proxy.get(path).status == 502
    logged(proxy, path, "failed to get ssl cert: ssl type should be 'client'")
    assert proxy.gateway.admin("DELETE", "/ssls/going?force=true").status == 200
    proxy.apply()
    assert proxy.get(path).status == 502
    logged(proxy, path, "failed to get ssl cert: ssl id [going] not exits")


def test_reason_of_a_node_that_refuses_a_client_is_logged(proxy, authority, pair):
    """With TLS 1.3 the node says so behind the handshake, perhaps while the request is being sent."""
    node = proxy.upstream(tls=server_context(pair, client_authority=authority, version=ssl.TLSVersion.TLSv1_2))
    path = proxy.route(node, upstream=https(retries=0))
    assert proxy.get(path).status == 502
    assert "alert" in logged(proxy, path, "SSL_do_handshake() failed (SSL: ")
