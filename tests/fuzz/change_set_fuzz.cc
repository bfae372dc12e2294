// Bodies of POST /apisix/admin/configs/apply: whatever they are, they are a set, or refused with every fault.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "shared/base/check.h"
#include "worker/admin/change_set.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace apisix;
  auto body = format::parse_json({reinterpret_cast<const char*>(data), size});
  if (!body) return 0;
  const auto set = admin::read_change_set(std::move(*body));
  if (!set) return 0;
  std::set<std::string> keys;
  for (const admin::SetChange& change : set->changes) {
    CHECK(keys.insert(change.key()).second);
    CHECK(!change.path.id.empty());
    // What is written is found again as the same object.
    const auto key = resource::parse_store_key(change.key());
    CHECK(key && key->kind == change.path.kind && key->id == change.path.item_id());
  }
  static_cast<void>(format::to_json(admin::faults_json(set->faults)));
  return 0;
}
