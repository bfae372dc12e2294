// The programs of `apisix lua`, as far as they are functions of texts: what they know of the API, what
// `check` finds in a text, what assertions say.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/lua_state.h"

namespace apisix::lua {
namespace {

using ::testing::HasSubstr;

// "LINE:CODE" of everything that is found in a text, in order.
std::string findings_in(LuaState& lua, std::string_view text) {
  return lua.eval(fmt::format(R"(
    local out = {{}}
    require("gateway.tool.check_names").check(require("gateway.tool.parser")([=====[{}]=====]), function(_, code, line)
      out[#out + 1] = line .. ":" .. code
    end)
    return table.concat(out, " "))",
                              text));
}

TEST(ToolApi, EveryNameOfTheTableIsInTheState) {
  LuaState lua;
  EXPECT_EQ(lua.eval(R"(
    local api, phases = require("gateway.tool.api"), require("gateway.tool.phases")
    local missing = {}
    for path in pairs(api) do
      if type(phases.value_at(path)) ~= "function" then missing[#missing + 1] = path end
    end
    table.sort(missing)
    return table.concat(missing, ", "))"),
            "");
}

TEST(ToolApi, WhatTheTableSaysOfPhasesIsWhatTheFunctionsSay) {
  LuaState lua;
  // Arguments that are right, for those that look at them first.
  EXPECT_EQ(lua.eval(R"(
    local api, phases = require("gateway.tool.api"), require("gateway.tool.phases")
    local first = {["ngx.sleep"] = 0, ["ngx.thread.spawn"] = print, ["ngx.redirect"] = "/", ["ngx.socket.connect"] = "a"}
    local skipped = {["ngx.thread.wait"] = true, ["ngx.thread.kill"] = true, ["resty.lock:new"] = true,
                     ["apisix.core.resolver:parse_domain"] = true,
                     ["apisix.core.request:get_json_request_body_table"] = true, ["apisix.core.request:get_post_args"] = true}
    local wrong, seen = {}, 0
    for path, entry in pairs(api) do
      if (entry.phases == "waits" or entry.phases == "says") and not skipped[path] then
        local ok, err = pcall(phases.value_at(path), first[path], first[path] and 80)
        seen = seen + 1
        if ok or not tostring(err):find("API disabled in the context of header_filter_by_lua", 1, true) then
          wrong[#wrong + 1] = path .. ": " .. tostring(err)
        end
      end
    end
    table.sort(wrong)
    return table.concat(wrong, ", "), seen > 15)",
                     Phase::kHeaderFilter),
            "|true");
}

TEST(ToolCheck, FindsNamesThatAreNotThere) {
  LuaState lua;
  EXPECT_EQ(findings_in(lua, "ngx.say('a') ngx.sya('a')"), "1:unknown-name");
  EXPECT_EQ(findings_in(lua, "local n = ngx\nlocal req = n.req\nreq.get_hedders()"), "3:unknown-name");
  EXPECT_EQ(
      findings_in(lua,
                  "local core = require('apisix.core')\nlocal log = core.log\nlog.eror('a')\nlog.error('a')"),
      "3:unknown-name");
  EXPECT_EQ(findings_in(lua, "string.trim('a')"), "1:unknown-name");
  EXPECT_EQ(findings_in(lua, "undefined()\nlocal x = undefined"), "1:unknown-global 2:unknown-global");
}

TEST(ToolCheck, LeavesAloneWhatIsOnlyTestedWrittenOrUnknown) {
  LuaState lua;
  EXPECT_EQ(findings_in(
                lua, "if ngx.maybe then return 1 end return ngx.maybe == nil, not ngx.maybe, ngx.maybe or 1"),
            "");
  EXPECT_EQ(findings_in(lua, "ngx.mine = 1\nreturn ngx.mine"), "");
  EXPECT_EQ(findings_in(lua, "local n = ngx\nn = {}\nreturn n.whatever()"), "");
  EXPECT_EQ(findings_in(lua, "return ngx.var.anything, ngx.header.anything, ngx.ctx.anything, ngx.arg[1]"),
            "");
  EXPECT_EQ(findings_in(lua, "local ngx = {}\nngx.whatever()"), "");
  EXPECT_EQ(findings_in(lua, "module('x')\nfunction mine() return other end"), "");
}

TEST(ToolCheck, FindsGlobalsThatAreSet) {
  LuaState lua;
  EXPECT_EQ(findings_in(lua, "local a\na = 1\nb = 2\nfunction c() d = b end"),
            "3:global-set 4:global-set 4:global-set");
}

TEST(ToolCheck, FindsModulesThatAreNotThere) {
  LuaState lua;
  EXPECT_EQ(findings_in(
                lua, "require('no.such')\npcall(require, 'no.such')\nrequire('cjson') require('resty.lock')"),
            "1:module-not-found");
}

TEST(ToolCheck, FindsCallsThatBlock) {
  LuaState lua;
  EXPECT_EQ(findings_in(lua, "local execute = os.execute\nexecute('true')"), "2:blocking");
}

TEST(ToolParser, ReadsAllOfTheLanguage) {
  LuaState lua;
  EXPECT_EQ(findings_in(lua, R"(
local a <const>, b = 0x1p4, 1e-3, 10ULL, .5, 'a\'\z
  b\x41\065', [=[ ]] ]=] -- a comment
--[==[ a long
one ]==]
local t = {1, 2; x = 3, ["y"] = 4, function(...) return ... end}
for i = 1, 2, 1 do if i == 1 then goto next end t[i] = -i ^ 2 ::next:: end
for k, v in pairs(t) do repeat local z = k until z end
while true do break end
local function f(x, ...) return f(x), select('#', ...) end
function t.a.b:c() return self.d.e["f"]:g"h" { i = 1 } end
do local goto_ = not #a == (b .. "c" and nil) end
return (f(t))
)"),
            "");
}

TEST(ToolAssert, SaysWhereTablesDiffer) {
  LuaState lua;
  const auto failure = [&lua](std::string_view call) {
    return lua.eval(fmt::format(R"(
      local assert = require("gateway.tool.assert").assert
      local ok, err = pcall(function() {} end)
      return ok, type(err) == "table" and err.message or err)",
                                call));
  };
  EXPECT_THAT(failure("assert.are.same({a = {1, 2}}, {a = {1, 3}})"), HasSubstr("they differ at .a[2]"));
  EXPECT_EQ(failure("assert.is_true(1)"), "false|expected true, got 1");
  EXPECT_EQ(failure("assert.is_not_nil(nil)"), "false|it is nil");
  EXPECT_EQ(failure("assert.has_no.errors(function() error('x', 0) end)"), "false|it raised \"x\"");
  EXPECT_EQ(failure("assert.has_error(function() end)"), "false|it raised no error");
  EXPECT_EQ(failure("assert.has.error(function() error('x') end, 'x')"), "true|nil");
  EXPECT_EQ(failure("assert.are_not.equal(1, 2) assert.near(1, 1.05, 0.1) assert.matches('b', 'abc')"),
            "true|nil");
  EXPECT_EQ(failure("assert(false, 'no')"), "false|no");
  EXPECT_THAT(failure("assert.is_blue(1)"), HasSubstr("assert has no \"is_blue\""));
}

TEST(ToolAssert, SpiesRememberAndAreTakenBack) {
  LuaState lua;
  EXPECT_EQ(lua.eval(R"(
    local m = require("gateway.tool.assert")
    local t = {f = function(a) return a * 2 end, g = function() return 1 end}
    local spy = m.spy.on(t, "f")
    m.stub(t, "g", 7)
    local doubled, stubbed = t.f(4), t.g()
    m.assert.spy(spy).was.called(1)
    m.assert.spy(spy).was.called_with(4)
    m.assert.spy(spy).was_not.called_with(5)
    m.revert_all()
    return doubled, stubbed, t.g(), type(t.f))"),
            "8|7|1|function");
}

}  // namespace
}  // namespace apisix::lua
