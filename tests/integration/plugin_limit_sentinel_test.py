"""limit-count over the server that sentinels name: it goes on after that one died."""

import pytest

from gateway import wait_until
from limits import gateway, limit, quick  # noqa: F401
from redis_server import WatchedRedis


@pytest.fixture(scope="module")
def watched():
    servers = WatchedRedis()
    yield servers
    servers.close()


def left(gateway, path="/limited/x"):
    response = gateway.request(path)
    return response.status, response.header("X-RateLimit-Remaining")


def test_sentinels_name_the_next_master(gateway, watched, quick):
    conf = {"count": 100, "time_window": 3600, "key": "remote_addr", "policy": "redis-sentinel",
            "redis_master_name": watched.name, "redis_password": watched.password,
            "redis_sentinels": [{"host": "127.0.0.1", "port": sentinel.port} for sentinel in watched.sentinels]}
    limit(gateway, quick, "limit-count", conf)
    assert [left(gateway) for _ in range(2)] == [(200, "99"), (200, "98")]
    # A sentinel less is none the worse.
    watched.sentinels[0].freeze()
    assert left(gateway) == (200, "97")
    watched.sentinels[0].thaw()
    wait_until(lambda: watched.replica.client.info("replication")["slave_repl_offset"]
               == watched.master.client.info("replication")["master_repl_offset"], "the replica to be up to date")
    watched.master.kill()
    responses = []

    def served():
        responses.append(left(gateway))
        return responses[-1][0] == 200

    wait_until(served, "the sentinels to name another master")
    assert int(responses[-1][1]) <= 96, "the counter went with the master"
    (key,) = watched.replica.client.keys("plugin-limit-count*")
    assert int(watched.replica.client.get(key)) == 100 - int(responses[-1][1])


def test_sentinels_without_master(gateway, watched, quick):
    conf = {"count": 100, "time_window": 3600, "key": "remote_addr", "policy": "redis-sentinel",
            "redis_master_name": "nobody", "redis_password": watched.password,
            "redis_sentinels": [{"host": "127.0.0.1", "port": sentinel.port} for sentinel in watched.sentinels]}
    limit(gateway, quick, "limit-count", conf)
    assert gateway.request("/limited/x").status == 500
    gateway.wait_for_log("failed to limit count: sentinels know no master nobody")
