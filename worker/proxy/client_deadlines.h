// ClientDeadlines: until when a client has to send the next bytes of its request's body, and to take the next
// ones of the response; in milliseconds of the loop's monotonic clock. Each Stream has its own.
#pragma once

#include <cstdint>

#include "shared/base/clock.h"
#include "worker/proxy/options.h"

namespace apisix::proxy {

class ClientDeadlines {
 public:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};

  ClientDeadlines(const base::Clock& clock, const Options& options) : clock_(clock), options_(options) {}

  // By client_body_timeout and the lowest rate. The wait begins with the first call after end_body_wait().
  // `body_bytes` came so far; `has_min_rate`: the rate counts (not for gRPC, whose streams may be silent).
  std::uint64_t body_deadline_ms(std::uint64_t body_bytes, bool has_min_rate);
  // Bytes came, or are not awaited any more.
  void end_body_wait();

  // send_timeout after the last bytes that it took.
  std::uint64_t send_deadline_ms() const { return send_deadline_ms_; }
  void extend_send();

 private:
  const base::Clock& clock_;
  const Options& options_;
  std::uint64_t body_waited_ms_ = 0;        // for the client's bytes, until now
  std::uint64_t body_wait_started_ms_ = 0;  // 0: not waiting
  std::uint64_t send_deadline_ms_ = 0;
};

}  // namespace apisix::proxy
