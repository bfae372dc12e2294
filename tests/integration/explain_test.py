"""explain: what it says is what happens. A table of routes, asked and really requested, under each router; then the
merge of plugins, upstreams and nodes, faults, and the command."""
import json

import pytest

from gateway import http_request
from upstream import Upstream

pytestmark = pytest.mark.shares_gateway

ROUTES = {
    "exact": {"uri": "/a"},
    "exact-post": {"uri": "/a", "methods": ["POST"], "priority": 5},
    "host": {"uri": "/a", "host": "a.test"},
    "wild": {"uri": "/a", "hosts": ["*.test"], "priority": 1},
    "vars": {"uri": "/v", "priority": 9, "vars": [["arg_x", "==", "1"], ["http_y", "~~", "^z"]]},
    "vars-or": {"uri": "/v", "priority": 8, "vars": ["OR", ["arg_x", ">", 5], ["cookie_k", "in", ["a", "b"]]]},
    "vars-not": {"uri": "/v", "priority": 7, "vars": [["remote_addr", "!", "ipmatch", ["10.0.0.0/8", "127.0.0.1"]]]},
    "body": {"uri": "/v", "priority": 6, "vars": [["post_arg_who", "==", "me"]]},
    "client": {"uri": "/c", "remote_addrs": ["10.0.0.0/8", "2001:db8::/32"]},
    "prefix": {"uri": "/p/*"},
    "longer": {"uris": ["/p/q/*", "/q"], "methods": ["GET", "PUT"]},
    "inside": {"uri": "/p/*/edit"},
    "off": {"uri": "/off", "status": 0},
    "any-get": {"uri": "/*", "methods": ["GET"], "priority": -1},
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
REQUESTS = [
    ("GET", "/a", "x", {}, None), ("POST", "/a", "x", {}, None), ("DELETE", "/a", "x", {}, None),
    ("GET", "/a", "a.test", {}, None), ("GET", "/a", "A.Test:80", {}, None), ("POST", "/a", "a.test", {}, None),
    ("GET", "/a", "b.test", {}, None), ("GET", "/%61", "x", {}, None), ("GET", "/b/../a", "x", {}, None),
    ("GET", "/a/", "x", {}, None), ("GET", "/v", "x", {}, None), ("GET", "/v?x=1", "x", {}, None),
    ("GET", "/v?x=1", "x", {"Y": "zz"}, None), ("GET", "/v?x=6", "x", {}, None),
    ("GET", "/v?x=2", "x", {"Cookie": "k=b"}, None), ("POST", "/v", "x", FORM, b"who=me"),
    ("POST", "/v", "x", FORM, b"who=you"), ("POST", "/v", "x", {}, None), ("GET", "/c", "x", {}, None),
    ("GET", "/p/", "x", {}, None), ("GET", "/p/1", "x", {}, None), ("POST", "/p/q/1", "x", {}, None),
    ("PUT", "/p/q/1", "x", {}, None), ("PUT", "/q", "x", {}, None), ("POST", "/q", "x", {}, None),
    ("GET", "/p/1/edit", "x", {}, None), ("GET", "/off", "x", {}, None), ("POST", "/off", "x", {}, None),
    ("PURGE", "/nothing", "x", {}, None), ("GET", "/", "x", {}, None),
]


def explain(gateway, url, method="GET", **more):
    response = gateway.admin("POST", "/explain", {"url": url, "method": method} | more)
    assert response.status == 200, response.text
    return response.json()


def names(plugins, runs=True):
    return [(plugin["name"], plugin["from"]) for plugin in plugins if plugin["runs"] == runs]


@pytest.mark.parametrize("router", ["radixtree_host_uri", "radixtree_uri", "radixtree_uri_with_parameter"])
def test_what_is_explained_is_what_happens(make_gateway, router):
    gateway = make_gateway(config={"apisix": {"router": {"http": router}}})
    for name, route in ROUTES.items():
        gateway.put(f"/routes/{name}", route | {"plugins": {"mocking": {"response_example": name}}})
    for method, path, host, headers, body in REQUESTS:
        real = gateway.request(path, method, headers={"Host": host} | headers, body=body)
        said = explain(gateway, f"http://{host}{path}", method, headers=headers, body=(body or b"").decode())
        what = (router, method, path, host, said)
        assert said["router"] == router
        taken = [row["id"] for row in said["candidates"] if row["verdict"] == "taken"]
        if real.status == 404:
            assert said["route"] is None and said["answer"]["status"] == 404 and not taken, what
        else:
            assert real.status == 200 and said["route"]["id"] == real.text, what
            assert taken == [real.text], what


def test_every_verdict_says_why(gateway):
    for name, route in ROUTES.items():
        gateway.put(f"/routes/{name}", route | {"plugins": {"mocking": {"response_example": name}}})

    def why(url, name, method="GET", **more):
        rows = {row["id"]: row for row in explain(gateway, url, method, **more)["candidates"]}
        return rows[name]["verdict"], rows[name]["why"]

    assert why("/a", "exact-post") == ("method", "takes only POST")
    assert why("/a", "exact", "POST") == ("outranked", "route exact-post has priority 5, this one 0")
    assert why("/c", "client") == (
        "remote_addr", 'takes only clients of "10.0.0.0/8", "2001:db8::/32", this one is 127.0.0.1')
    assert why("/c", "client", client_ip="10.1.1.1") == ("taken", "")
    assert why("http://a.test/a", "wild") == ("outranked", "route host has the more specific host a.test")
    assert why("/a", "any-get") == ("outranked", "route exact has the more specific uri /a")
    assert why("/p/1/2", "inside") == ("path", "/p/1/2 has not the form of /p/*/edit")
    rows = {row["id"]: row for row in explain(gateway, "/v?x=1")["candidates"]}
    assert rows["vars"]["vars"] == [{"expression": ["http_y", "~~", "^z"], "variable": "http_y", "value": None}]
    assert rows["vars"]["why"] == 'does not hold: ["http_y","~~","^z"] where http_y is unset'
    assert [part["variable"] for part in rows["vars-or"]["vars"]] == ["arg_x", "cookie_k"]
    assert rows["vars-not"]["vars"][0]["value"] == "127.0.0.1"
    assert "route any-get" not in json.dumps(rows)
    assert explain(gateway, "/v", "POST")["notes"][0] == "a condition is about the request's body, which is empty here"


def test_where_each_plugin_comes_from(gateway, upstream):
    gateway.put("/upstreams/1", {"type": "roundrobin", "nodes": {upstream.node: 1}})
    gateway.put("/services/s", {"upstream_id": "1", "plugins": {
        "echo": {"body": "service"}, "ip-restriction": {"whitelist": ["127.0.0.1"]},
        "cors": {"_meta": {"disable": True}}}})
    gateway.put("/plugin_configs/pc", {"plugins": {"echo": {"body": "config"}, "uri-blocker": {"block_rules": ["x"]}}})
    gateway.put("/consumer_groups/g", {"plugins": {"ua-restriction": {"denylist": ["bad"]}}})
    gateway.put("/consumers/jack", {"username": "jack", "group_id": "g", "plugins": {
        "key-auth": {"key": "k"}, "uri-blocker": {"block_rules": ["y"]}}})
    gateway.put("/global_rules/r", {"plugins": {"request-id": {}}})
    gateway.put("/routes/1", {"uri": "/a", "name": "shop", "service_id": "s", "plugin_config_id": "pc", "plugins": {
        "key-auth": {"_meta": {"priority": 9000}},
        "response-rewrite": {"headers": {"set": {"X-A": "1"}}, "_meta": {"filter": [["arg_r", "==", "1"]]}}}})

    plain = explain(gateway, "/a")
    assert names(plain["plugins"]) == [("request-id", "/global_rules/r"), ("key-auth", "/routes/1"),
                                       ("ip-restriction", "/services/s"), ("uri-blocker", "/plugin_configs/pc"),
                                       ("echo", "/plugin_configs/pc")]
    assert names(plain["plugins"], runs=False) == [("response-rewrite", "/routes/1")]
    by_name = {plugin["name"]: plugin for plugin in plain["plugins"]}
    assert by_name["response-rewrite"]["why"] == "_meta.filter does not hold"
    assert by_name["key-auth"]["priority"] == 9000 and by_name["key-auth"]["phases"] == ["rewrite"]
    assert by_name["echo"]["phases"] == ["header_filter", "body_filter"]
    assert {(row["name"], row["from"], row["why"]) for row in plain["plugins_left_out"]} == {
        ("cors", "/services/s", "disabled by _meta.disable"),
        ("echo", "/services/s", "replaced by that of /plugin_configs/pc")}
    assert names(explain(gateway, "/a?r=1")["plugins"], runs=False) == []
    assert any("an auth plugin" in note for note in plain["notes"])

    jack = explain(gateway, "/a", consumer="jack")
    assert jack["consumer"] == {"username": "jack", "group_id": "g"}
    assert ("ua-restriction", "/consumer_groups/g") in names(jack["plugins"])
    assert ("uri-blocker", "/consumers/jack") in names(jack["plugins"])
    assert ("uri-blocker", "/plugin_configs/pc", "replaced by that of /consumers/jack, but for its rewrite") in {
        (row["name"], row["from"], row["why"]) for row in jack["plugins_left_out"]}
    assert jack["service"] == {"id": "s", "name": ""} and jack["route"]["name"] == "shop"
    assert "there is no consumer nobody" in explain(gateway, "/a", consumer="nobody")["notes"][0]
    assert not upstream.requests


def test_the_node_is_the_one_that_comes_next(gateway, upstream):
    others = [Upstream(), Upstream()]
    nodes = {server.node: weight for weight, server in enumerate([upstream, *others], start=1)}
    for balancer in ({"type": "roundrobin"}, {"type": "least_conn"}, {"type": "chash", "key": "arg_k"}):
        gateway.put("/upstreams/1", {"nodes": nodes, "pass_host": "node"} | balancer)
        gateway.put("/routes/1", {"uri": "/node", "upstream_id": "1", "plugins": {
            "response-rewrite": {"headers": {"set": {"X-Node": "$balancer_ip:$balancer_port"}}}}})
        for i in range(7):
            said = explain(gateway, f"/node?k={i}")["upstream"]
            again = explain(gateway, f"/node?k={i}")["upstream"]
            assert said["node"] == again["node"], balancer  # asking uses nothing up
            assert said["balancer"] == balancer["type"] and said["from"] == "/upstreams/1"
            real = gateway.request(f"/node?k={i}")
            assert real.header("X-Node") == f"{said['node']['address']}:{said['node']['port']}", balancer
    assert said["hash_key"] == "6"
    node = f"{said['node']['host']}:{said['node']['port']}"
    assert said["sends"] == {"scheme": "http", "host": node, "uri": "/node?k=6"}
    assert [node["healthy"] for node in said["nodes"]] == [None] * 3
    for server in others:
        server.close()


def test_health_and_names_of_nodes(gateway, upstream):
    gateway.put("/routes/1", {"uri": "/*", "upstream": {
        "type": "roundrobin", "nodes": {f"localhost:{upstream.port}": 1},
        "checks": {"active": {"type": "tcp", "healthy": {"interval": 1}, "unhealthy": {"interval": 1}}}}})
    said = explain(gateway, "/a")
    assert said["upstream"]["from"] == "/routes/1"
    node = said["upstream"]["nodes"][0]
    assert node["host"] == "localhost" and "127.0.0.1" in node["addresses"] and node["healthy"] is True
    assert said["upstream"]["node"]["address"] in node["addresses"]


def test_responses_of_the_gateway_itself(gateway):
    gateway.put("/services/gone", {"upstream": {"type": "roundrobin", "nodes": {"127.0.0.1:1": 1}}})
    gateway.put("/routes/service", {"uri": "/service", "service_id": "gone"})
    assert gateway.admin("DELETE", "/services/gone?force=true").status == 200
    gateway.put("/routes/none", {"uri": "/none", "plugins": {"echo": {"body": "x"}}})
    gateway.put("/routes/empty", {"uri": "/empty", "upstream": {"type": "roundrobin", "nodes": {}}})
    for path in ("/service", "/none", "/empty", "/nothing", "/../x"):
        said, real = explain(gateway, path)["answer"], gateway.request(path)
        assert said["status"] == real.status, (path, said)
        assert said["why"]


def test_refusals(gateway):
    assert gateway.admin("GET", "/explain").status == 405
    assert gateway.admin("POST", "/explain", {}).json() == {"error_msg": "url is missing"}
    assert gateway.admin("POST", "/explain", {"url": "/a", "nope": 1}).json() == {"error_msg": 'unknown member "nope"'}
    assert gateway.admin("POST", "/explain", {"url": "/a"}, key="wrong").status == 401
    long = explain(gateway, "/" + "a" * 9000)["answer"]
    assert long["status"] == 414 and long["why"]
    # An authority-form target needs a port (RFC 9112 3.2.3); with one it is CONNECT itself that is not served.
    assert explain(gateway, "/a", "CONNECT")["answer"] == {"status": 400, "why": "CONNECT needs host:port"}


def test_the_control_api(gateway):
    gateway.put("/routes/1", {"uri": "/a", "vars": [["http_x", "==", "1"]], "plugins": {"mocking": {"response_example": "x"}}})
    asked = http_request(gateway.control_port, "POST", "/v1/explain", body={"url": "/a", "headers": {"X": "1"}})
    assert asked.status == 200 and asked.json()["route"]["id"] == "1"
    assert http_request(gateway.control_port, "POST", "/v1/explain", body=b"{").status == 400


@pytest.mark.gateway
def test_the_command(gateway, upstream):
    gateway.put("/routes/1", {"uri": "/a", "vars": [["http_x", "==", "1"]],
                              "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    shown = gateway.run("explain", "GET", "http://shop.test/a?b=1", "-H", "X: 1")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0] == "GET http://shop.test/a?b=1, client 127.0.0.1"
    assert any(line.split()[:2] == ["1", "/a"] and "taken" in line for line in lines), shown.stdout
    assert "Upstream /routes/1, roundrobin" in shown.stdout and upstream.node in shown.stdout
    missed = gateway.run("explain", "/a")
    assert missed.returncode == 0
    assert 'does not hold: ["http_x","==","1"] where http_x is unset' in missed.stdout
    assert "The gateway answers 404: no route takes the request" in missed.stdout
    as_json = gateway.run("explain", "POST", "/a", "-H", "X: 1", "--client-ip", "10.0.0.9", "--json")
    assert json.loads(as_json.stdout)["request"]["remote_addr"] == "10.0.0.9"

    assert gateway.run("explain").returncode == 2
    assert gateway.run("explain", "/a", "-H", "nonsense").returncode == 2
    refused = gateway.run("explain", "ftp://x/")
    assert refused.returncode == 2 and "url is neither a path" in refused.stderr
    gateway.stop()
    stopped = gateway.run("explain", "/a")
    assert stopped.returncode == 3 and "Control API" in stopped.stderr
    assert not upstream.requests
