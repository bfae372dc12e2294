// gateway.resolver: the worker's resolver for apisix.core.dns.client. What is known is given at once;
// otherwise the Run waits.
#include "shared/resolve/resolver.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "worker/lua/modules.h"
#include "worker/lua/resolve_host.h"
#include "worker/lua/run.h"
#include "worker/lua/state.h"

namespace apisix::lua {
namespace {

// The resolver ends every lookup by itself, long before this.
constexpr std::uint64_t kLookupMs = 3'600'000;

template <typename Addresses>
int push_addresses(lua_State* lua, const Addresses& addresses) {
  lua_createtable(lua, static_cast<int>(addresses.size()), 0);
  int count = 0;
  for (const base::IpAddress& address : addresses) {
    push(lua, address.to_string());
    lua_rawseti(lua, -2, ++count);
  }
  return 1;
}

async::Task<int> look_up_and_push(lua_State* lua, State& state, std::string name) {
  const HostAddresses found = co_await resolve_host(state, std::move(name), kLookupMs);
  if (found.addresses.empty()) co_return push_error(lua, found.reason);
  co_return push_addresses(lua, found.addresses);
}

// lookup(name) -> {address, ...} | nil, why. An address is its own result.
int lookup(lua_State* lua) {
  std::string name(check_text(lua, 1));
  if (const auto address = literal_address(name)) return push_addresses(lua, std::vector{*address});
  State& state = State::of(lua);
  resolve::Resolver* const resolver = state.deps().resolver;
  if (resolver == nullptr) return push_error(lua, "there is no resolver");
  if (const auto host = resolver->find_cached(name)) return push_addresses(lua, host->addresses());
  return wait(lua, look_up_and_push(lua, state, std::move(name)));
}

int load(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "lookup", lookup);
  return 1;
}

}  // namespace

void open_resolver(lua_State* ngx) {
  preload(ngx, "gateway.resolver", load);
}

}  // namespace apisix::lua
