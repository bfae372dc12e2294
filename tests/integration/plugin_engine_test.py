"""The plugin engine: which plugins run, in which order, for which consumer; and what happens when one responds or waits."""

import pytest

pytestmark = pytest.mark.shares_gateway


def route(gateway, upstream, plugins, **members):
    gateway.put("/routes/1", {"uri": "/*", "plugins": plugins,
                              "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}} | members)


def test_a_plugin_responds_instead_of_the_upstream(gateway, upstream):
    route(gateway, upstream, {"uri-blocker": {"block_rules": ["root.exe", "x=1"], "rejected_msg": "no"}})
    refused = gateway.request("/a?x=1")
    assert refused.status == 403 and refused.body == b'{"error_msg":"no"}\n'
    assert gateway.request("/a?x=2").status == 200
    assert len(upstream.requests) == 1


def test_body_filters_see_every_response(gateway, upstream):
    echo = {"before_body": "<", "after_body": ">", "headers": {"X-Echo": "1"}}
    route(gateway, upstream, {"echo": echo, "uri-blocker": {"block_rules": ["blocked"], "rejected_msg": "no"}})
    passed = gateway.request("/a")
    assert passed.body.startswith(b"<{") and passed.body.endswith(b"}>")
    assert passed.header("Content-Length") is None and passed.header("Transfer-Encoding") == "chunked"
    own = gateway.request("/blocked")
    assert own.body == b'<{"error_msg":"no"}\n>' and own.header("X-Echo") == "1"


def test_unknown_and_invalid_plugins_are_refused(gateway):
    unknown = gateway.admin("PUT", "/routes/1", {"uri": "/a", "plugins": {"nope": {}}})
    assert unknown.status == 400 and unknown.json()["error_msg"] == "unknown plugin [nope]"
    invalid = gateway.admin("PUT", "/routes/1", {"uri": "/a", "plugins": {"uri-blocker": {}}})
    assert invalid.json()["error_msg"] == ("failed to check the configuration of plugin uri-blocker err: "
                                           'property "block_rules" is required')
    broken = gateway.admin("PUT", "/routes/1", {"uri": "/a", "plugins": {"uri-blocker": {"block_rules": ["("]}}})
    assert broken.status == 400


def test_a_route_that_only_responds_needs_no_upstream(gateway):
    gateway.put("/routes/1", {"uri": "/*", "plugins": {"uri-blocker": {"block_rules": ["blocked"]}}})
    assert gateway.request("/blocked").status == 403
    assert gateway.request("/other").status == 503


def test_meta_of_a_plugin(gateway, upstream):
    blocker = {"block_rules": ["/"], "rejected_msg": "no"}
    route(gateway, upstream, {"uri-blocker": blocker | {"_meta": {"disable": True}}})
    assert gateway.request("/a").status == 200
    route(gateway, upstream, {"uri-blocker": blocker | {"_meta": {"filter": [["arg_block", "==", "yes"]]}}})
    assert gateway.request("/a").status == 200
    assert gateway.request("/a?block=yes").status == 403
    route(gateway, upstream, {"uri-blocker": blocker | {"_meta": {"error_response": {"why": "because"}}}})
    refused = gateway.request("/a")
    assert refused.status == 403 and refused.json() == {"why": "because"}


def test_an_empty_list_is_a_configuration_too(gateway, upstream):
    """Some languages write an object without members as []. A plugin that is configured so runs, an auth plugin above all."""
    route(gateway, upstream, {"key-auth": [], "request-id": []})
    assert gateway.request("/a").status == 401
    route(gateway, upstream, {"multi-auth": {"auth_plugins": [{"key-auth": []}, {"basic-auth": []}]}})
    assert gateway.request("/a").status == 401
    route(gateway, upstream, {"request-id": []})
    assert gateway.request("/a").header("X-Request-Id")


@pytest.mark.parametrize("sent", ["X-User-Role", "x-user-role", "X_User_Role", "x-user_role"])
def test_a_field_that_a_plugin_sets_is_the_only_one_of_its_name(gateway, upstream, sent):
    route(gateway, upstream, {"proxy-rewrite": {"headers": {"set": {"X-User-Role": "guest"}}}})
    assert gateway.request("/a", headers={sent: "root"}).status == 200
    received = [value for name, value in upstream.requests[-1].headers if name.lower().replace("_", "-") == "x-user-role"]
    assert received == ["guest"]


def test_a_filter_may_ask_about_the_body(gateway, upstream):
    filtered = {"_meta": {"filter": [["post_arg_key", "==", "abc"]]}}
    route(gateway, upstream, {"uri-blocker": {"block_rules": ["/"]} | filtered})
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert gateway.request("/a", "POST", headers=form, body="key=abc").status == 403
    passed = gateway.request("/a", "POST", headers=form, body="key=ab")
    assert passed.status == 200 and passed.json()["body"] == "key=ab"
    assert gateway.request("/a").status == 200
    # What came with the consumer may ask too.
    gateway.put("/consumers/jack", {"username": "jack", "plugins": {
        "key-auth": {"key": "j"}, "uri-blocker": {"block_rules": ["/"]} | filtered}})
    route(gateway, upstream, {"key-auth": {}})
    key = {"apikey": "j"}
    assert gateway.request("/a", "POST", headers=form | key, body="key=abc").status == 403
    assert gateway.request("/a", "POST", headers=form | key, body="key=ab").status == 200


def test_precedence_of_service_and_route(gateway, upstream):
    nodes = {"type": "roundrobin", "nodes": {upstream.node: 1}}
    gateway.put("/services/1", {"upstream": nodes, "plugins": {"echo": {"body": "service"},
                                                               "uri-blocker": {"block_rules": ["blocked"]}}})
    gateway.put("/routes/1", {"uri": "/a*", "service_id": "1", "plugins": {"echo": {"body": "route"}}})
    gateway.put("/routes/2", {"uri": "/b*", "service_id": "1"})
    assert gateway.request("/a").body == b"route"
    assert gateway.request("/b").body == b"service"
    assert gateway.request("/a/blocked").status == 403


def test_conditions_on_the_body_match_routes(gateway, upstream):
    nodes = {"type": "roundrobin", "nodes": {upstream.node: 1}}
    gateway.put("/routes/1", {"uri": "/*", "vars": [["post_arg.user.name", "==", "jack"]], "upstream": nodes,
                              "plugins": {"echo": {"body": "json"}}})
    gateway.put("/routes/2", {"uri": "/*", "vars": [["post_arg_kind", "==", "a b"]], "upstream": nodes})
    as_json = {"Content-Type": "application/json"}
    assert gateway.request("/x", "POST", headers=as_json, body='{"user":{"name":"jack"}}').body == b"json"
    assert gateway.request("/x", "POST", headers=as_json, body='{"user":{"name":"tom"}}').status == 404
    assert gateway.request("/x", "POST", headers=as_json, body="{").status == 404
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    passed = gateway.request("/x", "POST", headers=form, body="q=1&kind=a+b")
    assert passed.status == 200 and passed.json()["body"] == "q=1&kind=a+b"
    assert gateway.request("/x").status == 404
    chunked = gateway.request("/x", "POST", headers=form, body=iter([b"kind=", b"a%20b"]))
    assert chunked.status == 200
    assert upstream.requests[-1].body == b"kind=a%20b" and upstream.requests[-1].header("Content-Length") == "10"


def test_global_rules_run_for_every_request(gateway, upstream):
    route(gateway, upstream, {})
    gateway.put("/global_rules/1", {"plugins": {"echo": {"after_body": "!"}, "uri-blocker": {"block_rules": ["blocked"]}}})
    assert gateway.request("/a").body.endswith(b"}!")
    assert gateway.request("/blocked").status == 403
    gateway.admin("DELETE", "/routes/1")
    unmatched = gateway.request("/a")
    assert unmatched.status == 404 and unmatched.body.endswith(b'"404 Route Not Found"}\n!')
    # A plugin that stood in two would run for neither.
    assert gateway.admin("PUT", "/global_rules/2", {"plugins": {"echo": {"after_body": "?"}}}).status == 400


def test_a_consumer_without_a_matching_route(gateway):
    gateway.put("/consumers/jack", {"username": "jack", "plugins": {"key-auth": {"key": "j"}, "echo": {"body": "jack"}}})
    gateway.put("/global_rules/1", {"plugins": {"key-auth": {}}})
    assert gateway.request("/none").status == 401
    assert gateway.request("/none", headers={"apikey": "j"}).status == 404


def test_plugins_of_consumers_groups_and_plugin_configs(gateway, upstream):
    gateway.put("/consumer_groups/g", {"plugins": {"echo": {"body": "group"}, "uri-blocker": {"block_rules": ["blocked"]}}})
    gateway.put("/consumers/jack", {"username": "jack", "group_id": "g", "plugins": {"key-auth": {"key": "j"}}})
    gateway.put("/consumers/rose", {"username": "rose", "group_id": "g",
                                    "plugins": {"key-auth": {"key": "r"}, "echo": {"body": "rose"}}})
    gateway.put("/plugin_configs/p", {"plugins": {"key-auth": {}, "echo": {"body": "config"}}})
    route(gateway, upstream, {}, plugin_config_id="p")
    ask = lambda path, key: gateway.request(path, headers={"apikey": key})  # noqa: E731
    assert gateway.request("/a").body == b"config" and gateway.request("/a").status == 401
    assert ask("/a", "j").body == b"group"
    assert ask("/a", "r").body == b"rose"
    assert ask("/blocked", "j").status == 403  # the rewrite hook that came with the consumer
    gateway.put("/consumers/jack", {"username": "jack", "plugins": {"key-auth": {"key": "j2"}}})
    assert ask("/a", "j").status == 401
    assert ask("/a", "j2").body == b"config"
    gateway.put("/plugin_configs/p", {"plugins": {"key-auth": {}, "echo": {"body": "changed"}}})
    assert ask("/a", "j2").body == b"changed"
