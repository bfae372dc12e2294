"""What Lua costs, by plugin: /v1/lua, metrics, lines about calls that block; and lua.watch. One gateway for all."""

import pytest

from gateway import http_request, running_gateway, wait_until
from lua_files import lua_config, lua_folder, plugin_file

pytestmark = pytest.mark.shares_gateway

PLUGIN = """
local _M = {version = 0.1, priority = 1, name = "NAME", schema = {type = "object", properties = {}}}
function _M.check_schema(conf) return true end
function _M.access(conf, ctx) BODY end
return _M
"""
BODIES = {
    "waits": "ngx.sleep(0.001) return 200, 'a'",
    "raises": "error('no')",
    "runs-out": "if ngx.var.arg_now then while true do end end return 200, 'a'",
    "blocks": "os.execute('true') os.execute('true') return 200, 'a'",
    "times": "ngx.timer.at(0, function() ngx.sleep(0) end) return 200, 'a'",
    "computes": "local n = 0 for i = 1, 2e5 do n = n + i % 7 end return 200, 'a'",
    "slow": "local n, t = 0, os.clock() while os.clock() - t < 0.25 do n = n + 1 end return 200, 'a'",
    "changes": "return 200, 'first'",
}


@pytest.fixture(scope="module")
def folder():
    with lua_folder({name: text_of(name, body) for name, body in BODIES.items()}) as path:
        yield path


@pytest.fixture(scope="module")
def shared_gateway(folder):
    config = {"lua": {"cpu_limit": "500ms", "watch": True, "jit": False}, "nginx_config": {"max_pending_timers": 3},
              "plugin_attr": {"prometheus": {"refresh_interval": 0.1}}}
    names = [*BODIES, "prometheus", "serverless-pre-function"]
    with running_gateway(config=lua_config(folder, names, config)) as gateway:
        yield gateway


def text_of(name, body):
    return PLUGIN.replace("NAME", name).replace("BODY", body)


def write(folder, name, body):
    plugin_file(folder, name).write_text(text_of(name, body))


def use(gateway, name, conf=None):
    gateway.put("/routes/1", {"uri": "/*", "plugins": {name: conf or {}}})


def usage(gateway, name):
    rows = http_request(gateway.control_port, path="/v1/lua").json()["usage"]
    return dict.fromkeys(["runs", "errors", "stopped", "waits", "busy_us", "blocking_calls"], 0) | rows.get(name, {})


def metrics(gateway):
    text = http_request(gateway.metrics_port, path="/apisix/prometheus/metrics").text
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("apisix_lua"))


def test_runs_and_waits_count_for_their_plugin(gateway):
    use(gateway, "waits")
    before = usage(gateway, "waits")
    for _ in range(3):
        assert gateway.request("/a").status == 200
    after = usage(gateway, "waits")
    assert after["runs"] == before["runs"] + 3 and after["waits"] == before["waits"] + 3
    assert after["errors"] == 0 and after["blocking_calls"] == 0
    assert 0 < after["busy_us"] < 3_000_000


def test_errors_count(gateway):
    use(gateway, "raises")
    assert gateway.request("/a").status == 500
    assert {key: usage(gateway, "raises")[key] for key in ("runs", "errors", "stopped")} == {"runs": 1, "errors": 1, "stopped": 0}


def test_stopped_runs_count(gateway):
    use(gateway, "runs-out")
    assert gateway.request("/a?now=1").status == 500
    assert {key: usage(gateway, "runs-out")[key] for key in ("runs", "errors", "stopped")} == {"runs": 1, "errors": 1, "stopped": 1}
    assert gateway.request("/a").status == 200


def test_functions_of_routes_count(gateway):
    use(gateway, "serverless-pre-function", {"functions": ["return function() return 200, 'a' end"]})
    assert gateway.request("/a").status == 200
    assert usage(gateway, "serverless-pre-function")["runs"] == 1


def test_timers_count_for_who_started_them(gateway):
    use(gateway, "times")
    assert gateway.request("/a").status == 200
    wait_until(lambda: usage(gateway, "times")["runs"] == 2, "the timer has run")
    assert usage(gateway, "times")["waits"] == 1


def test_time_is_measured(gateway):
    use(gateway, "computes")
    assert gateway.request("/a").status == 200
    assert usage(gateway, "computes")["busy_us"] > 300


@pytest.mark.parametrize("name, text, line, calls", [
    ("blocks", "os.execute holds the whole worker", "blocks.lua:4: os.execute holds the whole worker", 4),
    ("slow", "plugin slow held the whole worker", "plugin slow held the whole worker for ", 0)])
def test_what_holds_the_worker_is_logged_once(gateway, name, text, line, calls):
    use(gateway, name)
    for _ in range(2):
        assert gateway.request("/a").status == 200
    assert usage(gateway, name)["blocking_calls"] == calls
    gateway.wait_for_log(line)
    assert gateway.log().count(text) == 1


def test_metrics_have_the_same_numbers(gateway):
    use(gateway, "raises")
    for _ in range(2):
        assert gateway.request("/a").status == 500
    runs = usage(gateway, "raises")["runs"]
    counted = wait_until(
        lambda: (found := metrics(gateway)).get('apisix_lua_runs_total{plugin="raises"}') == str(runs) and found, "metrics")
    assert counted['apisix_lua_errors_total{plugin="raises"}'] == str(runs)
    assert 0 < float(counted['apisix_lua_busy_seconds_total{plugin="raises"}']) < 10
    assert int(float(counted['apisix_lua_memory_bytes{worker="0"}'])) > 100_000


def test_the_limit_of_timers_is_that_of_config_yaml(gateway):
    use(gateway, "serverless-pre-function", {"functions": ["""return function()
        local last
        for _ = 1, 4 do last = {ngx.timer.at(0.2, function() end)} end
        return 200, tostring(last[1]) .. ' ' .. tostring(last[2])
    end"""]})
    assert gateway.request("/a").text.strip() == "nil too many pending timers"


def test_a_file_that_changes_is_loaded_anew(gateway, folder):
    use(gateway, "changes")
    assert gateway.request("/a").text.strip() == "first"
    write(folder, "changes", "return 200, 'second'")
    wait_until(lambda: gateway.request("/a").text.strip() == "second", "the file is loaded anew")
    gateway.wait_for_log("apisix/plugins/changes.lua has changed: Lua is loaded anew")


def test_a_file_that_does_not_load_changes_nothing(gateway, folder):
    use(gateway, "changes")
    before = gateway.request("/a").text
    plugin_file(folder, "changes").write_text("return {")
    gateway.wait_for_log("changes.lua:1: unexpected symbol")
    assert gateway.request("/a").text == before
    write(folder, "changes", "return 200, 'third'")
    wait_until(lambda: gateway.request("/a").text.strip() == "third", "the file is loaded anew")


def test_files_in_new_folders_are_watched(gateway, folder):
    write(folder, "changes", "return 200, require('helpers.words').word")
    helpers = folder / "helpers"
    helpers.mkdir()
    use(gateway, "changes")
    for word in ("one", "two"):
        (helpers / "words.lua").write_text(f"return {{word = '{word}'}}")
        wait_until(lambda: gateway.request("/a").text.strip() == word, "the file is loaded anew")  # noqa: B023


@pytest.mark.gateway
def test_a_gateway_without_lua_has_no_such_metrics(gateway):
    assert http_request(gateway.control_port, path="/v1/lua").json() == {"in_use": False}
    assert metrics(gateway) == {}
