"""Upstreams of the scheme grpc: real servers behind the gateway, asked by clients in HTTP/1.1 with hand-made messages,
as plugins that translate to gRPC do. grpc_clients_test.py has gRPC's own clients."""

import itertools

import pytest
from gateway import wait_until
from grpc_node import SERVICE, GrpcNode, frame, unframe
from h2_wire import MAX_CONCURRENT_STREAMS, REFUSED_STREAM, reset, settings
from raw import parse_fields

HOSTS = (f"h{number}.test" for number in itertools.count(1))


@pytest.fixture(scope="module")
def node():
    node = GrpcNode()
    yield node
    node.close()


@pytest.fixture
def route(proxy):
    """A route to nodes, by a host of its own, which is returned."""
    def make(*nodes, upstream=None, **more):
        host = next(HOSTS)
        proxy.route(*nodes, upstream={"scheme": "grpc"} | (upstream or {}), uri=SERVICE + "*", host=host, **more)
        return host
    return make


def head(host, method, headers="", content_type="application/grpc"):
    return f"POST {SERVICE}{method} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content_type}\r\n{headers}"


def request(host, method, message, headers="", **more):
    """With a known length."""
    body = frame(message)
    return head(host, method, f"Content-Length: {len(body)}\r\n{headers}\r\n", **more).encode() + body


def call(proxy, host, method, message=b"", headers="", **more):
    client = proxy.client()
    try:
        return client.ask(request(host, method, message, headers, **more))
    finally:
        client.close()


def grpc_status(response):
    return dict(response.trailers).get("grpc-status") or response.header("grpc-status")


def test_unary_call_gets_its_message_and_trailers(proxy, route, node):
    response = call(proxy, route(node), "Unary", b"hello")
    assert response.status == 200
    assert response.header("content-type") == "application/grpc"
    assert unframe(response.body) == [b"hello"]
    assert dict(response.trailers)["grpc-status"] == "0"
    assert dict(response.trailers)["x-trailer"] == "t"


def test_request_in_chunks_is_a_stream(proxy, route, node):
    client = proxy.client()
    client.send(head(route(node), "Bidi", "Transfer-Encoding: chunked\r\n\r\n"))
    for number in range(5):
        message = frame(b"message %d" % number)
        client.send(b"%x\r\n%s\r\n" % (len(message), message))
        if number == 0:
            assert client.read_head().status == 200
        assert client.read_chunk() == message  # before the request ended
    client.send(b"0\r\n\r\n")
    end = client.read_until(b"\r\n\r\n").decode().split("\r\n")
    assert end[0] == "0"
    assert ("grpc-status", "0") in parse_fields(end[1:])
    client.close()


def test_server_stream_comes_whole(proxy, route, node):
    response = call(proxy, route(node), "ServerStream", b"200:abc")
    assert unframe(response.body) == [b"abc"] * 200


def test_message_of_four_mebibytes(proxy, route, node):
    message = bytes(range(256)) * (16 << 10)
    response = call(proxy, route(node), "Unary", message)
    assert unframe(response.body) == [message]


def test_status_of_the_node_reaches_the_client(proxy, route, node):
    response = call(proxy, route(node), "Unary", b"", "x-code: NOT_FOUND\r\nx-details: no such thing\r\n")
    assert response.status == 200
    assert grpc_status(response) == "5"


def test_node_gets_what_grpc_needs(proxy, route, node):
    host = route(node)
    response = call(proxy, host, "Unary", b"", "TE: gzip\r\nX-Own: 1\r\nConnection: x-hop, close\r\nx-hop: 1\r\n",
                    content_type="application/json")
    assert grpc_status(response) == "0"  # the content type was gRPC's
    _, metadata = node.calls[-1]
    assert metadata["x-own"] == "1"
    assert "x-hop" not in metadata
    assert metadata["x-forwarded-host"] == host


def test_unknown_method_is_unimplemented(proxy, route, node):
    response = call(proxy, route(node), "Nothing")
    assert response.status == 200
    assert grpc_status(response) == "12"


def test_node_that_is_not_there_is_a_502(proxy, route):
    assert call(proxy, route(1), "Unary").status == 502


def test_node_that_is_not_there_is_passed_over(proxy, route, node):
    host = route(node, 1)
    for _ in range(4):
        assert unframe(call(proxy, host, "Unary", b"x").body) == [b"x"]


def test_node_that_speaks_http1_is_a_502(proxy, route):
    def serve(peer):
        peer.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        peer.read_to_end()
    assert call(proxy, route(proxy.upstream(serve)), "Unary").status == 502


def test_node_that_refuses_all_calls_is_not_asked_without_end(proxy, route):
    connections = []

    def serve(peer):
        connections.append(peer)
        peer.send(settings((MAX_CONCURRENT_STREAMS, 0)) + reset(1, REFUSED_STREAM))
        peer.read_to_end()
    assert call(proxy, route(proxy.upstream(serve)), "Unary").status == 502
    assert 1 < len(connections) <= 40


def test_deadline_of_the_call_ends_it(proxy, route):
    silent = proxy.upstream(lambda peer: peer.read_to_end())
    assert call(proxy, route(silent), "Unary", b"", "grpc-timeout: 150m\r\n").status == 504


def test_client_that_leaves_cancels_the_call(proxy, route, node):
    node.cancelled.clear()
    node.released.clear()
    client = proxy.client()
    client.send(request(route(node), "Unary", b"", "x-hold: 1\r\n"))
    assert client.read_head().header("x-held") == "1"
    client.reset()
    client.close()
    wait_until(node.cancelled.is_set, "the cancellation of the call")
    node.released.set()


def test_calls_share_a_connection(proxy, route, node):
    host = route(node)
    node.released.clear()
    clients = [proxy.client() for _ in range(10)]
    for client in clients:
        client.send(request(host, "Unary", b"m", "x-hold: 1\r\n"))
        assert client.read_head().header("x-held") == "1"
    assert len(connections_to(proxy.worker, node.port)) == 1
    node.released.set()
    for client in clients:
        assert client.read_chunk() == frame(b"m")
        client.close()


def connections_to(pid, port):
    """Of a process's network, by the kernel's table."""
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    established = "01"
    return [row for row in rows if row[2].endswith(f":{port:04X}") and row[3] == established]


def test_variables_are_those_of_the_call(proxy, route, node):
    host = route(node, plugins={"response-rewrite": {"headers": {"set": {
        "x-seen": "$upstream_status $upstream_addr $upstream_scheme"}}}})
    response = call(proxy, host, "Unary", b"x")
    assert response.header("x-seen") == f"200 127.0.0.1:{node.port} grpc"
