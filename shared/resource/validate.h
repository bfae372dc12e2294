// Is this object what APISIX accepts? The schema, then the rules that a schema cannot tell, in APISIX's order
// and words. What other rooms know (expressions, plugins, Lua, certificates) comes in as hooks; whether
// referenced objects exist is asked elsewhere (reference.h).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "shared/resource/kind.h"
#include "shared/resource/validation.h"

namespace apisix::resource {

// Which of a plugin's schemas its configuration must match, and which plugins there are.
enum class PluginScope : std::uint8_t { kHttp, kConsumer, kStream };

// A hook that is not set checks nothing. The `what` of its error is put into the text as the comment says.
struct ValidateHooks {
  // "failed to validate the 'vars' expression: <what>". Includes that post_arg.<path> is a JSONPath.
  std::function<base::Status(const format::Json& vars)> check_vars;
  // <what>: "unknown plugin [x]", "failed to check the configuration of plugin x err: ...". Pointers of the
  // faults start at the plugins object. May fill defaults.
  std::function<Validation(format::Json& plugins, PluginScope scope)> check_plugins;
  // <what>: "unknown plugin x" or "only supports auth type plugins in consumer credential".
  std::function<base::Status(std::string_view plugin)> check_credential_plugin;
  // <what>: "failed to load 'filter_func' string: ..." or "'filter_func' should be a function".
  std::function<base::Status(std::string_view lua)> check_filter_func;
  // <what>: "failed to load 'script' string: ..." or "'script' should be a Lua object".
  std::function<base::Status(std::string_view lua)> check_script;
  // <what>: "failed to parse cert: ...", "failed to parse key: ...". `key_pem` may be empty: only a
  // certificate.
  std::function<base::Status(std::string_view cert_pem, std::string_view key_pem)> check_certificate;
  // Of what check_certificate accepted: do they belong together? APISIX does not ask; such a pair fails at
  // its first handshake.
  std::function<bool(std::string_view key_pem, std::string_view cert_pem)> is_key_of_certificate;
  // For members that a plugin adds to an object.
  std::function<bool(std::string_view plugin)> is_enabled;
  // "invalid content: <what>".
  std::function<base::Status(std::string_view content)> check_proto;
  // <what>: "invalid plugin name", "invalid configuration: ...".
  std::function<Validation(std::string_view plugin, format::Json& metadata)> check_plugin_metadata;
  // <what>: "unknown protocol [x]".
  std::function<base::Status(const format::Json& protocol)> check_protocol;
};

struct ValidateContext {
  const ValidateHooks& hooks;
  // An object that is already in the store: what only a write is asked for is not asked again (brackets
  // around IPv6, ports of node maps).
  bool is_stored = false;
  // Of the path; needed for consumers (their name), secrets ("manager/id") and plugin metadata (the plugin).
  std::string_view path_id = {};
};

// Fills the schema's defaults into `value`, valid or not. Lists all faults of the schema or, when it matches,
// all of the other rules.
Validation validate(Kind kind, format::Json& value, const ValidateContext& context);

// The schema alone, as POST /apisix/admin/schema/validate/{plural} does; no words before its text.
Validation validate_schema(Kind kind, const format::Json& value);

}  // namespace apisix::resource
