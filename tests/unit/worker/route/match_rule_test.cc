#include "worker/route/match_rule.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/unit/worker/route/table_reader.h"

namespace apisix::route {
namespace {

MatchRule rule(std::string_view json) {
  auto compiled = MatchRule::compile(format::parse_json(json).value());
  EXPECT_TRUE(compiled) << json << ": " << (compiled ? "" : compiled.error().what);
  return compiled ? std::move(*compiled) : MatchRule();
}

std::string error(std::string_view json) {
  const auto compiled = MatchRule::compile(format::parse_json(json).value());
  return compiled ? "accepted" : compiled.error().what;
}

struct Row {
  const char* rule;
  const char* variables;
  bool expected;
};

void check(std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    TableReader variables(row.variables);
    EXPECT_EQ(rule(row.rule).evaluate(variables), row.expected) << row.rule << " with " << row.variables;
  }
}

TEST(MatchRule, Equality) {
  check({
      {R"([["arg_k","==","v"]])", R"({"arg_k":"v"})", true},
      {R"([["arg_k","==","v"]])", R"({"arg_k":"V"})", false},
      {R"([["arg_k","==","v"]])", R"({})", false},
      {R"([["arg_k","==",""]])", R"({"arg_k":""})", true},
      {R"([["arg_k","==",""]])", R"({})", false},
      {R"([["arg_k","~=","v"]])", R"({"arg_k":"v"})", false},
      {R"([["arg_k","~=","x"]])", R"({"arg_k":"v"})", true},
      {R"([["arg_k","~=","jack"]])", R"({})", true},
  });
}

TEST(MatchRule, EqualityWithANumberConvertsTheLeftSide) {
  check({
      {R"([["arg_age","==",18]])", R"({"arg_age":"18"})", true},
      {R"([["arg_age","==",18]])", R"({"arg_age":"18.0"})", true},
      {R"([["arg_age","==",18]])", R"({"arg_age":" 0x12 "})", true},
      {R"([["arg_age","==",18]])", R"({"arg_age":"aa"})", false},
      {R"([["arg_age","==",18]])", R"({})", false},
      {R"([["arg_age","~=",18]])", R"({"arg_age":"18"})", false},
      {R"([["arg_age","~=",18]])", R"({"arg_age":"16"})", true},
      {R"([["arg_age","~=",18]])", R"({"arg_age":"aa"})", true},
      {R"([["arg_age","~=",18]])", R"({})", true},
      // The right side is text: compared as text.
      {R"([["arg_age","==","18"]])", R"({"arg_age":"18.0"})", false},
      {R"([["arg_age","~=","18"]])", R"({"arg_age":"18"})", false},
  });
}

TEST(MatchRule, NullOnTheRightMeansUnset) {
  check({
      {R"([["http_x","==",null]])", R"({})", true},
      {R"([["http_x","==",null]])", R"({"http_x":""})", false},
      {R"([["http_x","~=",null]])", R"({})", false},
      {R"([["http_x","~=",null]])", R"({"http_x":"1"})", true},
      {R"([["http_x","!","==",null]])", R"({"http_x":"1"})", true},
      {R"([["http_x",">",null]])", R"({"http_x":"1"})", false},
      {R"([["http_x","in",null]])", R"({"http_x":"1"})", false},
      {R"([["my_list","has",null]])", R"({"my_list":[null]})", false},
  });
}

TEST(MatchRule, BooleansAndTablesEqualNoText) {
  check({
      {R"([["arg_k","==",true]])", R"({"arg_k":"true"})", false},
      {R"([["arg_k","~=",true]])", R"({"arg_k":"true"})", true},
      {R"([["arg_k","==",["v"]]])", R"({"arg_k":"v"})", false},
      {R"([["arg_k","~=",{}]])", R"({"arg_k":"v"})", true},
  });
}

TEST(MatchRule, OrderConvertsBothSides) {
  check({
      {R"([["arg_k",">",10]])", R"({"arg_k":"11"})", true},
      {R"([["arg_k",">",10]])", R"({"arg_k":"10"})", false},
      {R"([["arg_k",">",10]])", R"({"arg_k":"9"})", false},
      {R"([["arg_k",">","10"]])", R"({"arg_k":"9"})", false},
      {R"([["arg_k",">",10]])", R"({"arg_k":"x"})", false},
      {R"([["arg_k",">",10]])", R"({})", false},
      {R"([["arg_k",">","x"]])", R"({"arg_k":"11"})", false},
      {R"([["arg_k",">",true]])", R"({"arg_k":"11"})", false},
      {R"([["arg_k",">=","2"]])", R"({"arg_k":"2"})", true},
      {R"([["arg_k",">=",3]])", R"({"arg_k":"2"})", false},
      {R"([["arg_k","<",3]])", R"({"arg_k":"2.5"})", true},
      {R"([["arg_k","<",3]])", R"({"arg_k":"3"})", false},
      {R"([["arg_k","<",3]])", R"({})", false},
      {R"([["arg_k","<=","2"]])", R"({"arg_k":"3"})", false},
      {R"([["arg_k","<=",3]])", R"({"arg_k":"3"})", true},
      {R"([["arg_k","!","<",3]])", R"({})", true},
  });
}

TEST(MatchRule, Regex) {
  check({
      {R"([["uri","~~","^/[a-z]+$"]])", R"({"uri":"/abc"})", true},
      {R"([["uri","~~","^/[a-z]+$"]])", R"({"uri":"/ABC"})", false},
      {R"([["uri","~~","b"]])", R"({"uri":"abc"})", true},
      {R"([["uri","~~","b"]])", R"({})", false},
      {R"([["uri","~~",""]])", R"({"uri":""})", true},
      {R"([["uri","~*","^/[a-z]+$"]])", R"({"uri":"/ABC"})", true},
      {R"([["arg_k","!","~*","A"]])", R"({"arg_k":"a"})", false},
      {R"([["arg_k","!","~*","A"]])", R"({"arg_k":""})", true},
      {R"([["arg_k","!","~~","[a-z]"]])", R"({"arg_k":"9"})", true},
      {R"([["arg_k","!","~~","[a-z]"]])", R"({})", true},
      {R"([["arg_k","~~",12]])", R"({"arg_k":"x12x"})", true},
  });
}

TEST(MatchRule, ABadRegexIsAcceptedNeverHoldsAndIsWarnedOf) {
  const MatchRule bad = rule(R"(["OR",["arg_a","~~","("],["arg_b","~*",null]])");
  TableReader variables(R"({"arg_a":"(","arg_b":"nil"})");
  EXPECT_FALSE(bad.evaluate(variables));
  ASSERT_EQ(bad.warnings().size(), 2u);
  EXPECT_EQ(bad.warnings()[0], "arg_a: bad regex \"(\" at offset 1: missing closing parenthesis");
  EXPECT_EQ(bad.warnings()[1], "arg_b: the right side of a regex operator should be a string");
  EXPECT_TRUE(rule(R"([["arg_a","~~","x"],["arg_b","==","("]])").warnings().empty());
}

TEST(MatchRule, ACatastrophicRegexEndsSoonAsFalse) {
  TableReader variables;
  variables.set("arg_a", std::string(4000, 'a') + "!");
  const MatchRule slow = rule(R"([["arg_a","~~","^(a+)+$"]])");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(slow.evaluate(variables));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(500));
}

TEST(MatchRule, InComparesWithoutConverting) {
  check({
      {R"([["arg_k","in",["1","2"]]])", R"({"arg_k":"2"})", true},
      {R"([["arg_k","in",["1","2"]]])", R"({"arg_k":"4"})", false},
      {R"([["arg_k","in",["1","2"]]])", R"({})", false},
      {R"([["arg_k","in",[1,2]]])", R"({"arg_k":"1"})", false},
      {R"([["arg_k","in",[]]])", R"({"arg_k":"1"})", false},
      {R"([["arg_k","in","1"]])", R"({"arg_k":"1"})", false},
      {R"([["arg_k","in",[null,["1"],"1"]]])", R"({"arg_k":"1"})", true},
      {R"([["arg_k","in",[null]]])", R"({})", false},
      {R"([["arg_k","!","in",["1"]]])", R"({"arg_k":"3"})", true},
      {R"([["post_arg.k","in",[1,2]]])", R"({"post_arg.k":2})", true},
      {R"([["post_arg.k","in",["2"]]])", R"({"post_arg.k":2})", false},
      {R"([["post_arg.k","in",[true]]])", R"({"post_arg.k":true})", true},
  });
}

TEST(MatchRule, HasLooksIntoALeftArray) {
  check({
      {R"([["graphql_root_fields","has","owner"]])", R"({"graphql_root_fields":["repo","owner"]})", true},
      {R"([["graphql_root_fields","has","x"]])", R"({"graphql_root_fields":["repo","owner"]})", false},
      {R"([["graphql_root_fields","has","x"]])", R"({"graphql_root_fields":[]})", false},
      {R"([["graphql_root_fields","has","x"]])", R"({})", false},
      {R"([["arg_k","has","v"]])", R"({"arg_k":"v"})", false},
      {R"([["post_arg.k","has",2]])", R"({"post_arg.k":[1,2]})", true},
      {R"([["post_arg.k","has","2"]])", R"({"post_arg.k":[1,2]})", false},
      {R"([["post_arg.k","!","has",1]])", R"({"post_arg.k":[2,3]})", true},
      {R"([["post_arg.k","has",["a"]]])", R"({"post_arg.k":[["a"]]})", false},
  });
}

TEST(MatchRule, StructuredLeftSides) {
  check({
      {R"([["post_arg.model","==","deepseek"]])", R"({"post_arg.model":"deepseek"})", true},
      {R"([["post_arg.n","==",3]])", R"({"post_arg.n":3})", true},
      {R"([["post_arg.n","==","3"]])", R"({"post_arg.n":3})", false},
      {R"([["post_arg.n","==",3]])", R"({"post_arg.n":"3"})", true},
      {R"([["post_arg.n",">",2]])", R"({"post_arg.n":3})", true},
      {R"([["post_arg.n",">",2]])", R"({"post_arg.n":[3]})", false},
      {R"([["post_arg.stream","==",true]])", R"({"post_arg.stream":true})", true},
      {R"([["post_arg.stream","==",true]])", R"({"post_arg.stream":false})", false},
      {R"([["post_arg.n","~~","^3$"]])", R"({"post_arg.n":3})", true},
      {R"([["post_arg.n","~~","^true$"]])", R"({"post_arg.n":true})", true},
      {R"([["post_arg.n","~~",""]])", R"({"post_arg.n":false})", false},
      {R"([["post_arg.n","~~",""]])", R"({"post_arg.n":[]})", false},
      {R"([["post_arg.n","ipmatch","10.0.0.1"]])", R"({"post_arg.n":10})", false},
  });
}

TEST(MatchRule, IpMatch) {
  check({
      {R"([["remote_addr","ipmatch","127.0.0.1"]])", R"({"remote_addr":"127.0.0.1"})", true},
      {R"([["remote_addr","ipmatch","127.0.0.1"]])", R"({"remote_addr":"127.0.0.2"})", false},
      {R"([["remote_addr","ipmatch",["10.0.0.0/8","192.168.1.1"]]])", R"({"remote_addr":"10.9.8.7"})", true},
      {R"([["remote_addr","ipmatch",["10.0.0.0/8","192.168.1.1"]]])", R"({"remote_addr":"11.0.0.1"})", false},
      {R"([["remote_addr","ipmatch",["2001:db8::/32"]]])", R"({"remote_addr":"2001:db8::1"})", true},
      {R"([["remote_addr","ipmatch",["::/0"]]])", R"({"remote_addr":"10.0.0.1"})", false},
      {R"([["arg_ip","ipmatch",["10.0.0.0/8"]]])", R"({"arg_ip":"no address"})", false},
      {R"([["arg_ip","ipmatch",["10.0.0.0/8"]]])", R"({})", false},
      {R"([["arg_ip","!","ipmatch",["10.0.0.0/8"]]])", R"({})", true},
  });
}

TEST(MatchRule, LogicWordsNestInAnyCase) {
  const char* between = R"({"arg_w":"12","arg_h":"14"})";
  check({
      {R"([["arg_w",">",10],["arg_w","!",">",15]])", R"({"arg_w":"11"})", true},
      {R"([["arg_w",">",10],["arg_w","!",">",15]])", R"({"arg_w":"16"})", false},
      {R"(["AND",["arg_w",">",10],["arg_w","!",">",15]])", between, true},
      {R"(["AND",["arg_w",">",10],["arg_w",">",15]])", between, false},
      {R"(["OR",["arg_w",">",20],["arg_h","==",14]])", between, true},
      {R"(["or",["arg_w",">",20],["arg_h","==",15]])", between, false},
      {R"(["!AND",["arg_w",">",10],["arg_h","==",14]])", between, false},
      {R"(["!and",["arg_w",">",20],["arg_h","==",14]])", between, true},
      {R"(["!OR",["arg_w",">",20],["arg_h","==",15]])", between, true},
      {R"(["!Or",["arg_w",">",20],["arg_h","==",14]])", between, false},
      {R"(["!OR",["AND",["arg_w","<",20],["arg_w","!","<",15]],[["arg_h",">",10],["arg_h","!","<",15]]])",
       between, true},
      {R"(["!AND",["arg_n","==","json"],["OR",["AND",["arg_w",">",10],["arg_h",">",10]],)"
       R"(["arg_h","!",">",15]]])",
       R"({"arg_n":"json","arg_w":"6","arg_h":"6"})", false},
      {R"([[["arg_w","==",12]],["OR",["arg_h","==",0],[["arg_h","==",14],["arg_w","==",12]]]])", between,
       true},
  });
}

TEST(MatchRule, OperatorsTakeAnyCase) {
  check({
      {R"([["arg_k","IN",["1"]]])", R"({"arg_k":"1"})", true},
      {R"([["remote_addr","IpMatch","127.0.0.1"]])", R"({"remote_addr":"127.0.0.1"})", true},
      {R"([["post_arg.k","HAS","a"]])", R"({"post_arg.k":["a"]})", true},
  });
}

TEST(MatchRule, FormsOfThePast) {
  check({
      {R"([["arg_k","v"]])", R"({"arg_k":"v"})", true},
      {R"([["arg_k","v"]])", R"({"arg_k":"w"})", false},
      {R"([["arg_k","V"]])", R"({"arg_k":"v"})", true},  // the value is taken in lower case
      {R"([["arg_k",10]])", R"({"arg_k":"10"})", true},  // and a number as text
      {R"([["arg_k",10]])", R"({"arg_k":"10.0"})", false},
      {R"([["arg_k","=="]])", R"({})", true},
      {R"([["arg_k","=="]])", R"({"arg_k":"=="})", false},
      {R"([["arg_k","~="]])", R"({"arg_k":"x"})", true},
      {R"([["arg_k","==","v","w","x"]])", R"({"arg_k":"v"})", true},  // past the third nothing is read
  });
}

TEST(MatchRule, AnEmptyListIsAlwaysTrue) {
  TableReader variables;
  EXPECT_TRUE(rule("[]").evaluate(variables));
  EXPECT_TRUE(rule("[]").always_true());
  EXPECT_FALSE(rule(R"([["uri","==","/"]])").always_true());
}

TEST(MatchRule, Errors) {
  EXPECT_EQ(error(R"(["arg_k","==","v"])"), "rule should be wrapped inside brackets");
  EXPECT_EQ(error(R"([null])"), "rule should be wrapped inside brackets");
  EXPECT_EQ(error(R"([1])"), "rule should be wrapped inside brackets");
  EXPECT_EQ(error(R"("x")"), "rule should be an array");
  EXPECT_EQ(error("null"), "missing argument rule");
  EXPECT_EQ(error(R"([["arg_k","=","v"]])"), "invalid operator '='");
  EXPECT_EQ(error(R"([["arg_k","INVALID",10]])"), "invalid operator 'invalid'");
  EXPECT_EQ(error(R"([["arg_k",5,10]])"), "invalid operator '5'");
  EXPECT_EQ(error(R"([["arg_k"]])"), "invalid expression");
  EXPECT_EQ(error(R"([["arg_k",null]])"), "invalid expression");
  EXPECT_EQ(error(R"([["arg_k",true,"x"]])"), "invalid expression");
  EXPECT_EQ(error(R"([[5,"==","x"]])"), "invalid expression");
  EXPECT_EQ(error(R"([["arg_k","==","x"],"AND"])"), "invalid expression");
  EXPECT_EQ(error(R"([[]])"), "rule too short");
  EXPECT_EQ(error(R"([{}])"), "rule too short");
  EXPECT_EQ(error(R"(["OR",["arg_w",">",10]])"), "rule too short");
  EXPECT_EQ(error(R"(["OR"])"), "rule too short");
  EXPECT_EQ(error(R"(["OR",["arg_w",">",10],["AND"]])"), "rule too short");
  EXPECT_EQ(error(R"([["!","arg_k","==","1"]])"), "bad 'not' expression");
  EXPECT_EQ(error(R"([["arg_k","!","=","1"]])"), "invalid operator '='");
  EXPECT_EQ(error(R"([["remote_addr","ipmatch",null]])"), "invalid ip address");
  EXPECT_EQ(error(R"([["remote_addr","ipmatch"]])"), "invalid ip address");
  EXPECT_EQ(error(R"([["remote_addr","ipmatch",""]])"), "invalid ip address");
  EXPECT_EQ(error(R"([["remote_addr","ipmatch",[]]])"), "invalid ip address");
  EXPECT_EQ(error(R"([["remote_addr","ipmatch",[""]]])"), "invalid ip address: ");
  EXPECT_EQ(error(R"([["remote_addr","ipmatch",["10.0.0.1","aa/8"]]])"), "invalid ip address: aa");
}

TEST(MatchRule, NamesTheComparisonsThatDecided) {
  struct Case {
    const char* rule;
    const char* variables;
    const char* decisive;
  };
  const char* const kA = R"([["arg_a","==","1"],["arg_b","==","2"]])";
  const char* const kOr = R"(["OR",["arg_a","==","1"],["AND",["arg_b","==","2"],["arg_c","==","3"]]])";
  const char* const kNot = R"(["!AND",["arg_a","==","1"],["arg_b","!","==","2"]])";
  for (const Case& row : {
           Case{kA, R"({"arg_b":"2"})", R"(["arg_a","==","1"])"},
           Case{kA, R"({"arg_a":"1"})", R"(["arg_b","==","2"])"},
           Case{kA, R"({"arg_a":"1","arg_b":"2"})", R"(["arg_a","==","1"]["arg_b","==","2"])"},
           Case{kOr, R"({"arg_b":"2"})", R"(["arg_a","==","1"]["arg_c","==","3"])"},
           Case{kOr, R"({"arg_b":"2","arg_c":"3"})", R"(["arg_b","==","2"]["arg_c","==","3"])"},
           Case{kNot, R"({"arg_a":"1"})", R"(["arg_a","==","1"]["arg_b","!","==","2"])"},
           Case{kNot, R"({"arg_b":"2"})", R"(["arg_a","==","1"])"},
           Case{"[]", "{}", ""},
       }) {
    TableReader variables(row.variables);
    std::string out;
    for (const auto& found : rule(row.rule).decisive(format::parse_json(row.rule).value(), variables)) {
      out += format::to_json(found.expression);
      EXPECT_EQ(found.comparison->left.to_string(), found.expression[0].asString());
    }
    EXPECT_EQ(out, row.decisive) << row.rule << " with " << row.variables;
  }
}

TEST(MatchRule, NestingIsBounded) {
  format::Json deep(::Json::arrayValue);
  for (int i = 0; i < 10000; ++i) {
    format::Json outer(::Json::arrayValue);
    outer.append(std::move(deep));
    deep = std::move(outer);
  }
  EXPECT_EQ(MatchRule::compile(deep).error().what, "rule nested too deeply");
  // jsoncpp's destructor is recursive: take the value apart by hand.
  while (deep.size() == 1) {
    format::Json inner;
    inner.swap(deep[0]);
    deep.swap(inner);
  }
}

}  // namespace
}  // namespace apisix::route
