#include "worker/proxy/chosen_upstream.h"

#include "worker/plugin/variables.h"

namespace apisix::proxy {
namespace {

constexpr std::uint16_t kBadGateway = 502;
constexpr std::uint16_t kServiceUnavailable = 503;

std::optional<std::string_view> find_variable(void* variables, std::string_view name) {
  return static_cast<plugin::Variables*>(variables)->read(route::VariableName::parse(name));
}

}  // namespace

ChosenUpstream choose_upstream(const plugin::RequestState& request, const config::CompiledRoute& route) {
  const auto* chosen = static_cast<const config::UpstreamSlot*>(request.upstream.chosen.get());
  if (chosen == nullptr) chosen = route.upstream.get();
  if (chosen == nullptr) {
    return {nullptr, kServiceUnavailable, "missing upstream configuration in Route or Service"};
  }
  if (!chosen->current) return {nullptr, kBadGateway, "failed to find upstream by id"};
  return {chosen->current};
}

std::string_view hash_key_of(const upstream::Cluster& cluster, plugin::RequestState& request) {
  if (!cluster.needs_hash_key()) return {};
  plugin::Variables variables(request);
  return cluster.hash_key().of({&find_variable, &variables}, request.arena);
}

}  // namespace apisix::proxy
