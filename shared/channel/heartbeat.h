// Heartbeat: a child's sign that its event loop turns, once a second, in its slot of the status zone. Owned
// by the worker or the agent; the master looks at it and replaces a child that gives none (master/pulse.h).
#pragma once

#include <cstdint>

#include "shared/event/loop.h"
#include "shared/event/timer_wheel.h"
#include "shared/memory/status_zone.h"

namespace apisix::channel {

class Heartbeat {
 public:
  static constexpr std::uint64_t kPeriodMs = 1'000;

  Heartbeat(event::Loop& loop, memory::StatusSlot& slot)
      : slot_(slot), timer_(loop.timers(), [](void* self) { static_cast<Heartbeat*>(self)->beat(); }, this) {
    beat();
  }

 private:
  void beat() {
    slot_.beats.add();
    timer_.set_after_ms(kPeriodMs);
  }

  memory::StatusSlot& slot_;
  event::Timer timer_;
};

}  // namespace apisix::channel
