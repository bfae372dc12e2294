"""At the bound of connections the oldest without a request make room, for each kind of port by itself."""

import os
import threading

import pytest

from gateway import http_request
from raw import Client

CONNECTIONS_MAX = 40
GATEWAY = {"config": {"nginx_config": {"event": {"worker_connections": CONNECTIONS_MAX}}}}
MOCK = {"mocking": {"response_example": "ok", "content_type": "text/plain"}}


def request(path):
    return f"GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n"


@pytest.fixture
def crowd():
    """Connections that are closed at the end of the test."""
    made = []

    def gather(count, port, data="", answered=False):
        for _ in range(count):
            client = Client(port)
            made.append(client)
            if answered:
                assert client.ask(data).status == 200
            elif data:
                client.send(data)
        return made

    yield gather
    for client in made:
        client.close()


@pytest.mark.parametrize("data, answered", [("", False), (request("/kept"), True), ("GET / HTTP/1.1\r\nHost: a", False)],
                         ids=["silent", "kept alive", "half a head"])
def test_new_clients_are_served_beside_a_flood(proxy, crowd, data, answered):
    path = proxy.route(1, plugins=MOCK)
    crowd(3 * CONNECTIONS_MAX, proxy.port, data.replace("/kept", path), answered)
    assert [proxy.get(path).status for _ in range(20)] == [200] * 20
    proxy.gateway.wait_for_log("the oldest without a request are closed")


def test_the_oldest_makes_room(proxy, crowd):
    path = proxy.route(1, plugins=MOCK)
    clients = crowd(CONNECTIONS_MAX // 2, proxy.port, request(path), answered=True)
    first, second = clients[0], clients[1]
    assert first.ask(request(path)).status == 200  # now it is younger than the second
    crowd(CONNECTIONS_MAX // 2 + 1, proxy.port, request(path), answered=True)
    assert second.read_to_end() == b"" and second.end == "closed"
    assert first.ask(request(path)).status == 200


def test_requests_in_flight_are_not_closed(proxy, crowd):
    responses, arrived = threading.Event(), threading.Semaphore(0)

    def serve(peer):
        peer.read_request()
        arrived.release()
        assert responses.wait(30)
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    path = proxy.route(proxy.upstream(serve))
    busy = [proxy.client() for _ in range(8)]
    for client in busy:
        client.send(request(path))
    for _ in busy:  # until it is read, a connection counts as one without a request
        assert arrived.acquire(timeout=30)
    crowd(2 * CONNECTIONS_MAX, proxy.port)
    responses.set()
    assert [client.read_response().body for client in busy] == [b"ok"] * len(busy)
    for client in busy:
        client.close()


def test_the_admin_api_has_a_budget_of_its_own(proxy, crowd):
    path = proxy.route(1, plugins=MOCK)
    before = len(os.listdir(f"/proc/{proxy.worker}/fd"))
    crowd(300, proxy.gateway.admin_port)
    assert proxy.gateway.admin("GET", "/routes").status == 200
    assert len(os.listdir(f"/proc/{proxy.worker}/fd")) < before + 120
    assert proxy.get(path).status == 200
    crowd(3 * CONNECTIONS_MAX, proxy.port)
    assert proxy.gateway.admin("GET", "/routes").status == 200


@pytest.mark.parametrize("key", ["", "X-API-KEY: wrong\r\n"], ids=["no key", "wrong key"])
def test_request_without_key_gets_401_before_the_body(proxy, key):
    client = Client(proxy.gateway.admin_port)
    response = client.ask(f"PUT /apisix/admin/routes/1 HTTP/1.1\r\nHost: a\r\n{key}Content-Length: 1500000\r\n\r\n")
    assert response.status == 401 and b"failed to check token" in response.body
    assert response.header("Connection") == "close"
    client.close()


@pytest.mark.parametrize("data", ["", "GET /apisix/prom"], ids=["silent", "half a head"])
def test_metrics_are_scraped_beside_silent_connections(proxy, crowd, data):
    crowd(200, proxy.gateway.metrics_port, data)
    assert http_request(proxy.gateway.metrics_port, path="/apisix/prometheus/metrics").status == 200
