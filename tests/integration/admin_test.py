"""The Admin API for routes, services and upstreams: every method, status codes, shapes, who may use it, and that
nothing is stored when something is wrong."""
import http.client
import json

import pytest

from gateway import http_request, wait_until

pytestmark = pytest.mark.shares_gateway

NODES = {"type": "roundrobin", "nodes": {"127.0.0.1:1980": 1}}
VIEWER = "viewerviewerviewerviewerviewerview"


def test_life_of_an_object(gateway):
    created = gateway.admin("PUT", "/upstreams/u1", NODES)
    assert created.status == 201
    value = created.json()["value"]
    assert created.json()["key"] == "/apisix/upstreams/u1"
    assert value["id"] == "u1" and value["create_time"] == value["update_time"]
    assert set(created.json()) == {"key", "value"}

    replaced = gateway.admin("PUT", "/upstreams/u1", NODES | {"desc": "again"})
    assert replaced.status == 200
    assert replaced.json()["value"]["create_time"] == value["create_time"]

    one = gateway.admin("GET", "/upstreams/u1")
    assert one.status == 200 and one.header("X-API-VERSION") == "v3"
    assert set(one.json()) == {"key", "value", "createdIndex", "modifiedIndex"}
    assert one.json()["modifiedIndex"] > one.json()["createdIndex"]

    deleted = gateway.admin("DELETE", "/upstreams/u1")
    assert deleted.status == 200 and deleted.json() == {"key": "/apisix/upstreams/u1", "deleted": "1"}
    for method in ("GET", "DELETE"):
        missing = gateway.admin(method, "/upstreams/u1")
        assert missing.status == 404 and missing.json() == {"message": "Key not found"}


def test_post_makes_ids_in_order(gateway):
    ids = [gateway.admin("POST", "/routes", {"uri": f"/{i}", "upstream": NODES}).json()["value"]["id"]
           for i in range(3)]
    assert ids == sorted(ids) and all(len(made) == 20 and made.isdigit() for made in ids)
    refused = gateway.admin("POST", "/routes/1", {"uri": "/x", "upstream": NODES})
    assert refused.status == 400


def test_put_on_the_collection_takes_the_id_of_the_body(gateway):
    assert gateway.admin("PUT", "/services", {"id": "s", "upstream": NODES}).status == 201
    assert gateway.admin("GET", "/services/s").status == 200
    wrong = gateway.admin("PUT", "/services/s", {"id": "other"})
    assert wrong.status == 400 and wrong.json()["error_msg"] == "wrong service id"


def test_patch_merges_and_replaces_sub_paths(gateway):
    gateway.put("/routes/1", {"uri": "/a", "labels": {"x": "1", "y": "2"}, "upstream": NODES})
    merged = gateway.admin("PATCH", "/routes/1", {"labels": {"x": None, "z": "3"}, "desc": "d"})
    assert merged.status == 200
    assert merged.json()["value"]["labels"] == {"y": "2", "z": "3"}
    whole = gateway.admin("PATCH", "/routes/1/upstream/nodes", {"127.0.0.1:1981": 2})
    assert whole.json()["value"]["upstream"]["nodes"] == {"127.0.0.1:1981": 2}
    assert gateway.admin("PATCH", "/routes/1/desc", b'"text"').json()["value"]["desc"] == "text"
    bad = gateway.admin("PATCH", "/routes/1/uri/deep/er", b'"x"')
    assert bad.status == 400 and bad.json()["error_msg"].startswith("invalid sub-path: /uri")
    assert gateway.admin("PATCH", "/routes/1", {"uri": 5}).status == 400
    assert gateway.admin("GET", "/routes/1").json()["value"]["uri"] == "/a"
    assert gateway.admin("PATCH", "/routes/none", {"uri": "/x"}).status == 404


@pytest.mark.parametrize("path, body, error_msg", [
    ("/routes/1", {"upstream": NODES}, "invalid configuration: "),
    ("/routes/1", {"uri": "/x", "upstream_id": "none"},
     "failed to fetch upstream info by upstream id [none], response code: 404"),
    ("/routes/1", {"uri": "/x", "service_id": 7}, "failed to fetch service info by service id [7], response code: 404"),
    ("/routes/1", {"uri": "/x", "upstream": NODES, "plugins": {"no-such": {}}}, "unknown plugin [no-such]"),
    ("/routes/1", {"uri": "/x", "upstream": NODES, "vars": [["a", "??", "b"]]},
     "failed to validate the 'vars' expression: "),
    ("/routes/1", {"uri": "/x", "upstream": NODES, "create_time": 1}, "the property is forbidden:  create_time"),
    ("/routes/a$b", {"uri": "/x", "upstream": NODES}, "invalid configuration: "),
    ("/upstreams/1", {"type": "chash", "nodes": {"a:1": 1}}, "missing key"),
    ("/services/1", {"upstream_id": "none"}, "failed to fetch upstream info by upstream id [none]"),
])
def test_what_is_wrong_is_said_and_not_stored(gateway, path, body, error_msg):
    response = gateway.admin("PUT", path, body, headers={"Accept": "*/*"})
    assert response.status == 400, response.text
    assert response.json()["error_msg"].startswith(error_msg)
    if "forbidden" not in error_msg:
        errors = response.json()["errors"]
        assert errors and all({"pointer", "rule", "message"} <= set(fault) for fault in errors)
    assert gateway.admin("GET", path).status == 404


def test_all_faults_at_once_and_only_for_clients_that_accept(gateway):
    body = {"uris": [], "hots": ["a"], "priority": "high", "upstream": NODES}
    faults = gateway.admin("PUT", "/routes/1", body, headers={"Accept": "application/json"}).json()["errors"]
    pointers = {fault["pointer"] for fault in faults}
    assert {"/uris", "/hots", "/priority"} <= pointers
    assert any('"host"' in fault.get("hint", "") or '"hosts"' in fault.get("hint", "") for fault in faults)
    plain = gateway.admin("PUT", "/routes/1", body)
    assert set(plain.json()) == {"error_msg"}, "APISIX's bytes for who says nothing"


def test_bodies_that_are_no_json_or_too_long(gateway):
    bad = gateway.admin("PUT", "/routes/1", b"{bad")
    assert bad.status == 400 and bad.json()["error_msg"].startswith("invalid request body: ")
    assert bad.json()["req_body"] == "{bad"
    assert gateway.admin("PUT", "/routes/1").json()["error_msg"] == "missing configurations"
    long = gateway.admin("PUT", "/routes/1", b'{"desc":"' + b"x" * (1536 * 1024) + b'"}')
    assert long.status == 400 and "is greater than the maximum size 1572864 allowed" in long.json()["error_msg"]


def test_lists_filters_and_pages(gateway):
    for i in range(12):
        gateway.put(f"/routes/{i:02}", {"uri": f"/r{i}", "name": f"n{i}", "labels": {"odd" if i % 2 else "even": "1"},
                                        "upstream": NODES})
    assert gateway.admin("GET", "/services").json() == {"list": [], "total": 0}
    assert gateway.admin("GET", "/routes").json()["total"] == 12
    assert gateway.admin("GET", "/routes?label=odd").json()["total"] == 6
    assert gateway.admin("GET", "/routes?name=n1.").json()["total"] == 2
    assert gateway.admin("GET", "/routes?uri=%5E/r1%24").json()["total"] == 1
    page = gateway.admin("GET", "/routes?page=2&page_size=10").json()
    assert page["total"] == 12 and [item["value"]["id"] for item in page["list"]] == ["10", "11"]
    assert gateway.admin("GET", "/routes?page=1&page_size=5").status == 400


def test_references_hold_objects_unless_forced(gateway):
    gateway.put("/upstreams/u", NODES)
    gateway.put("/services/s", {"upstream_id": "u"})
    gateway.put("/routes/r", {"uri": "/x", "service_id": "s"})
    held = gateway.admin("DELETE", "/upstreams/u")
    assert (held.status, held.json()["error_msg"]) == (
        400, "can not delete this upstream, service [s] is still using it now")
    held = gateway.admin("DELETE", "/services/s")
    assert (held.status, held.json()["error_msg"]) == (
        400, "can not delete this service directly, route [r] is still using it now")
    assert gateway.admin("DELETE", "/services/s?force=true").status == 200
    assert gateway.admin("DELETE", "/upstreams/u").status == 200


def test_ttl_ends_an_object(gateway):
    assert gateway.admin("PUT", "/routes/t?ttl=1", {"uri": "/t", "upstream": NODES}).status == 201
    assert gateway.admin("PUT", "/routes/t?ttl=x", {"uri": "/t", "upstream": NODES}).status == 400
    wait_until(lambda: gateway.admin("GET", "/routes/t").status == 404, "the end of the lease")
    wait_until(lambda: gateway.request("/t").status == 404, "the end of the route")


def test_keys_roles_and_places(make_gateway):
    gateway = make_gateway(config={"deployment": {"admin": {"admin_key": [
        {"name": "admin", "key": "adminadminadminadminadminadminadm", "role": "admin"},
        {"name": "viewer", "key": VIEWER, "role": "viewer"}]}}})

    def ask(method, path, headers=None, body=None):
        return http_request(gateway.admin_port, method, "/apisix/admin" + path, headers=headers or {}, body=body)

    for path in ("/routes", "/routes/1", "/upstreams", "/nothing", "/"):
        for method in ("GET", "PUT", "POST", "PATCH", "DELETE"):
            refused = ask(method, path)
            assert refused.status == 401, f"{method} {path} without a key"
            assert refused.json() == {"error_msg": "failed to check token", "description": "missing apikey"}
    assert ask("GET", "/routes", {"X-API-KEY": "wrong"}).json()["description"] == "wrong apikey"
    assert ask("GET", "/routes", {"X-API-KEY": VIEWER}).status == 200
    assert ask("GET", f"/routes?api_key={VIEWER}").status == 200
    assert ask("GET", "/routes", {"Cookie": f"a=b; x_api_key={VIEWER}"}).status == 200
    written = ask("PUT", "/routes/1", {"X-API-KEY": VIEWER}, json.dumps({"uri": "/x", "upstream": NODES}).encode())
    assert written.status == 401 and written.json()["description"] == "invalid method for role viewer"
    assert http_request(gateway.admin_port, "HEAD", "/apisix/admin").status == 200


@pytest.mark.gateway(config={"deployment": {"admin": {"allow_admin": ["192.0.2.0/24"]}}})
def test_addresses_that_are_not_allowed(gateway):
    """Their connections are closed before anything is read: no header changes the address that is looked at."""
    with pytest.raises((ConnectionError, http.client.BadStatusLine)):
        gateway.admin("GET", "/routes", headers={"X-Real-IP": "192.0.2.1", "X-Forwarded-For": "192.0.2.1"})
    gateway.wait_for_log("access to the Admin API forbidden by allow_admin, client: 127.0.0.1")


def test_cors_and_unknown_paths(gateway):
    preflight = gateway.admin("OPTIONS", "/routes")
    assert preflight.status == 200 and preflight.header("Access-Control-Allow-Methods")
    assert gateway.admin("GET", "/routes").header("Access-Control-Allow-Origin") == "*"
    unknown = gateway.admin("GET", "/nothing")
    assert unknown.status == 404 and unknown.json() == {"error_msg": "Unsupported resource type: nothing"}
