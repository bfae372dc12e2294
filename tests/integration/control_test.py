"""The Control API: what is in force, in APISIX's shapes; and what was refused."""
import subprocess

import pytest

import standalone
from gateway import http_request, wait_until

UNKNOWN = ["/", "/v1", "/v1/", "/v1/routes/1", "/v1/schema/", "/v1/none", "/v1/discovery/consul/dump", "/v2/schema"]


def node(upstream, weight=1):
    return {"host": "127.0.0.1", "port": upstream.port, "weight": weight}


def test_what_is_not_there_is_not_found(gateway):
    for path in UNKNOWN:
        response = gateway.control(path)
        assert response.status == 404, path
        assert response.header("Content-Type").startswith("text/html")
    for method, path in [("POST", "/v1/schema"), ("HEAD", "/v1/routes"), ("GET", "/v1/gc"),
                         ("GET", "/v1/plugins/reload"), ("DELETE", "/v1/route/1")]:
        assert gateway.control(path, method).status == 404, f"{method} {path}"


def test_schema(gateway):
    response = gateway.control("/v1/schema")
    assert response.status == 200 and response.header("Content-Type") == "application/json"
    schema = response.json()
    assert set(schema) == {"main", "plugins", "stream_plugins"}
    assert {"consumer", "route", "plugins", "upstream_hash_header_schema"} <= set(schema["main"])
    assert schema["main"]["plugins"]["type"] == "array"
    assert schema["plugins"]["limit-count"]["version"] == 0.5
    assert schema["plugins"]["key-auth"]["type"] == "auth" and "consumer_schema" in schema["plugins"]["key-auth"]
    example = schema["plugins"]["example-plugin"]
    assert example["priority"] == 0 and "metadata_schema" in example
    assert "disable" in example["schema"]["properties"]["_meta"]["properties"]


@pytest.mark.gateway(config={"plugins": ["server-info"]})
def test_server_info(gateway):
    info = gateway.control("/v1/server_info").json()
    assert info["id"] == (gateway.prefix / "conf/apisix.uid").read_text().strip()
    assert info["version"] == "3.18.0" and info["boot_time"] > 1_600_000_000 and info["hostname"]
    assert gateway.control("/v1/schema").json()["plugins"]["server-info"]["scope"] == "global"


def test_what_is_not_enabled_is_not_there(make_gateway):
    gateway = make_gateway(config={"plugins": ["key-auth"]})
    assert gateway.control("/v1/server_info").status == 404
    assert gateway.control("/v1/plugin/example-plugin/hello").status == 404


def test_endpoints_of_plugins(gateway):
    response = gateway.control("/v1/plugin/example-plugin/hello")
    assert (response.status, response.text) == (200, "world\n")
    response = gateway.control("/v1/plugin/example-plugin/hello?json")
    assert response.json() == {"msg": "world"} and response.header("Content-Type") == "application/json"
    assert gateway.control("/v1/plugin/example-plugin/hello", "POST").status == 404


def test_memory_is_given_back(gateway):
    assert gateway.control("/v1/gc", "POST").status == 200


def test_objects_in_force(gateway, upstream):
    for path in ("/v1/routes", "/v1/services", "/v1/upstreams"):
        assert gateway.control(path).text == "{}\n", "an empty array, as Lua writes it"
    gateway.put("/upstreams/1", {"type": "roundrobin", "nodes": {upstream.node: 1, "a.test:80": 0}})
    gateway.put("/services/s", {"plugins": {"limit-count": {"count": 2, "time_window": 60, "key": "remote_addr"}},
                                "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    gateway.put("/routes/r", {"uri": "/r", "service_id": "s"})
    gateway.put("/routes/q", {"uri": "/q", "upstream_id": "1"})
    wait_until(lambda: gateway.control("/v1/route/q").status == 200, "the last object in force")

    stored = gateway.admin("GET", "/upstreams/1").json()
    shown = gateway.control("/v1/upstream/1").json()
    assert shown["key"] == "/apisix/upstreams/1" and shown["has_domain"] is True
    assert shown["createdIndex"] == stored["createdIndex"] and shown["modifiedIndex"] == stored["modifiedIndex"]
    assert shown["value"]["nodes"] == [node(upstream), {"host": "a.test", "port": 80, "weight": 0}]
    assert (shown["value"]["scheme"], shown["value"]["pass_host"], shown["value"]["hash_on"]) == ("http", "pass", "vars")
    assert gateway.control("/v1/upstreams").json() == [shown]

    service = gateway.control("/v1/service/s").json()["value"]
    assert service["plugins"]["limit-count"]["policy"] == "local"
    assert service["plugins"]["limit-count"]["_meta"] == {}
    assert service["upstream"]["nodes"] == [node(upstream)]

    routes = gateway.control("/v1/routes").json()
    assert [route["value"]["id"] for route in routes] == ["r", "q"], "in the order of creation"
    assert routes[0] == gateway.control("/v1/route/r").json()
    assert routes[0]["orig_modifiedIndex"] == routes[0]["modifiedIndex"] and routes[0]["has_domain"] is False

    for path, text in [("/v1/route/x", "route[x] not found"), ("/v1/service/x", "service[x] not found"),
                       ("/v1/upstream/", "upstream[] not found")]:
        response = gateway.control(path)
        assert (response.status, response.json()) == (404, {"error_msg": text})
    gateway.admin("DELETE", "/routes/q")
    gateway.admin("DELETE", "/upstreams/1")
    wait_until(lambda: gateway.control("/v1/upstream/1").status == 404, "the upstream gone")


def test_plugin_metadata(gateway):
    assert gateway.control("/v1/plugin_metadatas").text == "{}\n"
    gateway.put("/plugin_metadata/example-plugin", {"skey": "val", "ikey": 1})
    wanted = {"id": "example-plugin", "skey": "val", "ikey": 1}
    wait_until(lambda: gateway.control("/v1/plugin_metadata/example-plugin").status == 200, "the metadata in force")
    assert gateway.control("/v1/plugin_metadata/example-plugin").json() == wanted
    assert gateway.control("/v1/plugin_metadatas").json() == [wanted]
    response = gateway.control("/v1/plugin_metadata/cors")
    assert (response.status, response.json()) == (404, {"error_msg": "plugin metadata[cors] not found"})


def test_many_objects_do_not_stop_the_proxy(make_gateway, upstream):
    """A long list is made in pieces, and is whole."""
    routes = [standalone.route(upstream, f"r{i}") for i in range(500)]
    gateway = standalone.start(make_gateway, {"routes": routes})
    shown = gateway.control("/v1/routes").json()
    assert [route["value"]["id"] for route in shown] == [route["id"] for route in routes], "in the file's order"
    assert shown[0]["key"] == "/routes/r0", "without the store's prefix"


def test_refused_values_are_listed(make_gateway, upstream):
    gateway = standalone.start(make_gateway, {"routes": [standalone.route(upstream, "good")]})
    assert gateway.control("/v1/rejected").json() == {"total": 0, "list": []}
    bad = standalone.route(upstream, "good") | {"uri": 7}
    standalone.replace_document(gateway, {"routes": [bad, standalone.route(upstream, "other")]})
    standalone.wait_for_status(gateway, "/other", 200)
    rejected = gateway.control("/v1/rejected").json()
    assert rejected["total"] == 1
    assert [row["key"] for row in rejected["list"]] == ["/routes/good"]
    assert "uri" in rejected["list"][0]["reason"] and rejected["list"][0]["modifiedIndex"] > 0
    assert gateway.request("/good").status == 200, "the last good value stays"
    assert gateway.control("/v1/route/good").json()["value"]["uri"] == "/good"
    standalone.replace_document(gateway, {"routes": [standalone.route(upstream, "good")]})
    wait_until(lambda: gateway.control("/v1/rejected").json() == {"total": 1, "list": []}, "nothing refused any more")


def with_plugins(*names, export_uri="/elsewhere"):
    return {"plugins": list(names), "plugin_attr": {"prometheus": {"export_uri": export_uri}}}


@pytest.mark.expects_damage
def test_plugins_are_reloaded_in_all_workers(make_gateway, upstream):
    gateway = make_gateway(workers=2, config=with_plugins("public-api", "prometheus", "key-auth"))
    gateway.put("/routes/1", {"uri": "/metrics-here", "plugins": {"public-api": {}}})
    gateway.put("/routes/guarded", standalone.route(upstream, "guarded", plugins={"key-auth": {}}))
    standalone.wait_for_status(gateway, "/guarded", 401)
    assert standalone.statuses(gateway, "/metrics-here") == {404}

    gateway.write_config(with_plugins("public-api", "prometheus", export_uri="/metrics-here"))
    response = gateway.control("/v1/plugins/reload", "PUT")
    assert (response.status, response.text) == (200, "done")
    standalone.wait_for_status(gateway, "/metrics-here", 200)
    assert "key-auth" not in gateway.control("/v1/schema").json()["plugins"]
    # A plugin that is not enabled is not there, as in APISIX.
    standalone.wait_for_status(gateway, "/guarded", 200)

    # Workers that take the place of others have them too, before they accept anybody.
    gateway.replace_workers()
    assert standalone.statuses(gateway, "/guarded") == {200}
    assert standalone.statuses(gateway, "/metrics-here") == {200}

    gateway.config_path.write_text("plugins: [")
    response = gateway.control("/v1/plugins/reload", "PUT")
    assert response.status == 503 and response.json()["error_msg"].startswith("failed to reload plugins: ")
    assert standalone.statuses(gateway, "/metrics-here") == {200}, "what was loaded stays in force"


@pytest.mark.gateway(config={"apisix": {"enable_control": False}})
def test_control_can_be_turned_off(gateway):
    with pytest.raises(ConnectionRefusedError):
        gateway.control("/v1/schema")


@pytest.mark.gateway(config={"apisix": {"control": {"router": "radixtree_uri_with_parameter"}}})
def test_the_other_router(gateway):
    assert gateway.control("/v1/schema").status == 200
    assert gateway.control("/v1/plugin/example-plugin/hello").status == 200


def stub_status(port, host="127.0.0.1"):
    return subprocess.run(["curl", "-s", "--interface", host, "-w", "%{http_code}",
                           f"http://127.0.0.1:{port}/apisix/nginx_status"],
                          capture_output=True, text=True, check=False).stdout


def test_nginx_status(gateway, upstream):
    gateway.put("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    for port in (gateway.port, gateway.metrics_port):
        lines = http_request(port, path="/apisix/nginx_status").text.split("\n")
        assert lines[0].startswith("Active connections: ") and lines[1] == "server accepts handled requests"
        accepted, handled, requests = map(int, lines[2].split())
        assert accepted == handled and requests >= 1
        # The proxy counts the connection that asks; those that asked before are closed when the worker comes to it.
        own = f"Reading: 0 Writing: {int(port == gateway.port)} Waiting: 0 "
        wait_until(lambda port=port, own=own: own in http_request(port, path="/apisix/nginx_status").text, own)
        assert http_request(port, "POST", "/apisix/nginx_status").status == 405
        assert stub_status(port, "127.0.1.1").endswith("403"), "only 127.0.0.0/24 may look"
    assert upstream.requests == [], "no route is asked"
    gateway.request("/seen")
    gateway.wait_for_log("/seen", "access.log")
    assert "nginx_status" not in gateway.log("access.log")
