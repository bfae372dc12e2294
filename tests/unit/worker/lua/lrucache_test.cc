// The stand-ins that need no dictionary: resty.lrucache, resty.core, resty.signal.
#include <gtest/gtest.h>

#include "tests/fakes/lua_state.h"

namespace apisix::lua {
namespace {

TEST(LuaLrucache, TheLeastRecentlyUsedMakesRoom) {
  LuaState lua;
  EXPECT_EQ(lua.eval("local c = require('resty.lrucache').new(2) c:set('a', 1) c:set('b', 2) c:get('a') "
                     "c:set('c', 3) return c:get('a'), (c:get('b')), (c:get('c')), c:count(), c:capacity(), "
                     "table.concat(c:get_keys(), ',')"),
            "1|nil|3|2|2|c,a");
}

TEST(LuaLrucache, WhatHasEndedIsStale) {
  LuaState lua;
  EXPECT_EQ(lua.eval("local c = require('resty.lrucache.pureffi').new(2) c:set('a', 1, 0.01, 7) "
                     "local fresh = c:get('a') ngx.sleep(0.05) ngx.update_time() "
                     "return fresh, c:get('a')"),
            "1|nil|1|7");
  EXPECT_EQ(lua.eval("local c = require('resty.lrucache').new(2) c:set('a', 1) c:delete('a') c:set('b', 1) "
                     "c:flush_all() return c:count(), (c:get('a')), (c:get('b'))"),
            "0|nil|nil");
  EXPECT_EQ(lua.eval("return require('resty.lrucache').new(0)"), "nil|size too small");
}

TEST(LuaCore, ModulesOfRestyCoreAreThere) {
  LuaState lua;
  EXPECT_EQ(lua.eval("for _, name in ipairs{'', '.base', '.request', '.shdict', '.regex', '.utils'} do "
                     "assert(require('resty.core' .. name).version) end return 'all'"),
            "all");
}

TEST(LuaSignal, NamesAndErrors) {
  LuaState lua;
  EXPECT_EQ(lua.eval("local signal = require('resty.signal') return signal.signum('TERM'), "
                     "signal.kill(ngx.worker.pid(), 'NONE'), signal.kill(2147483646, 0)"),
            "15|true|nil|No such process");
}

}  // namespace
}  // namespace apisix::lua
