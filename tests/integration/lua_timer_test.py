"""Timers and light threads of Lua in functions of serverless plugins."""

import pytest

from gateway import running_gateway, wait_until

pytestmark = pytest.mark.shares_gateway


@pytest.fixture(scope="module")
def shared_gateway():
    with running_gateway(config={"nginx_config": {"http": {"custom_lua_shared_dict": {"seen": "100k"}}}}) as gateway:
        yield gateway


@pytest.fixture
def put(gateway):
    def put(text, uri="/a"):
        text = f"return function(conf, ctx) local seen = ngx.shared.seen; {text} end"
        gateway.put_everywhere("/routes/" + uri.strip("/"), {
            "uri": uri, "plugins": {"serverless-pre-function": {"phase": "access", "functions": [text]}},
            "upstream": {"type": "roundrobin", "nodes": {"127.0.0.1:1": 1}}})

    return put


def test_a_timer_runs_after_the_request(gateway, put):
    put("seen:delete('x'); ngx.timer.at(0.05, function(premature, a) seen:set('x', tostring(premature) .. a) end, 'arg'); "
        "ngx.say(tostring(seen:get('x'))); ngx.exit(200)")
    put("ngx.say(tostring(seen:get('x'))); ngx.exit(200)", "/read")
    assert gateway.request("/a").text == "nil\n"
    wait_until(lambda: gateway.request("/read").text == "falsearg\n", "the timer")


def test_a_timer_that_fails_is_logged(gateway, put):
    put("ngx.timer.at(0, function() error('of a timer') end); ngx.exit(204)")
    assert gateway.request("/a").status == 204
    gateway.wait_for_log("of a timer")
    gateway.wait_for_log("context: ngx.timer")


def test_exit_in_a_thread_ends_the_request(gateway, put):
    put("ngx.thread.spawn(function() ngx.sleep(0.01) ngx.exit(403) end); ngx.sleep(1000)")
    assert gateway.request("/a").status == 403


def test_the_request_goes_on_when_its_threads_have_ended(gateway, put):
    put("ngx.thread.spawn(function() ngx.sleep(0.02) ngx.ctx.by = 'thread' ngx.exit(202) end)")
    assert gateway.request("/a").status == 202


def test_threads_give_their_results(gateway, put):
    put("local t = {}; for i = 1, 3 do t[i] = ngx.thread.spawn(function(x) ngx.sleep(0.01 * x) return x end, i) end; "
        "local sum = 0; for i = 1, 3 do local _, v = ngx.thread.wait(t[i]) sum = sum + v end; ngx.say(sum); ngx.exit(200)")
    assert gateway.request("/a").text == "6\n"
