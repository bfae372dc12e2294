// Every field that a schema names, with every value that does not belong there: of each plugin and of each
// kind of object. What the checks accept is built and meets a request. Nothing may throw on the way, whatever
// the answer is; the sanitizers watch.
#include "tests/fakes/hostile_values.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "shared/resource/schemas.h"
#include "tests/fakes/parsed_json.h"
#include "tests/fakes/trial_gateway.h"
#include "worker/plugin/plugin_set.h"
#include "worker/plugins/catalog.h"

namespace apisix::admin {
namespace {

using format::Json;
using plugin::ConfScope;
using resource::Kind;

// Where what a schema requires does not make a configuration yet.
const std::map<std::string_view, const char*>& plugin_bases() {
  static const std::map<std::string_view, const char*> bases = {
      {"consumer-restriction", R"({"whitelist": ["a"]})"},
      {"echo", R"({"body": "a"})"},
      {"fault-injection", R"({"abort": {"http_status": 500}})"},
      {"file-logger", R"({"path": "/nonexistent/a"})"},
      {"ip-restriction", R"({"whitelist": ["127.0.0.1"]})"},
      {"limit-conn", R"({"conn": 1, "burst": 0, "default_conn_delay": 0.1, "key": "remote_addr"})"},
      {"limit-count", R"({"count": 5, "time_window": 60})"},
      {"mocking", R"({"response_example": "a"})"},
      {"multi-auth", R"({"auth_plugins": [{"key-auth": {}}, {"basic-auth": {}}]})"},
      {"redirect", R"({"uri": "/a"})"},
      {"referer-restriction", R"({"whitelist": ["a.example"]})"},
      {"serverless-post-function", R"({"functions": ["return function() end"]})"},
      {"serverless-pre-function", R"({"functions": ["return function() end"]})"},
      {"ua-restriction", R"({"allowlist": ["a"]})"},
      {"uri-blocker", R"({"block_rules": ["a"]})"},
  };
  return bases;
}

Json base_of(const plugin::PluginKind& kind, const Json& schema) {
  const auto given = plugin_bases().find(kind.info().name);
  return given != plugin_bases().end() ? json(given->second) : hostile::sample_of(schema);
}

std::string shown(const Json& value) {
  return format::to_json(value).substr(0, 200);
}

class HostileValues : public ::testing::Test {
 protected:
  // `put` stores an object with the variant in it.
  template <typename Put>
  void try_all(const std::string& what, const Json& schema, const Json& base, const Put& put) {
    const TrialGateway::Outcome plain = put(base);
    EXPECT_EQ(plain.status, 200) << what << ": " << shown(base) << ": " << plain.reason;
    EXPECT_TRUE(plain.is_built) << what << ": " << plain.reason;
    hostile::walk(schema, [&](const hostile::Place& place, const Json& node) {
      const auto try_one = [&](const Json& value) {
        const TrialGateway::Outcome outcome = put(hostile::with(base, schema, place, value));
        EXPECT_TRUE(outcome.is_built)
            << what << hostile::text_of(place) << " = " << shown(value) << ": " << outcome.reason;
        EXPECT_TRUE(outcome.status == 200 || (outcome.status == 400 && !outcome.reason.empty()))
            << what << hostile::text_of(place) << " = " << shown(value) << ": " << outcome.status;
      };
      for (const Json& value : hostile::values()) try_one(value);
      for (const Json& value : hostile::bounds_of(node)) try_one(value);
    });
    for (const Json& value : hostile::values()) {
      const TrialGateway::Outcome outcome = put(value);
      EXPECT_TRUE(outcome.is_built) << what << " = " << shown(value) << ": " << outcome.reason;
    }
  }

  TrialGateway gateway_;
};

TEST_F(HostileValues, ThoseOfAPluginOnARouteNeverThrow) {
  for (const plugin::PluginKind* kind : plugins::catalog()) {
    const Json* schema = plugin::PluginSet::schema_json(*kind, ConfScope::kResource);
    if (schema == nullptr) continue;
    const std::string name(kind->info().name);
    try_all(name, *schema, base_of(*kind, *schema),
            [&](const Json& conf) { return gateway_.put_plugin(name, conf); });
  }
}

TEST_F(HostileValues, ThoseOfAPluginOfAConsumerNeverThrow) {
  for (const plugin::PluginKind* kind : plugins::catalog()) {
    const Json* schema = plugin::PluginSet::schema_json(*kind, ConfScope::kConsumer);
    if (schema == nullptr) continue;
    const std::string name(kind->info().name);
    gateway_.keep(Kind::kPluginConfig, "1", [&] {
      Json config = json(R"({"id": "1", "plugins": {}})");
      if (name != "key-auth") config["plugins"][name] = Json(::Json::objectValue);
      return config;
    }());
    Json base = hostile::sample_of(*schema);
    if (name == "jwt-auth") base["secret"] = "a";
    try_all(name, *schema, base, [&](const Json& conf) {
      Json consumer = json(R"({"username": "jack", "plugins": {}})");
      consumer["plugins"][name] = conf;
      return gateway_.put(Kind::kConsumer, "jack", consumer);
    });
  }
}

TEST_F(HostileValues, ThoseOfAPluginsMetadataNeverThrow) {
  for (const plugin::PluginKind* kind : plugins::catalog()) {
    const Json* schema = plugin::PluginSet::schema_json(*kind, ConfScope::kMetadata);
    if (schema == nullptr) continue;
    const std::string name(kind->info().name);
    if (const Json* own = plugin::PluginSet::schema_json(*kind, ConfScope::kResource)) {
      Json route = json(R"({"id": "m", "uri": "/trial", "priority": 9, "plugins": {}})");
      route["plugins"][name] = base_of(*kind, *own);
      gateway_.keep(Kind::kRoute, "m", route);
    }
    try_all(name, *schema, hostile::sample_of(*schema),
            [&](const Json& metadata) { return gateway_.put(Kind::kPluginMetadata, name, metadata); });
  }
}

struct KindTrial {
  Kind kind;
  const char* id;
  const char* schema;
  const char* base;
};

TEST_F(HostileValues, ThoseOfAnObjectNeverThrow) {
  const KindTrial trials[] = {
      {Kind::kRoute, "1", "route",
       R"({"uri": "/trial", "upstream": {"type": "roundrobin", "nodes": {"127.0.0.1:1": 1}}})"},
      {Kind::kService, "1", "service",
       R"({"upstream": {"type": "roundrobin", "nodes": {"127.0.0.1:1": 1}}})"},
      {Kind::kUpstream, "1", "upstream", R"({"type": "roundrobin", "nodes": {"127.0.0.1:1": 1}})"},
      {Kind::kConsumer, "jack", "consumer", R"({"username": "jack", "plugins": {"key-auth": {"key": "k"}}})"},
      {Kind::kCredential, "jack/credentials/c", "credential",
       R"({"plugins": {"key-auth": {"key": "other"}}})"},
      {Kind::kConsumerGroup, "1", "consumer_group", R"({"id": "1", "plugins": {}})"},
      {Kind::kGlobalRule, "1", "global_rule", R"({"id": "1", "plugins": {"cors": {}}})"},
      {Kind::kPluginConfig, "1", "plugin_config", R"({"id": "1", "plugins": {"cors": {}}})"},
      {Kind::kProto, "1", "proto", R"({"content": "syntax = \"proto3\"; message A {}"})"},
      {Kind::kStreamRoute, "1", "stream_route", R"({"server_port": 9100})"},
      {Kind::kSecret, "vault/1", "secret_vault",
       R"({"uri": "http://127.0.0.1:1", "prefix": "kv", "token": "t"})"},
      {Kind::kSecret, "aws/1", "secret_aws", R"({"access_key_id": "a", "secret_access_key": "b"})"},
      {Kind::kSecret, "gcp/1", "secret_gcp", R"({"auth_file": "/nonexistent"})"},
  };
  for (const KindTrial& trial : trials) {
    const Json schema = json(std::string(resource::find_schema_text(trial.schema)).c_str());
    try_all(trial.schema, schema, json(trial.base),
            [&](const Json& value) { return gateway_.put(trial.kind, trial.id, value); });
    try_all(std::string("stored ") + trial.schema, schema, json(trial.base),
            [&](const Json& value) { return gateway_.store(trial.kind, trial.id, value); });
  }
}

// A certificate that can be read is not among the values.
TEST_F(HostileValues, ThoseOfACertificateNeverThrow) {
  const Json schema = json(std::string(resource::find_schema_text("ssl")).c_str());
  const Json base = json(R"({"cert": "a", "key": "a", "snis": ["a.example"]})");
  std::size_t tried = 0;
  hostile::walk(schema, [&](const hostile::Place& place, const Json&) {
    for (const Json& value : hostile::values()) {
      ++tried;
      const auto outcome = gateway_.put(Kind::kSsl, "1", hostile::with(base, schema, place, value));
      EXPECT_EQ(outcome.status, 400) << hostile::text_of(place) << " = " << shown(value);
      EXPECT_TRUE(outcome.is_built) << outcome.reason;
    }
  });
  EXPECT_GT(tried, 100u);
}

TEST_F(HostileValues, NumbersBeyondATypeAreRefusedWithTheRange) {
  const auto refusal = [this](const char* name, const char* conf) {
    const auto outcome = gateway_.put_plugin(name, json(conf));
    EXPECT_EQ(outcome.status, 400) << conf;
    return outcome.reason;
  };
  EXPECT_EQ(
      refusal("uri-blocker", R"({"block_rules": ["a"], "rejected_code": 4294967296})"),
      "failed to check the configuration of plugin uri-blocker err: property \"rejected_code\" validation "
      "failed: expected 4294967296 to be at most 999");
  EXPECT_EQ(refusal("client-control", R"({"max_body_size": 1e19})"),
            "failed to check the configuration of plugin client-control err: property \"max_body_size\" "
            "validation failed: expected 1e+19 to be at most 9.2233720368548e+18");
}

TEST_F(HostileValues, NumbersWithAnExponentOrAFractionOfZeroAreIntegers) {
  EXPECT_EQ(gateway_.put_plugin("client-control", json(R"({"max_body_size": 1e3})")).status, 200);
  EXPECT_EQ(gateway_.put_plugin("limit-count", json(R"({"count": 5.0, "time_window": 6e1})")).status, 200);
}

TEST_F(HostileValues, WhatIsNoObjectIsRefusedForEveryKind) {
  const std::pair<Kind, const char*> kinds[] = {
      {Kind::kRoute, "1"},         {Kind::kService, "1"},    {Kind::kUpstream, "1"},
      {Kind::kConsumer, "jack"},   {Kind::kSsl, "1"},        {Kind::kCredential, "jack/credentials/c"},
      {Kind::kGlobalRule, "1"},    {Kind::kProto, "1"},      {Kind::kPluginConfig, "1"},
      {Kind::kStreamRoute, "1"},   {Kind::kSecret, "aws/1"}, {Kind::kPluginMetadata, "cors"},
      {Kind::kConsumerGroup, "1"},
  };
  for (const auto& [kind, id] : kinds) {
    for (const char* text : {"[]", "[1]", "1", "\"a\"", "true", "null"}) {
      const auto outcome = gateway_.put(kind, id, json(text));
      EXPECT_EQ(outcome.status, 400) << resource::info_of(kind).name << ' ' << text;
      EXPECT_TRUE(outcome.reason.starts_with("invalid configuration: wrong type: expected object, got "))
          << outcome.reason;
    }
  }
}

}  // namespace
}  // namespace apisix::admin
