"""role traditional with config_provider yaml: the whole configuration is pushed by PUT /apisix/admin/configs."""
import json
import threading

import pytest
import yaml
from standalone import route, statuses, wait_for_status

LISTS = ["consumer_groups", "consumers", "global_rules", "plugin_configs", "plugin_metadata", "plugins", "protos",
         "routes", "secrets", "services", "ssls", "stream_routes", "upstreams"]
PUSHED = {"deployment": {"role": "traditional", "role_traditional": {"config_provider": "yaml"}}}


@pytest.fixture
def make_pushed(make_gateway):
    return lambda **options: make_gateway(config=PUSHED, **options)


@pytest.fixture
def gateway(make_pushed):
    return make_pushed(workers=2)


def push(gateway, document, digest, yaml_body=False):
    headers = {"X-Digest": digest}
    if yaml_body:
        headers["Content-Type"] = "application/yaml"
        document = yaml.safe_dump(document)
    return gateway.admin("PUT", "/configs", document, headers=headers)


def accepted(gateway, document, digest, **more):
    response = push(gateway, document, digest, **more)
    assert response.status == 202, response.text
    assert response.body == b""
    return response


def configs(gateway):
    return gateway.admin("GET", "/configs").json()


def test_before_any_push(gateway):
    response = gateway.admin("GET", "/configs")
    assert response.status == 200 and response.header("Content-Type") == "application/json"
    assert response.json() == {f"{name}_conf_version": 0 for name in LISTS}
    assert response.header("X-Digest") is None and response.header("X-Last-Modified") is None
    text = gateway.admin("GET", "/configs", headers={"Accept": "application/yaml"})
    assert text.header("Content-Type") == "application/yaml"
    assert yaml.safe_load(text.text) == response.json()
    head = gateway.admin("HEAD", "/configs")
    assert head.status == 200 and head.header("X-Digest") is None


def test_a_push_reaches_every_worker_and_is_read_back(gateway, upstream):
    document = {"routes": [route(upstream, "a"), {"uri": "/no-id", "upstream_id": "u"}],
                "upstreams": [{"id": "u", "type": "roundrobin", "nodes": {upstream.node: 1}}]}
    response = accepted(gateway, document, "d1")
    assert response.header("X-Digest") == "d1" and int(response.header("X-Last-Modified")) > 0
    wait_for_status(gateway, "/a", 200)
    wait_for_status(gateway, "/no-id", 200)
    for _ in range(6):  # whichever worker responds
        got = gateway.admin("GET", "/configs")
        assert got.json()["routes"] == document["routes"]
        assert got.json()["routes_conf_version"] == 1 and got.json()["ssls_conf_version"] == 1
        assert got.json()["X-Digest"] == "d1"
        assert got.header("X-Last-Modified") == response.header("X-Last-Modified")
    assert gateway.admin("HEAD", "/configs").header("X-Digest") == "d1"
    text = gateway.admin("GET", "/configs", headers={"Accept": "application/yaml"}).text
    assert yaml.safe_load(text) == configs(gateway) and not text.startswith("---")
    accepted(gateway, {"routes": [route(upstream, "b")]}, "d2", yaml_body=True)
    wait_for_status(gateway, "/b", 200)
    wait_for_status(gateway, "/a", 404)
    assert configs(gateway)["upstreams_conf_version"] == 2 and "upstreams" not in configs(gateway)
    accepted(gateway, {}, "d3")
    wait_for_status(gateway, "/b", 404)


def test_the_same_digest_is_no_push(gateway, upstream):
    accepted(gateway, {"routes": [route(upstream, "a")]}, "same")
    response = push(gateway, {"routes": []}, "same")
    assert response.status == 204 and response.body == b""
    assert configs(gateway)["routes_conf_version"] == 1


def test_versions(gateway, upstream):
    accepted(gateway, {"routes_conf_version": 100, "routes": [route(upstream, "a")]}, "1")
    stale = push(gateway, {"routes_conf_version": 99, "routes": []}, "2")
    assert stale.status == 400
    assert stale.json() == {"error_msg": "routes_conf_version must be greater than or equal to (100)"}
    # The same version: that list stays as it is, whatever is sent; the others move on.
    accepted(gateway, {"routes_conf_version": 100, "routes": [], "upstreams": [
        {"id": 1, "type": "roundrobin", "nodes": {upstream.node: 1}}]}, "3")
    assert configs(gateway)["routes"] == [route(upstream, "a")] and len(configs(gateway)["upstreams"]) == 1
    assert statuses(gateway, "/a") == {200}
    accepted(gateway, {"routes_conf_version": 101}, "4")
    assert "routes" not in configs(gateway) and configs(gateway)["routes_conf_version"] == 101
    assert configs(gateway)["upstreams_conf_version"] == 3
    assert push(gateway, {"routes_conf_version": "x"}, "5").json() == {
        "error_msg": "routes_conf_version must be a number"}


def test_the_same_modified_index_means_unchanged(gateway, upstream):
    first = route(upstream, "r") | {"modifiedIndex": 1}
    accepted(gateway, {"routes": [first]}, "1")
    wait_for_status(gateway, "/r", 200)
    moved = first | {"uri": "/moved"}
    accepted(gateway, {"routes": [moved]}, "2")
    assert configs(gateway)["routes"][0]["uri"] == "/moved"
    assert statuses(gateway, "/moved") == {404} and statuses(gateway, "/r") == {200}
    accepted(gateway, {"routes": [moved | {"modifiedIndex": 2}]}, "3")
    wait_for_status(gateway, "/moved", 200)
    wait_for_status(gateway, "/r", 404)


def test_what_is_refused_changes_nothing(gateway, upstream):
    accepted(gateway, {"routes": [route(upstream, "a")]}, "good")
    node = {"type": "roundrobin", "nodes": {upstream.node: 1}}
    for document, error in (
            ({"routes": [{"id": "r1", "uri": 123}]},
             'invalid configuration: property "uri" validation failed: wrong type: expected string, got number'),
            ({"routes": [{"id": "x", "uri": "/1", "upstream": node}, {"id": "x", "uri": "/2", "upstream": node}]},
             "found duplicate id x in routes"),
            ({"consumers": [{"username": "jack"}, {"username": "jack"}]},
             "found duplicate username jack in consumers"),
            ({"consumers": [{"id": "jack/credentials/cred-a", "plugins": {}}] * 2},
             "found duplicate credential id jack/credentials/cred-a in consumers"),
            ({"routes": [{"id": "r1", "uri": "/a", "plugins": {"no-such": {}}}]}, "unknown plugin [no-such]"),
            ({"routes": ["text"]}, "invalid configuration: wrong type: expected object, got string"),
            ({"secrets": [{"id": "1", "uri": "x"}]}, "invalid secret id: 1"),
            ("{abcd", "invalid request body: Expected object key string but found invalid token at character 2"),
            ("[]", "invalid request body: expected an object of lists"),
            (b'{"routes":[{"id":"\xff"}]}', "invalid request body: Line 1, Column 19 the text is not UTF-8"),
            ("", "invalid request body: empty request body")):
        response = push(gateway, document, "bad")
        assert response.status == 400, document
        assert response.json() == {"error_msg": error}
    bad_yaml = gateway.admin("PUT", "/configs", "a: b: [", headers={"X-Digest": "y", "Content-Type": "application/yaml"})
    assert bad_yaml.json() == {"error_msg": "invalid request body: invalid yaml request body"}
    assert gateway.admin("PUT", "/configs", {}).json() == {"error_msg": "missing digest header"}
    assert configs(gateway)["X-Digest"] == "good"
    assert statuses(gateway, "/a") == {200}


def test_validate_lists_every_fault_and_stores_nothing(gateway):
    response = gateway.admin("POST", "/configs/validate", {
        "routes": [{"id": "r1", "uri": 1}, {"uri": "/a", "upstream_id": "u"}, {"id": "r1", "uri": "/b", "modifiedIndex": 3, "upstream_id": "u"}],
        "consumers": [{"username": "not a name"}], "routes_conf_version": "adc"})
    assert response.status == 400
    body = response.json()
    assert body["error_msg"] == "Configuration validation failed"
    found = {(fault["resource_type"], fault.get("resource_id"), fault.get("index")): fault["error"]
             for fault in body["errors"]}
    assert found[("routes", None, None)] == "routes_conf_version must be a number, got string"
    assert 'property "uri" validation failed' in found[("routes", "r1", 0)]
    assert found[("routes", "r1", 2)] == "found duplicate id r1 in routes"
    assert ("consumers", "not a name", 0) in found and len(body["errors"]) == 4
    good = gateway.admin("POST", "/configs/validate", {"routes": [{"id": "r1", "uri": "/a", "upstream_id": "u"}]})
    assert good.status == 200 and good.json() == {}
    assert "routes" not in configs(gateway)


def test_nothing_else_is_there(gateway):
    for method, path in (("GET", "/routes"), ("PUT", "/routes/1"), ("POST", "/configs"), ("DELETE", "/configs"),
                         ("GET", "/configs/validate"), ("GET", "/configs/routes"), ("GET", "/plugins/list")):
        assert gateway.admin(method, path, {} if method == "PUT" else None).status == 404, (method, path)
    assert gateway.admin("GET", "/configs", key="wrong").status == 401
    assert gateway.admin("PUT", "/configs", {}, key="wrong", headers={"X-Digest": "d"}).status == 401
    for path in ("/configs", "/configs/validate"):  # before a byte of the body is taken
        assert gateway.admin("PUT", path, "x" * 2_000_000, key="wrong", headers={"X-Digest": "d"}).status == 401


@pytest.mark.expects_damage  # kills workers
def test_it_outlives_workers_and_reloads_but_not_the_gateway(gateway, upstream):
    accepted(gateway, {"routes": [route(upstream, "a")]}, "d")
    wait_for_status(gateway, "/a", 200)
    gateway.replace_workers()
    assert statuses(gateway, "/a") == {200}
    gateway.reload()
    assert statuses(gateway, "/a") == {200} and configs(gateway)["X-Digest"] == "d"
    gateway.run("stop")
    gateway.start()
    assert statuses(gateway, "/a") == {404} and "X-Digest" not in configs(gateway)


def test_large_documents(make_pushed, upstream):
    gateway = make_pushed(workers=2)
    routes = [{"id": f"r{i}", "uri": f"/{i}", "desc": "d" * 200, "upstream_id": "u"} for i in range(12_000)]
    upstreams = [{"id": "u", "type": "roundrobin", "nodes": {upstream.node: 1}}]
    accepted(gateway, {"routes": routes, "upstreams": upstreams}, "1")
    wait_for_status(gateway, "/11999", 200)
    # A change of one route is one change for the workers.
    routes[5]["uri"] = "/changed"
    accepted(gateway, {"routes": routes, "upstreams": upstreams}, "2")
    wait_for_status(gateway, "/changed", 200)
    assert len(configs(gateway)["routes"]) == 12_000
    too_much = json.dumps({"routes": routes, "services": [{"id": f"s{i}", "desc": "e" * 250} for i in range(36_000)]})
    response = push(gateway, too_much, "3")
    assert response.status == 500 and "standalone-config" in response.json()["error_msg"]


def test_pushes_at_the_same_time(gateway, upstream):
    responses = []

    def work(name):
        for i in range(5):
            responses.append(push(gateway, {"routes": [route(upstream, f"{name}{i}")]}, f"{name}-{i}").status)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(responses) == {202}
    last = configs(gateway)
    assert last["routes_conf_version"] == 20 and len(last["routes"]) == 1
    wait_for_status(gateway, f"/{last['routes'][0]['id']}", 200)


def test_commands_see_it(gateway, upstream):
    assert gateway.run("test").returncode == 0
    accepted(gateway, {"routes": [route(upstream, "a")]}, "d")
    assert "/a" in gateway.run("routes").stdout


def test_two_global_rules_with_one_plugin_are_refused_and_the_guard_stays(gateway, upstream):
    def document(*rules, **more):
        return {"routes": [route(upstream, "a")], "global_rules": [
            {"id": name, "plugins": {"ip-restriction": {"blacklist": ["127.0.0.1"]}}} | more for name in rules]}

    accepted(gateway, document("one"), "1")
    wait_for_status(gateway, "/a", 403)
    taken = "plugin 'ip-restriction' already exists in global rule with id 'one'"
    assert push(gateway, document("one", "two"), "2").json() == {"error_msg": taken}
    validated = gateway.admin("POST", "/configs/validate", document("one", "two"))
    assert validated.status == 400 and [fault["error"] for fault in validated.json()["errors"]] == [taken]
    assert statuses(gateway, "/a") == {403}
    # In one push a plugin may go from one rule to another.
    accepted(gateway, document("two"), "3")
    assert statuses(gateway, "/a") == {403}
    accepted(gateway, document("two", modifiedIndex=1), "4")
    # What an unchanged item has counts, not what is written in its place.
    pushed = {"routes": [route(upstream, "a")], "global_rules": [
        {"id": "two", "plugins": {"cors": {}}, "modifiedIndex": 1}, document("new")["global_rules"][0]]}
    response = push(gateway, pushed, "5")
    assert response.status == 400 and "already exists in global rule with id" in response.json()["error_msg"]
    accepted(gateway, document(), "6")
    wait_for_status(gateway, "/a", 200)
