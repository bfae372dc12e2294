// The fields that PluginSet encrypts and decrypts, by schemas of plugins that exist.
#include <array>

#include <gtest/gtest.h>

#include "tests/fakes/parsed_json.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::plugin {
namespace {

constexpr const char* kBar = "77+NmbYqNfN+oLm0aX5akg==";  // "bar" with the key below

class KeyAuth final : public Plugin {
 public:
  static constexpr PluginInfo kInfo{
      .name = "key-auth", .priority = 2500, .is_auth = true, .consumer_key = "key"};
  explicit KeyAuth(const Conf&) {}
};

constexpr const PluginKind& kKeyAuth = define<KeyAuth>();
constexpr std::array<const PluginKind*, 1> kCatalog = {&kKeyAuth};

PluginSet make_set(std::vector<std::string> keys) {
  return PluginSet(kCatalog, {"key-auth", "not-built"}, base::Keyring(std::move(keys)));
}

TEST(PluginSetSecrets, ThoseOfConsumersAreEncrypted) {
  const PluginSet set = make_set({"edd1c9f0985e76a2"});
  Json plugins = json(R"({"key-auth": {"key": "bar"}, "not-built": {"key": "bar"}})");
  set.encrypt(plugins, resource::PluginScope::kConsumer);
  EXPECT_EQ(plugins["key-auth"]["key"], kBar);
  EXPECT_EQ(plugins["not-built"]["key"], "bar");
  EXPECT_TRUE(set.open_stored(plugins, resource::PluginScope::kConsumer).ok());
  EXPECT_EQ(plugins["key-auth"]["key"], "bar");
}

TEST(PluginSetSecrets, TheScopeChoosesTheSchema) {
  const PluginSet set = make_set({"edd1c9f0985e76a2"});
  Json plugins = json(R"({"key-auth": {"key": "bar"}})");  // of a route: no secret there
  set.encrypt(plugins, resource::PluginScope::kHttp);
  EXPECT_EQ(plugins["key-auth"]["key"], "bar");
}

TEST(PluginSetSecrets, NothingHappensWithoutAKeyring) {
  const PluginSet set = make_set({});
  Json plugins = json(R"({"key-auth": {"key": "bar"}})");
  set.encrypt(plugins, resource::PluginScope::kConsumer);
  EXPECT_EQ(plugins["key-auth"]["key"], "bar");
}

TEST(PluginSetSecrets, AnEmptyListIsAConfigurationWithoutMembers) {
  const PluginSet set = make_set({});
  Json plugins = json(R"({"key-auth": []})");
  EXPECT_TRUE(set.open_stored(plugins, resource::PluginScope::kHttp).ok());
  EXPECT_TRUE(plugins["key-auth"].isObject()) << "it runs";
  EXPECT_EQ(plugins["key-auth"]["header"], "apikey") << "with its defaults";
}

TEST(PluginSetSecrets, UnknownPluginsAreRefusedInWritesAndSkippedInTheStore) {
  const PluginSet set = make_set({});
  Json plugins = json(R"({"not-built": {}})");
  EXPECT_EQ(set.check_all(plugins, resource::PluginScope::kHttp).error_msg, "unknown plugin [not-built]");
  EXPECT_TRUE(set.open_stored(plugins, resource::PluginScope::kHttp).ok());
}

TEST(PluginSetMetadata, OfAPluginWithoutASchemaIsAnyObject) {
  const PluginSet set = make_set({});
  Json object = json(R"({"anything": 1})");
  EXPECT_TRUE(set.check_metadata("key-auth", object).ok());
  Json text = json("\"text\"");
  EXPECT_EQ(set.check_metadata("key-auth", text).error_msg,
            "invalid configuration: wrong type: expected object, got string");
  EXPECT_EQ(set.check_metadata("not-built", object).error_msg, "invalid plugin name");
}

}  // namespace
}  // namespace apisix::plugin
