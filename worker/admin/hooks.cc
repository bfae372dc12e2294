#include "worker/admin/hooks.h"

#include <set>
#include <string>

#include "shared/base/crypto.h"
#include "shared/base/keyring.h"
#include "shared/format/json_path.h"
#include "shared/format/proto.h"
#include "shared/format/read.h"
#include "shared/resource/fields.h"
#include "worker/lua/filter.h"
#include "worker/lua/script.h"
#include "worker/route/match_rule.h"

namespace apisix::admin {
namespace {

using format::Json;

constexpr std::string_view kPostArg = "post_arg.";

// Conditions on a JSON body: what follows "post_arg." is a JSONPath.
base::Status check_body_paths(const Json& node) {
  if (!node.isArray()) return {};
  const std::string name = node.size() >= 3 && node[0].isString() ? format::string_of(node[0]) : "";
  if (name.starts_with(kPostArg)) {
    const auto path = format::JsonPath::compile(std::string_view(name).substr(kPostArg.size()));
    if (!path) return base::invalid("invalid expression: " + path.error().what);
    return {};
  }
  for (const Json& child : node) {
    if (auto status = check_body_paths(child); !status) return status;
  }
  return {};
}

base::Status check_vars(const Json& vars) {
  const auto rule = route::MatchRule::compile(vars);
  if (!rule) return std::unexpected(rule.error());
  return check_body_paths(vars);
}

// Nothing runs sessions of stream routes yet: each that is named is unknown, also one that has a form for
// them.
resource::Validation check_stream_plugins(const Json& plugins) {
  resource::Validation out;
  if (!plugins.isObject()) return out;
  for (const std::string& name : plugins.getMemberNames()) {
    const std::string text = "unknown plugin [" + name + "]";
    out.add(text, {"/" + name, "plugin", text, {}, "this version of the gateway has no stream plugins"});
  }
  return out;
}

base::Status check_certificate(std::string_view cert_pem, std::string_view key_pem,
                               const base::Keyring& keyring) {
  if (auto status = base::check_certificate_pem(cert_pem); !status) {
    return base::invalid("failed to parse cert: " + status.error().what);
  }
  if (key_pem.empty()) return {};
  const auto plain = keyring.decrypt_pem(key_pem);
  if (!plain) return base::invalid("failed to decrypt previous encrypted key");
  if (auto status = base::check_private_key_pem(*plain); !status) {
    return base::invalid("failed to parse key: " + status.error().what);
  }
  return {};
}

// xrpc: {protocols: [{name: redis}]}
std::set<std::string, std::less<>> protocol_names(const Json& xrpc) {
  std::set<std::string, std::less<>> out;
  for (const Json& protocol : format::find_member(xrpc, "protocols")) {
    out.insert(resource::text_field(protocol, "name"));
  }
  return out;
}

base::Status check_protocol(const Json& protocol, const std::set<std::string, std::less<>>& known) {
  const std::string name = resource::text_field(protocol, "name");
  if (known.contains(name)) return {};
  return base::invalid("unknown protocol [" + name + "]");
}

}  // namespace

resource::ValidateHooks make_hooks(PluginsNow enabled, const settings::Settings& settings) {
  resource::ValidateHooks hooks;
  // Private keys may come as they are stored.
  const base::Keyring keyring(settings.apisix.data_encryption.keyring);
  hooks.check_certificate = [keyring](std::string_view cert_pem, std::string_view key_pem) {
    return check_certificate(cert_pem, key_pem, keyring);
  };
  hooks.is_key_of_certificate = [keyring](std::string_view key_pem, std::string_view cert_pem) {
    const auto plain = keyring.decrypt_pem(key_pem);
    return plain && base::is_key_of_certificate(*plain, cert_pem);
  };
  hooks.is_enabled = [enabled](std::string_view name) { return enabled().find(name) != nullptr; };
  hooks.check_vars = check_vars;
  hooks.check_plugins = [enabled](Json& plugins, resource::PluginScope scope) {
    if (scope == resource::PluginScope::kStream) return check_stream_plugins(plugins);
    return enabled().check_written(plugins, scope);
  };
  hooks.check_credential_plugin = [enabled](std::string_view name) -> base::Status {
    const plugin::PluginKind* kind = enabled().find(name);
    if (kind == nullptr) return base::invalid("unknown plugin " + std::string(name));
    if (!kind->info().is_auth) return base::invalid("only supports auth type plugins in consumer credential");
    return {};
  };
  hooks.check_plugin_metadata = [enabled](std::string_view name, Json& metadata) {
    return enabled().check_metadata(name, metadata);
  };
  hooks.check_protocol = [names = protocol_names(settings.xrpc)](const Json& protocol) {
    return check_protocol(protocol, names);
  };
  hooks.check_proto = format::check_proto;
  hooks.check_filter_func = lua::check_filter_text;
  hooks.check_script = lua::check_script_text;
  return hooks;
}

resource::ValidateHooks make_file_hooks(PluginsNow enabled, const settings::Settings& settings) {
  resource::ValidateHooks hooks = make_hooks(enabled, settings);
  hooks.check_plugin_metadata = [enabled](std::string_view name, Json& metadata) {
    if (enabled().find(name) == nullptr) return resource::Validation();
    enabled().decrypt_metadata(name, metadata);
    return enabled().check_metadata(name, metadata);
  };
  hooks.check_script = lua::check_stored_script_text;
  // A file is written as a whole: what was there before does not count.
  hooks.check_plugins = [enabled](Json& plugins, resource::PluginScope scope) {
    if (scope == resource::PluginScope::kStream) return check_stream_plugins(plugins);
    return enabled().check_all(plugins, scope);
  };
  return hooks;
}

}  // namespace apisix::admin
