"""What a worker holds of bodies is bounded by nginx_config.http.held_bodies_size, whatever holds them."""

import gzip

import pytest

from gateway import http_request, wait_until
from raw import Client

MIB = 1 << 20
GATEWAY = {"config": {"apisix": {"max_post_args_readable_size": 16}, "nginx_config": {"http": {"held_bodies_size": "8m"}}}}
NOTHING = {"response-rewrite": {"filters": [{"regex": "zzz", "replace": "y", "scope": "global"}]}}


def answering(body, coding=None):
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCache-Control: max-age=60\r\nContent-Length: {len(body)}\r\n"
    if coding:
        head += f"Content-Encoding: {coding}\r\n"

    def serve(peer):
        while True:
            try:
                peer.read_request()
                peer.send(head.encode() + b"\r\n" + body)
            except (EOFError, OSError):
                return
    return serve


def bytes_held(proxy):
    text = http_request(proxy.gateway.metrics_port, path="/apisix/prometheus/metrics").text
    (line,) = [line for line in text.splitlines() if line.startswith("apisix_held_body_bytes ")]
    return float(line.split()[1])


@pytest.mark.parametrize("coding", [None, "gzip"])
def test_response_beyond_the_budget_gets_502(proxy, coding):
    plain = b"a" * (20 * MIB)
    path = proxy.route(proxy.upstream(answering(gzip.compress(plain) if coding else plain, coding)), plugins=NOTHING)
    response = proxy.get(path)
    assert response.status == 502 and response.header("Cache-Control") is None
    proxy.gateway.wait_for_log("held_bodies_size (8388608 bytes) is used up")
    wait_until(lambda: bytes_held(proxy) == 0, "what was held to be given back")


@pytest.mark.parametrize("coding", [None, "gzip"])
@pytest.mark.parametrize("size", [1, 128 * 1024, 128 * 1024 + 1, 3 * MIB])
def test_a_response_of_many_slices_is_whole(proxy, coding, size):
    plain = (b"0123456789 hello " * (size // 17 + 1))[:size]
    conf = {"filters": [{"regex": "hello", "replace": "bye", "scope": "global"},
                        {"regex": "bye", "replace": "HELLO", "scope": "global"}]}
    path = proxy.route(proxy.upstream(answering(gzip.compress(plain) if coding else plain, coding)),
                       plugins={"response-rewrite": conf})
    client = proxy.client(receive_buffer=64 * 1024)
    for _ in range(2):
        response = client.ask(f"GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert response.status == 200 and response.body == plain.replace(b"hello", b"HELLO")
    client.close()
    wait_until(lambda: bytes_held(proxy) == 0, "what was held to be given back")


def test_a_client_that_leaves_gives_back_what_was_held_for_it(proxy):
    path = proxy.route(proxy.upstream(answering(b"hello " * MIB)), plugins=NOTHING)
    client = proxy.client(receive_buffer=4096)
    client.send(f"GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n")
    client.read_head()
    wait_until(lambda: bytes_held(proxy) > MIB, "the body to be held")
    client.reset()
    wait_until(lambda: bytes_held(proxy) == 0, "what was held to be given back")


def test_stored_request_body_beyond_the_budget_gets_503(proxy):
    path = proxy.route(proxy.upstream(), vars=[["post_arg.a", "==", "b"]])
    client = proxy.client()
    body = b"a=b&c=" + b"x" * (9 * MIB)
    client.send(f"POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                f"Content-Length: {len(body)}\r\n\r\n")
    try:
        client.send(body)
    except OSError:  # the response came before all of it was sent
        pass
    assert client.read_head().status == 503
    client.close()
    wait_until(lambda: bytes_held(proxy) == 0, "what was held to be given back")


def test_operators_get_in_when_traffic_used_up_the_budget(proxy):
    path = proxy.route(proxy.upstream(answering(b"hello " * (7 * MIB // 6))), plugins=NOTHING)
    slow = proxy.client(receive_buffer=4096)
    slow.send(f"GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n")
    wait_until(lambda: bytes_held(proxy) > 6 * MIB, "the budget to be used")
    big = {"uri": "/big", "desc": "x" * (1 << 20), "upstream": {"type": "roundrobin", "nodes": {"127.0.0.1:1": 1}}}
    assert proxy.gateway.admin("PUT", "/routes/big", big).status == 400  # it was read: `desc` is too long
    slow.close()


def test_bodies_of_the_admin_api_count(proxy):
    client = Client(proxy.gateway.admin_port)
    client.send("PUT /apisix/admin/routes/1 HTTP/1.1\r\nHost: a\r\nX-API-KEY: "
                f"{proxy.gateway.admin_key}\r\nContent-Length: 1000000\r\n\r\n" + "x" * 900_000)
    wait_until(lambda: bytes_held(proxy) >= 900_000, "the body to be held")
    client.close()
    wait_until(lambda: bytes_held(proxy) == 0, "what was held to be given back")
