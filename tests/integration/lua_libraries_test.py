"""Libraries and modules that users' Lua requires: the gateway's own plugins as modules, metrics of scripts, WebSocket
and redis clusters as clients, the store."""

import json

import pytest

from gateway import wait_until
from lua_files import lua_gateway
from redis_server import RedisCluster
from websocket_echo import websocket_echo

pytestmark = pytest.mark.shares_gateway

# The stand-ins, whatever this machine has.
OWN_PATH = "package.path, package.cpath = '', '' "

FILES = {
    # around plugins of the gateway, as users write them
    "narrow": """
local base = require("apisix.plugins.ip-restriction.init")
local _M = {version = 0.1, priority = 3001, schema = base.schema, check_schema = base.check_schema}
function _M.access(conf, ctx)
    local code, body = base.restrict(conf, ctx)
    if code then return code, {error = body.message} end
end
return _M
""",
    "few": """
local limiter = require("apisix.plugins.limit-conn.init")
local original = require("apisix.plugins.limit-conn")
local conf = {conn = 1, burst = 0, default_conn_delay = 0.1, key = "uri", key_type = "var", rejected_code = 429}
assert(original.check_schema(conf))
local _M = {version = 0.1, priority = 1004, schema = {type = "object", properties = {}}}
function _M.check_schema() return true end
function _M.access(_, ctx)
    local code = limiter.increase(conf, ctx)
    if code then return code, "busy" end
    if ctx.var.arg_sleep then ngx.sleep(tonumber(ctx.var.arg_sleep)) end
    return 200, "done"
end
function _M.log(_, ctx) limiter.decrease(conf, ctx) end
return _M
""",
    "counted": """
local exporter = require("apisix.plugins.prometheus.exporter")
local _M = {version = 0.1, priority = 12, schema = {type = "object", properties = {}}}
function _M.check_schema() return true end
local visits, seconds
function _M.init()
    local registry = exporter.get_prometheus()
    visits = registry:counter("visits_total", "Visits of pages", {"page"})
    seconds = registry:histogram("visit_seconds", "How long they were", {"page"}, {0.5, 1})
end
function _M.access(_, ctx)
    visits:inc(2, {ctx.var.uri})
    seconds:observe(0.7, {ctx.var.uri})
    return 200, "counted"
end
return _M
""",
}


@pytest.fixture(scope="module")
def shared_gateway():
    with lua_gateway(FILES, ["serverless-pre-function", "public-api", "prometheus"]) as gateway:
        yield gateway


def put_plugins(gateway, plugins):
    gateway.put("/routes/1", {"uri": "/*", "plugins": plugins})


@pytest.fixture
def run(gateway):
    """What a chunk returns, as a list."""

    def run(chunk, **request):
        text = (f"return function() {OWN_PATH} local t = table.pack((function() {chunk} end)()) "
                "local cjson = require('cjson') for i = 1, t.n do if t[i] == nil then t[i] = cjson.null end end "
                "t.n = nil ngx.say(cjson.encode(setmetatable(t, cjson.array_mt))) ngx.exit(200) end")
        put_plugins(gateway, {"serverless-pre-function": {"phase": "access", "functions": [text]}})
        response = gateway.request("/a", **request)
        assert response.status == 200, gateway.log()
        return json.loads(response.body)

    return run


def test_a_plugin_of_the_gateway_is_a_module(run):
    assert run("local p = require('apisix.plugins.key-auth') "
               "return p.name, p.type, p.priority, p.consumer_schema.required[1]") == ["key-auth", "auth", 2500, "key"]
    assert run("local p = require('apisix.plugins.limit-count') local conf = {count = 0} "
               "local ok, err = p.check_schema(conf) return ok, err ~= nil") == [False, True]
    assert run("local conf = {count = 1, time_window = 60} require('apisix.plugins.limit-count').check_schema(conf) "
               "return conf.rejected_code, conf.policy") == [503, "local"]
    assert run("return (pcall(require, 'apisix.plugins.no-such-plugin'))") == [False]


def test_scripts_run_hooks_of_the_gateways_plugins(gateway):
    put_plugins(gateway, {"narrow": {"blacklist": ["127.0.0.0/8"], "message": "not you"}})
    response = gateway.request("/a")
    assert response.status == 403 and response.json() == {"error": "not you"}
    put_plugins(gateway, {"narrow": {"blacklist": ["10.0.0.0/8"]}, "counted": {}})
    assert gateway.request("/a").status == 200
    refused = gateway.admin("PUT", "/routes/1", {"uri": "/*", "plugins": {"narrow": {"whitelist": ["no address"]}}})
    assert refused.status == 400


def test_what_access_took_log_gives_back(gateway):
    put_plugins(gateway, {"few": {}})
    for _ in range(3):
        wait_until(lambda: gateway.request("/one").status == 200, "the place that the last one had")


def test_metrics_of_scripts_are_on_the_page(gateway):
    put_plugins(gateway, {"counted": {}})
    assert gateway.request("/page").status == 200
    gateway.put("/routes/1", {"uri": "/apisix/prometheus/metrics", "plugins": {"public-api": {}}})
    text = gateway.request("/apisix/prometheus/metrics").text
    assert "# HELP apisix_visits_total Visits of pages\n# TYPE apisix_visits_total counter\n" in text
    assert 'apisix_visits_total{page="/page"} 2\n' in text
    at = text.index("# TYPE apisix_visit_seconds histogram\n")
    lines = [line for line in text[at:].splitlines() if '"/page"' in line]
    assert lines[:5] == [
        'apisix_visit_seconds_bucket{page="/page",le="0.5"} 0', 'apisix_visit_seconds_bucket{page="/page",le="1"} 1',
        'apisix_visit_seconds_bucket{page="/page",le="+Inf"} 1', 'apisix_visit_seconds_count{page="/page"} 1',
        'apisix_visit_seconds_sum{page="/page"} 0.7']


def test_websocket_client(run):
    with websocket_echo() as port:
        assert run(f"local c = require('resty.websocket.client'):new{{timeout = 5000}} "
                   f"local ok, err = c:connect('ws://127.0.0.1:{port}/x') c:send_text('one') "
                   "local first, kind = c:recv_frame() local sent, problem = c:send_binary(('y'):rep(70000)) "
                   "return ok, first, kind, sent, problem, (c:close())") == [1, "one", "text", None, "payload too big", 1]
        assert run("local c = require('resty.websocket.client'):new{timeout = 5000, max_payload_len = 100000} "
                   f"c:connect('ws://127.0.0.1:{port}') c:send_binary(('y'):rep(70000)) "
                   "local data, kind = c:recv_frame() c:send_close(1000, 'end') local why, close, code = c:recv_frame() "
                   "return #data, kind, close, code") == [70000, "binary", "close", 1000]


def test_redis_cluster(run):
    cluster = RedisCluster()
    try:
        node = cluster.masters[0]
        host, port = node.address.split(":")
        made = ("local c, err = require('resty.rediscluster'):new{name = 'lua', serv_list = "
                f"{{{{ip = '{host}', port = {port}}}}}, connect_timeout = 5000, read_timeout = 5000}} ")
        assert run(made + "for i = 1, 20 do assert(c:set('key' .. i, i)) end local sum = 0 "
                   "for i = 1, 20 do sum = sum + c:get('key' .. i) end return sum, c:get('none') == ngx.null") == [210, True]
        assert sum(one.client.dbsize() > 0 for one in cluster.masters) > 1
        assert run(made + "c:init_pipeline() for i = 1, 20 do c:incr('key' .. i) end local replies = c:commit_pipeline() "
                   "return #replies, replies[1], replies[20]") == [20, 2, 21]
        assert run(made + "return (c:eval('return {KEYS[1], ARGV[1]}', 1, '{tag}k', 'v'))") == [["{tag}k", "v"]]
        assert run(made + "return c:nosuchcommand('k')")[0] is False
    finally:
        cluster.close()


def test_uploads_come_in_pieces(run):
    body = ("--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\nContent-Type: text/plain\r\n\r\n"
            "0123456789\r\n--b\r\nContent-Disposition: form-data; name=\"g\"\r\n\r\n\r\n--b--\r\n")
    assert run("local form = require('resty.upload'):new(4) local seen = {} "
               "repeat local kind, what, err = form:read() assert(kind, err) "
               "seen[#seen + 1] = kind .. ':' .. (type(what) == 'table' and what[1] or what or '') until kind == 'eof' "
               "return table.concat(seen, ' ')", method="POST", body=body.encode(),
               headers={"Content-Type": "multipart/form-data; boundary=b"}) == [
        "header:Content-Disposition header:Content-Type body:0123 body:4567 body:89 part_end: "
        "header:Content-Disposition part_end: eof:"]
    assert run("return require('resty.upload'):new(4)") == [None, "no boundary defined in Content-Type"]


def test_the_store(run, gateway):
    assert run("local etcd = require('apisix.core').etcd "
               "local res = etcd.set('/routes/2', {uri = '/stored', plugins = {['serverless-pre-function'] = {phase = 'access', "
               "functions = {'return function() ngx.say(\"stored\") ngx.exit(200) end'}}}}) "
               "return res.status, res.body.node.key") == [201, "/apisix/routes/2"]
    wait_until(lambda: gateway.request("/stored").text == "stored\n", "the route that a script has stored")
    gateway.admin("DELETE", "/routes/2")


def test_commands_and_keys(run):
    assert run("return require('resty.shell').run('cat; exit 3', 'text')") == [False, "text", "", "exit", 3]
    assert run("local pkey = require('resty.openssl.pkey') local key = pkey.new{type = 'RSA', bits = 2048} "
               "local signature = key:sign('text', 'sha256') local public = pkey.new(key:to_PEM('public')) "
               "return #signature, public:verify(signature, 'text', 'sha256'), public:verify(signature, 'other', 'sha256')"
               ) == [256, True, False]
