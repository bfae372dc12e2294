#include "shared/resource/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace apisix::resource {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::optional<std::string> environment(std::string_view name) {
  if (name == "URI") return "/from-environment";
  if (name == "KEY") return "12345";
  return std::nullopt;
}

base::Result<format::Yaml> parse(std::string_view text, DocumentFormat format = DocumentFormat::kYaml) {
  return parse_document(text, "conf/apisix.yaml", format, environment);
}

std::vector<std::string> keys_of(std::string_view yaml) {
  const auto parsed = parse(yaml);
  EXPECT_TRUE(parsed) << parsed.error().what;
  std::vector<std::string> out;
  for (const DocumentItem& item : read_document(parsed->value).items) {
    out.push_back(item.key + " " + format::to_json(item.value));
  }
  return out;
}

TEST(Document, EndFlag) {
  EXPECT_TRUE(parse("routes: []\n#END"));
  EXPECT_TRUE(parse("routes: []\n#END\n"));
  EXPECT_TRUE(parse("routes: []\n #END \r\n\n"));
  EXPECT_EQ(parse("routes: []\n").error().what, "missing valid end flag in file conf/apisix.yaml");
  EXPECT_FALSE(parse("routes: []\n#END\n# more"));
  EXPECT_FALSE(parse(""));
  EXPECT_TRUE(parse(R"({"routes": []})", DocumentFormat::kJson)) << "JSON needs none";
}

TEST(Document, VariablesOfYamlAreTextBeforeItIsParsed) {
  const auto parsed = parse("routes: [{uri: ${{URI}}, desc: \"${{KEY}}\", priority: ${{KEY}}}]\n#END");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(format::to_json(parsed->value["routes"][0]),
            R"({"desc":"12345","priority":12345,"uri":"/from-environment"})");
  EXPECT_EQ(parse("a: ${{NONE}}\n#END").error().what,
            "conf/apisix.yaml: failed to handle configuration: can't find environment variable NONE");
}

TEST(Document, VariablesOfJsonAreValues) {
  const auto parsed =
      parse(R"({"routes":[{"uri":"${{URI}}","priority":"${{KEY}}"}]})", DocumentFormat::kJson);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(format::to_json(parsed->value["routes"][0]), R"({"priority":12345,"uri":"/from-environment"})");
}

TEST(Document, FaultsOfTheTextNameTheirPlace) {
  EXPECT_THAT(parse("routes:\n  - uri: [\n#END").error().what, HasSubstr("conf/apisix.yaml:"));
  EXPECT_THAT(parse("{abcd", DocumentFormat::kJson).error().what,
              HasSubstr("conf/apisix.yaml: failed to decode json:"));
  EXPECT_THAT(parse("# nothing\n#END").error().what, HasSubstr("got an empty document"));
  EXPECT_THAT(parse("[1]\n#END").error().what, HasSubstr("expected a map of lists such as routes, got [1]"));
}

TEST(Document, Ids) {
  EXPECT_THAT(keys_of("routes: [{uri: /a}, {id: 7, uri: /b}, {id: r, uri: /c}]\n#END"),
              ElementsAre(R"(/routes/arr_1 {"id":"arr_1","uri":"/a"})", R"(/routes/7 {"id":7,"uri":"/b"})",
                          R"(/routes/r {"id":"r","uri":"/c"})"));
}

TEST(Document, ConsumersByNameAndTheirCredentials) {
  const auto parsed = parse(
      "consumers:\n"
      "  - username: jack\n"
      "  - id: jack/credentials/c1\n"
      "    plugins: {key-auth: {key: k}}\n"
      "#END");
  ASSERT_TRUE(parsed);
  const Document document = read_document(parsed->value);
  ASSERT_EQ(document.items.size(), 2U);
  EXPECT_EQ(document.items[0].key, "/consumers/jack");
  EXPECT_EQ(document.items[0].kind, Kind::kConsumer);
  EXPECT_EQ(format::to_json(document.items[0].value), R"({"username":"jack"})");
  EXPECT_EQ(document.items[1].key, "/consumers/jack/credentials/c1");
  EXPECT_EQ(document.items[1].kind, Kind::kCredential);
}

TEST(Document, OtherKeys) {
  EXPECT_THAT(keys_of("plugin_metadata: [{id: syslog, log_format: {a: b}}]\n"
                      "secrets: [{id: vault/1, uri: x}]\n"
                      "plugins: [{name: key-auth}, {name: mqtt-proxy, stream: true}]\n"
                      "#END"),
              ElementsAre(R"(/plugins [{"name":"key-auth"},{"name":"mqtt-proxy","stream":true}])",
                          R"(/secrets/vault/1 {"id":"vault/1","uri":"x"})",
                          R"(/plugin_metadata/syslog {"log_format":{"a":"b"}})"));
  EXPECT_THAT(keys_of("plugins:\nroutes:\nunknown: [1]\n#END"), ElementsAre("/plugins []"))
      << "an empty list of plugins is one; an empty list of routes is none";
}

TEST(Document, NullsOfYamlAreEmptyTables) {
  EXPECT_THAT(keys_of("routes: [{id: 1, plugins: {key-auth: , cors: ~}}]\n#END"),
              ElementsAre(R"(/routes/1 {"id":1,"plugins":{"cors":{},"key-auth":{}}})"));
  const auto json = parse(R"({"routes":[{"id":1,"desc":null}]})", DocumentFormat::kJson);
  ASSERT_TRUE(json);
  EXPECT_EQ(format::to_json(json->value["routes"][0]), R"({"desc":null,"id":1})");
}

TEST(Document, ModifiedIndexIsTheDocumentsOwn) {
  EXPECT_THAT(keys_of("upstreams: [{id: 1, modifiedIndex: 5}]\n#END"),
              ElementsAre(R"(/upstreams/1 {"id":1})"));
}

TEST(Document, OfTwoWithOneIdTheLaterStays) {
  EXPECT_THAT(keys_of("routes: [{id: 1, uri: /a}, {id: 2, uri: /b}, {id: '1', uri: /c}]\n#END"),
              ElementsAre(R"(/routes/1 {"id":"1","uri":"/c"})", R"(/routes/2 {"id":2,"uri":"/b"})"));
}

TEST(Document, WhatIsNoItem) {
  const auto parsed = parse("routes: [text, {uri: /a}, 12]\nservices: {a: 1}\n#END");
  ASSERT_TRUE(parsed);
  const Document document = read_document(parsed->value);
  ASSERT_EQ(document.items.size(), 1U);
  EXPECT_EQ(document.items[0].key, "/routes/arr_2");
  ASSERT_EQ(document.faults.size(), 3U);
  EXPECT_EQ(document.faults[0].path, "services");
  EXPECT_EQ(document.faults[0].what, R"(expected a list, got {"a":1})");
  EXPECT_EQ(document.faults[1].path, "routes[0]");
  EXPECT_EQ(document.faults[1].what, R"(it should be an object, got "text")");
  EXPECT_EQ(document.faults[2].path, "routes[2]");
}

TEST(Document, LinesOfBothFormats) {
  const auto yaml = parse_document("routes:\n  - id: 1\n    uri: /a\n#END", "f", DocumentFormat::kYaml,
                                   environment, format::YamlLines::kKeep);
  ASSERT_TRUE(yaml);
  EXPECT_EQ(yaml->line_of("routes[0].uri"), 3);
  const auto json = parse_document("{\"routes\": [\n{\"id\": 1,\n\"uri\": \"/a\"}]}", "f",
                                   DocumentFormat::kJson, environment, format::YamlLines::kKeep);
  ASSERT_TRUE(json);
  EXPECT_EQ(json->line_of("routes[0].uri"), 3);
}

}  // namespace
}  // namespace apisix::resource
