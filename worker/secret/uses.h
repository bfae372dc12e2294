// Uses: the secrets that one configuration refers to, as they were when it was last resolved.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shared/base/counted.h"
#include "shared/format/json.h"

namespace apisix::secret {

class Secret;
class SecretCache;  // every plugin's objects include this file: what reads secrets stays out of it

// Any text in it, at any depth, is a reference.
bool has_references(const format::Json& conf);

class Uses {
 public:
  Uses();
  Uses(Uses&& other) noexcept;
  Uses& operator=(Uses&& other) noexcept;
  ~Uses();

  // Puts values in the place of the references in `conf`. What is pending or unresolved stays as it stands.
  static Uses resolve(format::Json& conf, SecretCache& cache);

  bool is_pending() const;
  bool has_unresolved() const;
  // Resolving again would give something else.
  bool changed() const;

 private:
  struct Use {
    base::Ref<const Secret> secret;
    std::uint64_t version;
  };
  void resolve_within(format::Json& value, SecretCache& cache);

  std::vector<Use> uses_;
};

}  // namespace apisix::secret
