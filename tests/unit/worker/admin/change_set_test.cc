#include "worker/admin/change_set.h"

#include <gtest/gtest.h>

namespace apisix::admin {
namespace {

base::Result<ChangeSet> read(std::string_view text) {
  return read_change_set(format::parse_json(text).value());
}

TEST(ChangeSet, PutsAndDeletesAnyKind) {
  const auto set = read(R"({
    "put": {"routes": [{"id": 1, "uri": "/a", "modifiedIndex": 7}],
            "consumers": [{"username": "jack"}, {"id": "jack/credentials/c1", "plugins": {}}],
            "secrets": [{"id": "vault/v", "uri": "http://x"}],
            "plugin_metadata": [{"id": "file-logger", "path": "/x"}]},
    "delete": {"upstreams": ["u", 5], "consumers": ["jill/credentials/c"], "secrets": ["aws/1"]}})");
  ASSERT_TRUE(set) << set.error().what;
  EXPECT_TRUE(set->faults.empty());
  std::vector<std::string> keys;
  for (const SetChange& change : set->changes)
    keys.push_back((change.is_delete() ? "-" : "+") + change.key());
  EXPECT_EQ(keys, (std::vector<std::string>{"+/consumers/jack", "+/consumers/jack/credentials/c1",
                                            "+/plugin_metadata/file-logger", "+/routes/1",
                                            "+/secrets/vault/v", "-/consumers/jill/credentials/c",
                                            "-/secrets/aws/1", "-/upstreams/u", "-/upstreams/5"}));
  EXPECT_EQ(*set->changes[1].value, format::parse_json(R"({"id": "c1", "plugins": {}})").value());
  EXPECT_EQ(*set->changes[3].value, format::parse_json(R"({"id": "1", "uri": "/a"})").value());
}

TEST(ChangeSet, ListsEveryFault) {
  const auto set = read(R"({"put": {"routes": [1, {"uri": "/"}, {"id": "a"}, {"id": "a"}, {"id": ""}],
                                    "consumers": [{}], "secrets": [{"id": "no-manager"}]},
                            "delete": {"routes": [null, "a", {}, ""]}})");
  ASSERT_TRUE(set) << set.error().what;
  std::vector<std::string> found;
  for (const SetFault& fault : set->faults)
    found.push_back(fault.list + std::to_string(*fault.index) + ": " + fault.fault.message);
  EXPECT_EQ(found,
            (std::vector<std::string>{
                "consumers0: missing username", "routes0: expected an object", "routes1: missing id",
                "routes3: the set changes this object twice", "routes4: missing id", "secrets0: wrong id",
                "routes0: expected the id of an object, got null",
                "routes1: the set changes this object twice", "routes2: expected the id of an object, got {}",
                "routes3: expected the id of an object, got \"\""}));
}

TEST(ChangeSet, RefusesABodyThatIsNone) {
  for (const char* text :
       {"[]", "1", R"({"routes": []})", R"({"put": []})", R"({"put": {"plugins": []}})",
        R"({"put": {"nonsense": []}})", R"({"put": {"routes": {}}})", R"({"delete": null})"}) {
    EXPECT_FALSE(read(text)) << text;
  }
  EXPECT_TRUE(read("{}"));
}

}  // namespace
}  // namespace apisix::admin
