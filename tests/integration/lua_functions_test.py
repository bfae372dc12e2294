"""Functions of Lua in the configuration: filter_func of routes, _meta.pre_function of plugins, api() of a file."""

import tempfile
from pathlib import Path

import pytest

from gateway import running_gateway

pytestmark = pytest.mark.shares_gateway

OFFERS = """
local _M = {version = 0.1, priority = 1, schema = {type = "object", properties = {}}}
function _M.check_schema(conf) return true end
function _M.api()
    return {{methods = {"GET", "POST"}, uri = "/apisix/plugin/offers", handler = function(ctx) return 200, "offered" end}}
end
function _M.access(conf, ctx) return 200, "mark " .. tostring(conf.mark) end
return _M
"""


@pytest.fixture(scope="module")
def shared_gateway():
    with tempfile.TemporaryDirectory(prefix="lua-functions-") as folder:
        plugins = Path(folder, "apisix/plugins")
        plugins.mkdir(parents=True)
        Path(folder).chmod(0o755)
        (plugins / "offers.lua").write_text(OFFERS)
        config = {"apisix": {"extra_lua_path": f"{folder}/?.lua"},
                  "plugins": ["offers", "public-api", "uri-blocker", "response-rewrite", "serverless-pre-function"]}
        with running_gateway(config=config) as gateway:
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
    for text in ("function(vars) local none; return none.x end", "function(vars) ngx.sleep(0.01) return true end",
                 "function(vars) return nil end", "function(vars) while true do end end"):
        gateway.put("/routes/1", blocked("filtered", priority=9, filter_func=text))
        gateway.put("/routes/2", blocked("other"))
        assert reason(gateway, "/a") == "other", text
    gateway.wait_for_log("filter_func: ")


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


def test_the_control_api_shows_what_lua_costs(gateway):
    shown = gateway.control("/v1/lua").json()
    assert shown["in_use"] is True and shown["plugins"] == ["offers"]
    assert 0 < shown["memory_bytes"] < shown["memory_limit_bytes"] == 512 << 20
    assert shown["runs"] > 0
