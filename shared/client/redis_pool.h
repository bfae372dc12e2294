// RedisPool: this worker's connections to one server with one set of credentials. Calls are pipelined over as
// few connections as carry them. Counted: who calls keeps it alive.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "shared/async/task.h"
#include "shared/base/counted.h"
#include "shared/client/redis_connection.h"
#include "shared/client/redis_target.h"
#include "shared/event/loop.h"
#include "shared/net/tls_client_contexts.h"
#include "shared/resolve/resolver.h"

namespace apisix::client {

// What connections are made with; outlives all pools.
struct RedisDeps {
  event::Loop& loop;
  resolve::Resolver* resolver = nullptr;  // null: literal addresses only
  std::string ca_file;                    // trusted certificates; empty: the system's
  net::TlsClientContexts& tls;
};

class RedisPool : public base::Counted<RedisPool> {
 public:
  // Another connection is opened when the others have so many replies due.
  static constexpr std::size_t kPipelineDepth = 256;
  static constexpr std::size_t kConnectionsMax = 8;

  RedisPool(RedisDeps& deps, RedisTarget target);
  ~RedisPool();

  const RedisTarget& target() const { return target_; }
  RedisDeps& deps() { return deps_; }

  // The reply within `timeout_ms`, connecting included. An error reply of the server is an Error with
  // its text in `what`. Error::retryable: the server has not seen the command.
  async::Task<base::Result<RedisReply>> call(RedisCommand command, std::uint64_t timeout_ms,
                                             bool asking = false);

  // --- for connections
  // On a connected descriptor, by the target's rules.
  base::Result<std::unique_ptr<net::TlsSession>> start_tls(int fd);
  // It is destroyed at the end of the turn.
  void on_closed(RedisConnection& connection);

 private:
  // Null: too many calls are pending.
  RedisConnection* pick();
  void close_idle();

  RedisDeps& deps_;
  const RedisTarget target_;
  std::list<std::unique_ptr<RedisConnection>> connections_;
  std::list<std::unique_ptr<RedisConnection>> closed_;
  event::ReadyNode deferred_delete_;
  event::Timer idle_timer_;
};

}  // namespace apisix::client
