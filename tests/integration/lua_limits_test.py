"""Lua that computes for ever, asks for all memory, or recurses without an end: it costs the one request, and no other."""

import tempfile
from pathlib import Path

import pytest

from gateway import running_gateway, wait_until

pytestmark = pytest.mark.shares_gateway

STUCK = """
local _M = {version = 0.1, priority = 1, schema = {type = "object", properties = {}}}
function _M.check_schema(conf) return true end
function _M.access(conf, ctx)
    local n = 0
    while true do n = n + 1 end
end
return _M
"""


def lua_folder(files):
    folder = tempfile.TemporaryDirectory(prefix="lua-limits-")
    plugins = Path(folder.name, "apisix/plugins")
    plugins.mkdir(parents=True)
    Path(folder.name).chmod(0o755)
    for name, text in files.items():
        (plugins / f"{name}.lua").write_text(text)
    return folder


@pytest.fixture(scope="module")
def shared_gateway():
    with lua_folder({"stuck": STUCK}) as folder:
        config = {"apisix": {"extra_lua_path": f"{folder}/?.lua"},
                  "plugins": ["stuck", "serverless-pre-function", "uri-blocker"],
                  "lua": {"cpu_limit": "200ms", "memory_limit": "64m", "jit": False}}
        with running_gateway(config=config) as gateway:
            yield gateway


def serverless(gateway, text, phase="access"):
    gateway.put("/routes/1", {"uri": "/lua", "plugins": {
        "serverless-pre-function": {"phase": phase, "functions": [f"return function(conf, ctx) {text} end"]}}})
    gateway.put("/routes/2", {"uri": "/other", "plugins": {
        "serverless-pre-function": {"functions": ["return function() return 200, 'well' end"]}}})


def request_fails_and_others_go_on(gateway):
    before = gateway.worker_pids()
    assert gateway.request("/lua").status == 500
    assert gateway.request("/other").text.strip() == "well"
    assert gateway.worker_pids() == before


@pytest.mark.parametrize("text", [
    "while true do end",
    "local n = 0; while true do n = n + 1; local t = {n} end",
    "while true do pcall(function() while true do end end) end",
    "local co = coroutine.wrap(function() while true do end end); co()",
    "local function f() return f() end; f()",
])
def test_an_endless_loop_is_stopped(gateway, text):
    serverless(gateway, text)
    request_fails_and_others_go_on(gateway)
    gateway.wait_for_log("stopped: it ran longer than lua.cpu_limit")


@pytest.mark.parametrize("text", [
    "table.sort({3, 2, 1, 5, 4}, function() while true do end end)",
    "string.gsub('abc', '.', function() while true do end end)",
    "while true do pcall(string.gsub, 'abc', '.', function() while true do end end) end",
])
def test_a_loop_in_a_callback_is_stopped(gateway, text):
    serverless(gateway, text)
    request_fails_and_others_go_on(gateway)


def test_the_module_text_of_a_configuration_is_stopped(gateway):
    gateway.admin("PUT", "/routes/1", {"uri": "/lua", "plugins": {
        "serverless-pre-function": {"functions": ["while true do end"]}}})
    assert gateway.request("/lua").status == 503
    serverless(gateway, "return 200, 'well'")
    assert gateway.request("/lua").text.strip() == "well"


def test_a_file_is_stopped(gateway):
    gateway.put("/routes/1", {"uri": "/lua", "plugins": {"stuck": {}}})
    gateway.put("/routes/2", {"uri": "/other", "plugins": {"uri-blocker": {"block_rules": ["other"]}}})
    assert gateway.request("/lua").status == 500
    assert gateway.request("/other").status == 403
    gateway.wait_for_log("stuck.lua:")


@pytest.mark.parametrize("text", [
    "local t = {}; for i = 1, 1e9 do t[i] = string.rep('x', 1e6) .. i end",
    "local s = string.rep('x', 1e9)",
    "local s = 'x'; for i = 1, 40 do s = s .. s end",
])
def test_a_memory_bomb_fails(gateway, text):
    serverless(gateway, text)
    request_fails_and_others_go_on(gateway)
    gateway.wait_for_log("not enough memory")


@pytest.mark.parametrize("text", [
    "local function f(n) return 1 + f(n + 1) end; f(1)",
    "string.find(string.rep('a', 60), string.rep('a?', 60) .. '(')",
    "local t = setmetatable({}, {__index = function(t, k) return t[k] end}); return t.x",
    "error({})",
    "error()",
])
def test_other_errors_cost_the_request(gateway, text):
    serverless(gateway, text)
    request_fails_and_others_go_on(gateway)


def test_filters_and_log_are_stopped_too(gateway, upstream):
    for phase in ("header_filter", "body_filter", "log"):
        gateway.put("/routes/1", {"uri": "/lua", "plugins": {"serverless-pre-function": {
            "phase": phase, "functions": ["return function() while true do end end"]}},
            "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
        # A body that cannot be made whole is not sent.
        assert gateway.request("/lua").status == (502 if phase == "body_filter" else 200)
    serverless(gateway, "return 200, 'well'")
    assert gateway.request("/other").text.strip() == "well"


@pytest.mark.expects_damage
def test_a_compiled_loop_costs_the_worker(make_gateway):
    with lua_folder({"stuck": STUCK}) as folder:
        gateway = make_gateway(config={"apisix": {"extra_lua_path": f"{folder}/?.lua"}, "plugins": ["stuck"],
                                       "lua": {"cpu_limit": "200ms"}})
        gateway.put("/routes/1", {"uri": "/lua", "plugins": {"stuck": {}}})
        before = gateway.worker_pids()
        try:
            first = gateway.request("/lua").status
        except OSError:
            first = None
        except Exception:  # the connection ends without a response
            first = None
        if first == 500:
            return  # it was still interpreted
        wait_until(lambda: gateway.worker_pids() and gateway.worker_pids() != before, "another worker")
        gateway.wait_for_log("Lua that is compiled to machine code does not end")
        assert wait_until(lambda: _status(gateway) == 500, "the successor stops it")


def _status(gateway):
    try:
        return gateway.request("/lua").status
    except Exception:
        return None
