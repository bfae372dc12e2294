#include "worker/upstream/hash_key.h"

#include <map>

#include <gtest/gtest.h>

namespace apisix::upstream {
namespace {

const std::map<std::string, std::string, std::less<>> g_variables = {
    {"remote_addr", "192.0.2.1"},
    {"uri", "/hello"},
    {"arg_device_id", "7"},
    {"http_x_session_id", "s1"},
    {"cookie_Session", "c1"},
    {"consumer_name", "jack"},
    {"arg_empty", ""},
};

std::string key(HashOn on, const std::string& configured) {
  base::Arena arena;
  const VariableLookup lookup{
      [](void*, std::string_view name) -> std::optional<std::string_view> {
        const auto found = g_variables.find(name);
        return found == g_variables.end() ? std::nullopt : std::optional<std::string_view>(found->second);
      },
      nullptr};
  return std::string(HashKey(on, configured).of(lookup, arena));
}

TEST(HashKey, OneVariable) {
  EXPECT_EQ(key(HashOn::kVars, "uri"), "/hello");
  EXPECT_EQ(key(HashOn::kVars, "arg_device_id"), "7");
  EXPECT_EQ(key(HashOn::kVars, "arg_empty"), "");
  EXPECT_EQ(key(HashOn::kHeader, "X-Session-Id"), "s1");
  EXPECT_EQ(key(HashOn::kCookie, "Session"), "c1");
  EXPECT_EQ(key(HashOn::kConsumer, ""), "jack");
}

TEST(HashKey, MissingFallsBackToTheClientAddress) {
  EXPECT_EQ(key(HashOn::kVars, "arg_nothing"), "192.0.2.1");
  EXPECT_EQ(key(HashOn::kHeader, "x-nothing"), "192.0.2.1");
  EXPECT_EQ(key(HashOn::kCookie, "session"), "192.0.2.1");
  EXPECT_EQ(key(HashOn::kVarsCombinations, "$arg_nothing$http_nothing"), "192.0.2.1");
  EXPECT_EQ(key(HashOn::kVarsCombinations, "plain"), "192.0.2.1");
}

TEST(HashKey, Combinations) {
  EXPECT_EQ(key(HashOn::kVarsCombinations, "$uri-$arg_device_id"), "/hello-7");
  EXPECT_EQ(key(HashOn::kVarsCombinations, "${ uri }x${arg_device_id}"), "/hellox7");
  EXPECT_EQ(key(HashOn::kVarsCombinations, "a$arg_nothing-$uri"), "a-/hello");
  EXPECT_EQ(key(HashOn::kVarsCombinations, "${arg_nothing ?? none}"), "none");
  EXPECT_EQ(key(HashOn::kVarsCombinations, "\\$uri$uri"), "\\$uri/hello");
  EXPECT_EQ(key(HashOn::kVarsCombinations, "$uri$"), "/hello$");
  EXPECT_EQ(key(HashOn::kVarsCombinations, "${uri"), "192.0.2.1");
  EXPECT_EQ(key(HashOn::kVarsCombinations, "$-$uri${}"), "$-/hello${}");
}

}  // namespace
}  // namespace apisix::upstream
