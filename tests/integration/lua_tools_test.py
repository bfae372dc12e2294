"""apisix lua check, test, types and repl: they run beside whatever gateway runs, so these tests start none."""

import json
import os
import re
import signal
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from gateway import BINARY, PATIENCE_S, REPOSITORY

GOOD = """
local core = require("apisix.core")
local schema = {type = "object", properties = {value = {type = "string"}}, required = {"value"}}
local _M = {version = 0.1, priority = 100, name = "good", schema = schema}
function _M.check_schema(conf) return core.schema.check(schema, conf) end
function _M.access(conf, ctx)
    core.request.set_header(ctx, "X-Value", conf.value)
    if conf.value == "raise" then error("no such value") end
    if conf.value == "loop" then while true do end end
    if jit.os == "never" then ngx.exit(400) end
end
function _M.header_filter(conf, ctx)
    core.response.set_header("X-Out", conf.value)
    ngx.timer.at(0, function() ngx.sleep(0) end)
end
return _M
"""

BAD = """local core = require("apisix.core")
local helper = require("no.such.module")
local schema = {type = "object", properties = {}}
local _M = {version = 0.1, priority = 100, name = "bad", schema = schema}
function _M.check_schema(conf) return core.schema.check(schema, conf) end
local function nap() ngx.sleep(0.1) end
function _M.access(conf, ctx)
    core.log.eror("x")
    ngx.loog(ngx.ERR, "x")
    os.execute("true")
    total = 1
    missing.call()
    if ngx.maybe then return end
    ngx.shared.nowhere:get("a")
end
function _M.header_filter(conf, ctx)
    pcall(nap)
    ngx.say("x")
end
return _M
"""

SPEC = """
describe("good", function()
    local count = 0
    setup(function() count = 10 end)
    before_each(function() count = count + 1 end)
    it("sets headers", function()
        local r = gateway.request{uri = "/a?b=1", plugins = {good = {value = "v"}}, upstream = function(req)
            return {status = 201, headers = {["X-Up"] = {"1", "2"}}, body = req.method .. " " .. req.uri .. " " .. req.headers["x-value"]}
        end}
        assert.are.equal(201, r.status)
        assert.are.equal("GET /a?b=1 v", r.body)
        assert.are.equal("v", r.headers["x-out"])
        assert.are.same({"1", "2"}, r.headers["x-up"])
        assert.are.equal("v", r.upstream.headers["x-value"])
    end)
    it("sends bodies", function()
        local r = gateway.request{method = "PUT", body = {a = 1}, client_ip = "10.1.2.3", plugins = {good = {value = "v"}},
                                  upstream = function(req) return {body = req.body .. req.headers["x-real-ip"]} end}
        assert.are.equal('{"a":1}10.1.2.3', r.body)
        assert.are.equal(12, count)
    end)
    it("refuses configurations", function()
        assert.error_matches(function() gateway.request{plugins = {good = {}}} end, 'property "value" is required')
        local status, body = gateway.admin("PUT", "/routes/x", {uri = "/x", plugins = {good = {value = 1}}})
        assert.are.equal(400, status)
        assert.matches("wrong type", body.error_msg)
    end)
    it("replaces modules", function()
        local core = require("apisix.core")
        local seen = spy.on(core.request, "set_header")
        gateway.request{plugins = {good = {value = "spied"}}}
        assert.spy(seen).was.called(1)
    end)
    pending("comes later")
end)
"""

FAILING = """
describe("bad", function()
    it("differs", function() assert.same({a = {1, 2, 3}, b = "x"}, {a = {1, 2, 4}, b = "x"}) end)
    it("raises", function() local x; x.y = 1 end)
    it("gets 500", function()
        local r = gateway.request{plugins = {good = {value = "raise"}}}
        assert.are.equal(200, r.status)
    end)
    it("computes for ever", function() while true do end end)
    it("goes on", function() assert.is_true(true) end)
end)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "apisix/plugins").mkdir(parents=True)
    (tmp_path / "tests").mkdir()
    (tmp_path / "apisix/plugins/good.lua").write_text(GOOD)
    return tmp_path


def lua(folder, *arguments, text=None, config=None):
    home = folder / "home"
    (home / "conf").mkdir(parents=True, exist_ok=True)
    if config is not None:
        (home / "conf/config.yaml").write_text(config)
    return subprocess.run([BINARY, "lua", *map(str, arguments), "-p", home], cwd=folder, input=text, capture_output=True,
                          text=True, timeout=PATIENCE_S * 4)


def findings(folder, *arguments, **options):
    done = lua(folder, "check", *arguments, "--json", **options)
    report = json.loads(done.stdout)
    return done.returncode, {(Path(f["file"]).name, f.get("line"), f["code"], f["severity"]): f for f in report["findings"]}


def test_a_good_plugin_passes(folder):
    done = lua(folder, "check", ".")
    assert done.stdout == "1 files: 0 errors, 0 warnings, 0 remarks\n", done.stderr
    assert done.returncode == 0 and done.stderr == ""


def test_what_is_wrong_has_its_place(folder):
    (folder / "apisix/plugins/bad.lua").write_text(BAD)
    code, found = findings(folder, ".")
    assert code == 1
    assert {key[1:] for key in found} == {
        (2, "module-not-found", "error"), (2, "not-loaded", "error"),
        (6, "disabled-api", "error"), (8, "unknown-name", "error"), (9, "unknown-name", "error"), (10, "blocking", "warning"),
        (11, "global-set", "warning"), (12, "unknown-global", "error"), (14, "unknown-dictionary", "warning"),
        (18, "disabled-api", "error")}
    assert found["bad.lua", 9, "unknown-name", "error"]["hint"] == "did you mean ngx.log?"
    assert found["bad.lua", 8, "unknown-name", "error"]["hint"] == "did you mean apisix.core.log.error?"
    assert found["bad.lua", 6, "disabled-api", "error"]["text"] == "ngx.sleep is disabled in header_filter"


def test_syntax_and_place(folder):
    (folder / "broken.lua").write_text("local a = 1\nlocal x = = 2\n")
    (folder / "stray.lua").write_text(GOOD.replace('"good"', '"stray"'))
    (folder / "apisix/plugins/other.lua").write_text("return {version = 1, name = 'another'}\n")
    code, found = findings(folder, "broken.lua", "stray.lua", "apisix/plugins/other.lua")
    assert code == 1
    assert found["broken.lua", 2, "syntax", "error"]["text"] == "unexpected symbol near '='"
    assert "DIR/apisix/plugins/stray.lua" in found["stray.lua", None, "wrong-path", "error"]["hint"]
    assert ("other.lua", None, "missing-field", "error") in found
    assert ("other.lua", 1, "other-name", "warning") in found
    assert ("other.lua", None, "no-hook", "warning") in found


def test_check_knows_config_yaml(folder):
    config = "plugins: [key-auth]\nnginx_config:\n  http:\n    custom_lua_shared_dict:\n      mine: 1m\n"
    (folder / "tool.lua").write_text("return ngx.shared.mine:get('a'), ngx.shared.yours")
    code, found = findings(folder, ".", config=config)
    assert code == 1
    assert set(found) == {("tool.lua", 1, "unknown-dictionary", "warning"), ("good.lua", None, "not-in-path", "info"),
                          ("good.lua", None, "not-enabled", "info")}
    config = f"plugins: [good]\napisix:\n  extra_lua_path: \"{folder}/?.lua\"\n"
    code, found = findings(folder, "apisix", config=config)
    assert code == 0 and found == {}


def test_a_missing_file_is_an_error(folder):
    done = lua(folder, "check", "nowhere.lua")
    assert done.returncode == 1 and "nowhere.lua: error: no such file or folder" in done.stdout


def test_requests_go_through_the_engine(folder):
    (folder / "tests/good_spec.lua").write_text(SPEC)
    done = lua(folder, "test", "tests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 tests in 1 files: 4 passed, 0 failed, 0 errors, 1 pending" in done.stdout
    assert "ok      good sets headers" in done.stdout


def test_failures_say_what_and_where(folder):
    (folder / "tests/bad_spec.lua").write_text(FAILING)
    (folder / "tests/good_spec.lua").write_text(SPEC)
    done = lua(folder, "test", "tests", "--junit", "out/report.xml")
    assert done.returncode == 1
    assert "tests/bad_spec.lua:3\n      they differ at .a[3]\n      - expected, + got\n" in done.stdout
    assert "attempt to index local 'x' (a nil value)" in done.stdout
    assert "good.lua:8: no such value" in done.stdout  # of error.log
    assert "it ran longer than lua.cpu_limit" in done.stdout
    assert "10 tests in 2 files: 5 passed, 2 failed, 2 errors, 1 pending" in done.stdout
    suites = ElementTree.parse(folder / "out/report.xml").getroot()
    assert suites.attrib["tests"] == "10" and suites.attrib["failures"] == "2" and suites.attrib["errors"] == "2"
    cases = {case.attrib["name"]: case for case in suites.iter("testcase")}
    assert "they differ at .a[3]" in cases["bad differs"].find("failure").text
    assert cases["bad goes on"].find("failure") is None and cases["good comes later"].find("skipped") is not None


def test_shared_tests_and_broken_plugins(folder):
    (folder / "apisix/plugins/broken.lua").write_text("return {")
    (folder / "shared.lua").write_text("""return function(value)
        it("is shared", function()
            assert.is_true(value)
            local ok, err = pcall(assert, false, "plain")  -- of a module: as without tests
            assert.are.equal("plain", err)
        end)
    end""")
    (folder / "tests/a_spec.lua").write_text("""describe("a", function()
        require("shared")(true)
        it("has its own", function() assert.has_error(function() assert(nil, "no") end) end)
    end)""")
    done = lua(folder, "test", "tests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok      a is shared" in done.stdout and "2 tests in 1 files: 2 passed" in done.stdout
    assert "failed to load plugin [broken]" in done.stderr and "good" not in done.stderr


def test_a_filter_chooses(folder):
    (folder / "tests/bad_spec.lua").write_text(FAILING)
    done = lua(folder, "test", "tests", "--filter", "goes on", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["counts"]["tests"] == 1
    assert lua(folder, "test", "tests", "--filter", "no such test").returncode == 1


def test_a_file_that_does_not_load_is_an_error(folder):
    (folder / "tests/a_spec.lua").write_text("describe('x', function(")
    (folder / "tests/b_test.lua").write_text("it('runs', function() end)")
    done = lua(folder, "test", "tests")
    assert done.returncode == 1
    assert "2 tests in 2 files: 1 passed, 0 failed, 1 errors, 0 pending" in done.stdout


def test_types_are_lua_and_name_the_api(folder):
    done = lua(folder, "types", "annotations")
    assert done.returncode == 0, done.stderr
    ngx = (folder / "annotations/ngx.lua").read_text()
    assert "---@meta ngx" in ngx
    assert "---@param seconds number\nfunction ngx.sleep(seconds) end" in ngx
    assert "ngx.HTTP_NOT_FOUND = 404" in ngx and "function ngx.re.match(" in ngx
    core = (folder / "annotations/apisix/core.lua").read_text()
    assert "---@type apisix.core.request\nM.request = nil" in core
    request = (folder / "annotations/apisix/core/request.lua").read_text()
    assert "---@class apisix.core.request" in request and "function M.get_body(" in request
    for file in (folder / "annotations").rglob("*.lua"):
        compiled = subprocess.run(["luajit", "-bl", file], capture_output=True, text=True)
        assert compiled.returncode == 0, compiled.stderr


def test_the_repl_evaluates_lines(folder):
    lines = ["1 + 1, 'a'", "x = {1, n = 2}", "x", "for i = 1, 2 do", "print(i)", "end", "ngx.sleep(0.01)",
             "local r = gateway.request{uri = '/a', upstream = {status = 202, body = 'up'}} print(r.status, r.body)"]
    done = lua(folder, "repl", text="\n".join(lines) + "\n")
    assert done.stdout == '2\t"a"\n{\n  1,\n  n = 2\n}\n1\n2\n202\tup\n', done.stdout + done.stderr
    assert done.returncode == 0


def test_errors_do_not_end_the_repl(folder):
    done = lua(folder, "repl", text="error('first', 0)\nx = = 1\nwhile true do end\n'last'\n")
    assert done.returncode == 1 and done.stdout == '"last"\n'
    assert "first" in done.stderr and "unexpected symbol" in done.stderr and "lua.cpu_limit" in done.stderr


def test_nothing_is_left_behind(folder):
    scratch = folder / "scratch"
    scratch.mkdir()
    command = [BINARY, "lua", "repl", "-p", folder]
    for number in (None, signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen(command, cwd=folder, env=os.environ | {"TMPDIR": str(scratch)}, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as process:
            process.stdin.write("'ready'\n")
            process.stdin.flush()
            assert process.stdout.readline() == '"ready"\n' and len(list(scratch.iterdir())) == 1
            if number is not None:
                process.send_signal(number)
        assert process.returncode == (0 if number is None else -number)
        assert list(scratch.iterdir()) == []


def test_the_examples_of_the_documentation_pass(folder):
    page = (REPOSITORY / "docs/LUA_TOOLS.md").read_text()
    examples = re.findall(r"^```lua (\S+)\n(.*?)^```", page, re.S | re.M)
    assert [name for name, _ in examples] == ["apisix/plugins/stamp.lua", "tests/stamp_spec.lua"]
    for name, text in examples:
        (folder / name).write_text(text)
    checked = lua(folder, "check", "apisix/plugins/stamp.lua", "tests")
    assert checked.returncode == 0, checked.stdout
    done = lua(folder, "test", "tests")
    assert done.returncode == 0 and "3 tests in 1 files: 3 passed" in done.stdout, done.stdout


def test_wrong_usage(folder):
    assert lua(folder, "walk").returncode == 2
    assert lua(folder, "types").returncode == 2
    assert lua(folder, "check", config="plugins: 7\n").returncode == 1
