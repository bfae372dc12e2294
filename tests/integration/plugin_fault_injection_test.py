"""fault-injection where time and chance matter."""

import time

import pytest

from gateway import wait_until


def request(path):
    return f"GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n"


@pytest.mark.serial
def test_delays_without_holding_up_others(proxy):
    upstream = proxy.upstream()
    slow = proxy.route(upstream, plugins={"fault-injection": {"delay": {"duration": 0.3}}})
    quick = proxy.route(upstream)
    waiting = proxy.client()
    started = time.monotonic()
    waiting.send(request(slow))
    assert proxy.get(quick).body == b"ok"
    assert time.monotonic() - started < 0.3
    assert waiting.read_response().body == b"ok"
    assert time.monotonic() - started >= 0.3


def test_a_client_that_leaves_is_not_waited_for(proxy):
    upstream = proxy.upstream()
    path = proxy.route(upstream, plugins={"fault-injection": {"delay": {"duration": 3600}, "abort": {"http_status": 500}}})
    clients = [proxy.client() for _ in range(20)]
    for client in clients:
        client.send(request(path))
    for client in clients[::2]:
        client.reset()
    for client in clients[1::2]:
        client.close()
    log = proxy.gateway.prefix / "logs" / "access.log"
    wait_until(lambda: log.exists() and log.read_text().count(f"GET {path} ") == 20, "all requests to end")
    assert " 499 " in log.read_text()
    assert not upstream.peers


def test_a_share_of_the_requests(proxy):
    conf = {"abort": {"http_status": 418, "percentage": 30}, "delay": {"duration": 0.001, "percentage": 50}}
    path = proxy.route(proxy.upstream(), plugins={"fault-injection": conf})
    client = proxy.client()
    statuses = [client.ask(request(path)).status for _ in range(1000)]
    assert set(statuses) == {200, 418}
    assert 200 < statuses.count(418) < 400  # six standard deviations and more
