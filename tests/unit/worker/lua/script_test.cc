#include "worker/lua/script.h"

#include <gtest/gtest.h>

#include "worker/lua/filter.h"

namespace apisix::lua {
namespace {

std::string fault_of(const base::Status& status) {
  return status ? "" : status.error().what;
}

TEST(ScriptTextTest, returns_a_table) {
  EXPECT_EQ(fault_of(check_script_text("local M = {} function M.access() end return M")), "");
  EXPECT_EQ(fault_of(check_script_text("return 1")), "'script' should be a Lua object");
  EXPECT_EQ(fault_of(check_script_text("return function() end")), "'script' should be a Lua object");
  EXPECT_EQ(fault_of(check_script_text("local none")), "'script' should be a Lua object");
}

TEST(ScriptTextTest, must_compile) {
  EXPECT_EQ(fault_of(check_script_text("invalid script")),
            "failed to load 'script' string: [string \"invalid script\"]:1: '=' expected near 'script'");
}

// From a file or the store one that does nothing is taken.
TEST(ScriptTextTest, stored_may_return_nothing) {
  EXPECT_EQ(fault_of(check_stored_script_text("local none")), "");
  EXPECT_NE(fault_of(check_stored_script_text("invalid script")), "");
}

// The check has no libraries, and does not wait for the end of a loop.
TEST(ScriptTextTest, that_fails_before_it_returns_is_for_the_workers) {
  EXPECT_EQ(fault_of(check_script_text("local core = require('apisix.core') return {}")), "");
  EXPECT_EQ(fault_of(check_script_text("while true do end")), "");
}

TEST(FilterTextTest, is_a_function) {
  EXPECT_EQ(fault_of(check_filter_text("function(vars) return true end")), "");
  EXPECT_EQ(fault_of(check_filter_text("{}")), "'filter_func' should be a function");
  EXPECT_EQ(fault_of(check_filter_text("function(")),
            "failed to load 'filter_func' string: [string \"return function(\"]:1: <name> or '...' expected "
            "near '<eof>'");
}

TEST(ScriptKindTest, cannot_be_named_by_a_configuration) {
  EXPECT_EQ(script_kind().info().name, kScriptName);
  EXPECT_TRUE(script_kind().has(plugin::Phase::kRewrite));
  EXPECT_FALSE(script_kind().has(plugin::Phase::kRequestBodyFilter));
}

}  // namespace
}  // namespace apisix::lua
