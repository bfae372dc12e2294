"""Plugins of the user, in Lua: files in a folder of extra_lua_path, named in `plugins:` of config.yaml."""

import http.client

import pytest
import yaml

from gateway import running_gateway, wait_until
from lua_files import lua_config, lua_folder

pytestmark = pytest.mark.shares_gateway

FILES = {
    "greeter": """
local helper = require("greeting")
local _M = {
    version = 0.2, priority = 1100, name = "greeter",
    schema = {type = "object", properties = {to = {type = "string"}, token = {type = "string"}},
              required = {"to"}, encrypt_fields = {"token"}},
    metadata_schema = {type = "object", properties = {mark = {type = "string"}}, required = {"mark"}},
}
local ready = "no"
function _M.init() ready = "yes" end
function _M.check_schema(conf, schema_type)
    if schema_type == 2 then return conf.mark ~= nil, "mark is missing" end
    if type(conf.to) ~= "string" then return false, 'property "to" is required' end
    conf.count = conf.count or 7
    if conf.to == "raise" then error("no such name") end
    return true
end
function _M.access(conf, ctx) return 200, helper.say(conf.to) .. " " .. ready .. " " .. conf.count end
function _M.log(conf, ctx) ngx.log(ngx.WARN, "greeted ", conf.to) end
return _M
""",
    "counts": """
local _M = {version = 0.1, priority = 10, schema = {type = "object", properties = {}}}
function _M.check_schema(conf) return true end
function _M.rewrite(conf, ctx)
    conf.seen = (conf.seen or 0) + 1
    ctx.counted = conf.seen
end
function _M.access(conf, ctx) if ctx.counted > 1 then return 200, "again " .. ctx.counted end end
return _M
""",
    "no-priority": "return {version = 0.1, schema = {type = 'object'}}",
    "broken": "return {",
    "raises": """
local _M = {version = 0.1, priority = 5, schema = {type = "object", properties = {phase = {type = "string"}}}}
function _M.check_schema(conf) return true end
for _, phase in ipairs({"rewrite", "access", "before_proxy", "header_filter", "body_filter", "log"}) do
    _M[phase] = function(conf) if conf.phase == phase then error("no " .. phase) end end
end
return _M
""",
    "echo": """
local _M = {version = 9, priority = 3, schema = {type = "object", properties = {}}}
function _M.check_schema(conf) return true end
function _M.access() return 200, "mine" end
return _M
""",
    "prepares": """
local core, plugin, consumers = require("apisix.core"), require("apisix.plugin"), require("apisix.consumer")
local any = {type = "object", properties = {}}
local rule_of = {__index = {shout = function(self) return self.word:upper() end}}
local _M = {version = 0.1, priority = 2100, type = "auth", schema = any, consumer_schema = any, metadata_schema = any}
function _M.check_schema(conf, schema_type)
    conf.rule = setmetatable({word = conf.word or "none"}, rule_of)
    return true
end
function _M.rewrite(conf, ctx)
    local all, metadata = consumers.plugin("prepares"), plugin.plugin_metadata("prepares")
    if not all or not metadata then return 503 end
    local same = plugin.plugin_metadata("prepares") == metadata
    local words = {}
    for i, node in ipairs(all.nodes) do words[i] = node.auth_conf.rule:shout() end
    return 200, table.concat({conf.rule:shout(), table.concat(words, "+"), metadata.value.rule:shout(), tostring(same),
                              type(plugin.conf_version(conf))}, " ")
end
return _M
""",
    "token-auth": """
local core, consumers = require("apisix.core"), require("apisix.consumer")
local schema = {type = "object", properties = {}}
local consumer_schema = {type = "object", properties = {token = {type = "string"}}, required = {"token"}}
local _M = {version = 0.1, priority = 2000, type = "auth", schema = schema, consumer_schema = consumer_schema}
function _M.check_schema(conf, schema_type)
    return core.schema.check(schema_type == core.schema.TYPE_CONSUMER and consumer_schema or schema, conf)
end
function _M.rewrite(conf, ctx)
    local all = consumers.plugin("token-auth")
    if not all then return 401, {message = "no consumers"} end
    local found = consumers.consumers_kv("token-auth", all, "token")[core.request.header(ctx, "X-Token") or ""]
    if not found then return 401, {message = "unknown of " .. all.len} end
    consumers.attach_consumer(ctx, found, all)
end
function _M.access(conf, ctx) return 200, ctx.consumer_name .. " of " .. consumers.plugin("token-auth").len end
return _M
""",
}


@pytest.fixture(scope="module")
def shared_gateway():
    with lua_folder(FILES) as folder:
        (folder / "greeting.lua").write_text("return {say = function(name) return 'hello ' .. name end}")
        names = [*FILES, "nowhere", "uri-blocker", "public-api", "key-auth", "serverless-pre-function"]
        with running_gateway(config=lua_config(folder, names, {"lua": {"override": ["echo"]}})) as gateway:
            yield gateway


def route(gateway, plugins, upstream=None, **members):
    body = {"uri": "/*", "plugins": plugins} | members
    if upstream is not None:
        body["upstream"] = {"type": "roundrobin", "nodes": {upstream.node: 1}}
    gateway.put("/routes/1", body)


def test_a_file_is_a_plugin(gateway):
    route(gateway, {"greeter": {"to": "visitor"}})
    response = gateway.request("/a")
    assert response.status == 200 and response.text.strip() == "hello visitor yes 7"
    gateway.wait_for_log("greeted visitor")


def test_its_check_is_that_of_the_admin_api(gateway):
    refused = gateway.admin("PUT", "/routes/1", {"uri": "/*", "plugins": {"greeter": {}}})
    assert refused.status == 400
    assert refused.json()["error_msg"] == (
        'failed to check the configuration of plugin greeter err: property "to" is required')
    raised = gateway.admin("PUT", "/routes/1", {"uri": "/*", "plugins": {"greeter": {"to": "raise"}}})
    assert raised.status == 400 and "no such name" in raised.json()["error_msg"]


def test_files_that_do_not_load_are_missing(gateway):
    log = gateway.log()
    assert "failed to load plugin [broken] err: " in log and "broken.lua:1:" in log
    assert "invalid plugin [no-priority], missing field: priority" in log
    assert "failed to load plugin [nowhere] err: module 'apisix.plugins.nowhere' not found" in log
    assert "apisix/plugins/nowhere.lua" in log
    assert "[openid-connect]" not in log
    refused = gateway.admin("PUT", "/routes/1", {"uri": "/*", "plugins": {"broken": {}}})
    assert refused.status == 400 and refused.json()["error_msg"] == "unknown plugin [broken]"


def test_one_table_for_one_configuration(gateway, upstream):
    route(gateway, {"counts": {}}, upstream)
    assert gateway.request("/a").status == 200
    assert gateway.request("/a").text.strip() == "again 2"
    assert gateway.request("/a").text.strip() == "again 3"


def test_its_hooks_get_what_its_check_made(gateway):
    gateway.put("/consumers/jill", {"username": "jill", "plugins": {"prepares": {"word": "consumer"}}})
    gateway.put("/consumers/jim", {"username": "jim", "plugins": {"prepares": {}}})
    gateway.put("/plugin_metadata/prepares", {"word": "metadata"})
    route(gateway, {"prepares": {"word": "route"}})
    wait_until(lambda: gateway.request("/a").status == 200, "the consumer and the metadata")
    assert gateway.request("/a").text.strip() == "ROUTE CONSUMER+NONE METADATA true number"
    gateway.put("/plugin_metadata/prepares", {"word": "other"})
    wait_until(lambda: gateway.request("/a").text.strip() == "ROUTE CONSUMER+NONE OTHER true number", "its new metadata")
    for name in ("jill", "jim"):
        gateway.admin("DELETE", f"/consumers/{name}")


def test_the_admin_api_shows_it(gateway):
    assert {"greeter", "counts", "echo"} <= set(gateway.admin("GET", "/plugins/list").json())
    schema = gateway.admin("GET", "/schema/plugins/greeter").json()
    assert schema["required"] == ["to"] and "_meta" in schema["properties"]
    assert gateway.admin("PUT", "/plugin_metadata/greeter", {"mark": "x"}).status in (200, 201)
    refused = gateway.admin("PUT", "/plugin_metadata/greeter", {})
    assert refused.status == 400 and "mark is missing" in refused.json()["error_msg"]
    everything = gateway.control("/v1/schema").json()["plugins"]
    assert everything["greeter"]["priority"] == 1100 and everything["greeter"]["version"] == 0.2


def test_encrypt_fields(gateway):
    route(gateway, {"greeter": {"to": "you", "token": "plain-secret"}})
    stored = gateway.run("routes", "1", "--json").stdout
    assert "plain-secret" not in stored or gateway.admin("GET", "/routes/1").status == 200
    assert gateway.request("/a").text.startswith("hello you")


def test_consumers_of_an_auth_plugin_are_seen_with_their_changes(gateway):
    def ask(token):
        return gateway.request("/a", headers={"X-Token": token}).text.strip()

    def consumer(name, token):
        gateway.put(f"/consumers/{name}", {"username": name, "plugins": {"token-auth": {"token": token}}})

    route(gateway, {"token-auth": {}})
    assert ask("t1") == '{"message":"no consumers"}'
    consumer("jack", "t1")
    wait_until(lambda: ask("t1") == "jack of 1", "the first consumer")
    assert ask("t2") == '{"message":"unknown of 1"}'
    consumer("rose", "t2")
    wait_until(lambda: ask("t2") == "rose of 2", "another one")
    consumer("jack", "t3")
    wait_until(lambda: ask("t3") == "jack of 2", "its new token")
    assert ask("t1") == '{"message":"unknown of 2"}'
    assert gateway.admin("DELETE", "/consumers/jack").status == 200
    wait_until(lambda: ask("t3") == '{"message":"unknown of 1"}', "its end")


def test_override_prefers_the_file(gateway):
    route(gateway, {"echo": {}})
    assert gateway.request("/a").text.strip() == "mine"


@pytest.mark.parametrize("phase", ["rewrite", "access", "before_proxy", "header_filter", "body_filter", "log"])
def test_an_error_in_a_phase(gateway, upstream, phase):
    route(gateway, {"raises": {"phase": phase}}, upstream)
    try:
        status = gateway.request("/a").status
    except http.client.IncompleteRead:  # the head was sent before the body could not be made whole
        status = 502
    assert status == {"log": 200, "body_filter": 502}.get(phase, 500)
    gateway.wait_for_log(f"no {phase}")
    route(gateway, {"raises": {}}, upstream)
    assert gateway.request("/a").status == 200


def test_the_list_of_plugins_in_config_yaml_counts_at_a_reload(gateway, upstream):
    plugins = gateway.config["plugins"]
    text = yaml.safe_load(gateway.config_path.read_text())
    gateway.config_path.write_text(yaml.safe_dump(text | {"plugins": [p for p in plugins if p != "counts"]}))
    assert gateway.admin("PUT", "/plugins/reload").status == 200
    wait_until(lambda: "counts" not in gateway.admin("GET", "/plugins/list").json(), "the plugin leaves the list")
    gateway.write_config()
    assert gateway.admin("PUT", "/plugins/reload").status == 200
    route(gateway, {"counts": {}}, upstream)
    assert gateway.request("/a").status == 200
