"""What a dry run finds besides what a write would refuse: routes that are never taken, certificates that end, and the
rest of what lint would say. And that what a write refuses is refused: regular expressions among it."""
import pytest

from lint_test import certificate

pytestmark = pytest.mark.shares_gateway

NODES = {"type": "roundrobin", "nodes": {"127.0.0.1:1": 1}}


def dry_run(gateway, method, path, body=None):
    response = gateway.admin(method, path + ("&" if "?" in path else "?") + "dry_run=true", body)
    assert response.status in (200, 201), response.text
    report = response.json()
    assert report["dry_run"] is True
    return report


def found(report):
    return {(row["code"], row["id"], row["text"]) for row in report["findings"]}


def codes(report):
    return {(row["code"], row["id"]) for row in report["findings"]}


def route(uri="/a", **members):
    return {"uri": uri, "upstream": NODES} | members


def never_taken(by):
    return f"it is never taken: route {by} comes first"


def test_nothing_to_say(gateway):
    gateway.put("/routes/other", route("/b"))
    assert dry_run(gateway, "PUT", "/routes/1", route())["findings"] == []
    assert dry_run(gateway, "PUT", "/consumers/jack", {"username": "jack"})["findings"] == []
    assert dry_run(gateway, "DELETE", "/routes/other")["findings"] == []


def test_a_route_that_would_never_be_taken(gateway):
    gateway.put("/routes/all", route())
    shadowed = dry_run(gateway, "PUT", "/routes/get", route(methods=["GET"]))
    assert shadowed["findings"] == [
        {"severity": "warning", "code": "route-shadowed", "kind": "route", "id": "get", "text": never_taken("all"),
         "hint": "give it a higher priority or more conditions, or delete it"}]
    assert gateway.admin("GET", "/routes/get").status == 404
    assert codes(dry_run(gateway, "PUT", "/routes/twin", route())) == {("route-duplicate", "twin")}
    assert codes(dry_run(gateway, "POST", "/routes", route())) == {("route-duplicate", "(new)")}
    assert dry_run(gateway, "PUT", "/routes/first", route(methods=["GET"], priority=1))["findings"] == []
    assert dry_run(gateway, "PUT", "/routes/off", route(status=0))["findings"][0]["code"] == "route-disabled"
    partly = dry_run(gateway, "PUT", "/routes/two", {"uris": ["/a", "/b"], "upstream": NODES})
    assert found(partly) == {("route-partly-shadowed", "two", "its uri /a is never taken: route all comes first")}


def test_routes_that_it_would_take_everything_from(gateway):
    gateway.put("/routes/get", route(methods=["GET"]))
    gateway.put("/routes/late", route(methods=["GET"], vars=[["arg_a", "==", "1"]]))  # never taken now either
    gateway.put("/routes/two", {"uris": ["/a", "/b"], "methods": ["POST"], "upstream": NODES})
    gateway.put("/routes/elsewhere", route("/c"))
    everything = route(priority=1)
    assert found(dry_run(gateway, "PUT", "/routes/new", everything)) == {
        ("route-shadowed", "get", never_taken("new")),
        ("route-partly-shadowed", "two", "its uri /a is never taken: route new comes first")}
    both = {"put": {"routes": [everything | {"id": "new"}, route("/b", priority=1) | {"id": "more"}]}}
    assert codes(dry_run(gateway, "POST", "/configs/apply", both)) == {("route-shadowed", "get"),
                                                                       ("route-shadowed", "two")}
    assert dry_run(gateway, "POST", "/configs/apply", both | {"delete": {"routes": ["get", "two"]}})["findings"] == []


def test_what_stands_at_other_paths_counts_for_the_whole(gateway):
    """A route of two paths, of which another route has taken one already, is taken the other."""
    gateway.put("/routes/b", route("/b"))
    gateway.put("/routes/two", {"uris": ["/a", "/b"], "upstream": NODES})
    assert found(dry_run(gateway, "PUT", "/routes/new", route(priority=1))) >= {
        ("route-shadowed", "two", never_taken("new"))}


def test_a_change_of_a_route_is_seen_with_its_own_age(gateway):
    gateway.put("/routes/old", route(vars=[["arg_a", "==", "1"]]))
    gateway.put("/routes/young", route())
    assert codes(dry_run(gateway, "PATCH", "/routes/old", {"vars": None})) == {("route-duplicate", "young")}
    assert dry_run(gateway, "PATCH", "/routes/young", {"desc": "x"})["findings"] == []
    gateway.put("/routes/old", route())
    assert codes(dry_run(gateway, "PATCH", "/routes/young", {"desc": "x"})) == {("route-duplicate", "young")}


@pytest.mark.parametrize("router", ["radixtree_host_uri", "radixtree_uri", "radixtree_uri_with_parameter"])
def test_hosts_and_services(make_gateway, router):
    gateway = make_gateway(config={"apisix": {"router": {"http": router}}})
    gateway.put("/services/s", {"hosts": ["a.test"], "upstream": NODES})
    gateway.put("/services/bare", {"hosts": ["a.test"]})
    gateway.put("/routes/a", {"uri": "/a", "host": "a.test", "upstream": NODES})
    assert codes(dry_run(gateway, "PUT", "/routes/b", {"uri": "/a", "service_id": "s"})) == {("route-duplicate", "b")}
    assert dry_run(gateway, "PUT", "/routes/c", route(host="b.test"))["findings"] == []
    assert codes(dry_run(gateway, "PUT", "/routes/d", {"uri": "/d", "service_id": "bare"})) == {
        ("route-without-upstream", "d")}
    together = {"put": {"services": [{"id": "t", "hosts": ["a.test"], "upstream": NODES}],
                        "routes": [{"id": "e", "uri": "/a", "service_id": "t"}]}}
    assert codes(dry_run(gateway, "POST", "/configs/apply", together)) == {("route-duplicate", "e")}


def test_certificates_that_end(gateway, tmp_path):
    for days, code in ((-1, "certificate-expired"), (10, "certificate-expires-soon")):
        cert, key = certificate(tmp_path, days)
        report = dry_run(gateway, "PUT", "/ssls/1", {"cert": cert, "key": key, "snis": ["a.test"]})
        assert codes(report) == {(code, "1")}


@pytest.mark.gateway
def test_a_rollback_is_looked_at_too(gateway):
    gateway.put("/routes/1", route(methods=["GET"]))
    gateway.put("/routes/1", route("/b"))
    gateway.put("/routes/all", route(priority=1))
    entry = gateway.admin("GET", "/history?kind=routes&id=1").json()["list"][-1]
    report = dry_run(gateway, "POST", f"/history/{entry['revision']}/rollback?kind=routes&id=1")
    assert codes(report) == {("route-shadowed", "1")}


@pytest.mark.parametrize("members", [
    {"plugins": {"uri-blocker": {"block_rules": ["("]}}},
    {"plugins": {"proxy-rewrite": {"regex_uri": ["(", "/x"]}}},
    {"plugins": {"redirect": {"regex_uri": ["(", "/x"]}}},
    {"plugins": {"response-rewrite": {"filters": [{"regex": "(", "replace": "x"}]}}},
    {"plugins": {"cors": {"allow_origins_by_regex": ["("]}}},
    {"plugins": {"ua-restriction": {"denylist": ["("]}}},
], ids=lambda members: next(iter(members["plugins"])))
def test_regular_expressions_are_compiled(gateway, members):
    for query in ("", "?dry_run=true"):
        refused = gateway.admin("PUT", f"/routes/1{query}", route(**members))
        assert refused.status == 400, refused.text
    patched = gateway.put("/routes/1", route()) and gateway.admin("PATCH", "/routes/1?dry_run=true", members)
    assert patched.status == 400, patched.text


def test_what_apisix_accepts_and_never_matches_is_a_finding(gateway):
    """APISIX compiles these at their first use: a write takes them."""
    for members, text in (
            ({"vars": [["arg_a", "~~", "("]]}, "a comparison in vars never matches: "),
            ({"vars": ["OR", ["arg_a", "==", "1"], ["arg_b", "!", "~*", "["]]}, "a comparison in vars never matches: "),
            ({"plugins": {"cors": {"_meta": {"filter": [["uri", "~~", "("]]}}}},
             "a comparison in _meta.filter of cors never matches: "),
            ({"uri": "/a/*/b("}, "the uri /a/*/b( never matches: ")):
        (finding,) = dry_run(gateway, "PUT", "/routes/1", route(**members))["findings"]
        assert (finding["code"], finding["severity"]) == ("regex-invalid", "warning")
        assert finding["text"].startswith(text), finding
        gateway.put("/routes/1", route(**members))
        report = gateway.admin("GET", "/lint").json()
        assert [row["code"] for row in report["findings"]] == ["regex-invalid"]
