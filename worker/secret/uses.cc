#include "worker/secret/uses.h"

#include <algorithm>

#include "shared/format/read.h"
#include "shared/format/schema.h"
#include "worker/secret/secret_cache.h"

namespace apisix::secret {

using format::Json;

bool has_references(const Json& conf) {
  if (conf.isString()) return format::is_secret_ref(format::string_of(conf));
  if (!conf.isObject() && !conf.isArray()) return false;
  return std::any_of(conf.begin(), conf.end(), has_references);
}

Uses::Uses() = default;
Uses::Uses(Uses&& other) noexcept = default;
Uses& Uses::operator=(Uses&& other) noexcept = default;
Uses::~Uses() = default;

Uses Uses::resolve(Json& conf, SecretCache& cache) {
  Uses uses;
  uses.resolve_within(conf, cache);
  return uses;
}

void Uses::resolve_within(Json& value, SecretCache& cache) {
  if (value.isObject() || value.isArray()) {
    for (Json& member : value) resolve_within(member, cache);
  } else if (value.isString() && format::is_secret_ref(format::string_of(value))) {
    const auto secret = cache.get(format::string_of(value));
    uses_.push_back({secret, secret->version()});
    if (secret->state() == Secret::State::kKnown) value = secret->value();
  }
}

bool Uses::is_pending() const {
  return std::ranges::any_of(uses_,
                             [](const Use& use) { return use.secret->state() == Secret::State::kPending; });
}

bool Uses::has_unresolved() const {
  return std::ranges::any_of(
      uses_, [](const Use& use) { return use.secret->state() == Secret::State::kUnresolved; });
}

bool Uses::changed() const {
  return std::ranges::any_of(uses_, [](const Use& use) { return use.secret->version() != use.version; });
}

}  // namespace apisix::secret
