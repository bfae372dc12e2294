#include "shared/format/json_fault.h"

#include <gtest/gtest.h>

namespace apisix::format {
namespace {

TEST(JsonFault, InCjsonsWords) {
  const struct {
    const char* text;
    const char* fault;
  } kCases[] = {
      {"{abcd", "Expected object key string but found invalid token at character 2"},
      {"", "Expected value but found T_END at character 1"},
      {"not json", "Expected value but found invalid token at character 1"},
      {"{\"a\" 1}", "Expected colon but found T_NUMBER at character 6"},
      {"{\"a\":1,}", "Expected object key string but found T_OBJ_END at character 8"},
      {"{\"a\":1 \"b\":2}", "Expected comma or object end but found T_STRING at character 8"},
      {"{\"a\":1", "Expected comma or object end but found T_END at character 7"},
      {"[1 2]", "Expected comma or array end but found T_NUMBER at character 4"},
      {"[1,]", "Expected value but found T_ARR_END at character 4"},
      {"{\"a\":}", "Expected value but found T_OBJ_END at character 6"},
      {"{} x", "Expected the end but found invalid token at character 4"},
      {"{}{}", "Expected the end but found T_OBJ_BEGIN at character 3"},
      {"\"abc", "Expected value but found unexpected end of string at character 5"},
      {R"("a\x")", "Expected value but found invalid escape code at character 3"},
      {R"("a\u12g4")", "Expected value but found invalid unicode escape code at character 3"},
      {"[-]", "Expected value but found invalid number at character 2"},
      {"  {\"a\":tru}", "Expected value but found invalid token at character 8"},
      {R"({"a":[true,false,null,1.5e3,"\u00e9\n"],"b":{}})", ""},
      {"012", ""},
  };
  for (const auto& [text, fault] : kCases) EXPECT_EQ(describe_json_fault(text), fault) << text;
}

TEST(JsonFault, WhereCjsonSeesNone) {
  EXPECT_EQ(json_refusal("012", "ours"), "ours");
  EXPECT_EQ(json_refusal("{", "ours"), "Expected object key string but found T_END at character 2");
}

TEST(JsonFault, DeepNesting) {
  EXPECT_EQ(describe_json_fault(std::string(100'000, '[')), "");
}

}  // namespace
}  // namespace apisix::format
