// Drain: how a worker leaves without taking anything from a client. Owned by the worker.
//
//   Serving --begin()--> Draining --worker_shutdown_timeout--> ShuttingDown --kShutDownMs--> gone
//                           `-------no connection left----------------------------------------^
//
// Draining: ports that another process serves are closed at once. Those without a successor are emptied
// first, for kLastCallMs, because closing one resets the clients that wait in it. A client that is idle may
// be sending a request at this moment: it is served for a while, and then closed in order. Other
// connections get `Connection: close` with the response. ShuttingDown: who has none yet gets
// 503, tunnels get a goodbye.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "shared/event/timer_wheel.h"
#include "worker/proxy/listener.h"
#include "worker/proxy/services.h"

namespace apisix::worker {

// Whether a list as the master sends it ("7,8") has this descriptor.
bool names_descriptor(std::string_view list, int fd);

class Drain {
 public:
  using Listeners = std::vector<std::unique_ptr<proxy::Listener>>;

  // `is_idle`: nothing is under way for requests that are over. `on_gone`: nothing is left to do, or no time.
  Drain(proxy::Services& services, Listeners& listeners, std::function<bool()> is_idle,
        std::function<void()> on_drained);

  // `retired`: descriptors of the ports without a successor ("7,8"). `limit_ms`: 0 = none.
  void begin(std::string_view retired, std::uint64_t limit_ms);

 private:
  void end_last_call();
  void shut_down();
  void poll();

  proxy::Services& services_;
  Listeners& listeners_;
  std::function<bool()> is_idle_;
  std::function<void()> on_drained_;
  std::vector<proxy::Listener*> retiring_;
  event::Timer last_call_;
  event::Timer limit_;
  event::Timer poll_timer_;
  bool shutting_down_ = false;
};

}  // namespace apisix::worker
