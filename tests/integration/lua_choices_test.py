"""Plugins in Lua choose: an upstream by its id, a consumer that has no key; and schemas that are written carelessly."""

import pytest

from lua_files import lua_gateway

pytestmark = pytest.mark.shares_gateway

FILES = {
    "chooses": """
local _M = {version = 0.1, priority = 10, schema = {type = "object", properties = {}}}
function _M.rewrite(conf, ctx) ctx.upstream_id = ctx.var.arg_first end
function _M.access(conf, ctx) ctx.upstream_id = ctx.var.arg_id and (tonumber(ctx.var.arg_id) or ctx.var.arg_id) or ctx.upstream_id end
return _M
""",
    "member": """
local consumers, core = require("apisix.consumer"), require("apisix.core")
local _M = {version = 0.1, priority = 20, type = "auth", schema = {type = "object"}}
function _M.rewrite(conf, ctx)
    local all = consumers.plugin("member")
    for _, node in ipairs(all and all.nodes or {}) do
        if node.username == ctx.var.arg_name then
            consumers.attach_consumer(ctx, node, all)
            return 200, core.json.stably_encode({all.len, node.desc, node.plugins, node.labels, node.auth_conf})
        end
    end
    return 401, "none of " .. (all and all.len or 0)
end
return _M
""",
    "careless": """
local core = require("apisix.core")
local schema = {type = "object", properties = {
    list = {{type = "string"}}, required = {"list"}, additionalProperties = false,
    any = {anyOf = {}}, page = {type = "object", default = {}, properties = {size = {type = "integer", default = 10}}},
}}
local _M = {version = 0.1, priority = 30, schema = schema}
function _M.check_schema(conf) return core.schema.check(schema, conf) end
function _M.access(conf) return 200, tostring(conf.page.size) end
return _M
""",
    "no-schema": """
local core = require("apisix.core")
local schema = {type = "object", properties = {a = {type = "strin"}}}
local _M = {version = 0.1, priority = 30, schema = schema}
function _M.check_schema(conf) if conf.checks then return core.schema.check(schema, conf) end return true end
function _M.access(conf) return 200, "ran" end
return _M
""",
}


@pytest.fixture(scope="module")
def shared_gateway():
    with lua_gateway(FILES, ["proxy-rewrite"]) as gateway:
        yield gateway


def put(gateway, plugins, **members):
    gateway.put_everywhere("/routes/1", {"uri": "/*", "plugins": plugins} | members)


@pytest.mark.parametrize("query, status", [
    ("id=other", 200), ("first=other", 200), ("first=nowhere&id=other", 502), ("id=17", 200), ("id=nowhere", 502), ("", 503)])
def test_the_upstream_of_an_id(gateway, upstream, query, status):
    for upstream_id in ["other", "17"]:
        gateway.put_everywhere(f"/upstreams/{upstream_id}", {"type": "roundrobin", "nodes": {upstream.node: 1}})
    put(gateway, {"chooses": {}}, upstream={"type": "roundrobin", "nodes": {}})
    assert gateway.request(f"/?{query}").status == status


def test_consumers_without_a_key(gateway):
    put(gateway, {"member": {}})
    assert gateway.request("/?name=jack").text == "none of 0"
    rewrite = {"proxy-rewrite": {"uri": "/x", "use_real_request_uri_unsafe": False}}
    for name in ["jack", "jill"]:
        gateway.put_everywhere(f"/consumers/{name}", {"username": name, "desc": f"is {name}", "labels": {"a": "b"},
                                                      "plugins": {"member": {"of": name}} | rewrite})
    assert gateway.request("/?name=jill").json() == [2, "is jill", {"member": {"of": "jill"}} | rewrite, {"a": "b"}, {"of": "jill"}]
    gateway.admin("DELETE", "/consumers/jill")
    put(gateway, {"member": {}}, priority=1)
    assert gateway.request("/?name=jill").text == "none of 1"


def test_a_careless_schema(gateway):
    put(gateway, {"careless": {"list": 1, "any": 2}})
    assert gateway.request("/").text == "10"


def test_a_schema_that_is_none_refuses_what_is_checked_with_it(gateway):
    assert "invalid schema: " in gateway.admin("PUT", "/routes/1", {"uri": "/*", "plugins": {"no-schema": {"checks": True}}}).text
    put(gateway, {"no-schema": {}})
    assert gateway.request("/").text == "ran"
