#include "worker/admin/resource_path.h"

#include <gtest/gtest.h>

namespace apisix::admin {
namespace {

using resource::Kind;

TEST(ResourcePath, IsTakenApart) {
  struct Case {
    std::string_view path;
    Kind kind;
    std::string_view parent, id, sub_path;
  };
  for (const Case& wanted : {
           Case{"routes", Kind::kRoute, "", "", ""},
           {"routes/", Kind::kRoute, "", "", ""},
           {"routes/1", Kind::kRoute, "", "1", ""},
           {"routes/1/", Kind::kRoute, "", "1", ""},
           {"routes/1/upstream/nodes", Kind::kRoute, "", "1", "upstream/nodes"},
           {"consumers/jack", Kind::kConsumer, "", "jack", ""},
           {"consumers/jack/credentials", Kind::kCredential, "jack", "", ""},
           {"consumers/jack/credentials/c1", Kind::kCredential, "jack", "c1", ""},
           {"consumers/jack/credentials/c1/name", Kind::kCredential, "jack", "c1", "name"},
           {"consumers/jack/graphql_cost_decorations", Kind::kConsumer, "", "jack",
            "graphql_cost_decorations"},
           {"credentials/c1", Kind::kCredential, "", "c1", ""},
           {"services/1/graphql_cost_decorations/d", Kind::kGraphqlCostDecoration, "1", "d", ""},
           {"services/1/upstream/nodes", Kind::kService, "", "1", "upstream/nodes"},
           {"secrets", Kind::kSecret, "", "", ""},
           {"secrets/vault", Kind::kSecret, "vault", "", ""},
           {"secrets/vault/1", Kind::kSecret, "vault", "1", ""},
           {"secrets/vault/1/token", Kind::kSecret, "vault", "1", "token"},
           {"ssl/1", Kind::kSsl, "", "1", ""},
           {"proto/1", Kind::kProto, "", "1", ""},
       }) {
    const auto path = parse_resource_path(wanted.path);
    ASSERT_TRUE(path.has_value()) << wanted.path;
    EXPECT_EQ(path->kind, wanted.kind) << wanted.path;
    EXPECT_EQ(path->parent, wanted.parent) << wanted.path;
    EXPECT_EQ(path->id, wanted.id) << wanted.path;
    EXPECT_EQ(path->sub_path, wanted.sub_path) << wanted.path;
  }
}

TEST(ResourcePath, OtherNamesAreNoKind) {
  for (const char* path : {"", "route/1", "upstream", "plugins/list", "schema/route"}) {
    EXPECT_FALSE(parse_resource_path(path).has_value()) << path;
  }
}

}  // namespace
}  // namespace apisix::admin
