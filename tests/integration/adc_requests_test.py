"""What ADC, APISIX's declarative client, asks the Admin API for: recorded of its ping, validate, sync, diff and deletion of
everything, in its order, with the parts of the responses that it reads."""

JACK, SERVICE = "3ba6b74b0e73c507964a0f45541637c9ebd124b0", "bd326256210974ceb2fde75b0d087640a1811dc8"
ROUTE = "4068ffc90dc6127d904ae6a62367d3217bd4b139"
LABELS = {"managed-by": "adc"}
KINDS = ["services", "routes", "plugin_configs", "upstreams", "ssls", "consumers", "global_rules", "plugin_metadata"]
NODES = [{"host": "127.0.0.1", "port": 8001, "weight": 1, "priority": 0}]

OBJECTS = [
    (f"/upstreams/{SERVICE}", {"type": "roundrobin", "nodes": NODES, "scheme": "http", "pass_host": "pass",
                               "timeout": {"connect": 5, "send": 5, "read": 5}, "name": "svc", "labels": LABELS}),
    (f"/services/{SERVICE}", {"id": SERVICE, "name": "svc", "labels": LABELS, "upstream_id": SERVICE,
                              "hosts": ["example.com"], "plugins": {"key-auth": {}}}),
    (f"/routes/{ROUTE}", {"id": ROUTE, "name": "r", "labels": LABELS, "uris": ["/two"], "priority": 10,
                          "vars": [["arg_a", "==", "1"]], "service_id": SERVICE}),
    ("/consumers/jack", {"username": "jack", "labels": LABELS, "plugins": {
        "limit-count": {"count": 2, "time_window": 60, "rejected_code": 429, "policy": "local"}}}),
    ("/consumers/rose", {"username": "rose", "labels": LABELS}),
    ("/global_rules/ip-restriction", {"plugins": {"ip-restriction": {"blacklist": ["10.9.9.9/32"]}}}),
    ("/plugin_metadata/http-logger", {"log_format": {"host": "$host"}}),
    (f"/consumers/jack/credentials/{JACK}", {"id": JACK, "name": "key", "plugins": {"key-auth": {"key": "jack-key"}}}),
]
DELETED = [f"/routes/{ROUTE}", f"/services/{SERVICE}", f"/upstreams/{SERVICE}", "/consumers/rose", "/consumers/jack",
           "/global_rules/ip-restriction", "/plugin_metadata/http-logger"]


def lists(gateway):
    """Every kind, unpaged: {kind: {id: value}}."""
    found = {}
    for kind in KINDS:
        response = gateway.admin("GET", f"/{kind}")
        assert response.status == 200 and response.header("Server") == "APISIX/3.18.0"
        body = response.json()
        assert body["total"] == len(body["list"])
        found[kind] = {item["key"].rsplit("/", 1)[1]: item["value"] for item in body["list"]}
    return found


def test_adc(gateway):
    assert gateway.admin("GET", "/routes").json() == {"list": [], "total": 0}  # ping
    assert not any(lists(gateway).values())
    assert gateway.admin("GET", "/stream_routes").status == 400  # ADC takes that for "none"
    for path, body in OBJECTS:
        assert gateway.admin("PUT", path, body).status == 201, path

    found = lists(gateway)
    for path, body in OBJECTS[:-1]:
        kind, name = path.strip("/").split("/")
        value = found[kind][name]
        # What it compares with what it has: nothing may be lost or changed.
        assert {member: value.get(member) for member in body} == body, path
    credentials = gateway.admin("GET", "/consumers/jack/credentials").json()
    assert credentials["total"] == 1
    assert credentials["list"][0]["key"].endswith(f"/consumers/jack/credentials/{JACK}")
    assert credentials["list"][0]["value"]["plugins"] == {"key-auth": {"key": "jack-key"}}
    none = gateway.admin("GET", "/consumers/rose/credentials")
    assert (none.status, none.json()) == (404, {"message": "Key not found"})

    for path in DELETED:
        response = gateway.admin("DELETE", path)
        assert (response.status, response.json()["deleted"]) == (200, "1"), path
    assert not any(lists(gateway).values())
    # Gone with its consumer.
    assert gateway.admin("DELETE", f"/consumers/jack/credentials/{JACK}").status == 404


def test_adc_validate(gateway):
    good = {"routes": [{"id": ROUTE, "name": "r", "uris": ["/two"], "service_id": SERVICE, "labels": LABELS}],
            "services": [{"id": SERVICE, "name": "svc", "upstream_id": SERVICE}],
            "upstreams": [{"id": SERVICE, "type": "roundrobin", "nodes": NODES}],
            "consumers": [{"username": "jack"}]}
    response = gateway.admin("POST", "/configs/validate", good)
    assert (response.status, response.json()) == (200, {})
    good["routes"].append({"id": "second", "uris": ["/x"], "plugins": {"nope": {}}})
    good["consumers"].append({"username": "no name"})
    response = gateway.admin("POST", "/configs/validate", good)
    assert response.status == 400
    body = response.json()
    assert body["error_msg"] == "Configuration validation failed"
    faults = {(fault["resource_type"], fault["index"], fault["resource_id"]): fault["error"] for fault in body["errors"]}
    assert faults["routes", 1, "second"] == "unknown plugin [nope]"
    assert "username" in faults["consumers", 1, "no name"]
    assert len(faults) == 2
    assert not any(lists(gateway).values())
