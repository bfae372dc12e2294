#include "worker/admin/secret_mask.h"

#include <array>
#include <utility>

#include <gtest/gtest.h>

#include "tests/fakes/parsed_json.h"
#include "worker/plugin/plugin.h"

namespace apisix::admin {
namespace {

using resource::ItemKey;
using resource::Kind;

// Named as plugins that have schemas in this build.
template <int kNumber>
class Named : public plugin::Plugin {
 public:
  static constexpr std::array<const char*, 3> kNames = {"key-auth", "limit-count", "traffic-split"};
  static constexpr plugin::PluginInfo kInfo{.name = kNames[kNumber], .priority = 1};
  explicit Named(const plugin::Conf&) {}
};

constexpr const plugin::PluginKind& kKeyAuth = plugin::define<Named<0>>();
constexpr const plugin::PluginKind& kLimitCount = plugin::define<Named<1>>();
constexpr const plugin::PluginKind& kTrafficSplit = plugin::define<Named<2>>();
constexpr std::array<const plugin::PluginKind*, 3> kCatalog = {&kKeyAuth, &kLimitCount, &kTrafficSplit};

// kHidden is written as *, kHiddenAndChanged as *!. limit-count is built in and not enabled.
std::string masked(const ItemKey& key, std::string_view value, std::string_view before = "null") {
  const plugin::PluginSet plugins(kCatalog, {"key-auth", "traffic-split"});
  Json shown = json(value);
  hide_secrets(plugins, key, shown, json(before));
  std::string text = format::to_json(shown);
  for (const auto& [mark, sign] : {std::pair(kHiddenAndChanged, "*!"), std::pair(kHidden, "*")}) {
    for (auto at = text.find(mark); at != text.npos; at = text.find(mark))
      text.replace(at, mark.size(), sign);
  }
  return text;
}

TEST(SecretMask, PrivateKeysOfCertificates) {
  EXPECT_EQ(masked({Kind::kSsl, "1"}, R"({"cert":"c","key":"k","keys":["k1","k2"],"sni":"a"})"),
            R"({"cert":"c","key":"*","keys":["*","*"],"sni":"a"})");
}

TEST(SecretMask, ClientKeysOfUpstreamsWhereverTheyStand) {
  constexpr const char* kTls = R"({"tls":{"client_cert":"c","client_key":"k"}})";
  constexpr const char* kShown = R"({"tls":{"client_cert":"c","client_key":"*"}})";
  EXPECT_EQ(masked({Kind::kUpstream, "1"}, kTls), kShown);
  for (const Kind kind : {Kind::kRoute, Kind::kService})
    EXPECT_EQ(masked({kind, "1"}, std::string(R"({"upstream":)") + kTls + "}"),
              std::string(R"({"upstream":)") + kShown + "}");
  EXPECT_EQ(
      masked({Kind::kRoute, "1"},
             std::string(R"({"plugins":{"traffic-split":{"rules":[{"weighted_upstreams":[{"upstream":)") +
                 kTls + "}]}]}}}"),
      std::string(R"({"plugins":{"traffic-split":{"rules":[{"weighted_upstreams":[{"upstream":)") + kShown +
          "}]}]}}}");
}

TEST(SecretMask, WhatSchemasListAsEncrypted) {
  for (const Kind kind : {Kind::kConsumer, Kind::kCredential})
    EXPECT_EQ(masked({kind, "jack"}, R"({"plugins":{"key-auth":{"key":"k"}}})"),
              R"({"plugins":{"key-auth":{"key":"*"}}})");
  for (const Kind kind :
       {Kind::kRoute, Kind::kService, Kind::kPluginConfig, Kind::kGlobalRule, Kind::kConsumerGroup})
    EXPECT_EQ(masked({kind, "1"}, R"({"plugins":{"limit-count":{"count":2,"redis_password":"p"}}})"),
              R"({"plugins":{"limit-count":{"count":2,"redis_password":"*"}}})");
  EXPECT_EQ(masked({Kind::kConsumer, "jack"}, R"({"plugins":{"limit-count":{"redis_password":"p"}}})"),
            R"({"plugins":{"limit-count":{"redis_password":"*"}}})")
      << "a plugin without a schema of its own for consumers";
  EXPECT_EQ(masked({Kind::kRoute, "1"}, R"({"plugins":{"key-auth":{"header":"h","hide_credentials":true}}})"),
            R"({"plugins":{"key-auth":{"header":"h","hide_credentials":true}}})");
}

TEST(SecretMask, OfPluginsThatAreNotBuiltInByName) {
  EXPECT_EQ(
      masked(
          {Kind::kRoute, "1"},
          R"({"plugins":{"openid-connect":{"client_id":"i","client_secret":"s","session":{"secret":"t"}}}})"),
      R"({"plugins":{"openid-connect":{"client_id":"i","client_secret":"*","session":{"secret":"*"}}}})");
  EXPECT_EQ(masked({Kind::kRoute, "1"},
                   R"({"plugins":{"ai-proxy":{"auth":{"header":{"Authorization":"b"}},"n":1}}})"),
            R"({"plugins":{"ai-proxy":{"auth":{"header":{"Authorization":"*"}},"n":1}}})");
  EXPECT_EQ(masked({Kind::kPluginMetadata, "azure-functions"}, R"({"master_apikey":"k","other":"o"})"),
            R"({"master_apikey":"*","other":"o"})");
}

TEST(SecretMask, CredentialsOfSecretManagers) {
  EXPECT_EQ(masked({Kind::kSecret, "vault/1"}, R"({"prefix":"p","token":"t","uri":"u"})"),
            R"({"prefix":"p","token":"*","uri":"u"})");
  EXPECT_EQ(masked({Kind::kSecret, "gcp/1"}, R"({"auth_config":{"private_key":"k","token_uri":"u"}})"),
            R"({"auth_config":{"private_key":"*","token_uri":"u"}})");
}

TEST(SecretMask, ReferencesAreShown) {
  EXPECT_EQ(
      masked({Kind::kConsumer, "jack"}, R"({"plugins":{"key-auth":{"key":"$secret://vault/1/jack/key"}}})"),
      R"({"plugins":{"key-auth":{"key":"$secret://vault/1/jack/key"}}})");
}

TEST(SecretMask, ASecretThatDiffersIsMarked) {
  const auto of_key = [](std::string_view key, std::string_view before) {
    const auto object = [](std::string_view text) {
      return R"({"plugins":{"key-auth":{"key":)" + std::string(text) + "}}}";
    };
    return masked({Kind::kConsumer, "jack"}, object(key), object(before));
  };
  EXPECT_EQ(of_key(R"("k")", R"("k")"), R"({"plugins":{"key-auth":{"key":"*"}}})");
  EXPECT_EQ(of_key(R"("k")", R"("j")"), R"({"plugins":{"key-auth":{"key":"*!"}}})");
  EXPECT_EQ(of_key(R"("k")", R"("$env://K")"), R"({"plugins":{"key-auth":{"key":"*!"}}})");
}

TEST(SecretMask, ObjectsWithoutSecretsAreAsTheyAre) {
  for (const char* text :
       {R"("no object")", "null", R"({"key":"of nothing","uri":"/a"})", R"({"plugins":7})"})
    EXPECT_EQ(masked({Kind::kRoute, "1"}, text), text);
}

}  // namespace
}  // namespace apisix::admin
