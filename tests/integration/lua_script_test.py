"""Scripts of routes and services: functions of Lua by phase in the place of plugins, on a real gateway."""

import pytest

pytestmark = pytest.mark.shares_gateway


def script(**phases):
    return "local M = {} " + " ".join(f"function M.{phase}(ctx) {text} end" for phase, text in phases.items()) + " return M"


@pytest.fixture
def put(gateway, upstream):
    upstream.respond = lambda request: (200, {"X-Seen": request.header("X-Sent") or "none"}, b"from the node")

    def put(text, **more):
        route = {"uri": "/*", "upstream": {"type": "roundrobin", "nodes": {upstream.node: 1}}, "script": text} | more
        gateway.put_everywhere("/routes/1", {name: value for name, value in route.items() if value is not None})

    return put


def test_each_phase_runs(put, gateway):
    put(script(access="ngx.req.set_header('X-Sent', 'a')", before_proxy="ctx.before = 'b'",
               header_filter="ngx.header['X-Script'] = ctx.before .. ngx.status; ngx.header.content_length = nil",
               body_filter="if ngx.arg[2] then ngx.arg[1] = (ngx.arg[1] or '') .. ' and the script' end",
               log="ngx.log(ngx.WARN, 'the log of ', ctx.before)"))
    response = gateway.request("/a")
    assert (response.header("X-Seen"), response.header("X-Script"), response.text) == ("a", "b200", "from the node and the script")
    gateway.wait_for_log("the log of b")


def test_it_can_respond_and_wait(put, gateway, upstream):
    put(script(access="ngx.sleep(0.001); require('apisix.core').response.exit(403, {message = 'no'})"))
    response = gateway.request("/a")
    assert (response.status, response.text) == (403, '{"message":"no"}\n') and not upstream.requests


def test_what_its_functions_return_does_not_count(put, gateway):
    put(script(access="return 403, 'no'"))
    assert gateway.request("/a").text == "from the node"


def test_its_locals_are_the_request_s_own(put, gateway):
    put("local seen = 0; return {access = function(ctx) seen = seen + 1; ngx.header['X-Count'] = seen end}")
    assert [gateway.request("/a").header("X-Count") for _ in range(3)] == ["1", "1", "1"]


def test_it_runs_in_the_place_of_the_service_s_plugins(put, gateway):
    gateway.put_everywhere("/services/1", {"plugins": {"mocking": {"response_example": "mocked"}}})
    put(script(header_filter="ngx.header['X-Script'] = 'ran'"), service_id="1")
    response = gateway.request("/a")
    assert (response.text, response.header("X-Script")) == ("from the node", "ran")


def test_a_service_s_script_is_the_route_s(put, gateway):
    gateway.put_everywhere("/services/1", {"script": script(header_filter="ngx.header['X-Script'] = ctx.route_id")})
    put(None, service_id="1")
    assert gateway.request("/a").header("X-Script") == "1"


def test_global_rules_run_and_come_first(put, gateway):
    gateway.put_everywhere("/global_rules/1", {"plugins": {"serverless-pre-function": {
        "phase": "access", "functions": ["return function(conf, ctx) ctx.order = 'rule' end"]}}})
    put(script(access="ngx.header['X-Order'] = ctx.order .. ' script'"))
    assert gateway.request("/a").header("X-Order") == "rule script"
    gateway.admin("DELETE", "/global_rules/1")


def test_a_change_takes_effect(put, gateway):
    for text in ("one", "two"):
        put(script(header_filter=f"ngx.header['X-Script'] = '{text}'"))
        assert gateway.request("/a").header("X-Script") == text


def test_an_error_is_a_500_with_the_place(put, gateway):
    put("local M = {}\nfunction M.access(ctx)\n  local none; return none.x\nend\nreturn M")
    assert gateway.request("/a").status == 500
    gateway.wait_for_log('[string "route#1"]:3: attempt to index local \'none\'')


def test_a_script_that_fails_to_load_is_a_500(put, gateway):
    put("local core = require('apisix.core'); error('it does not start'); return {}")
    assert gateway.request("/a").status == 500
    gateway.wait_for_log("it does not start")


@pytest.mark.parametrize("text, message", [
    ("invalid script", "failed to load 'script' string: [string \"invalid script\"]:1: '=' expected near 'script'"),
    ("return 1 -- long enough", "'script' should be a Lua object"),
])
@pytest.mark.parametrize("path", ["/routes/2", "/services/2"])
def test_what_is_no_script_is_refused(gateway, path, text, message):
    response = gateway.admin("PUT", path, {"script": text} | ({"uri": "/b"} if "routes" in path else {}))
    assert response.status == 400 and response.json()["error_msg"] == message


def test_it_goes_with_no_plugins(gateway):
    response = gateway.admin("PUT", "/routes/2", {"uri": "/b", "script": "return {} -- nothing", "plugins": {"mocking": {"response_example": "a"}}})
    assert response.status == 400


def test_script_id_is_accepted_and_names_nothing(put, gateway):
    """As in APISIX, where the schema has it and no code reads it."""
    put(None, script_id="1")
    assert gateway.request("/a").text == "from the node"
