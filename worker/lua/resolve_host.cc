#include "worker/lua/resolve_host.h"

#include <utility>

#include "shared/async/signal.h"
#include "shared/resolve/resolver.h"

namespace apisix::lua {
namespace {

constexpr std::string_view kNotFound = "(3: Host not found)";
constexpr std::string_view kServerFailure = "(2: Server failure)";
constexpr std::string_view kTimedOut = "(110: Operation timed out)";

// One wait for a name's outcome; lives in the waiting frame.
class HostWait {
 public:
  explicit HostWait(event::Loop& loop)
      : decided_(loop), waiter_(resolve::HostWaiter::Callback::of<&HostWait::on_decided>(*this)) {}

  resolve::HostWaiter& waiter() { return waiter_; }
  async::Signal::Wait decided(std::uint64_t timeout_ms) { return decided_.wait(timeout_ms); }
  HostAddresses take() { return std::move(result_); }

 private:
  void on_decided(const resolve::ResolvedHost& host) {
    result_ = outcome_of(host);
    decided_.notify();
  }
  static HostAddresses outcome_of(const resolve::ResolvedHost& host) {
    if (host.is_usable()) return {{host.addresses().begin(), host.addresses().end()}};
    return {{}, std::string(text_of(host.error())), host.error()};
  }
  static std::string_view text_of(std::string_view error) {
    if (error.starts_with("no such name") || error == "not a host name") return kNotFound;
    if (error.find("imeout") != std::string_view::npos) return kTimedOut;
    return kServerFailure;
  }

  async::Signal decided_;
  HostAddresses result_;
  resolve::HostWaiter waiter_;
};

}  // namespace

std::optional<base::IpAddress> literal_address(std::string_view host) {
  const auto address = base::IpAddress::parse(host);
  if (!address) return std::nullopt;
  return *address;
}

async::Task<HostAddresses> resolve_host(State& state, std::string host, std::uint64_t timeout_ms) {
  resolve::Resolver* const resolver = state.deps().resolver;
  if (resolver == nullptr) {
    co_return HostAddresses{{}, std::string(kServerFailure), "there is no resolver"};
  }
  HostWait wait(state.loop());
  if (!resolver->resolve(host, wait.waiter())) {
    co_return HostAddresses{{}, std::string(kServerFailure), "too many names are in use"};
  }
  if (!co_await wait.decided(timeout_ms)) co_return HostAddresses{{}, std::string(kTimedOut), "timeout"};
  co_return wait.take();
}

}  // namespace apisix::lua
