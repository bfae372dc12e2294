#include "worker/admin/consumer_key.h"

#include "shared/format/schema.h"
#include "shared/resource/fields.h"

namespace apisix::admin {
namespace {

constexpr std::string_view kUniqueKeyPlugins[] = {"key-auth",  "basic-auth", "jwt-auth",
                                                  "hmac-auth", "ldap-auth",  "ldap-auth-advanced"};

}  // namespace

std::vector<ConsumerKey> consumer_keys(const format::Json& plugins, const plugin::PluginSet& enabled) {
  std::vector<ConsumerKey> out;
  for (const std::string_view name : kUniqueKeyPlugins) {
    const plugin::PluginKind* kind = enabled.find(name);
    if (kind == nullptr || kind->info().consumer_key.empty()) continue;
    std::string value = resource::text_field(format::find_member(plugins, name), kind->info().consumer_key);
    if (value.empty() || format::is_secret_ref(value)) continue;
    out.push_back({std::string(name), kind->info().consumer_key, std::move(value)});
  }
  return out;
}

}  // namespace apisix::admin
