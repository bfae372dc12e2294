"""The Admin API for the kinds of objects: what depends on config.yaml. What does not is in tests/compat/admin."""
import pytest

from gateway import wait_until

pytestmark = pytest.mark.shares_gateway

NODES = {"type": "roundrobin", "nodes": {"127.0.0.1:1980": 1}}
OLD_API = {"deployment": {"admin": {"admin_api_version": "v2"}}}


@pytest.mark.parametrize("method, path", [("GET", "/stream_routes"), ("PUT", "/stream_routes/1"),
                                          ("DELETE", "/stream_routes/1")])
def test_stream_routes_need_stream_mode(gateway, method, path):
    refused = gateway.admin(method, path, {"upstream": NODES})
    assert refused.status == 400
    assert refused.json() == {"error_msg": "stream mode is disabled, can not add stream routes"}


@pytest.mark.gateway(config=OLD_API)
def test_version_2_wraps_responses(gateway):
    made = gateway.admin("PUT", "/upstreams/1", NODES)
    assert made.status == 201 and made.header("X-API-VERSION") == "v2"
    assert made.json()["action"] == "set" and set(made.json()) == {"action", "node"}
    assert set(made.json()["node"]) == {"key", "value"}

    one = gateway.admin("GET", "/upstreams/1").json()
    assert one["action"] == "get" and set(one["node"]) == {"key", "value"}

    posted = gateway.admin("POST", "/upstreams", NODES)
    assert posted.status == 201 and posted.json()["action"] == "create"
    assert gateway.admin("PATCH", "/upstreams/1", {"desc": "x"}).json()["action"] == "compareAndSwap"

    listed = gateway.admin("GET", "/upstreams?page=1&page_size=1").json()  # paging came with v3
    assert listed["node"]["key"] == "/apisix/upstreams" and listed["node"]["dir"] is True
    assert [node["key"] for node in listed["node"]["nodes"]][0].startswith("/apisix/upstreams/")
    assert len(listed["node"]["nodes"]) == 2

    assert gateway.admin("DELETE", "/upstreams/1").json() == {
        "action": "delete", "deleted": "1", "key": "/apisix/upstreams/1", "node": {}}
    assert gateway.admin("GET", "/upstreams/1").json() == {"message": "Key not found"}


def test_ttl_ends_any_kind(gateway):
    assert gateway.admin("PUT", "/consumers?ttl=1", {"username": "brief"}).status == 201
    wait_until(lambda: gateway.admin("GET", "/consumers/brief").status == 404, "the consumer to end")


def test_many_children_go_with_their_parent(gateway):
    gateway.put("/consumers", {"username": "jack"})
    for i in range(230):  # more than fit into one transaction
        gateway.put(f"/consumers/jack/credentials/c{i}", {})
    assert gateway.admin("DELETE", "/consumers/jack").status == 200
    gateway.put("/consumers", {"username": "jack"})
    assert gateway.admin("GET", "/consumers/jack/credentials").status == 404
