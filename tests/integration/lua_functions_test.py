"""Functions of Lua in the configuration: filter_func of routes, _meta.pre_function of plugins, api() of a file."""

import pytest

from lua_files import lua_gateway
from raw import Client

pytestmark = pytest.mark.shares_gateway

OFFERS = """
local _M = {version = 0.1, priority = 1, schema = {type = "object", properties = {}}}
function _M.check_schema(conf) return true end
function _M.api()
    return {{methods = {"GET", "POST"}, uri = "/apisix/plugin/offers", handler = function(ctx) return 200, "offered" end}}
end
function _M.control_api()
    return {
        {methods = {"GET", "PUT"}, uris = {"/v1/plugin/offers/shown", "/v1/plugin/offers/all/*"}, handler = function()
            ngx.sleep(0.001)
            ngx.header["X-Shown"] = ngx.req.get_method()
            ngx.req.read_body()
            return 201, {uri = ngx.var.uri, arg = ngx.req.get_uri_args().a, body = ngx.req.get_body_data()}
        end},
        {methods = {"GET"}, uris = {"/v1/plugin/offers/text"}, handler = function() return 200, "shown" end},
        {methods = {"GET"}, uris = {"/v1/plugin/offers/said"}, handler = function() ngx.say("said"); ngx.exit(200) end},
        {methods = {"GET"}, uris = {"/v1/plugin/offers/only_said"}, handler = function() ngx.say("said") end},
        {methods = {"GET"}, uris = {"/v1/plugin/offers/nothing"}, handler = function() end},
        {methods = {"GET"}, uris = {"/v1/plugin/offers/broken"}, handler = function() error("in control_api") end},
    }
end
function _M.access(conf, ctx) return 200, "mark " .. tostring(conf.mark) end
return _M
"""


@pytest.fixture(scope="module")
def shared_gateway():
    others = ["public-api", "uri-blocker", "response-rewrite", "serverless-pre-function"]
    with lua_gateway({"offers": OFFERS}, others) as gateway:
        yield gateway


def blocked(name, **members):
    return {"uri": "/a", "plugins": {"uri-blocker": {"block_rules": ["/"], "rejected_msg": name}}} | members


def reason(gateway, path):
    return gateway.request(path).json()["error_msg"]


def test_filter_func_decides_which_route(gateway):
    gateway.put("/routes/1", blocked("filtered", priority=9,
                                     filter_func="function(vars) return vars.arg_name == 'json' end"))
    gateway.put("/routes/2", blocked("other"))
    assert reason(gateway, "/a?name=json") == "filtered"
    assert reason(gateway, "/a?name=xml") == "other"
    assert reason(gateway, "/a") == "other"


def test_a_filter_func_that_fails_is_a_no(gateway):
    for text in ("function(vars) local none; return none.x end", "function(vars) ngx.sleep(0.01) error('late') end",
                 "function(vars) return nil end", "function(vars) while true do end end"):
        gateway.put("/routes/1", blocked("filtered", priority=9, filter_func=text))
        gateway.put("/routes/2", blocked("other"))
        assert reason(gateway, "/a") == "other", text
    gateway.wait_for_log("filter_func: ")


WAITING = {
    "reads the body": "function(vars) ngx.req.read_body(); return ngx.req.get_body_data() == 'mine' end",
    "reads it by core.request": "function(vars) return require('apisix.core').request.get_body() == 'mine' end",
    "sleeps": "function(vars) ngx.sleep(0.001); return vars.arg_a == '1' end",
}


@pytest.mark.parametrize("text", WAITING.values(), ids=WAITING)
def test_a_filter_func_may_wait(gateway, text):
    gateway.put("/routes/1", blocked("filtered", priority=9, filter_func=text))
    gateway.put("/routes/2", blocked("other"))
    assert gateway.request("/a?a=1", method="POST", body=b"mine").json()["error_msg"] == "filtered"
    assert gateway.request("/a?a=2", method="POST", body=b"yours").json()["error_msg"] == "other"


def test_filters_that_wait_are_asked_once_and_in_order(gateway):
    for i in (1, 2, 3):
        gateway.put(f"/routes/{i}", blocked(f"route {i}", priority=9 - i, filter_func=
                    f"function(vars) ngx.log(ngx.WARN, 'filter {i} of ', vars.arg_n); ngx.sleep(0.001); return vars.arg_take == '{i}' end"))
    assert reason(gateway, "/a?take=2&n=first") == "route 2"
    assert [gateway.log().count(f"filter {i} of first") for i in (1, 2, 3)] == [1, 1, 0]
    assert gateway.request("/a?take=4&n=second").status == 404
    assert [gateway.log().count(f"filter {i} of second") for i in (1, 2, 3)] == [1, 1, 1]


def test_the_body_that_a_filter_func_read_goes_to_the_node(gateway, upstream):
    gateway.put("/routes/1", {"uri": "/*", "filter_func": WAITING["reads the body"],
                              "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    assert gateway.request("/a", method="POST", body=b"mine").status == 200
    assert upstream.requests[-1].body == b"mine"


def test_a_client_that_leaves_ends_a_filter_that_waits(gateway):
    gateway.put("/routes/1", blocked("filtered", filter_func=
                "function(vars) if vars.arg_long then ngx.log(ngx.WARN, 'it waits'); ngx.sleep(100) end return true end"))
    client = Client(gateway.port)
    client.send(b"GET /a?long=1 HTTP/1.1\r\nHost: a\r\n\r\n")
    gateway.wait_for_log("it waits")
    client.reset()
    assert reason(gateway, "/a") == "filtered"


@pytest.mark.parametrize("text, error", [
    ("function_of_none", "'filter_func' should be a function"),
    ("function(vars", "failed to load 'filter_func' string: "),
])
def test_a_filter_func_that_is_none_is_refused(gateway, text, error):
    refused = gateway.admin("PUT", "/routes/1", blocked("x", filter_func=text))
    assert refused.status == 400 and error in refused.json()["error_msg"]


def test_a_pre_function_that_does_not_compile_is_refused(gateway):
    plugins = {"uri-blocker": {"block_rules": ["/"], "_meta": {"pre_function": "not a function"}}}
    refused = gateway.admin("PUT", "/routes/1", {"uri": "/a", "plugins": plugins})
    assert refused.status == 400
    assert refused.json()["error_msg"] == ("failed to load _meta.pre_function in plugin uri-blocker: "
                                           "[string \"meta pre_function\"]:1: unexpected symbol near 'not'")


def test_texts_may_have_the_statements_of_lua_52(gateway):
    text = "function(vars) for i = 1, 2 do if vars.arg_name then; break; i = 3 end end return vars.arg_name == 'x' end"
    gateway.put("/routes/1", blocked("filtered", priority=9, filter_func=text))
    gateway.put("/routes/2", blocked("other"))
    assert reason(gateway, "/a?name=x") == "filtered"
    assert reason(gateway, "/a") == "other"


def test_pre_function_runs_before_a_native_plugin(gateway, upstream):
    pre = "return function(conf, ctx) ngx.req.set_header('X-Pre', conf.body or 'none') end"
    gateway.put("/routes/1", {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}, "plugins": {
        "uri-blocker": {"block_rules": ["blocked"], "_meta": {"pre_function": pre}}}})
    assert gateway.request("/a").status == 200
    assert dict(upstream.requests[-1].headers).get("X-Pre") == "none"
    assert gateway.request("/blocked").status == 403


def test_pre_function_shares_the_configuration_of_a_file(gateway):
    gateway.put("/routes/1", {"uri": "/*", "plugins": {
        "offers": {"_meta": {"pre_function": "return function(conf, ctx) conf.mark = 'pre' end"}}}})
    assert gateway.request("/a").text.strip() == "mark pre"


@pytest.mark.parametrize("text", ["return function() error('pre-fault') end", "return none.x", "return 1"])
def test_a_pre_function_that_fails_is_logged_only(gateway, text):
    gateway.put("/routes/1", {"uri": "/*", "plugins": {"offers": {"_meta": {"pre_function": text}}}})
    assert gateway.request("/a").text.strip() == "mark nil"
    gateway.wait_for_log("pre_function")


def test_api_is_reachable_through_public_api_alone(gateway):
    path = "/apisix/plugin/offers"
    assert gateway.request(path).status == 404
    gateway.put("/routes/1", {"uri": path, "plugins": {"public-api": {}}})
    assert gateway.request(path).text.strip() == "offered"
    assert gateway.request(path, method="POST").text.strip() == "offered"
    assert gateway.request(path, method="DELETE").status == 404


def test_control_api_is_on_the_control_api(gateway):
    shown = gateway.control("/v1/plugin/offers/shown?a=b")
    assert (shown.status, shown.json(), shown.header("X-Shown")) == (201, {"uri": "/v1/plugin/offers/shown", "arg": "b"}, "GET")
    assert shown.header("Content-Type") == "application/json"
    assert gateway.control("/v1/plugin/offers/all/of/it", method="PUT").json()["uri"] == "/v1/plugin/offers/all/of/it"
    for name, status, text in (("text", 200, "shown"), ("said", 200, "said\n"), ("only_said", 200, "said\n"), ("nothing", 200, "")):
        response = gateway.control(f"/v1/plugin/offers/{name}")
        assert (response.status, response.text) == (status, text)
    assert gateway.control("/v1/plugin/offers/broken").status == 500
    gateway.wait_for_log("in control_api")
    assert gateway.control("/v1/plugin/offers/shown", method="DELETE").status == 404
    assert gateway.request("/v1/plugin/offers/shown").status == 404


def test_the_control_api_shows_what_lua_costs(gateway):
    shown = gateway.control("/v1/lua").json()
    assert shown["in_use"] is True and shown["plugins"] == ["offers"]
    assert 0 < shown["memory_bytes"] < shown["memory_limit_bytes"] == 512 << 20
    assert shown["runs"] > 0
