#include "worker/config/upstream_table.h"

#include "worker/config/stored.h"

namespace apisix::config {

base::Status UpstreamTable::put(std::string_view id, const store::Item& item) {
  const auto value = parse_object(item);
  if (!value) return std::unexpected(value.error());
  auto compiled = compile(item.key, *value, UpstreamOwner::kObject);
  if (!compiled) return std::unexpected(compiled.error());
  slot_of(id)->current = std::move(*compiled);
  return TextTable::put(id, item);
}

void UpstreamTable::erase(std::string_view id) {
  TextTable::erase(id);
  const auto slot = slots_.find(id);
  if (slot == slots_.end()) return;
  slot->second->current = nullptr;
  if (slot->second->references() == 1) slots_.erase(slot);
}

base::Ref<UpstreamSlot> UpstreamTable::slot_of(std::string_view id) {
  const auto found = slots_.find(id);
  if (found != slots_.end()) return found->second;
  return slots_.emplace(id, base::make_counted<UpstreamSlot>()).first->second;
}

base::Result<base::Ref<UpstreamSlot>> UpstreamTable::make_slot(const std::string& key,
                                                               const format::Json& upstream,
                                                               UpstreamOwner owner) const {
  auto compiled = compile(key, upstream, owner);
  if (!compiled) return std::unexpected(compiled.error());
  auto slot = base::make_counted<UpstreamSlot>();
  slot->current = std::move(*compiled);
  return slot;
}

base::Result<base::Ref<const CompiledUpstream>> UpstreamTable::compile(const std::string& key,
                                                                       const format::Json& upstream,
                                                                       UpstreamOwner owner) const {
  const auto parsed = resource::parse_upstream(upstream);
  if (!parsed) return std::unexpected(parsed.error());
  upstream::ClusterDeps deps = deps_;
  if (owner == UpstreamOwner::kPlugin) deps.health = nullptr;
  return compile_upstream(key, *parsed, deps, clock_.monotonic_us(), owner, tls_.of(*parsed));
}

}  // namespace apisix::config
