// gateway.resolver: the worker's resolver for apisix.core.dns.client. What is known is given at once;
// otherwise the Run waits.
#include "shared/resolve/resolver.h"

#include <string>
#include <vector>

#include "shared/async/awaiters.h"
#include "shared/base/ip.h"
#include "worker/lua/modules.h"
#include "worker/lua/run.h"
#include "worker/lua/state.h"

namespace apisix::lua {
namespace {

// The outcome for one name; resumes who waits. Destroying it cancels the wait.
class HostOutcome {
 public:
  explicit HostOutcome(event::Loop& loop)
      : decided_(loop), waiter_(resolve::HostWaiter::Callback::of<&HostOutcome::on_decided>(*this)) {}

  // The error is empty when the resolver knows too many names already.
  async::Task<bool> wait(resolve::Resolver& resolver, const std::string& name) {
    if (!resolver.resolve(name, waiter_)) co_return false;
    co_await decided_;
    co_return !addresses_.empty();
  }
  const std::vector<base::IpAddress>& addresses() const { return addresses_; }
  const std::string& error() const { return error_; }

 private:
  void on_decided(const resolve::ResolvedHost& host) {
    if (host.is_usable()) addresses_.assign(host.addresses().begin(), host.addresses().end());
    error_ = host.error();
    decided_.set(true);
  }

  async::Completion<bool> decided_;
  resolve::HostWaiter waiter_;
  std::vector<base::IpAddress> addresses_;
  std::string error_;
};

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

async::Task<int> look_up_and_push(lua_State* lua, base::Ref<State> state, std::string name) {
  HostOutcome outcome(state->loop());
  if (co_await outcome.wait(*state->deps().resolver, name))
    co_return push_addresses(lua, outcome.addresses());
  co_return push_error(lua, outcome.error().empty() ? "too many names are in use" : outcome.error());
}

// lookup(name) -> {address, ...} | nil, why. An address is its own result.
int lookup(lua_State* lua) {
  std::string name(check_text(lua, 1));
  if (const auto address = base::IpAddress::parse(name)) return push_addresses(lua, std::vector{*address});
  State& state = State::of(lua);
  resolve::Resolver* const resolver = state.deps().resolver;
  if (resolver == nullptr) return push_error(lua, "there is no resolver");
  if (const auto host = resolver->find_cached(name)) return push_addresses(lua, host->addresses());
  return wait(lua, look_up_and_push(lua, base::Ref<State>(&state), std::move(name)));
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
