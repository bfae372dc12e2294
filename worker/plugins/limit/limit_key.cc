#include "worker/plugins/limit/limit_key.h"

#include "shared/base/sip_hash.h"
#include "worker/plugin/request_log.h"

namespace apisix::plugins {

using format::find_member;

LimitKey::LimitKey(std::string_view type, const std::string& key)
    : type_(type == "var_combination" ? Type::kVarCombination
            : type == "constant"      ? Type::kConstant
                                      : Type::kVar),
      variable_(route::VariableName::parse(key)),
      text_(key) {}

std::string_view LimitKey::of(plugin::Request& request) const {
  switch (type_) {
    case Type::kConstant:
      return text_.text();
    case Type::kVarCombination:
      if (const auto expanded = text_.expand(request, {}); expanded.resolved > 0) return expanded.text;
      break;
    case Type::kVar:
      if (const auto value = plugin::Variables(request).read(variable_)) return *value;
      break;
  }
  plugin::log_info(request, "The value of the configured key is empty, use client IP instead");
  return request.client().ip_text();
}

// Not the random key of tables: every node that shares a redis must name the counter alike.
CounterName::CounterName(const format::Json& conf, const plugin::BuildContext& context) {
  const base::Hash128 version = base::sip_hash_24(format::to_json(conf), base::SipKey{});
  before_ = context.deps.store_prefix + std::string(context.resource) + ":" +
            std::to_string(static_cast<std::uint32_t>(version.low)) + ":";
  if (const auto& inner = find_member(conf, "_vid"); !inner.isNull()) after_ = ":" + plugin::text_of(inner);
}

}  // namespace apisix::plugins
