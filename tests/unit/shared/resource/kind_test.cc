#include "shared/resource/kind.h"

#include <gtest/gtest.h>

#include "shared/resource/schemas.h"

namespace apisix::resource {
namespace {

TEST(Kind, TableIsInOrderAndHasItsSchemas) {
  for (std::size_t i = 0; i < kKindCount; ++i) {
    const KindInfo& info = all_kinds()[i];
    EXPECT_EQ(static_cast<std::size_t>(info.kind), i);
    EXPECT_EQ(find_kind(info.name), info.kind);
    EXPECT_EQ(find_kind(info.plural), info.kind);
    EXPECT_EQ(find_kind_by_plural(info.plural), info.kind);
    if (!info.schema.empty()) EXPECT_FALSE(find_schema_text(info.schema).empty()) << info.name;
  }
  EXPECT_EQ(find_kind("routs"), std::nullopt);
  EXPECT_EQ(find_kind_by_plural("route"), std::nullopt);
}

TEST(Kind, StoreKeys) {
  struct Case {
    const char* key;
    Kind kind;
    const char* id;
  };
  for (const auto& [key, kind, id] :
       {Case{"/routes/1", Kind::kRoute, "1"}, Case{"/consumers/jack", Kind::kConsumer, "jack"},
        Case{"/consumers/jack/credentials/c1", Kind::kCredential, "jack/credentials/c1"},
        Case{"/services/1", Kind::kService, "1"},
        Case{"/services/1/graphql_cost_decorations/d", Kind::kGraphqlCostDecoration,
             "1/graphql_cost_decorations/d"},
        Case{"/secrets/vault/1", Kind::kSecret, "vault/1"},
        Case{"/plugin_metadata/http-logger", Kind::kPluginMetadata, "http-logger"}}) {
    EXPECT_EQ(parse_store_key(key), (ItemKey{kind, id})) << key;
    EXPECT_EQ(store_key(kind, id), key);
  }
  for (const char* bad :
       {"", "/", "routes/1", "/routes", "/routes/", "/routes/1/2", "/plugins", "/data_plane/server_info/1",
        "/consumers/jack/credentials/", "/consumers/jack/credentials/a/b", "/consumers/jack/keys/1",
        "/consumers//credentials/1", "/secrets/vault", "/secrets/vault/", "/secrets/vault/1/2",
        "/secrets//1"}) {
    EXPECT_EQ(parse_store_key(bad), std::nullopt) << bad;
  }
}

TEST(Schemas, AllCompile) {
  EXPECT_GE(embedded_schemas().size(), 20U);
  for (const EmbeddedSchema& schema : embedded_schemas()) {
    const auto json = format::parse_json(schema.text);
    ASSERT_TRUE(json) << schema.name;
    const auto compiled = format::Schema::compile(*json);
    EXPECT_TRUE(compiled) << schema.name << ": " << compiled.error().what;
  }
  EXPECT_EQ(&get_schema("route"), &get_schema("route"));
  EXPECT_EQ(find_schema_text("nope"), "");
}

}  // namespace
}  // namespace apisix::resource
