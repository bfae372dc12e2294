"""limit-count, limit-req, limit-conn and api-breaker with counters in shared memory: exact over all workers, and nothing
is left behind by a worker that dies."""

import os
import signal
import threading
import time

import pytest

from gateway import http_request, is_alive, wait_until
from hammer import hammer
from limits import ENDLESS_S
from upstream import Upstream

WORKERS = 3

GATEWAY = {"workers": WORKERS}


def limited(proxy, server, **plugins):
    path = proxy.route(server.port, plugins=plugins)
    proxy.apply()
    return path


@pytest.fixture(scope="module")
def quick():
    server = Upstream(lambda request: (200, {}, b"ok"))
    yield server
    server.close()


class Held:
    """An upstream whose responses wait until release()."""

    def __init__(self):
        self.gate = threading.Event()
        self.server = Upstream(self.respond)

    def respond(self, _):
        self.gate.wait(30)
        return 200, {}, b"ok"

    @property
    def in_flight(self):
        return len(self.server.requests)

    def release(self):
        self.gate.set()

    def close(self):
        self.release()
        self.server.close()


@pytest.fixture
def held():
    server = Held()
    yield server
    server.close()


class Background:
    """Requests in threads of their own; join() gives their statuses."""

    def __init__(self, port, path, number):
        self.statuses = []
        self.threads = [threading.Thread(target=self.run, args=(port, path)) for _ in range(number)]
        for thread in self.threads:
            thread.start()

    def run(self, port, path):
        try:
            self.statuses.append(http_request(port, "GET", path).status)
        except OSError:
            self.statuses.append(None)  # the worker was killed

    def join(self):
        for thread in self.threads:
            thread.join()
        return sorted(self.statuses, key=str)


@pytest.mark.parametrize("window_type", ["fixed", "sliding"])
def test_limit_count_is_exact_over_all_workers(proxy, quick, window_type):
    conf = {"count": 200, "time_window": ENDLESS_S, "key": "remote_addr", "window_type": window_type}
    path = limited(proxy, quick, **{"limit-count": conf})
    statuses = hammer([proxy.port], path, clients=12, requests_each=40)
    assert statuses == {200: 200, 503: 280}


def test_limit_req_is_exact_over_all_workers(proxy, quick):
    conf = {"rate": 0.001, "burst": 99, "key": "remote_addr", "nodelay": True}
    path = limited(proxy, quick, **{"limit-req": conf})
    statuses = hammer([proxy.port], path, clients=12, requests_each=20)
    assert statuses == {200: 100, 503: 140}


def test_limit_req_delays_to_the_rate(proxy, quick):
    path = limited(proxy, quick, **{"limit-req": {"rate": 20, "burst": 20, "key": "remote_addr"}})
    began = time.monotonic()
    statuses = hammer([proxy.port], path, clients=9, requests_each=1)
    assert statuses == {200: 9}
    assert time.monotonic() - began >= 8 / 20


def test_limit_conn_lets_so_many_in_at_a_time(proxy, held):
    conf = {"conn": 3, "burst": 0, "default_conn_delay": 0.1, "key": "host", "rejected_msg": "busy"}
    path = limited(proxy, held.server, **{"limit-conn": conf})
    background = Background(proxy.port, path, 3)
    wait_until(lambda: held.in_flight == 3, "three in flight")
    for _ in range(6):  # whichever worker it is
        refused = proxy.gateway.request(path)
        assert refused.status == 503
        assert refused.json() == {"error_msg": "busy"}
    held.release()
    assert background.join() == [200, 200, 200]
    for _ in range(6):
        wait_until(lambda: proxy.gateway.request(path).status == 200, "the leases back")


def test_limit_conn_waits_as_long_as_configured(proxy, held):
    conf = {"conn": 1, "burst": 2, "default_conn_delay": 0.3, "key": "host"}
    path = limited(proxy, held.server, **{"limit-conn": conf})
    began = time.monotonic()
    background = Background(proxy.port, path, 3)
    wait_until(lambda: held.in_flight == 3, "all three in flight")
    assert time.monotonic() - began >= 0.6  # the third waits twice the delay
    held.release()
    assert background.join() == [200, 200, 200]


def test_a_client_that_leaves_takes_no_lease_with_it(proxy, held):
    conf = {"conn": 1, "burst": 0, "default_conn_delay": 0.1, "key": "host"}
    path = limited(proxy, held.server, **{"limit-conn": conf})
    client = proxy.client()
    client.send(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    wait_until(lambda: held.in_flight == 1, "one in flight")
    assert proxy.gateway.request(path).status == 503
    client.close()
    held.release()
    wait_until(lambda: proxy.gateway.request(path).status == 200, "the lease back")


@pytest.mark.gateway(workers=WORKERS)
@pytest.mark.expects_damage
def test_a_killed_worker_leaks_no_lease(gateway, held):
    conf = {"conn": 4, "burst": 0, "default_conn_delay": 0.1, "key": "remote_addr"}
    gateway.put("/routes/1", {"uri": "/*", "plugins": {"limit-conn": conf},
                              "upstream": {"type": "roundrobin", "nodes": {held.server.node: 1}}})
    background = None

    def filled():
        nonlocal background
        background = background or Background(gateway.port, "/", 4)
        return held.in_flight == 4

    wait_until(lambda: gateway.admin("GET", "/routes/1").status == 200, "the route")
    wait_until(filled, "four in flight")
    wait_until(lambda: gateway.request("/").status == 503, "no more")
    killed = gateway.worker_pids()
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(gateway.worker_pids()) == WORKERS and not any(map(is_alive, killed)), "other workers")
    background.join()
    held.gate.clear()
    held.server.requests.clear()
    wait_until(lambda: len(gateway.worker_pids()) == WORKERS, "other workers")
    # All four places are free again.
    again = Background(gateway.port, "/", 4)
    wait_until(lambda: held.in_flight == 4, "four in flight again")
    held.release()
    assert again.join() == [200] * 4


def test_counters_outlive_changes_and_reloads(make_gateway, quick):
    gateway = make_gateway(workers=2)
    route = {"uri": "/*", "plugins": {"limit-count": {"count": 3, "time_window": 3600, "key": "remote_addr"}},
             "upstream": {"type": "roundrobin", "nodes": {quick.node: 1}}}

    def left():
        response = gateway.request("/")
        return response.status, response.header("X-RateLimit-Remaining"), response.header("X-Route")

    gateway.put("/routes/1", route)
    wait_until(lambda: gateway.request("/").header("X-RateLimit-Remaining"), "the route")
    counted = 3 - int(left()[1])
    route["desc"] = "another change of the route"
    gateway.put("/routes/1", route)
    gateway.reload()
    assert left() == (200 if counted < 3 else 503, str(max(3 - counted - 1, 0)), None)
    # Another configuration is another counter.
    route["plugins"]["limit-count"]["count"] = 50
    gateway.put("/routes/1", route)
    wait_until(lambda: left()[0] == 200 and int(left()[1]) > 3, "the new quota")


def test_groups_share_counters_and_must_be_alike(proxy, quick):
    conf = {"count": 2, "time_window": 3600, "key_type": "constant", "key": "all", "group": "together"}
    first = limited(proxy, quick, **{"limit-count": conf})
    second = limited(proxy, quick, **{"limit-count": conf})
    assert [proxy.gateway.request(path).status for path in (first, second, first)] == [200, 200, 503]
    response = proxy.gateway.admin("PUT", "/routes/odd", {"uri": "/odd", "plugins": {"limit-count": conf | {"count": 3}}})
    assert response.status == 400
    assert response.json()["error_msg"].endswith("plugin limit-count err: group conf mismatched")


def test_rate_limiting_info_can_be_logged(make_gateway, quick):
    gateway = make_gateway(config={"nginx_config": {"http": {"access_log_format": "<$rate_limiting_info>"}}})
    gateway.put("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {quick.node: 1}}, "plugins": {
        "limit-count": {"count": 5, "time_window": 3600, "key_type": "constant", "key": "k"}}})
    wait_until(lambda: gateway.request("/").header("X-RateLimit-Limit"), "the route")
    gateway.stop()
    line = [line for line in gateway.log("access.log").splitlines() if "rate_limiting_key" in line][0]
    assert "/apisix/routes/1:" in line
    assert ":k" in line and "rate_limiting_limit" in line and ":4," in line and ":3600}" in line


class Breaking:
    def __init__(self):
        self.status = 500
        self.server = Upstream(lambda _: (self.status, {}, b""))


def test_api_breaker_opens_for_all_workers_and_closes_again(proxy):
    breaking = Breaking()
    conf = {"break_response_code": 599, "unhealthy": {"http_statuses": [500], "failures": 3},
            "healthy": {"http_statuses": [200], "successes": 2}}
    path = limited(proxy, breaking.server, **{"api-breaker": conf})
    assert hammer([proxy.port], path, clients=1, requests_each=3) == {500: 3}
    asked = len(breaking.server.requests)
    assert hammer([proxy.port], path, clients=6, requests_each=2) == {599: 12}
    assert len(breaking.server.requests) == asked
    # Two seconds later it is asked again; it is well.
    breaking.status = 200
    began = time.monotonic()
    wait_until(lambda: proxy.gateway.request(path).status == 200, "the breaker to close")
    assert 1 <= time.monotonic() - began < 10
    assert proxy.gateway.request(path).status == 200
    # Forgotten: it takes three failures again.
    breaking.status = 500
    assert hammer([proxy.port], path, clients=1, requests_each=3) == {500: 3}
    assert proxy.gateway.request(path).status == 599
    breaking.server.close()
