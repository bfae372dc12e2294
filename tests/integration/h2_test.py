"""Clients of HTTP/2 on a plain port: what they get, and what the upstream sees of it."""

import json
import os
import signal
import socket
import subprocess
import threading

import pytest

from gateway import pause, wait_until
from h2_client import END_STREAM, H2Client
from hyperframe.frame import SettingsFrame
from raw import RawUpstream

GATEWAY = {"config": {"apisix": {"enable_http2": True}}, "workers": 1}


def echo(peer):
    """Responds with what it received, as JSON."""
    while True:
        request = peer.read_request()
        body = json.dumps({"line": request.start_line, "headers": request.headers, "trailers": request.trailers,
                           "body": request.body.decode()}).encode()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" %
                  (len(body), body))


def serving(*lines, body=b""):
    def serve(peer):
        while True:
            peer.read_request()
            peer.send("HTTP/1.1 " + "\r\n".join(lines) + "\r\n\r\n")
            peer.send(body)
    return serve


@pytest.fixture
def client(proxy):
    with H2Client(proxy.port) as one:
        yield one


@pytest.fixture
def path(proxy):
    return proxy.route(proxy.upstream(echo))


# --- requests

def test_curl_gets_and_posts(proxy, path):
    url = f"http://127.0.0.1:{proxy.port}{path}"
    got = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-w", "\n%{http_version} %{http_code}", url],
                         capture_output=True, text=True, check=True).stdout.splitlines()
    assert json.loads(got[0])["line"] == f"GET {path} HTTP/1.1"
    assert got[1] == "2 200"
    got = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "--data-binary", "x" * 100000, url],
                         capture_output=True, text=True, check=True).stdout
    assert json.loads(got)["body"] == "x" * 100000


def test_get_reaches_the_upstream_as_http_1(client, path):
    stream = client.ask(path + "?a=b", more=[("x-one", "1"), ("te", "trailers")])
    assert stream.status == 200 and stream.ended and stream.reset is None
    seen = json.loads(stream.data)
    headers = {name.lower(): value for name, value in seen["headers"]}
    assert seen["line"] == f"GET {path}?a=b HTTP/1.1"
    assert headers["host"] == "a.test" and headers["x-one"] == "1"
    assert headers["x-forwarded-proto"] == "http" and "te" not in headers
    assert not {"content-length", "transfer-encoding"} & set(headers)


def test_response_has_lower_case_names_and_no_connection_fields(proxy, client):
    path = proxy.route(proxy.upstream(serving("200 OK", "X-Up: A", "Connection: keep-alive, x-hop", "X-Hop: 1",
                                              "Keep-Alive: timeout=5", "Content-Length: 2", body=b"ok")))
    stream = client.ask(path)
    names = [name for name, _ in stream.heads[0]]
    assert stream.data == b"ok" and stream.header("x-up") == "A" and stream.header("content-length") == "2"
    assert names == [name.lower() for name in names]
    assert not {"connection", "keep-alive", "x-hop", "transfer-encoding"} & set(names)
    assert stream.header("server").startswith("APISIX") and stream.header("date")


def test_hundred_streams_on_one_connection_each_get_their_own(client, path):
    streams = [client.request(f"{path}/{i}", method="POST", body=b"b%d" % i) for i in range(100)]
    for i, stream in enumerate(streams):
        seen = json.loads(client.response(stream).data)
        assert seen["line"].startswith(f"POST {path}/{i} ") and seen["body"] == f"b{i}"
    assert client.goaway is None


def test_body_with_length_keeps_its_length(client, path):
    stream = client.ask(path, method="POST", body=b"hello", more=[("content-length", "5")])
    seen = json.loads(stream.data)
    assert seen["body"] == "hello" and ["content-length", "5"] in [[n.lower(), v] for n, v in seen["headers"]]


def test_body_without_length_is_chunked(client, path):
    seen = json.loads(client.ask(path, method="POST", body=b"hello").data)
    assert seen["body"] == "hello"
    assert ["transfer-encoding", "chunked"] in [[n.lower(), v] for n, v in seen["headers"]]


def test_large_body_comes_back_whole(client, path):
    body = bytes(range(32, 127)) * 20000
    seen = client.ask(path, method="POST", body=body)  # windows have to be given back for it
    assert json.loads(seen.data)["body"].encode() == body


def test_cookie_crumbs_reach_the_upstream_as_one_field(client, path):
    seen = json.loads(client.ask(path, more=[("cookie", "a=1"), ("cookie", "b=2")]).data)
    assert [v for n, v in seen["headers"] if n.lower() == "cookie"] == ["a=1; b=2"]


def test_trailers_go_both_ways(proxy, client):
    def serve(peer):
        request = peer.read_request()
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
                  f"X-Sum: {dict(request.trailers).get('x-sum')}\r\n\r\n")
        peer.read_to_end()
    path = proxy.route(proxy.upstream(serve))
    stream = client.request(path, method="POST", end=False)
    client.send(client.data_frame(stream, b"abc"), client.head_frame(stream, [("x-sum", "7")], END_STREAM))
    got = client.response(stream)
    assert got.status == 200 and got.data == b"ok" and got.heads[-1] == [("x-sum", "7")] and got.ended


def test_trailers_without_content_in_front(proxy, client):
    path = proxy.route(proxy.upstream(serving("200 OK", "Transfer-Encoding: chunked",
                                              body=b"0\r\nGrpc-Status: 5\r\n\r\n")))
    got = client.ask(path)
    assert got.data == b"" and got.heads[-1] == [("grpc-status", "5")] and got.ended


def test_trailers_without_content_end_a_stream_whose_request_goes_on(proxy, client):
    """As a gRPC server refuses a stream."""
    def serve(peer):
        peer.read_head()
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nGrpc-Status: 12\r\n\r\n")
        peer.read_to_end()
    stream = client.request(proxy.route(proxy.upstream(serve)), method="POST", end=False)
    client.wait_for(lambda: client.stream(stream).reset is not None)
    got = client.stream(stream)
    assert got.ended and got.heads[-1] == [("grpc-status", "12")] and got.reset == 0  # NO_ERROR


@pytest.mark.parametrize("line, more", [("204 No Content", []), ("304 Not Modified", ["Content-Length: 9"])])
def test_responses_without_content_end_with_their_head(proxy, client, line, more):
    got = client.ask(proxy.route(proxy.upstream(serving(line, *more))))
    assert got.status == int(line[:3]) and got.data == b"" and got.ended


def test_head_has_the_length_and_no_content(proxy, client):
    got = client.ask(proxy.route(proxy.upstream(serving("200 OK", "Content-Length: 9"))), method="HEAD")
    assert got.status == 200 and got.header("content-length") == "9" and got.data == b"" and got.ended


def test_informational_responses_are_passed_on(proxy, client):
    def serve(peer):
        peer.read_request()
        peer.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        peer.read_to_end()
    got = client.ask(proxy.route(proxy.upstream(serve)))
    assert dict(got.heads[0])[":status"] == "103" and dict(got.heads[0])["link"] == "</a>"
    assert got.status == 200 and got.data == b"ok"


def test_client_that_expects_100_gets_it_before_it_sends(client, path):
    stream = client.request(path, method="POST", more=[("expect", "100-continue")], end=False)
    client.wait_for(lambda: client.stream(stream).heads)
    assert dict(client.stream(stream).heads[0])[":status"] == "100"
    client.send(client.data_frame(stream, b"late", end=True))
    assert json.loads(client.response(stream).data)["body"] == "late"


def test_connect_is_refused(client):
    got = client.response(client.request("", end=False, fields=[(":method", "CONNECT"), (":authority", "a.test:443")]))
    assert got.status == 405


def test_no_route_is_404(client):
    got = client.ask("/no/such/route")
    assert got.status == 404 and b"404" in got.data


def test_response_before_the_end_of_the_request_resets_without_an_error(client):
    stream = client.request("/no/such/route", method="POST", end=False)
    client.wait_for(lambda: client.stream(stream).reset is not None)
    assert client.stream(stream).status == 404 and client.stream(stream).ended
    assert client.stream(stream).reset == 0  # NO_ERROR


def test_preface_in_pieces_is_http_2(proxy, path):
    raw = socket.create_connection(("127.0.0.1", proxy.port))
    for piece in (b"PRI", b" * HTTP/2.0\r\n", b"\r\nSM\r\n", b"\r\n", b"\0\0\0\4\0\0\0\0\0"):
        raw.sendall(piece)
        pause(0.02)
    head = raw.recv(9)
    assert head[3] == 4, head  # SETTINGS
    raw.close()


def test_http_1_on_the_same_port_still_works(proxy, path):
    assert proxy.get(path).status == 200
    assert proxy.client().ask("PRI * HTTP/2.0\r\nHost: a\r\n\r\n").status == 505


# --- flow control

def test_slow_upstream_stops_its_stream_and_no_other(proxy, client, path):
    go_on = threading.Event()

    def serve(peer):
        peer.read_head()
        go_on.wait(30)
        peer.read_to_end()
    slow = proxy.route(proxy.upstream(serve, receive_buffer=4096))
    stream = client.request(slow, method="POST", end=False)
    chunk = b"x" * 16384
    sent = 0
    allowed = 65536
    while sent < 16 << 20:
        while sent + len(chunk) <= allowed:
            client.send(client.data_frame(stream, chunk))
            sent += len(chunk)
        client.sync()
        grown = 65536 + sum(by for number, by in client.window_updates if number == stream)
        if grown - sent < len(chunk):
            break
        allowed = grown
    assert sent < 16 << 20, "the gateway took everything for a node that reads nothing"
    assert json.loads(client.ask(path, method="POST", body=b"y" * 200000).data)["body"] == "y" * 200000
    go_on.set()


def test_client_without_windows_stops_its_upstream(proxy, path):
    sent = []

    def serve(peer):
        peer.read_request()
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 << 20))
        for _ in range(64):
            peer.send(b"z" * (1 << 20))
            sent.append(1)
    big = proxy.route(proxy.upstream(serve))
    with H2Client(proxy.port, give_back=False) as client:
        stream = client.request(big)
        client.wait_for(lambda: len(client.stream(stream).data) == 65535)
        client.sync()
        client.window_update(0, 1 << 20)  # the connection's; the stream's stays shut
        assert json.loads(client.ask(path).data)["body"] == ""
        assert len(client.stream(stream).data) == 65535
        assert len(sent) < 32


def test_windows_bring_the_rest(proxy):
    body = bytes(range(256)) * 4096
    path = proxy.route(proxy.upstream(serving("200 OK", f"Content-Length: {len(body)}", body=body)))
    with H2Client(proxy.port) as client:
        assert client.ask(path).data == body


def test_initial_window_of_the_client_counts(proxy, path):
    with H2Client(proxy.port, settings={4: 10}, give_back=False) as client:
        stream = client.request(path)
        client.wait_for(lambda: client.stream(stream).data)
        client.sync()
        assert len(client.stream(stream).data) == 10
        client.window_update(stream, 100000)
        assert client.response(stream).ended


# --- the ends of streams

def test_reset_by_the_client_ends_the_upstreams_request(proxy, client):
    ended = threading.Event()

    def serve(peer):
        peer.read_request()
        peer.read_to_end()
        ended.set()
    stream = client.request(proxy.route(proxy.upstream(serve)))
    client.sync()
    pause(0.05)
    client.reset(stream)
    assert ended.wait(10)
    client.sync()
    assert client.goaway is None


def test_broken_response_resets_the_stream_alone(proxy, client, path):
    def serve(peer):
        peer.read_request()
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    got = client.ask(proxy.route(proxy.upstream(serve)))
    assert got.status == 200 and not got.ended and got.reset == 2  # INTERNAL_ERROR
    assert client.ask(path).status == 200


def test_upstream_that_is_down_is_502(proxy, client):
    assert client.ask(proxy.route(1)).status == 502


def test_content_that_is_not_as_long_as_said_never_ends_at_the_upstream(proxy, client):
    ends = []

    def serve(peer):
        peer.read_head()
        ends.append(peer.read_to_end())
    path = proxy.route(proxy.upstream(serve))
    for body in (b"abc", b"abcdefgh"):
        got = client.ask(path, method="POST", body=body, more=[("content-length", "5")])
        assert got.reset == 1 and got.status is None  # PROTOCOL_ERROR
    assert all(len(end) < 6 for end in ends)


# --- WebSocket (RFC 8441)

def test_websocket_over_http_2(proxy, client):
    seen = {}

    def serve(peer):
        head = peer.read_head()
        seen["head"] = head
        peer.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Accept: x\r\n\r\n")
        peer.send(b"hello" + peer.read_exactly(4))
        peer.read_to_end()
        seen["ended"] = True
    path = proxy.route(proxy.upstream(serve), enable_websocket=True)
    client.wait_for(lambda: client.settings is not None)
    assert client.settings[8] == 1  # ENABLE_CONNECT_PROTOCOL
    stream = client.request("", end=False, fields=[
        (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a.test"),
        (":path", path), ("sec-websocket-version", "13"), ("origin", "http://a.test")])
    client.wait_for(lambda: client.stream(stream).heads)
    assert client.stream(stream).status == 200
    assert client.stream(stream).header("sec-websocket-accept") is None
    client.send(client.data_frame(stream, b"ping"))
    client.wait_for(lambda: client.stream(stream).data == b"helloping")
    assert seen["head"].start_line == f"GET {path} HTTP/1.1"
    assert seen["head"].header("Upgrade") == "websocket" and seen["head"].header("Sec-WebSocket-Key")
    client.send(client.data_frame(stream, end=True))
    got = client.response(stream)
    assert got.ended and got.reset is None
    wait_until(lambda: seen.get("ended"), "the client's end at the node")


def test_content_that_comes_while_earlier_content_drains_is_sent(proxy):
    """In one turn of the worker: a window for what waits, another stream's content, and the last content."""
    may_end = {name: threading.Event() for name in "ab"}
    ended = {name: threading.Event() for name in "ab"}

    def serving_two(name, first, last):
        def serve(peer):
            peer.read_request()
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(first), first))
            may_end[name].wait(30)
            peer.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(last), last))
            ended[name].set()
        return proxy.route(proxy.upstream(serve))
    paths = serving_two("a", b"a" * 5000, b"b" * 3000), serving_two("b", b"x", b"y")
    with H2Client(proxy.port, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 1000}, give_back=False) as client:
        first, other = [client.request(path) for path in paths]
        client.wait_for(lambda: len(client.stream(first).data) == 1000 and client.stream(other).data)
        client.sync()
        pause(0.3)  # the worker sleeps
        os.kill(proxy.worker, signal.SIGSTOP)
        try:
            pause(0.1)  # each arrives on its own, so that the worker finds them in this order
            for name in "ab":
                may_end[name].set()
                assert ended[name].wait(30)
                pause(0.1)
            client.window_update(first, 4000)
            pause(0.1)
        finally:
            os.kill(proxy.worker, signal.SIGCONT)
        client.wait_for(lambda: client.stream(first).reset is not None or len(client.stream(first).data) >= 5000)
        client.window_update(first, 10000)
        got = client.response(first)
        assert got.reset is None and got.ended and len(got.data) == 8000


def test_head_of_an_early_response_waits_for_a_full_socket(proxy):
    size = 30 << 20

    def large(peer):
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        peer.send(bytes(size))

    def early(peer):
        peer.read_head()
        peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        done.set()
        peer.read_to_end()
    done = threading.Event()
    paths = proxy.route(proxy.upstream(large)), proxy.route(proxy.upstream(early))
    with H2Client(proxy.port, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 2**31 - 1}, give_back=False) as client:
        client.window_update(0, 2**31 - 70000)
        client.request(paths[0])
        pause(1)  # the socket fills, as nothing is read
        stream = client.request(paths[1], "POST", end=False)
        assert done.wait(30)
        assert client.response(stream).status == 204


def test_connect_without_a_tunnel_is_no_success(proxy, client):
    path = proxy.route(proxy.upstream(serving("200 OK", "Content-Length: 5", body=b"hello")), enable_websocket=True)
    got = client.response(client.request("", end=False, fields=[
        (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a.test"),
        (":path", path), ("sec-websocket-version", "13")]))
    assert got.status == 502


# --- processes that come and go

@pytest.mark.gateway(workers=1)
def test_reload_serves_what_is_in_flight_and_says_where_to_stop(gateway):
    arrived, go_on = threading.Event(), threading.Event()

    def serve(peer):
        while True:
            request = peer.read_request()
            if "slow" in request.target:
                arrived.set()
                go_on.wait(30)
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    upstream = RawUpstream(serve)
    gateway.put_everywhere("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    with H2Client(gateway.port) as client:
        slow = client.request("/slow")
        assert arrived.wait(30)
        reload = threading.Thread(target=gateway.reload)
        reload.start()
        client.wait_for(lambda: client.goaways, "the first GOAWAY")
        assert client.goaways[0] == (2**31 - 1, 0)
        assert client.ask("/crossing").data == b"ok"  # sent behind the notice
        client.wait_for(lambda: len(client.goaways) == 2, "the second GOAWAY")
        assert client.goaways[1] == (3, 0)
        late = client.request("/late", "POST", body=b"x", end=False)  # ignored, with all of its frames
        client.send(client.head_frame(late, [("x-trailer", "1")], END_STREAM))
        client.sync()
        go_on.set()
        assert client.response(slow).data == b"ok"
        client.read_to_end()
        assert client.end == "closed"
        reload.join()
    with H2Client(gateway.port) as client:
        assert client.ask("/new").data == b"ok"
    upstream.close()
