// UsageTable: which stored objects there are, and which of them are referred to. Filled by lint while it
// reads everything; asked at the end for those that are missing and those that are not used.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <unordered_set>

#include "shared/base/text.h"
#include "shared/format/json.h"
#include "shared/resource/kind.h"
#include "worker/diagnose/findings.h"

namespace apisix::diagnose {

class UsageTable {
 public:
  void add(resource::Kind kind, std::string id);
  bool has(resource::Kind kind, std::string_view id) const;
  std::size_t size(resource::Kind kind) const { return objects_of(kind).size(); }
  // An object refers to it; it need not be there (yet): see report_missing().
  void use(resource::Kind kind, std::string_view id) { used_[static_cast<std::size_t>(kind)].emplace(id); }
  bool is_used(resource::Kind kind, std::string_view id) const {
    return used_[static_cast<std::size_t>(kind)].contains(id);
  }
  // Everything that `object` names: references, and ids inside its plugins.
  void use_all(resource::Kind kind, const format::Json& object);

  // What `object` refers to and is not stored.
  void report_missing(resource::Kind kind, const std::string& id, const format::Json& object,
                      Findings& out) const;
  // Objects of the kinds that are there to be used, and are not.
  void report_unused(Findings& out) const;

 private:
  using Ids = std::unordered_set<std::string, base::StringHash, std::equal_to<>>;

  const Ids& objects_of(resource::Kind kind) const { return objects_[static_cast<std::size_t>(kind)]; }

  std::array<Ids, resource::kKindCount> objects_;
  std::array<Ids, resource::kKindCount> used_;
};

}  // namespace apisix::diagnose
