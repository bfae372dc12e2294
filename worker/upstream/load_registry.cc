#include "worker/upstream/load_registry.h"

namespace apisix::upstream {

base::Ref<NodeLoad> LoadTable::load_of(std::string_view node) {
  auto found = loads_.find(node);
  if (found == loads_.end()) found = loads_.emplace(node, base::make_counted<NodeLoad>()).first;
  return found->second;
}

void LoadTable::sweep(std::uint64_t before_us) {
  std::erase_if(loads_, [before_us](const auto& row) {
    const NodeLoad& load = *row.second;
    return load.references() == 1 && load.touched_us < before_us;
  });
}

base::Ref<LoadTable> LoadRegistry::table_of(std::string_view upstream, std::uint64_t now_us) {
  if (upstream.empty()) return base::make_counted<LoadTable>();
  if (now_us - swept_us_ > kKeepUs) sweep(now_us);
  auto found = tables_.find(upstream);
  if (found == tables_.end()) found = tables_.emplace(upstream, base::make_counted<LoadTable>()).first;
  return found->second;
}

void LoadRegistry::sweep(std::uint64_t now_us) {
  swept_us_ = now_us;
  const std::uint64_t before_us = now_us > kKeepUs ? now_us - kKeepUs : 0;
  std::erase_if(tables_, [before_us](const auto& row) {
    row.second->sweep(before_us);
    return row.second->references() == 1 && row.second->empty();
  });
}

}  // namespace apisix::upstream
