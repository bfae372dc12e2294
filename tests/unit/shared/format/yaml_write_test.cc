#include <gtest/gtest.h>

#include "shared/format/yaml.h"

namespace apisix::format {
namespace {

Json json(std::string_view text) {
  const auto value = parse_json(text);
  EXPECT_TRUE(value) << text;
  return *value;
}

TEST(WriteYaml, BlockStyle) {
  EXPECT_EQ(
      to_yaml(json(R"({"routes":[{"id":"r1","uri":"/a","upstream":{"nodes":{"127.0.0.1:80":1}}},{"id":"r2"}],
                             "v":2})")),
      "routes:\n"
      "  - id: r1\n"
      "    upstream:\n"
      "      nodes:\n"
      "        \"127.0.0.1:80\": 1\n"
      "    uri: /a\n"
      "  - id: r2\n"
      "v: 2\n");
}

TEST(WriteYaml, TheSameComesBack) {
  for (
      const char* text : {
          R"({})",
          R"([])",
          R"("")",
          R"(null)",
          R"(true)",
          R"(1.5)",
          R"({"a":{},"b":[],"c":null})",
          R"(["12","0x1F","true","yes","~","null","1e3","-","- a","a: b","#x","'","\"","a\nb","  ","é","..."])",
          R"({"12":1,"true":2,"":3,"- a":4,"a b":5,"<<":6,"?":7})",
          R"([[1,[2,[]]],{"a":[{"b":[1]}]}])",
          R"({"cert":"-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"})",
          R"(["\u0000\u0007\u007f"])",
          R"([1795255546,9007199254740993,-5])",
      }) {
    const Json value = json(text);
    const auto back = parse_yaml(to_yaml(value), "test");
    ASSERT_TRUE(back) << text << "\n" << to_yaml(value) << back.error().what;
    EXPECT_EQ(to_json(back->value), to_json(value)) << to_yaml(value);
  }
}

}  // namespace
// yaml-cpp reads a key of more than 1024 characters only where '?' marks it.
TEST(WriteYaml, LongKeysAreReadAgain) {
  for (const std::size_t bytes :
       {std::size_t{1022}, std::size_t{1024}, std::size_t{1025}, std::size_t{5000}}) {
    const std::string key(bytes, 'k');
    for (const std::string& name : {key, "\"" + key}) {
      format::Json map(::Json::objectValue);
      map[name] = 1;
      map["list"][0][name]["inner"] = true;
      map["list"][0][name + "2"][0] = "text";
      const auto back = parse_yaml(to_yaml(map), "test");
      ASSERT_TRUE(back) << bytes << ": " << back.error().what;
      EXPECT_EQ(to_json(back->value), to_json(map)) << bytes;
    }
  }
}

}  // namespace apisix::format
