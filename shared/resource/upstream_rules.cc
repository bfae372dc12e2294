#include "shared/resource/upstream_rules.h"

#include "shared/resource/certificate_pair.h"
#include "shared/resource/fields.h"
#include "shared/resource/schemas.h"
#include "shared/resource/upstream.h"

namespace apisix::resource {
namespace {

constexpr const char* kBracketsText = "IPv6 address must be enclosed with '[' and ']'";

void check_map_ports(const Json& nodes, const std::string& at, Validation& out) {
  if (!nodes.isObject()) return;
  for (auto node = nodes.begin(); node != nodes.end(); ++node) {
    const std::string address = node.name();
    const auto port = split_node_address(address).port;
    if (!port || (*port >= 1 && *port <= 65535)) continue;
    const std::string text = "invalid port " + std::to_string(*port);
    out.add(text, {at + "/nodes", "port", text, Json(address), "ports are 1 to 65535"});
  }
}

void check_pass_host(const Json& upstream, const std::string& at, Validation& out) {
  if (text_field(upstream, "pass_host") != "rewrite" || !text_field(upstream, "upstream_host").empty())
    return;
  const std::string text = "`upstream_host` can't be empty when `pass_host` is `rewrite`";
  out.add(text, {at, "upstream_host", text, {}, "add \"upstream_host\", or set \"pass_host\" to \"node\""});
}

// The schema that chash's key must match; "" = any key, or none.
std::string_view key_schema_of(const std::string& hash_on) {
  if (hash_on == "vars") return "upstream_hash_vars";
  if (hash_on == "header" || hash_on == "cookie") return "upstream_hash_header";
  return hash_on == "vars_combinations" ? "upstream_hash_vars_combinations" : "";
}

void check_chash(const Json& upstream, const std::string& at, Validation& out) {
  if (text_field(upstream, "type") != "chash") return;
  const std::string hash_on = text_field(upstream, "hash_on");
  const Json& key = format::find_member(upstream, "key");
  if (hash_on == "consumer") return;
  if (key.isNull()) {
    return out.add("missing key",
                   {at,
                    "key",
                    "missing key",
                    {},
                    "chash needs \"key\", such as \"remote_addr\", unless \"hash_on\" is \"consumer\""});
  }
  const std::string_view name = key_schema_of(hash_on);
  if (name.empty()) return;
  const auto status = get_schema(name).validate(key);
  if (status) return;
  out.add("invalid configuration: " + status.error().what,
          {at + "/key", "pattern", status.error().what, key, "\"hash_on\" is \"" + hash_on + '"'});
}

}  // namespace

void check_ipv6_brackets(const Json& upstream, const std::string& at, Validation& out) {
  const Json& nodes = format::find_member(upstream, "nodes");
  if (!nodes.isArray()) return;
  for (Json::ArrayIndex i = 0; i < nodes.size(); ++i) {
    const std::string host = text_field(nodes[i], "host");
    if (!is_bare_ipv6(host)) continue;
    out.add(std::string("invalid configuration: ") + kBracketsText,
            {at + "/nodes/" + std::to_string(i) + "/host", "host", kBracketsText, Json(host),
             "write \"[" + host + "]\""});
  }
}

void check_upstream_rules(const Json& upstream, const std::string& at, const ValidateContext& context,
                          Validation& out) {
  if (!context.is_stored) check_map_ports(format::find_member(upstream, "nodes"), at, out);
  check_pass_host(upstream, at, out);
  check_pair(client_pair(upstream, at), context.hooks, out);
  check_chash(upstream, at, out);
}

}  // namespace apisix::resource
