// Messages and their conditions as APISIX's Admin API has them (reference 2.1 to 2.16).
#include "shared/resource/validate.h"

#include <gtest/gtest.h>

namespace apisix::resource {
namespace {

using format::Json;

Json json(const std::string& text) {
  auto value = format::parse_json(text);
  EXPECT_TRUE(value) << text;
  return value.value_or(Json());
}

Validation checked(Kind kind, const std::string& text, const ValidateHooks& hooks = {},
                   std::string_view path_id = "", bool is_stored = false) {
  Json value = json(text);
  return validate(kind, value, {.hooks = hooks, .is_stored = is_stored, .path_id = path_id});
}

struct Case {
  const char* object;
  const char* error_msg;  // "" = accepted
};

void expect_texts(Kind kind, std::initializer_list<Case> cases) {
  for (const auto& [object, error_msg] : cases) {
    const Validation validation = checked(kind, object);
    EXPECT_EQ(validation.error_msg, error_msg) << object;
    EXPECT_EQ(validation.faults.empty(), validation.ok()) << object;
  }
}

// A route that is fine but for the members given.
std::string route_with(const std::string& members) {
  return R"({"id":"1","uri":"/x","upstream":{"nodes":{"127.0.0.1:80":1}},)" + members + "}";
}

TEST(ValidateRoute, Accepts) {
  expect_texts(
      Kind::kRoute,
      {
          {R"({"uri":"/","upstream":{"nodes":{"127.0.0.1:80":1}}})", ""},
          {R"({"uris":["/a","/b"],"service_id":1})", ""},
          {R"({"uri":"/","plugins":{}})", ""},
          {R"({"uri":"/","upstream_id":"a-b_c.d"})", ""},
          {R"({"uri":"/","script":"local _M = {} return _M"})", ""},
          {R"({"uri":"/","upstream":{"nodes":[]}})", ""},
          {R"({"uri":"/","upstream":{"nodes":{}}})", ""},
          {R"({"uri":"/","upstream":{"service_name":"s","discovery_type":"dns"}})", ""},
          {R"({"uri":"/","plugins":{},"host":"*.foo.com","remote_addr":"10.0.0.0/8","methods":["GET"]})", ""},
          {R"({"uri":"/","plugins":{},"hosts":["*","a.B","[::1]"],"remote_addrs":["::1","fe80::/32"]})", ""},
          {R"({"uri":"/","plugins":{},"labels":{"env":"prod"},"timeout":{"connect":0.5,"send":1,"read":1}})",
           ""},
      });
}

TEST(ValidateRoute, Refuses) {
  struct Row {
    std::string members, error_msg;
  };
  for (const auto& [members, error_msg] : std::initializer_list<Row>{
           {R"("host":"a","hosts":["b"])", "only one of host or hosts is allowed"},
           {R"("remote_addr":"1.1.1.1","remote_addrs":["1.1.1.1"])",
            "only one of remote_addr or remote_addrs is allowed"},
           {R"("uris":["/y"])",
            "invalid configuration: allOf 1 failed: value should match only one schema, but matches both "
            "schemas 1 and 2"},
           {R"("script":"local x = 1 return x","plugins":{})",
            "invalid configuration: value wasn't supposed to match schema"},
           {R"("script":"local x = 1 return x","plugin_config_id":1)",
            "invalid configuration: value wasn't supposed to match schema"},
           {R"("uri":666)",
            "invalid configuration: property \"uri\" validation failed: wrong type: expected string, got "
            "number"},
           {R"("uri":"")",
            "invalid configuration: property \"uri\" validation failed: string too short, expected at least "
            "1, "
            "got 0"},
           {R"("status":3)",
            "invalid configuration: property \"status\" validation failed: matches none of the enum values"},
           {R"("methods":["GEt"])",
            "invalid configuration: property \"methods\" validation failed: failed to validate item 1: "
            "matches "
            "none of the enum values"},
           {R"("service_id":"invalid_id$")",
            "invalid configuration: property \"service_id\" validation failed: object matches none of the "
            "required"},
           {R"("remote_addr":"127.0.0.")",
            "invalid configuration: property \"remote_addr\" validation failed: object matches none of the "
            "required"},
           {R"("id":0)",
            "invalid configuration: property \"id\" validation failed: object matches none of the required"},
           {R"("host":"a b")",
            "invalid configuration: property \"host\" validation failed: failed to match pattern "
            "\"^\\\\*$|^\\\\*?[0-9a-zA-Z-._\\\\[\\\\]:]+$\" with \"a b\""},
           {R"("labels":{"env":["prod"]})",
            "invalid configuration: property \"labels\" validation failed: failed to validate env (matching "
            "\".*\"): wrong type: expected string, got table"},
           {R"("labels":{"env":"a b"})",
            "invalid configuration: property \"labels\" validation failed: failed to validate env (matching "
            "\".*\"): failed to match pattern \"^\\\\S+$\" with \"a b\""},
           {R"("timeout":{"connect":0,"send":1,"read":1})",
            "invalid configuration: property \"timeout\" validation failed: property \"connect\" validation "
            "failed: expected 0 to be greater than 0"},
           {R"("filter_func":"x")",
            "invalid configuration: property \"filter_func\" validation failed: string too short, expected "
            "at "
            "least 10, got 1"},
           {R"("bogus":1)", "invalid configuration: additional properties forbidden, found bogus"},
       }) {
    EXPECT_EQ(checked(Kind::kRoute, route_with(members)).error_msg, error_msg) << members;
  }
  expect_texts(
      Kind::kRoute,
      {{R"({"uri":"/","plugin_config_id":"1"})",
        "invalid configuration: object matches none of the required: [\"plugins\",\"uri\"] or "
        "[\"upstream\",\"uri\"] or [\"upstream_id\",\"uri\"] or [\"service_id\",\"uri\"] or "
        "[\"plugins\",\"uris\"] or [\"upstream\",\"uris\"] or [\"upstream_id\",\"uris\"] or "
        "[\"service_id\",\"uris\"] or [\"script\",\"uri\"] or [\"script\",\"uris\"]"},
       {R"({"plugins":{}})",
        "invalid configuration: allOf 1 failed: value should match only one schema, but matches none"}});
}

TEST(ValidateUpstream, Rules) {
  const char* bad_key =
      "invalid configuration: failed to match pattern "
      "\"^((uri|server_name|server_addr|request_uri|remote_port|remote_addr|query_string|host|hostname|"
      "mqtt_client_id)|arg_[0-9a-zA-z_-]+)$\" with \"not_support\"";
  expect_texts(
      Kind::kUpstream,
      {
          {R"({"nodes":{"a:80":1},"type":"chash","key":"remote_addr"})", ""},
          {R"({"nodes":{"a:80":1},"type":"chash","key":"arg_device-id"})", ""},
          {R"({"nodes":{"a:80":1},"type":"chash","hash_on":"consumer"})", ""},
          {R"({"nodes":{"a:80":1},"type":"chash","hash_on":"header","key":"X-Id_1"})", ""},
          {R"({"nodes":{"a:80":1},"type":"chash","hash_on":"vars_combinations","key":"$a$b"})", ""},
          {R"({"nodes":{"a:80":1},"type":"chash"})", "missing key"},
          {R"({"nodes":{"a:80":1},"type":"chash","hash_on":"cookie"})", "missing key"},
          {R"({"nodes":{"a:80":1},"type":"chash","key":"not_support"})", bad_key},
          {R"({"nodes":{"a:80":1},"type":"chash","hash_on":"header","key":"$#^@"})",
           "invalid configuration: failed to match pattern \"^[a-zA-Z0-9-_]+$\" with \"$#^@\""},
          {R"({"nodes":{"a:80":1},"hash_on":"ip"})",
           "invalid configuration: property \"hash_on\" validation failed: matches none of the enum values"},
          {R"({"nodes":{"a:80":1},"pass_host":"rewrite","upstream_host":"h"})", ""},
          {R"({"nodes":{"a:80":1},"pass_host":"rewrite"})",
           "`upstream_host` can't be empty when `pass_host` is `rewrite`"},
          {R"({"nodes":{"a:70000":1}})", "invalid port 70000"},
          {R"({"nodes":{"a:0":1}})", "invalid port 0"},
          {R"({"nodes":{"[::1]:-1":1}})", "invalid port -1"},
          {R"({"nodes":{"a":1,"[::1]":1,"[::1]:8080":0,"::1":1,"1.1.1.1:1":1}})", ""},
          {R"({"nodes":[{"host":"::1","port":80,"weight":1}]})",
           "invalid configuration: IPv6 address must be enclosed with '[' and ']'"},
          {R"({"nodes":[{"host":"[::1]","weight":0}]})", ""},
          {R"({"nodes":[{"host":"a","port":0,"weight":1}]})",
           "invalid configuration: property \"nodes\" validation failed: object matches none of the "
           "required"},
          {R"({"nodes":{"a:80":-1}})",
           "invalid configuration: property \"nodes\" validation failed: object matches none of the "
           "required"},
          {R"({"nodes":{"a:80":1},"retries":-1})",
           "invalid configuration: property \"retries\" validation failed: expected -1 to be at least 0"},
          {R"({"nodes":{"a:80":1},"retry_timeout":-1})",
           "invalid configuration: property \"retry_timeout\" validation failed: expected -1 to be at least "
           "0"},
          {R"({"type":"roundrobin"})",
           "invalid configuration: value should match only one schema, but matches none"},
          {R"({"nodes":{},"service_name":"s","discovery_type":"dns"})",
           "invalid configuration: value should match only one schema, but matches both schemas 1 and 2"},
          {R"({"nodes":{"a:80":1},"checks":{"passive":{}}})",
           "invalid configuration: property \"checks\" validation failed: object matches none of the "
           "required: "
           "[\"active\"] or [\"active\",\"passive\"]"},
      });
}

TEST(ValidateUpstream, ClientCertificates) {
  const std::string cert(128, 'c');
  const std::string key(64, 'k');
  const auto text = [&](const std::string& tls) {
    return checked(Kind::kUpstream, R"({"nodes":{"a:80":1},"tls":)" + tls + "}").error_msg;
  };
  EXPECT_EQ(text(R"({"client_cert":")" + cert + R"(","client_key":")" + key + "\"}"), "");
  EXPECT_EQ(text(R"({"client_cert_id":1})"), "");
  EXPECT_EQ(
      text(R"({"client_cert":")" + cert + "\"}"),
      "invalid configuration: property \"tls\" validation failed: failed to validate dependent schema for "
      "\"client_cert\": property \"client_key\" is required");
  EXPECT_EQ(
      text(R"({"client_cert_id":1,"client_cert":")" + cert + R"(","client_key":")" + key + "\"}"),
      "invalid configuration: property \"tls\" validation failed: failed to validate dependent schema for "
      "\"client_cert_id\": value wasn't supposed to match schema");
}

TEST(ValidateUpstream, StoredOnesAreNotAskedForBrackets) {
  const char* bare = R"({"nodes":[{"host":"::1","port":80,"weight":1}]})";
  EXPECT_TRUE(checked(Kind::kUpstream, bare, {}, "", true).ok());
  EXPECT_FALSE(checked(Kind::kUpstream, R"({"nodes":{"a:80":1},"type":"chash"})", {}, "", true).ok());
}

TEST(ValidateRoute, RulesOfItsUpstream) {
  expect_texts(Kind::kRoute,
               {{R"({"uri":"/","upstream":{"nodes":{"a:80":1},"type":"chash"}})", "missing key"},
                {R"({"uri":"/","upstream":{"nodes":[{"host":"::1","port":1,"weight":1}]}})",
                 "invalid configuration: IPv6 address must be enclosed with '[' and ']'"}});
  const Validation validation =
      checked(Kind::kService,
              R"({"upstream":{"nodes":[{"host":"a","weight":1},{"host":"::1","weight":1}],"type":"chash"}})");
  ASSERT_EQ(validation.faults.size(), 2U);
  EXPECT_EQ(validation.faults[0].pointer, "/upstream/nodes/1/host");
  EXPECT_EQ(validation.faults[0].hint, "write \"[::1]\"");
  EXPECT_EQ(validation.faults[1].pointer, "/upstream");
}

TEST(Validate, ListsAllFaultsOfTheSchema) {
  const Validation validation = checked(
      Kind::kRoute, R"({"url":"/","upsteam":{},"status":"1","methods":["get"],"host":"a","hosts":["b"]})");
  EXPECT_EQ(validation.error_msg, "only one of host or hosts is allowed");
  std::vector<std::string> told;
  told.reserve(validation.faults.size());
  for (const auto& fault : validation.faults) told.push_back(fault.pointer + ": " + fault.hint);
  EXPECT_EQ(told, (std::vector<std::string>{
                      "/methods/0: did you mean \"GET\"?", "/status: write 1 without quotes",
                      "/upsteam: did you mean \"upstream\"?", "/url: did you mean \"uri\"?",
                      ": add one of \"uri\", \"uris\"", ": keep only one of \"host\", \"hosts\"",
                      ": nearest: property \"plugins\" is required", ": add \"plugins\"", ": add \"uri\""}));
}

ValidateHooks refusing_hooks() {
  ValidateHooks hooks;
  hooks.check_vars = [](const Json&) { return base::invalid("invalid operator '='"); };
  hooks.check_plugins = [](Json& plugins, PluginScope scope) {
    Validation validation;
    for (const std::string& name : plugins.getMemberNames()) {
      const std::string text =
          (scope == PluginScope::kStream ? "stream: " : "") + ("unknown plugin [" + name + "]");
      validation.add(text, {"/" + name, "plugin", text, {}, ""});
    }
    return validation;
  };
  hooks.check_filter_func = [](std::string_view) {
    return base::invalid("'filter_func' should be a function");
  };
  hooks.check_script = [](std::string_view) { return base::invalid("'script' should be a Lua object"); };
  hooks.check_certificate = [](std::string_view cert, std::string_view key) -> base::Status {
    if (cert.starts_with("bad")) return base::invalid("failed to parse cert: no");
    if (key.starts_with("bad")) return base::invalid("failed to parse key: no");
    return {};
  };
  hooks.is_key_of_certificate = [](std::string_view key, std::string_view) {
    return !key.starts_with("of another");
  };
  hooks.check_proto = [](std::string_view) { return base::invalid("unexpected token"); };
  hooks.check_credential_plugin = [](std::string_view name) -> base::Status {
    if (name == "key-auth") return {};
    return base::invalid("only supports auth type plugins in consumer credential");
  };
  hooks.check_plugin_metadata = [](std::string_view, Json&) {
    Validation validation;
    validation.add("invalid plugin name", {"", "plugin", "invalid plugin name", {}, ""});
    return validation;
  };
  hooks.check_protocol = [](const Json&) { return base::invalid("unknown protocol [x]"); };
  return hooks;
}

TEST(ValidateHooks, AreAskedInOrderAndAllListed) {
  const Validation validation = checked(
      Kind::kRoute,
      R"({"uri":"/","plugins":{"x":{},"y":{}},"vars":[["a","=","b"]],"filter_func":"function x(vars) end"})",
      refusing_hooks());
  EXPECT_EQ(validation.error_msg, "unknown plugin [x]");
  std::vector<std::string> pointers;
  pointers.reserve(validation.faults.size());
  for (const auto& fault : validation.faults) pointers.push_back(fault.pointer);
  EXPECT_EQ(pointers, (std::vector<std::string>{"/plugins/x", "/plugins/y", "/vars", "/filter_func"}));
}

// @pair, @good, @bad and @other stand for texts that are long enough for a certificate and its key.
std::string with_certificates(std::string object) {
  const std::string good(128, 'g');
  const auto replace = [&](const std::string& mark, const std::string& text) {
    for (auto at = object.find(mark); at != std::string::npos; at = object.find(mark)) {
      object.replace(at, mark.size(), text);
    }
  };
  replace("@pair", R"("cert":"@good","key":"@good")");
  replace("@good", good);
  replace("@bad", "bad" + good);
  replace("@other", "of another" + good);
  return object;
}

TEST(ValidateHooks, TextsOfEachKind) {
  const ValidateHooks hooks = refusing_hooks();
  struct Row {
    Kind kind;
    std::string object, path_id, error_msg;
  };
  for (
      const auto& [kind, object, path_id, error_msg] : std::initializer_list<Row>{
          {Kind::kRoute, R"({"uri":"/","upstream_id":1,"vars":[[]]})", "",
           "failed to validate the 'vars' expression: invalid operator '='"},
          {Kind::kService, R"({"script":"return function"})", "", "'script' should be a Lua object"},
          {Kind::kConsumer, R"({"username":"jack"})", "jack", ""},
          {Kind::kConsumer, R"({"username":"jack"})", "jill", "wrong username"},
          {Kind::kConsumer, R"({"username":"jack","plugins":{"x":{}}})", "jack",
           "invalid plugins configuration: unknown plugin [x]"},
          {Kind::kConsumer, R"({})", "", "invalid configuration: property \"username\" is required"},
          {Kind::kConsumerGroup, R"({"id":"1","plugins":{"x":{}}})", "", "unknown plugin [x]"},
          {Kind::kGlobalRule, R"({"id":"1"})", "", "invalid configuration: property \"plugins\" is required"},
          {Kind::kPluginConfig, R"({"id":"1","plugins":{}})", "", ""},
          {Kind::kProto, R"({"content":"syntax"})", "", "invalid content: unexpected token"},
          {Kind::kSecret, R"({"uri":"http://a","prefix":"p","token":"t"})", "vault/1", ""},
          {Kind::kSecret, R"({"prefix":"p","token":"t"})", "vault/1",
           "invalid configuration: property \"uri\" is required"},
          {Kind::kSecret, "{}", "", "missing secret type"},
          {Kind::kSecret, "{}", "azure/1", "invalid secret manager: azure"},
          {Kind::kSecret, "{}", "gcp/1",
           "invalid configuration: value should match only one schema, but matches none"},
          {Kind::kPluginMetadata, "{}", "", "missing plugin name"},
          {Kind::kPluginMetadata, "{}", "x", "invalid plugin name"},
          {Kind::kCredential, R"({"id":"jack/credentials/c1","name":"c"})", "", ""},
          {Kind::kSsl, R"({"sni":"a.com",@pair})", "", ""},
          {Kind::kSsl, "{@pair}", "", "invalid configuration: then clause did not match"},
          {Kind::kSsl, R"({"type":"client",@pair})", "", ""},
          {Kind::kSsl, R"({"type":"client"})", "", "invalid configuration: else clause did not match"},
          {Kind::kSsl, R"({"sni":"a.com","cert":"@bad","key":"@good"})", "", "failed to parse cert: no"},
          {Kind::kSsl, R"({"sni":"a.com","cert":"$secret://v/1/c","key":"@bad"})", "", ""},
          {Kind::kSsl, R"({"sni":"a.com",@pair,"certs":["@good"]})", "",
           "mismatched number of certs and keys"},
          {Kind::kSsl, R"({"sni":"a.com",@pair,"certs":["@good"],"keys":["@bad"]})", "",
           "failed to handle cert-key pair[1]: failed to parse key: no"},
          {Kind::kSsl, R"({"sni":"a.com",@pair,"client":{"ca":"@bad"}})", "",
           "failed to validate client_cert: failed to parse cert: no"},
          {Kind::kSsl, R"({"sni":"a.com","cert":"@good","key":"@other"})", "",
           "the private key at /key does not belong to the certificate at /cert"},
          {Kind::kSsl, R"({"type":"client","cert":"@good","key":"@other"})", "",
           "the private key at /key does not belong to the certificate at /cert"},
          {Kind::kSsl, R"({"sni":"a.com","cert":"@good","key":"$env://KEY"})", "", ""},
          {Kind::kSsl, R"({"sni":"a.com",@pair,"certs":["@good","@good"],"keys":["@good","@other"]})", "",
           "failed to handle cert-key pair[2]: the private key at /keys/1 does not belong to the certificate "
           "at /certs/1"},
          {Kind::kUpstream, R"({"nodes":{},"tls":{"client_cert":"@good","client_key":"@other"}})", "",
           "the private key at /tls/client_key does not belong to the certificate at /tls/client_cert"},
          {Kind::kService, R"({"upstream":{"nodes":{},"tls":{"client_cert":"@good","client_key":"@other"}}})",
           "",
           "the private key at /upstream/tls/client_key does not belong to the certificate at "
           "/upstream/tls/client_cert"},
          {Kind::kStreamRoute, R"({"remote_addr":"10.0.0.0/8","server_port":9100})", "", ""},
          {Kind::kStreamRoute, R"({"plugins":{"x":{}}})", "", "stream: unknown plugin [x]"},
          {Kind::kStreamRoute, R"({"protocol":{"name":"x"}})", "", "unknown protocol [x]"},
          {Kind::kStreamRoute, R"({"id":"1","protocol":{"name":"x","superior_id":1}})", "",
           "stream route can not set itself as superior_id"},
          {Kind::kGraphqlCostDecoration, R"({"field_path":"Query.a"})", "", ""},
          {Kind::kGraphqlCostDecoration, "{}", "",
           "invalid configuration: property \"field_path\" is required"},
      }) {
    EXPECT_EQ(checked(kind, with_certificates(object), hooks, path_id).error_msg, error_msg) << object;
  }
}

TEST(ValidateHooks, PairsThatDoNotBelongTogetherAreAllListed) {
  const Validation validation =
      checked(Kind::kSsl,
              with_certificates(
                  R"({"sni":"a.com","cert":"@good","key":"@other","certs":["@good"],"keys":["@other"]})"),
              refusing_hooks());
  ASSERT_EQ(validation.faults.size(), 2u);
  EXPECT_EQ(validation.faults[0].pointer, "/key");
  EXPECT_EQ(validation.faults[0].rule, "key_pair");
  EXPECT_EQ(validation.faults[1].pointer, "/keys/0");
}

TEST(ValidateHooks, CredentialsHoldAuthPluginsOnly) {
  ValidateHooks hooks = refusing_hooks();
  hooks.check_plugins = nullptr;
  EXPECT_TRUE(checked(Kind::kCredential, R"({"plugins":{"key-auth":{}}})", hooks).ok());
  EXPECT_EQ(checked(Kind::kCredential, R"({"plugins":{"cors":{}}})", hooks).error_msg,
            "only supports auth type plugins in consumer credential");
  EXPECT_EQ(checked(Kind::kCredential, R"({"plugins":{"a":{},"b":{}}})", hooks).error_msg,
            "invalid configuration: property \"plugins\" validation failed: expect object to have at most 1 "
            "properties");
}

TEST(ValidateSchema, SaysTheSchemasWordsOnly) {
  EXPECT_EQ(
      validate_schema(Kind::kRoute, json(R"({"uri":"/","upstream":{"nodes":{"a:80":1},"type":"chash"}})"))
          .error_msg,
      "");
  EXPECT_EQ(validate_schema(Kind::kRoute, json(R"({"uri":666,"plugins":{}})")).error_msg,
            "property \"uri\" validation failed: wrong type: expected string, got number");
}

TEST(Validate, ValuesThatAreNoObjects) {
  for (std::size_t i = 0; i < kKindCount; ++i) {
    const auto kind = static_cast<Kind>(i);
    for (const char* text :
         {"null", "1", "\"x\"", "true", "[]", "[1]", "{}", R"({"upstream":7,"plugins":"x"})"}) {
      const Validation validation = checked(kind, text, refusing_hooks(), "vault/1");
      EXPECT_EQ(validation.faults.empty(), validation.ok()) << info_of(kind).name << ' ' << text;
    }
  }
}

}  // namespace
}  // namespace apisix::resource
