"""limit-count, limit-req and limit-conn over a redis cluster of three: they count in one place, follow slots that move,
and go on after a master died."""

import pytest

from gateway import wait_until
from hammer import hammer
from limits import ENDLESS_S, gateway, limit, quick  # noqa: F401
from redis_server import RedisCluster


@pytest.fixture(scope="module")
def cluster():
    servers = RedisCluster()
    yield servers
    servers.close()


def in_cluster(cluster, **more):
    return {"policy": "redis-cluster", "redis_cluster_name": "c", "redis_timeout": 5000,
            "redis_cluster_nodes": [node.address for node in cluster.masters[:2]]} | more


@pytest.mark.parametrize("plugin, conf", [
    ("limit-count", {"count": 20, "time_window": ENDLESS_S, "key": "uri"}),
    ("limit-count", {"count": 20, "time_window": ENDLESS_S, "key": "uri", "window_type": "sliding"}),
    ("limit-req", {"rate": 0.001, "burst": 19, "key": "uri", "nodelay": True}),
    ("limit-conn", {"conn": 100, "burst": 0, "default_conn_delay": 0.1, "key": "uri"}),
])
def test_a_cluster_counts_keys_on_all_its_nodes(gateway, cluster, quick, plugin, conf):
    for node in cluster.masters:
        node.client.flushall()
    limit(gateway, quick, plugin, in_cluster(cluster, **conf))
    for number in range(5):
        statuses = hammer([gateway.port], f"/limited/{number}", clients=4, requests_each=10)
        assert statuses == ({200: 40} if plugin == "limit-conn" else {200: 20, 503: 20})
    if plugin == "limit-conn":
        wait_until(lambda: not any(node.client.dbsize() for node in cluster.masters), "the leases back")
    else:
        assert sum(node.client.dbsize() > 0 for node in cluster.masters) > 1


def left(gateway, path="/limited/x"):
    response = gateway.request(path)
    return response.status, response.header("X-RateLimit-Remaining")


def test_a_slot_that_moves_is_followed(gateway, cluster, quick):
    for node in cluster.masters:
        node.client.flushall()
    limit(gateway, quick, "limit-count", in_cluster(cluster, count=100, time_window=3600, key="uri"))
    assert left(gateway) == (200, "99")
    source, key = cluster.find("plugin-limit-count*")
    slot = source.client.execute_command("CLUSTER", "KEYSLOT", key)
    target = next(node for node in cluster.masters if node is not source)
    target.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id_of(source))
    source.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id_of(target))
    source.client.execute_command("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)
    # The source says ASK, then MOVED.
    assert [left(gateway) for _ in range(4)] == [(200, str(n)) for n in (98, 97, 96, 95)]
    for node in cluster.masters:
        node.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", cluster.id_of(target))
    assert [left(gateway) for _ in range(8)] == [(200, str(n)) for n in range(94, 86, -1)]
    assert target.client.get(key) == b"13"


def test_a_cluster_goes_on_when_a_master_dies(gateway, cluster, quick):
    for node in cluster.masters:
        node.client.flushall()
    conf = in_cluster(cluster, count=1000, time_window=3600, key="uri", redis_timeout=1000)
    limit(gateway, quick, "limit-count", conf)
    paths = [f"/limited/{number}" for number in range(12)]
    assert {left(gateway, path) for path in paths} == {(200, "999")}
    wait_until(lambda: cluster.replica.client.info("replication")["slave_repl_offset"]
               == cluster.masters[0].client.info("replication")["master_repl_offset"], "the replica to be up to date")
    cluster.masters[0].kill()
    # Those of the other masters are served meanwhile.
    wait_until(lambda: {gateway.request(path).status for path in paths} == {200}, "the replica to take over")
    counted = {int(left(gateway, path)[1]) for path in paths}
    assert max(counted) < 999, "the counters of the dead master are lost"
