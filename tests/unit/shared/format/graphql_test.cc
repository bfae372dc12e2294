#include "shared/format/graphql.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::format {
namespace {

std::string shown(std::string_view document) {
  const auto operation = parse_graphql(document);
  if (!operation) return operation.error().what;
  std::string out = std::string(operation->type) + " '" + std::string(operation->name) + "'";
  for (const std::string_view field : operation->root_fields) out += " " + std::string(field);
  return out + " of " + std::to_string(operation->definitions);
}

TEST(Graphql, ReadsTheFirstOperation) {
  EXPECT_EQ(shown("query repo {\n    owner {\n        name\n    }\n}"), "query 'repo' owner of 1");
  EXPECT_EQ(shown("{a b,c}"), "query '' a b c of 1");
  EXPECT_EQ(shown("query{owner{name}}"), "query '' owner of 1");
  EXPECT_EQ(
      shown("mutation m($ep: Episode!, $r: [In!]! = [1]) {\n create(ep: $ep) { stars } }\nquery q { a }"),
      "mutation 'm' create of 2");
  EXPECT_EQ(shown("subscription @live { a @b(c: 1) }"), "subscription '' a of 1");
  EXPECT_EQ(shown("fragment f on T { a } { b }"), " 'f' a of 2");
  EXPECT_EQ(shown("\xEF\xBB\xBF# comment }\n{ query }"), "query '' query of 1");
}

TEST(Graphql, NamesFieldsAndNotAliases) {
  EXPECT_EQ(shown("{ one: owner two: owner { x: name } }"), "query '' owner owner of 1");
  EXPECT_EQ(shown("{ ... on T { a } ...rest ... @x { b } c }"), "query '' a rest b c of 1");
}

TEST(Graphql, ReadsEveryKindOfValue) {
  EXPECT_EQ(
      shown(R"({ f(a: "x\"}", b: """ } " \""" """, c: -1.5e+3, d: [A, [null]], e: {g: {h: true}}, i: $j) })"),
      "query '' f of 1");
}

TEST(Graphql, RefusesWhatIsNone) {
  for (const std::string_view document : {"",
                                          "AA",
                                          "query",
                                          "query a",
                                          "{",
                                          "{}",
                                          "{ a",
                                          "{ a() }",
                                          "{ a(b) }",
                                          "{ a(b: ) }",
                                          "{ a: }",
                                          "} {",
                                          "{ a } b",
                                          "{ a(b: \"x) }",
                                          "{ a(b: \"\"\"x) }",
                                          "{ a(b: \"x\n\") }",
                                          "{ a(b: -) }",
                                          "query ($a) { b }",
                                          "query ($a: [B) { b }",
                                          "fragment on on T { a }",
                                          "fragment f { a }",
                                          "{ ... on { a } }",
                                          "type T { a: Int }",
                                          "{ a ? }",
                                          "{ a .. }"}) {
    EXPECT_TRUE(shown(document).starts_with("Syntax error near line ")) << document;
  }
  EXPECT_EQ(shown("{\n a\n (\n"), "Syntax error near line 4");
}

TEST(Graphql, RefusesWhatIsTooDeep) {
  const auto fields = [](std::size_t depth) {
    std::string out;
    for (std::size_t i = 0; i < depth; ++i) out += "{a";
    return out + std::string(depth, '}');
  };
  EXPECT_EQ(shown(fields(kGraphqlDepthMax)), "query '' a of 1");
  EXPECT_TRUE(shown(fields(kGraphqlDepthMax + 1)).starts_with("Syntax error"));
  EXPECT_TRUE(shown("{ a(b: " + std::string(1'000'000, '[') + ") }").starts_with("Syntax error"));
}

}  // namespace
}  // namespace apisix::format
