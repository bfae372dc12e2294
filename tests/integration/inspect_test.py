"""apisix routes, services, upstreams: the table, one object, JSON, and what is not there."""
import json


def test_tables_and_json(gateway):
    gateway.put("/upstreams/1", {"type": "roundrobin", "nodes": {"127.0.0.1:1980": 1}})
    gateway.put("/services/s", {"name": "shop", "upstream_id": "1"})
    gateway.put("/routes/r1", {"uri": "/a", "methods": ["GET", "PUT"], "service_id": "s"})
    gateway.put("/routes/r2", {"uris": ["/b", "/c"], "host": "x.test", "upstream_id": "1"})

    table = gateway.run("routes")
    assert table.returncode == 0, table.stderr
    lines = [line.split() for line in table.stdout.splitlines()]
    assert lines[0] == ["ID", "NAME", "URI", "HOST", "METHODS", "SERVICE", "UPSTREAM"]
    assert lines[1] == ["r1", "-", "/a", "-", "GET,PUT", "s", "-"]
    assert lines[2] == ["r2", "-", "/b,/c", "x.test", "-", "-", "upstream", "1"]

    one = gateway.run("services", "s", "--json")
    assert [item["name"] for item in json.loads(one.stdout)] == ["shop"]
    assert "127.0.0.1:1980" in gateway.run("upstreams").stdout

    missing = gateway.run("routes", "nope")
    assert missing.returncode == 1
    assert "no such object: routes/nope" in missing.stderr
