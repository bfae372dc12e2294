"""limit-count, limit-req and limit-conn that count in a redis: exact over all workers of several gateways, bounded
waiting when it does not reply, and leases that end when a gateway's worker dies."""

import os
import signal
import threading
import time

import pytest

import limits
from gateway import http_request, is_alive, pause, running_gateway, wait_until
from hammer import hammer
from limits import ENDLESS_S, quick  # noqa: F401
from redis_server import RedisServer
from upstream import Upstream

PASSWORD = "foobared"


@pytest.fixture(scope="module")
def redis():
    server = RedisServer({"requirepass": PASSWORD})
    yield server
    server.close()


@pytest.fixture(scope="module")
def pair():
    """Two gateways that have nothing in common but the redis."""
    with running_gateway(workers=2) as one, running_gateway(workers=2) as other:
        yield [one, other]


def of(redis, **more):
    return {"policy": "redis", "redis_host": "127.0.0.1", "redis_port": redis.port, "redis_password": PASSWORD,
            "redis_timeout": 5000} | more


def limit(gateways, server, plugin, conf, route_id="1"):
    """The same route on all of them."""
    for gateway in gateways:
        limits.limit(gateway, server, plugin, conf, route_id)
    return [gateway.port for gateway in gateways]


@pytest.mark.parametrize("window_type", ["fixed", "sliding"])
def test_limit_count_is_exact_over_gateways(pair, redis, quick, window_type):
    conf = {"count": 150, "time_window": ENDLESS_S, "key": "remote_addr", "window_type": window_type}
    ports = limit(pair, quick, "limit-count", of(redis, **conf))
    assert hammer(ports, "/limited", clients=12, requests_each=25) == {200: 150, 503: 150}


def test_limit_count_in_a_database_of_its_own(pair, redis, quick):
    conf = of(redis, count=5, time_window=3600, key_type="constant", key="only", group="shared", redis_database=2)
    ports = limit(pair, quick, "limit-count", conf)
    response = http_request(ports[0], "GET", "/limited")
    assert (response.header("X-RateLimit-Remaining"), response.header("X-RateLimit-Reset")) == ("4", "3600")
    assert http_request(ports[1], "GET", "/limited").header("X-RateLimit-Remaining") == "3"
    client = redis.client
    client.execute_command("SELECT", 2)
    assert client.get("plugin-limit-count:v1:shared:only") == b"2"  # as APISIX counts
    assert 3000 < client.ttl("plugin-limit-count:v1:shared:only") <= 3600


def test_limit_req_is_exact_over_gateways(pair, redis, quick):
    conf = of(redis, rate=0.001, burst=59, key="remote_addr", nodelay=True)
    ports = limit(pair, quick, "limit-req", conf)
    assert hammer(ports, "/limited", clients=12, requests_each=10) == {200: 60, 503: 60}


def test_limit_req_delays_to_the_rate(pair, redis, quick):
    ports = limit(pair, quick, "limit-req", of(redis, rate=20, burst=20, key="remote_addr"))
    began = time.monotonic()
    assert hammer(ports, "/limited", clients=9, requests_each=1) == {200: 9}
    assert time.monotonic() - began >= 8 / 20


def test_limit_conn_over_gateways(pair, redis):
    gate = threading.Event()
    held = Upstream(lambda _: (gate.wait(30), (200, {}, b"ok"))[1])
    conf = of(redis, conn=4, burst=0, default_conn_delay=0.1, key="remote_addr")
    ports = limit(pair, held, "limit-conn", conf)
    statuses = []
    threads = [threading.Thread(target=lambda port=port: statuses.append(http_request(port, "GET", "/limited").status))
               for port in ports * 2]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(held.requests) == 4, "four in flight")
    assert [http_request(port, "GET", "/limited").status for port in ports] == [503, 503]
    gate.set()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 4
    wait_until(lambda: not redis.client.keys("limit_conn:*"), "the leases back")
    held.close()


def test_a_new_script_cache_is_filled_again(pair, redis, quick):
    ports = limit(pair, quick, "limit-count", of(redis, count=1000, time_window=3600, key="uri"))
    assert http_request(ports[0], "GET", "/limited").status == 200
    redis.client.script_flush()
    assert http_request(ports[0], "GET", "/limited").status == 200


def test_wrong_credentials_are_an_error(pair, redis, quick):
    ports = limit(pair, quick, "limit-count", of(redis, count=9, time_window=60, redis_password="wrong"))
    assert http_request(ports[0], "GET", "/limited").status == 500
    pair[0].wait_for_log("failed to limit count: WRONGPASS")


@pytest.mark.serial
@pytest.mark.parametrize("plugin, conf", [
    ("limit-count", {"count": 9, "time_window": 60}),
    ("limit-count", {"count": 9, "time_window": 60, "window_type": "sliding"}),
    ("limit-req", {"rate": 9, "burst": 9, "key": "remote_addr"}),
    ("limit-conn", {"conn": 9, "burst": 9, "default_conn_delay": 0.1, "key": "remote_addr"}),
])
def test_a_silent_redis_costs_the_timeout_and_degradation_decides(pair, redis, quick, plugin, conf):
    for allow, status in ((False, 500), (True, 200)):
        ports = limit(pair[:1], quick, plugin, of(redis, redis_timeout=300, allow_degradation=allow, **conf))
        assert http_request(ports[0], "GET", "/limited").status == 200
        redis.freeze()
        try:
            for _ in range(2):
                began = time.monotonic()
                assert http_request(ports[0], "GET", "/limited").status == status
                assert 0.2 < time.monotonic() - began < 1.2
        finally:
            redis.thaw()
        # A late reply is discarded.
        wait_until(lambda: http_request(ports[0], "GET", "/limited").status == 200, "redis again")


def test_a_redis_that_comes_back_counts_again(make_gateway, quick):
    gateway = make_gateway()
    server = RedisServer()
    conf = {"count": 2, "time_window": 3600, "policy": "redis", "redis_host": "localhost", "redis_port": server.port}
    limit([gateway], quick, "limit-count", conf)
    assert gateway.request("/limited").status == 200
    server.kill()
    assert gateway.request("/limited").status == 500
    gateway.wait_for_log("failed to limit count: connection refused")
    server.start()
    assert [gateway.request("/limited").status for _ in range(3)] == [200, 200, 503]
    server.close()


@pytest.mark.expects_damage
def test_leases_of_a_killed_worker_end(make_gateway, redis):
    gateway = make_gateway()
    held = Upstream(lambda _: (pause(30), (200, {}, b""))[1])
    conf = of(redis, conn=1, burst=0, default_conn_delay=0.1, key="remote_addr", key_ttl=2)
    limit([gateway], held, "limit-conn", conf, route_id="killed")

    def ask():
        try:
            http_request(gateway.port, "GET", "/limited")
        except OSError:
            pass  # the worker was killed

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: held.requests, "one in flight")
    (killed,) = gateway.worker_pids()
    os.kill(killed, signal.SIGKILL)
    thread.join()
    wait_until(lambda: not is_alive(killed) and gateway.worker_pids(), "another worker")
    held.respond = lambda _: (200, {}, b"")
    wait_until(lambda: gateway.request("/limited").status == 200, "the lease to end")
    held.close()


def test_delayed_sync_grants_no_more_than_each_was_told(pair, redis, quick):
    conf = of(redis, count=200, time_window=3600, key_type="constant", key="k", group="delayed", sync_interval=0.2)
    ports = limit(pair, quick, "limit-count", conf)
    statuses = hammer(ports, "/limited", clients=12, requests_each=60)
    assert statuses[200] + statuses[503] == 720
    assert 200 <= statuses[200] <= 400
    counter = "plugin-limit-count:v1:delayed:k"
    wait_until(lambda: int(redis.client.get(counter) or 0) == statuses[200], "all that was granted in redis")
    assert http_request(ports[0], "GET", "/limited").status == 503


def test_delayed_sync_without_redis_counts_on_the_machine(make_gateway, quick):
    gateway = make_gateway(workers=2)
    conf = {"count": 30, "time_window": 3600, "key": "remote_addr", "policy": "redis", "redis_host": "127.0.0.1",
            "redis_port": 1, "sync_interval": 0.2}
    ports = limit([gateway], quick, "limit-count", conf)
    assert hammer(ports, "/limited", clients=6, requests_each=10) == {200: 30, 503: 30}
    gateway.wait_for_log("try use fallback limiter to do rate limiting")
