#include "worker/config/global_rules.h"

#include <gtest/gtest.h>

namespace apisix::config {
namespace {

base::Ref<const SharedPlugins> plugins(const std::vector<std::string>& names) {
  auto out = base::make_counted<SharedPlugins>();
  for (const std::string& name : names) out->confs[name] = nullptr;
  return base::Ref<const SharedPlugins>(out.get());
}

// "1:a,b 2:c", of the rules in force.
std::string in_force(const GlobalRules& rules) {
  std::string out;
  for (const auto& [id, rule] : rules.in_force()) {
    out += (out.empty() ? "" : " ") + id + ":";
    for (const auto& [name, conf] : rule->confs) out += name;
  }
  return out;
}

// "2 is refused", "1 is taken", in the order of the verdicts.
std::string decided(GlobalRules& rules) {
  std::string out;
  for (const auto& verdict : rules.decide()) {
    out += (out.empty() ? "" : ", ") + verdict.id + (verdict.reason.empty() ? " is taken" : " is refused");
  }
  return out;
}

TEST(GlobalRules, OfTwoRulesWithOnePluginTheOlderIsInForce) {
  GlobalRules rules;
  rules.put("a", 2, plugins({"x", "y"}));
  rules.put("b", 1, plugins({"x"}));
  rules.put("c", 2, plugins({"z"}));
  EXPECT_EQ(decided(rules), "b is taken, c is taken, a is refused");
  EXPECT_EQ(in_force(rules), "b:x c:z");
  EXPECT_EQ(rules.waiting().find("a")->second.reason, "plugin 'x' already exists in global rule with id 'b'");
  EXPECT_EQ(decided(rules), "");
}

TEST(GlobalRules, ARefusedRuleKeepsItsLastGoodValue) {
  GlobalRules rules;
  rules.put("1", 1, plugins({"x"}));
  rules.put("2", 2, plugins({"y"}));
  EXPECT_EQ(decided(rules), "1 is taken, 2 is taken");
  rules.put("2", 2, plugins({"x"}));
  EXPECT_EQ(decided(rules), "2 is refused");
  EXPECT_EQ(in_force(rules), "1:x 2:y");
}

TEST(GlobalRules, ARuleThatWaitsComesWhenTheOtherGoes) {
  GlobalRules rules;
  rules.put("1", 1, plugins({"x"}));
  rules.put("2", 2, plugins({"x"}));
  EXPECT_EQ(decided(rules), "1 is taken, 2 is refused");
  rules.erase("1");
  EXPECT_EQ(decided(rules), "2 is taken");
  EXPECT_EQ(in_force(rules), "2:x");
  rules.erase("2");
  EXPECT_EQ(decided(rules), "");
  EXPECT_EQ(in_force(rules), "");
}

// The order of the items of one change says nothing.
TEST(GlobalRules, RulesOfOneChangeMayHandPluginsOver) {
  GlobalRules rules;
  rules.put("1", 1, plugins({"x"}));
  rules.put("2", 2, plugins({"y"}));
  rules.decide();
  rules.put("1", 1, plugins({"y"}));
  rules.put("2", 2, plugins({"x"}));
  rules.decide();
  EXPECT_EQ(in_force(rules), "1:y 2:x");
  rules.put("3", 3, plugins({"x"}));
  rules.erase("2");
  rules.decide();
  EXPECT_EQ(in_force(rules), "1:y 3:x");
}

TEST(GlobalRules, AConflictElsewhereDoesNotStopAHandOver) {
  GlobalRules rules;
  rules.put("1", 1, plugins({"x"}));
  rules.put("2", 2, plugins({"y"}));
  rules.decide();
  rules.put("2", 2, plugins({"x"}));
  rules.put("1", 1, plugins({"z"}));
  rules.put("3", 3, plugins({"z"}));
  EXPECT_EQ(decided(rules), "1 is taken, 2 is taken, 3 is refused");
  EXPECT_EQ(in_force(rules), "1:z 2:x");
}

}  // namespace
}  // namespace apisix::config
