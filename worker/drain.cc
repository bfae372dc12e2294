#include "worker/drain.h"

#include <algorithm>

#include "shared/base/log.h"
#include "shared/base/process_title.h"
#include "shared/base/text.h"
#include "worker/config/registry.h"
#include "worker/limits.h"

namespace apisix::worker {
namespace {

constexpr std::uint64_t kDrainLookMs = 20;

}  // namespace

bool names_descriptor(std::string_view list, int fd) {
  return std::ranges::any_of(base::split(list, ','),
                             [fd](std::string_view item) { return base::parse_integer<int>(item) == fd; });
}

Drain::Drain(proxy::Services& services, Listeners& listeners, std::function<bool()> is_idle,
             std::function<void()> on_drained)
    : services_(services),
      listeners_(listeners),
      is_idle_(std::move(is_idle)),
      on_drained_(std::move(on_drained)),
      last_call_(
          services.loop.timers(), [](void* self) { static_cast<Drain*>(self)->end_last_call(); }, this),
      limit_(
          services.loop.timers(), [](void* self) { static_cast<Drain*>(self)->shut_down(); }, this),
      poll_timer_(services.loop.timers(), [](void* self) { static_cast<Drain*>(self)->poll(); }, this) {}

void Drain::begin(std::string_view retired, std::uint64_t limit_ms) {
  if (services_.draining) return;
  services_.draining = true;
  base::set_process_title("worker process is shutting down");
  for (const auto& listener : listeners_) {
    if (listener->is_serving() && names_descriptor(retired, listener->fd())) {
      retiring_.push_back(listener.get());
    } else {
      listener->stop();
    }
  }
  if (!retiring_.empty()) last_call_.set_after_ms(limits::kLastCallMs);
  services_.connections.drain();
  if (limit_ms > 0) limit_.set_after_ms(limit_ms);
  poll();
}

void Drain::end_last_call() {
  for (proxy::Listener* listener : retiring_) listener->empty_and_stop();
  retiring_.clear();
}

void Drain::shut_down() {
  if (shutting_down_) return on_drained_();
  shutting_down_ = true;
  base::log_info("worker_shutdown_timeout is over: {} connections are ended", services_.connections.size());
  end_last_call();
  services_.connections.shut_down();
  limit_.set_after_ms(limits::kShutDownMs);
}

void Drain::poll() {
  if (services_.connections.size() == 0 && retiring_.empty() && is_idle_()) {
    // Loggers flush their buffers before the worker ends; worker_shutdown_timeout bounds that too.
    plugin::BatchRegistry& batches = services_.registry.batches();
    batches.flush_all();
    if (batches.pending() == 0) return on_drained_();
  }
  poll_timer_.set_after_ms(kDrainLookMs);
}

}  // namespace apisix::worker
