#include "shared/format/proto_schema.h"

#include <utility>

namespace apisix::format {

void ProtoEnum::add(std::string name, std::int32_t number) {
  names_.try_emplace(number, name);
  numbers_.try_emplace(std::move(name), number);
}

const std::string* ProtoEnum::find_name(std::int32_t number) const {
  const auto found = names_.find(number);
  return found != names_.end() ? &found->second : nullptr;
}

std::optional<std::int32_t> ProtoEnum::find_number(std::string_view name) const {
  const auto found = numbers_.find(name);
  return found != numbers_.end() ? std::optional(found->second) : std::nullopt;
}

const ProtoMethod* ProtoSchema::find_method(std::string_view service, std::string_view method) const {
  std::string key(service);
  key += '/';
  key += method;
  const auto found = methods_.find(key);
  return found != methods_.end() ? &found->second : nullptr;
}

const ProtoMessage* ProtoSchema::find_message(std::string_view name) const {
  if (name.starts_with('.')) name.remove_prefix(1);
  const auto found = by_name_.find(name);
  return found != by_name_.end() ? found->second : nullptr;
}

ProtoMessage& ProtoSchema::add_message(std::string name) {
  ProtoMessage& added = messages_.emplace_back();
  by_name_.emplace(name, &added);
  added.name = std::move(name);
  return added;
}

void ProtoSchema::add_method(std::string_view service, std::string_view method,
                             const ProtoMethod& signature) {
  methods_.emplace(std::string(service) + "/" + std::string(method), signature);
}

}  // namespace apisix::format
