#include "shared/resource/validate.h"

#include <algorithm>

#include "shared/base/ip.h"
#include "shared/format/built.h"
#include "shared/resource/certificate_pair.h"
#include "shared/resource/fields.h"
#include "shared/resource/schemas.h"
#include "shared/resource/upstream_rules.h"

namespace apisix::resource {
namespace {

constexpr const char* kInvalid = "invalid configuration: ";

bool has(const Json& object, const char* name) {
  return object.isObject() && object.isMember(name);
}

// One run over one object.
class Validator {
 public:
  Validator(Json& value, const ValidateContext& context) : value_(value), context_(context) {}

  Validation run(Kind kind);

 private:
  bool matches(std::string_view schema);
  void run_route();
  void run_service();
  void run_upstream();
  void run_consumer();
  void run_credential();
  void run_proto();
  void run_ssl();
  void run_stream_route();
  void run_secret();
  void run_plugin_metadata();

  void refuse_both(const char* one, const char* many);
  void check_inline_upstream();
  void check_plugins(PluginScope scope, const std::string& prefix = "");
  void check_vars();
  void check_lua(const char* member, const std::function<base::Status(std::string_view)>& hook);
  void check_readable(const CertificatePair& pair);
  void check_stapling();
  void check_address(const char* member);

  const ValidateHooks& hooks() const { return context_.hooks; }
  void add(const base::Status& status, const std::string& at, const char* rule,
           const std::string& prefix = "") {
    if (!status) out_.add(prefix + status.error().what, {at, rule, status.error().what, {}, ""});
  }

  Json& value_;
  const ValidateContext& context_;
  Validation out_;
};

Validation Validator::run(Kind kind) {
  switch (kind) {
    case Kind::kRoute:
      run_route();
      break;
    case Kind::kService:
      run_service();
      break;
    case Kind::kUpstream:
      run_upstream();
      break;
    case Kind::kConsumer:
      run_consumer();
      break;
    case Kind::kCredential:
      run_credential();
      break;
    case Kind::kConsumerGroup:
    case Kind::kGlobalRule:
    case Kind::kPluginConfig:
      if (matches(info_of(kind).schema)) check_plugins(PluginScope::kHttp);
      break;
    case Kind::kSsl:
      run_ssl();
      break;
    case Kind::kPluginMetadata:
      run_plugin_metadata();
      break;
    case Kind::kProto:
      run_proto();
      break;
    case Kind::kStreamRoute:
      run_stream_route();
      break;
    case Kind::kSecret:
      run_secret();
      break;
    case Kind::kGraphqlCostDecoration:
      matches("graphql_cost_decoration");
      break;
  }
  return std::move(out_);
}

bool Validator::matches(std::string_view name) {
  const format::Schema& schema = get_schema(name);
  const base::Status status = schema.check(value_);
  if (status) return true;
  out_.add_within("", kInvalid, {status.error().what, schema.faults(value_)});
  return false;
}

void Validator::run_route() {
  refuse_both("host", "hosts");
  refuse_both("remote_addr", "remote_addrs");
  if (!matches("route")) return;
  check_inline_upstream();
  check_plugins(PluginScope::kHttp);
  check_vars();
  check_lua("filter_func", hooks().check_filter_func);
  check_lua("script", hooks().check_script);
}

void Validator::run_service() {
  if (!matches("service")) return;
  check_inline_upstream();
  check_plugins(PluginScope::kHttp);
  check_lua("script", hooks().check_script);
}

void Validator::run_upstream() {
  if (!context_.is_stored) check_ipv6_brackets(value_, "", out_);
  if (matches("upstream")) check_upstream_rules(value_, "", context_, out_);
}

void Validator::run_consumer() {
  if (!matches("consumer")) return;
  const std::string username = text_field(value_, "username");
  if (!context_.path_id.empty() && username != context_.path_id) {
    out_.add("wrong username", {"/username", "username", "wrong username", Json(username),
                                "the path says \"" + std::string(context_.path_id) + '"'});
  }
  check_plugins(PluginScope::kConsumer, "invalid plugins configuration: ");
}

void Validator::run_credential() {
  if (!matches("credential")) return;
  check_plugins(PluginScope::kConsumer, "invalid plugins configuration: ");
  if (!hooks().check_credential_plugin || !has(value_, "plugins")) return;
  const Json& plugins = value_["plugins"];
  if (!plugins.isObject()) return;
  for (const std::string& name : plugins.getMemberNames()) {
    add(hooks().check_credential_plugin(name), "/plugins/" + name, "plugin");
  }
}

void Validator::run_proto() {
  if (!matches("proto") || !hooks().check_proto) return;
  add(hooks().check_proto(text_field(value_, "content")), "/content", "content", "invalid content: ");
}

void Validator::run_ssl() {
  if (!matches("ssl")) return;
  check_stapling();
  check_readable(first_pair(value_));
  if (text_field(value_, "type") == "client") return;
  if (format::find_member(value_, "certs").size() != format::find_member(value_, "keys").size()) {
    const char* text = "mismatched number of certs and keys";
    return out_.add(text, {"/certs", "keys", text, {}, ""});
  }
  for (const CertificatePair& pair : further_pairs(value_)) check_readable(pair);
  const std::string ca = text_field(format::find_member(value_, "client"), "ca");
  check_readable({ca, "", "/client/ca", "", "failed to validate client_cert: "});
}

// The member is the plugin's; without it the schema has none of that name.
void Validator::check_stapling() {
  if (!has(value_, "ocsp_stapling") || !hooks().is_enabled || hooks().is_enabled("ocsp-stapling")) return;
  const std::string text = "additional properties forbidden, found ocsp_stapling";
  out_.add(
      kInvalid + text,
      {"/ocsp_stapling", "additionalProperties", text, {}, "enable the plugin ocsp-stapling in config.yaml"});
}

void Validator::run_stream_route() {
  if (!matches("stream_route")) return;
  const Json& protocol = format::find_member(value_, "protocol");
  const std::string superior = id_field(protocol, "superior_id");
  if (!superior.empty() && superior == id_field(value_, "id")) {
    const char* text = "stream route can not set itself as superior_id";
    out_.add(text, {"/protocol/superior_id", "superior_id", text, Json(superior), ""});
  }
  check_plugins(PluginScope::kStream);
  check_address("remote_addr");
  check_address("server_addr");
  if (protocol.isObject() && hooks().check_protocol) {
    add(hooks().check_protocol(protocol), "/protocol", "protocol");
  }
}

void Validator::run_secret() {
  const std::string manager(context_.path_id.substr(0, context_.path_id.find('/')));
  if (manager.empty()) {
    return out_.add("missing secret type", {"", "manager", "missing secret type", {}, ""});
  }
  const std::string schema = "secret_" + manager;
  if (find_schema_text(schema).empty()) {
    const std::string text = "invalid secret manager: " + manager;
    return out_.add(text, {"", "manager", text, Json(manager), "one of \"aws\", \"gcp\", \"vault\""});
  }
  matches(schema);
}

void Validator::run_plugin_metadata() {
  if (context_.path_id.empty()) {
    return out_.add("missing plugin name", {"", "plugin", "missing plugin name", {}, ""});
  }
  if (!hooks().check_plugin_metadata) return;
  out_.add_within("", "", hooks().check_plugin_metadata(context_.path_id, value_));
}

// The schema refuses both too, in words that say less; it lists the fault.
void Validator::refuse_both(const char* one, const char* many) {
  if (!has(value_, one) || !has(value_, many) || !out_.ok()) return;
  out_.error_msg = std::string("only one of ") + one + " or " + many + " is allowed";
}

void Validator::check_inline_upstream() {
  if (!has(value_, "upstream")) return;
  const Json& upstream = value_["upstream"];
  if (!context_.is_stored) check_ipv6_brackets(upstream, "/upstream", out_);
  check_upstream_rules(upstream, "/upstream", context_, out_);
}

void Validator::check_plugins(PluginScope scope, const std::string& prefix) {
  if (!hooks().check_plugins || !has(value_, "plugins") || value_["plugins"].empty()) return;
  out_.add_within("/plugins", prefix, hooks().check_plugins(value_["plugins"], scope));
}

void Validator::check_vars() {
  if (!hooks().check_vars || !has(value_, "vars")) return;
  add(hooks().check_vars(value_["vars"]), "/vars", "vars", "failed to validate the 'vars' expression: ");
}

void Validator::check_lua(const char* member, const std::function<base::Status(std::string_view)>& hook) {
  if (hook && has(value_, member)) add(hook(text_field(value_, member)), std::string("/") + member, member);
}

// As in APISIX, one secret reference is enough to leave the pair unread.
void Validator::check_readable(const CertificatePair& pair) {
  if (!pair.has_reference()) check_pair(pair, hooks(), out_);
}

void Validator::check_address(const char* member) {
  const std::string address = text_field(value_, member);
  if (address.empty() || base::Cidr::parse(address)) return;
  const std::string text = std::string("invalid ") + member + ": " + address;
  out_.add(text, {std::string("/") + member, "address", text, Json(address), ""});
}

// As the validator of APISIX names types.
std::string lua_type(const Json& value) {
  if (value.isString()) return "string";
  if (value.isBool()) return "boolean";
  if (value.isNull()) return "userdata";
  return value.isNumeric() ? "number" : "table";
}

// The schemas take an empty array for an empty object, as APISIX's do; what is stored is a map of members.
Validation check_is_object(const Json& value, const std::string& prefix) {
  Validation out;
  if (value.isObject()) return out;
  const std::string text = "wrong type: expected object, got " + lua_type(value);
  out.add(prefix + text, {"", "type", text, {}, ""});
  return out;
}

}  // namespace

Validation validate(Kind kind, Json& value, const ValidateContext& context) {
  Validation out = check_is_object(value, kInvalid);
  if (!out.ok()) return out;
  const auto status = format::built([&]() -> base::Status {
    out = Validator(value, context).run(kind);
    return {};
  });
  if (!status)
    out.add(std::string(kInvalid) + status.error().what, {"", "type", status.error().what, {}, ""});
  return out;
}

Validation validate_schema(Kind kind, const Json& value) {
  const std::string_view name = info_of(kind).schema;
  if (auto out = check_is_object(value, ""); !out.ok()) return out;
  if (name.empty()) return {};
  const format::Schema& schema = get_schema(name);
  const base::Status status = schema.validate(value);
  if (status) return {};
  return {status.error().what, schema.faults(value)};
}

}  // namespace apisix::resource
