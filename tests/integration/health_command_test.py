"""apisix health: which nodes are healthy, as a table and as JSON, and what the exit code says."""

import json

import pytest

from gateway import wait_until
from ports import free_port


def checked_upstream(*nodes):
    return {"type": "roundrobin", "nodes": {node: 1 for node in nodes},
            "checks": {"active": {"type": "http", "http_path": "/status", "healthy": {"interval": 1, "successes": 1},
                                  "unhealthy": {"interval": 1, "http_failures": 1, "tcp_failures": 1}}}}


def statuses(gateway, *names):
    """{port: status}"""
    done = gateway.run("health", *names, "--json")
    return {node["port"]: node["status"] for upstream in json.loads(done.stdout) for node in upstream["nodes"]}


def test_unused_upstream_is_not_checked(gateway):
    done = gateway.run("health")
    assert done.returncode == 0 and "No node is checked" in done.stdout
    assert gateway.run("health", "--json").stdout == "[]\n"


def test_a_node_that_goes_and_comes(gateway, upstream):
    dead = free_port()
    gateway.put("/upstreams/1", checked_upstream(upstream.node, f"127.0.0.1:{dead}"))
    gateway.put("/upstreams/2", checked_upstream(upstream.node))
    for number in (1, 2):
        gateway.put(f"/routes/{number}", {"uri": f"/{number}", "upstream_id": f"{number}"})
        wait_until(lambda path=f"/{number}": gateway.request(path).status == 200, "the route")
    wait_until(lambda: statuses(gateway) == {upstream.port: "healthy", dead: "unhealthy"}, "the checker to notice")

    done = gateway.run("health")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["UPSTREAM", "NODE", "HOST", "STATUS", "OK", "HTTP", "TCP", "TIMEOUT"]
    (bad,) = [line.split() for line in lines if "unhealthy" in line and "nodes" not in line]
    assert bad[:4] == ["upstreams/1", f"127.0.0.1:{dead}", "-", "unhealthy"]
    assert lines[-1] == "1 of 3 nodes unhealthy"
    assert max(len(line) for line in lines) <= 80

    one = gateway.run("health", "upstreams/2")
    assert one.returncode == 0 and one.stdout.endswith("0 of 1 nodes unhealthy\n")
    missing = gateway.run("health", "upstreams/7")
    assert missing.returncode == 1 and 'no node of "upstreams/7" is checked' in missing.stderr

    upstream.respond = lambda request: (500, {}, b"")
    wait_until(lambda: statuses(gateway, "upstreams/2") == {upstream.port: "unhealthy"}, "the flip")
    upstream.respond = lambda request: (200, {}, b"")
    wait_until(lambda: gateway.run("health", "upstreams/2").returncode == 0, "it to be back")


@pytest.mark.gateway(config={"apisix": {"disable_upstream_healthcheck": True}})
def test_health_checks_are_off(gateway, upstream):
    gateway.put("/routes/1", {"uri": "/1", "upstream": checked_upstream(upstream.node)})
    wait_until(lambda: gateway.request("/1").status == 200, "the route")
    assert "No node is checked" in gateway.run("health").stdout
