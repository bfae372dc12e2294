// Which upstream a request goes to, before a node of it is picked.
#pragma once

#include <cstdint>
#include <string_view>

#include "worker/config/compiled.h"
#include "worker/plugin/request_state.h"

namespace apisix::proxy {

struct ChosenUpstream {
  base::Ref<const config::CompiledUpstream> upstream;  // null: `status` is the response
  std::uint16_t status = 0;
  std::string_view why = {};
};

// What a plugin put in the place of the route's upstream, else that.
ChosenUpstream choose_upstream(const plugin::RequestState& request, const config::CompiledRoute& route);

// What a balancer that hashes hashes; "" for the others.
std::string_view hash_key_of(const upstream::Cluster& cluster, plugin::RequestState& request);

}  // namespace apisix::proxy
