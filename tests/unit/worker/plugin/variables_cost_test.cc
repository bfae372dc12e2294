// What reading the variables of a request costs: bytes of its arena, steps of its regular expressions.
#include <string>

#include <gtest/gtest.h>

#include "shared/event/loop.h"
#include "worker/plugin/condition.h"
#include "worker/plugin/template.h"
#include "worker/plugin/variables.h"
#include "worker/upstream/hash_key.h"

namespace apisix::plugin {
namespace {

class VariablesCostTest : public ::testing::Test {
 protected:
  VariablesCostTest() : request_(arena_, loop_.clock()) {
    request_.head = arena_.make<http::RequestHead>();
    request_.client.connection = &client_;
    request_.target.path = "/path";
  }

  void add_fields(std::string_view name, int count, std::string_view value) {
    for (int i = 0; i < count; ++i) {
      request_.head->headers.add(arena_, name, arena_.copy(std::string(value) + std::to_string(i)));
    }
    bytes_before_ = arena_.bytes();
  }
  std::string read(std::string_view name) {
    return std::string(Variables(request_).read(route::VariableName::parse(name)).value_or("(unset)"));
  }
  std::size_t bytes_taken() const { return arena_.bytes() - bytes_before_; }

  event::Loop loop_;
  base::Arena arena_;
  ClientInfo client_;
  RequestState request_;
  std::size_t bytes_before_ = 0;
};

TEST_F(VariablesCostTest, RepeatedFieldIsJoinedOnce) {
  add_fields("X-Version", 500, std::string(48, '1'));
  const std::string joined = read("http_x_version");
  EXPECT_GT(joined.size(), 500U * 50);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(read("http_x_version"), joined);
  EXPECT_EQ(RequestHeaders(request_).joined("X-Version"), joined);
  EXPECT_LE(bytes_taken(), joined.size() + 2 * base::Arena::kBlockBytes);
}

TEST_F(VariablesCostTest, FieldThatWasChangedIsReadAgain) {
  add_fields("X-A", 2, "v");
  EXPECT_EQ(read("http_x_a"), "v0, v1");
  RequestHeaders(request_).add("X-A", "v2");
  EXPECT_EQ(read("http_x_a"), "v0, v1, v2");
  RequestHeaders(request_).set("X-A", "new");
  EXPECT_EQ(read("http_x_a"), "new");
  RequestHeaders(request_).remove("X-A");
  EXPECT_EQ(read("http_x_a"), "(unset)");
}

TEST_F(VariablesCostTest, CookiesAreReadWhereTheyStand) {
  add_fields("Cookie", 500, "a=1; name=");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(read("cookie_name"), "0");
  EXPECT_EQ(read("cookie_other"), "(unset)");
  EXPECT_EQ(bytes_taken(), 0U);
}

TEST_F(VariablesCostTest, TextsMadeOfSeveralPartsAreMadeOnce) {
  request_.target.args = arena_.copy("q=" + std::string(8000, 'x'));
  request_.set_remote(*base::IpAddress::parse("192.0.2.1"), 80);
  add_fields("X-Forwarded-For", 400, "198.51.100.");
  std::size_t size = 0;
  for (int i = 0; i < 50; ++i) {
    size = read("request_uri").size() + 2 * read("proxy_add_x_forwarded_for").size();
  }
  EXPECT_LE(bytes_taken(), size + 3 * base::Arena::kBlockBytes);
}

TEST_F(VariablesCostTest, StatusesOfManyTriesAreLinear) {
  for (int i = 0; i < 1000; ++i) request_.add_attempt().status = 502;
  bytes_before_ = arena_.bytes();
  EXPECT_EQ(read("upstream_status").size(), 1000U * 5 - 2);
  EXPECT_LE(bytes_taken(), 1000U * 60);
}

TEST_F(VariablesCostTest, CombinedHashKeyIsOneAllocation) {
  add_fields("X-A", 1, std::string(8000, 'a'));
  std::string key;
  for (int i = 0; i < 20; ++i) key += "$http_x_a,";
  const upstream::HashKey hash_key(upstream::HashOn::kVarsCombinations, key);
  const upstream::VariableLookup lookup{
      [](void* request, std::string_view name) {
        return Variables(*static_cast<RequestState*>(request)).read(route::VariableName::parse(name));
      },
      &request_};
  EXPECT_GT(hash_key.of(lookup, arena_).size(), 20U * 8000);
  EXPECT_LE(bytes_taken(), 20U * 8010 + 2 * base::Arena::kBlockBytes);
}

// --- regular expressions

Condition condition(std::string_view json) {
  return std::move(*Condition::compile(*format::parse_json(json)));
}

TEST_F(VariablesCostTest, ConditionThatGivesUpDoesNotHoldNegatedOrNot) {
  add_fields("X", 1, std::string(40, 'a') + "!");
  for (const char* rule : {R"([["http_x","~~","^(a+)+$"]])", R"([["http_x","!","~~","^(a+)+$"]])",
                           R"(["OR",["http_x","~~","^(a+)+$"],["uri","==","/path"]])",
                           R"(["!AND",["http_x","~~","^(a+)+$"],["uri","==","/path"]])"}) {
    Variables variables(request_);
    EXPECT_EQ(condition(rule).decide(variables), Condition::Verdict::kUnknown) << rule;
    EXPECT_FALSE(condition(rule).evaluate(variables)) << rule;
  }
}

TEST_F(VariablesCostTest, ConditionsOfOneRequestShareItsSteps) {
  add_fields("X", 1, std::string(40, 'a') + "!");
  const Condition evil = condition(R"([["http_x","~~","^(a+)+$"]])");
  const Condition harmless = condition(R"([["uri","~~","^/path$"]])");
  Variables variables(request_);
  EXPECT_TRUE(harmless.evaluate(variables));
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(evil.evaluate(variables));
  EXPECT_TRUE(request_.regex_budget.is_used_up());
  EXPECT_EQ(harmless.decide(variables), Condition::Verdict::kUnknown);
}

}  // namespace
}  // namespace apisix::plugin
