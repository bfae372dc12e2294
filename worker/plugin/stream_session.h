// StreamSession: everything that is known of one session of a TCP or UDP route, from its first bytes to its
// log line. Its owner fills it in; stream plugins, their `_meta.filter` (StreamVariables)
// and the log format read it. Everything in it lives in the session's arena.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "shared/async/awaiters.h"
#include "shared/async/step.h"
#include "shared/async/task.h"
#include "shared/base/arena.h"
#include "shared/base/clock.h"
#include "shared/base/counted.h"
#include "shared/base/ip.h"
#include "shared/format/regex_budget.h"
#include "worker/plugin/deps.h"
#include "worker/route/variable_name.h"

namespace apisix::net {
struct TlsInfo;
}

namespace apisix::plugin {

enum class StreamProtocol : std::uint8_t { kTcp, kUdp };

// One end of the session.
struct StreamEnd {
  base::IpAddress ip;
  std::uint16_t port = 0;
};

// What passed so far, without what TLS adds.
struct StreamBytes {
  std::uint64_t from_client = 0;
  std::uint64_t to_client = 0;
  std::uint64_t to_upstream = 0;
  std::uint64_t from_upstream = 0;
};

// What the session's owner does for plugins that wait.
class StreamIo {
 public:
  virtual ~StreamIo() = default;
  // The beginning of what the client sends: `bytes_min` of it, or more; fewer when it ended before. All of it
  // goes to the upstream afterwards. May be asked more than once.
  virtual async::Task<std::string_view> read_first(std::size_t bytes_min) = 0;
  virtual event::Loop& loop() = 0;
};

class StreamSession {
 public:
  StreamSession(base::Arena& arena, const base::Clock& clock) : arena(arena), clock(clock) {}
  StreamSession(const StreamSession&) = delete;
  StreamSession& operator=(const StreamSession&) = delete;

  base::Arena& arena;
  const base::Clock& clock;
  StreamIo* io = nullptr;

  StreamProtocol protocol = StreamProtocol::kTcp;
  StreamEnd client;  // the peer, or what the PROXY protocol says
  StreamEnd server;  // where it came in
  // What the handshake with the gateway agreed on; null: it was none. `sni`: also that of a handshake that
  // only passes by; empty: none.
  const net::TlsInfo* tls = nullptr;
  std::string_view sni;
  std::string_view route_id;
  std::string_view service_id;
  StreamBytes bytes;
  std::uint64_t started_us = 0;  // monotonic
  // nginx's codes: 200 while nothing went wrong, 403 refused, 502 no upstream, 500 ours.
  std::uint16_t status = 200;
  // The node is picked from this upstream instead of the route's.
  base::Ref<UpstreamHandle> upstream_override;
  StreamEnd upstream;                // the node; port 0: none was picked yet
  std::string_view upstream_host;    // as it is configured
  format::RegexBudget regex_budget;  // of all expressions that run on what this client sent

  // --- for plugins. `return session.refuse(403);` in preread closes the session there, without a byte of
  // response: the status is for logs and metrics.
  async::Outcome refuse(std::uint16_t with_status) {
    status = with_status;
    return async::Outcome::kRespond;
  }
  auto sleep_ms(std::uint64_t delay_ms) { return async::Sleep(io->loop(), delay_ms); }
  async::Task<std::string_view> read_first(std::size_t bytes_min) { return io->read_first(bytes_min); }

  // $name, for other plugins, conditions, hash keys and the log format.
  void set_variable(std::string_view name, std::string_view value);
  std::optional<std::string_view> find_variable(std::string_view name) const;
  // `owner`'s own T in this session, zero at first.
  template <typename T>
  T& state(const void* owner) {
    static_assert(std::is_trivially_destructible_v<T>);
    for (State* kept = states_; kept != nullptr; kept = kept->next) {
      if (kept->owner == owner) return *static_cast<T*>(kept->data);
    }
    states_ = arena.make<State>(owner, arena.make<T>(), states_);
    return *static_cast<T*>(states_->data);
  }

 private:
  struct Variable {
    std::string_view name;
    std::string_view value;
    Variable* next = nullptr;
  };
  struct State {
    const void* owner = nullptr;
    void* data = nullptr;
    State* next = nullptr;
  };

  Variable* variables_ = nullptr;
  State* states_ = nullptr;
};

// The variables of a session. What only requests have is unset.
class StreamVariables final : public route::VariableReader {
 public:
  explicit StreamVariables(StreamSession& session) : session_(session) {}

  std::optional<std::string_view> read(const route::VariableName& name) override;
  format::RegexBudget* regex_budget() override { return &session_.regex_budget; }

 private:
  std::optional<std::string_view> read_tls(route::VariableKind kind) const;
  std::optional<std::string_view> read_upstream(route::VariableKind kind) const;

  StreamSession& session_;
};

}  // namespace apisix::plugin
