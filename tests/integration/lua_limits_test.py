"""Lua that computes for ever, asks for all memory, or recurses without an end: it costs the one request, and no other."""

import contextlib
import http.client
import os
import signal
import threading
from pathlib import Path

import pytest

from gateway import wait_until
from lua_files import lua_config, lua_folder, lua_gateway
from redis_server import RedisServer

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


@pytest.fixture(scope="module")
def shared_gateway():
    limits = {"lua": {"cpu_limit": "200ms", "memory_limit": "64m", "jit": False}}
    with lua_gateway({"stuck": STUCK}, ["serverless-pre-function", "uri-blocker"], limits) as gateway:
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
        # A body that cannot be made whole is not sent, or breaks off when its head was.
        assert status_or_none(gateway, "/lua") in {"header_filter": [500], "body_filter": [502, None], "log": [200]}[phase]
    serverless(gateway, "return 200, 'well'")
    assert gateway.request("/other").text.strip() == "well"


# --- what is compiled

def lua_of(gateway):
    return gateway.control("/v1/lua").json()


def status_or_none(gateway, path):
    """None: the connection ended without a response."""
    try:
        return gateway.request(path).status
    except (OSError, http.client.HTTPException):
        return None


@pytest.fixture
def compiling_gateway(make_gateway):
    with lua_folder({"stuck": STUCK}) as folder:
        gateway = make_gateway(config=lua_config(folder, ["stuck", "serverless-pre-function"], {"lua": {"cpu_limit": "200ms"}}))
        gateway.put("/routes/1", {"uri": "/lua", "plugins": {"stuck": {}}})
        gateway.put("/routes/2", {"uri": "/other", "plugins": {
            "serverless-pre-function": {"functions": ["return function() return 200, 'well' end"]}}})
        yield gateway


@pytest.mark.expects_damage
def test_a_compiled_loop_costs_the_worker(compiling_gateway):
    """The loop is not stopped, which only machine code is not: the worker ends itself. Its successor stops the loop."""
    gateway = compiling_gateway
    assert lua_of(gateway)["compiles"] is True
    [stuck] = gateway.worker_pids()
    assert status_or_none(gateway, "/lua") is None
    # Two seconds of CPU time are more than the master's own patience where a machine gives it a tenth of a core.
    own_end = f"worker process {stuck} exited with code 3: Lua that is compiled to machine code does not end"
    killed = f"worker process {stuck} exited on signal 9"
    wait_until(lambda: own_end in gateway.log() or killed in gateway.log(), "the end of the worker")
    wait_until(lambda: status_or_none(gateway, "/other") == 200, "another worker")
    successor = gateway.worker_pids()
    assert successor != [stuck]
    assert lua_of(gateway)["compiles"] is False
    for _ in range(2):
        assert gateway.request("/lua").status == 500
        assert gateway.request("/other").text.strip() == "well"
    assert gateway.worker_pids() == successor
    # New workers of a reload compile: the file may be another one by then.
    gateway.reload()
    wait_until(lambda: lua_of(gateway)["compiles"] is True, "workers that compile")


@pytest.mark.expects_damage
def test_a_death_of_another_cause_leaves_the_compiler_on(compiling_gateway):
    gateway = compiling_gateway
    [killed] = gateway.worker_pids()
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: killed not in gateway.worker_pids() and status_or_none(gateway, "/other") == 200, "another worker")
    assert lua_of(gateway)["compiles"] is True


# --- other requests of the worker

@contextlib.contextmanager
def waiting_request(gateway, text, path="/waits"):
    """A request whose function waits in the worker, for which something else is done meanwhile; its response is in the
    list at the end."""
    gateway.put("/routes/3", {"uri": path, "plugins": {"serverless-pre-function": {"functions": [
        f"return function(conf, ctx) {text} end"]}}})
    responses = []
    thread = threading.Thread(target=lambda: responses.append(gateway.request(path)))
    thread.start()
    yield responses
    thread.join()


@pytest.mark.parametrize("text", [
    "while true do end",
    "string.find(string.rep('a', 300), string.rep('a*', 20) .. 'b')",
    "return 1 + nil",
    "local t = {}; for i = 1, 1e9 do t[i] = string.rep('x', 1e6) .. i end",
    "local function f(n) return 1 + f(n + 1) end; f(1)",
])
def test_a_request_that_waits_meanwhile_goes_on(gateway, text):
    serverless(gateway, text)
    waits = "ngx.log(ngx.WARN, 'waits now: ', conf._meta); ngx.sleep(1); return 200, 'slept'"
    seen = gateway.log().count("waits now")
    with waiting_request(gateway, waits) as responses:
        wait_until(lambda: gateway.log().count("waits now") > seen, "the request to wait")
        assert gateway.request("/lua").status == 500
    assert (responses[0].status, responses[0].text.strip()) == (200, "slept")


@pytest.mark.parametrize("text", [
    "string.find(string.rep('a', 300), string.rep('a*', 20) .. 'b')",
    "pcall(string.find, string.rep('a', 300), string.rep('a*', 20) .. 'b'); while true do end",
    "string.gsub(string.rep('a', 300), string.rep('a-', 20) .. 'b', '')",
    "string.rep('a', 300):match(string.rep('(a?)', 20) .. string.rep('a*', 20) .. 'b')",
    "for x in string.gmatch(string.rep('a', 300), string.rep('a*', 20) .. 'b') do end",
    "while true do ngx.thread.spawn(function() local n = 0; for i = 1, 1e7 do n = n + i end end) end",
])
def test_what_takes_for_ever_in_a_call_is_stopped(gateway, text):
    serverless(gateway, text)
    request_fails_and_others_go_on(gateway)
    gateway.wait_for_log("stopped: it ran longer than lua.cpu_limit")


@pytest.mark.parametrize("phase, status", [("rewrite", 500), ("access", 500), ("before_proxy", 500), ("header_filter", 500),
                                           ("body_filter", 502), ("log", 200)])
def test_an_error_in_each_phase(gateway, upstream, phase, status):
    gateway.put("/routes/1", {"uri": "/lua", "plugins": {"serverless-pre-function": {
        "phase": phase, "functions": [f"return function() error('broken in {phase}') end"]}},
        "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}})
    gateway.put("/routes/2", {"uri": "/other", "plugins": {
        "serverless-pre-function": {"functions": ["return function() return 200, 'well' end"]}}})
    before = gateway.worker_pids()
    for _ in range(3):
        assert status_or_none(gateway, "/lua") in (status, None if phase == "body_filter" else status)
        assert gateway.request("/other").text.strip() == "well"
    gateway.wait_for_log(f"broken in {phase}")
    assert gateway.worker_pids() == before


def test_a_redis_that_is_killed_in_the_middle_of_a_call(gateway):
    redis = RedisServer()
    serverless(gateway, "return 200, 'well'")
    redis.freeze()
    call = f"""
        local red = require('resty.redis'):new()
        red:set_timeouts(10000, 10000, 60000)
        assert(red:connect('127.0.0.1', {redis.port}))
        local value, err = red:get('dog')
        return 200, tostring(value) .. ' ' .. tostring(err)"""
    try:
        with waiting_request(gateway, call) as responses:
            wait_until(lambda: has_connection(redis.port), "a connection to redis")
            assert gateway.request("/other").text.strip() == "well"
            redis.kill()
        assert responses[0].status == 200
        assert responses[0].text.strip() in ("nil closed", "nil connection reset by peer")
    finally:
        redis.close()


def has_connection(port):
    """Whether this machine has an established TCP connection to the port, with bytes sent to it or not."""
    established = "01"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[2].endswith(f":{port:04X}") and line.split()[3] == established for line in lines)
