#include "master/service_notifier.h"

#include <cstdlib>

#include <fmt/core.h>
#include <systemd/sd-daemon.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"

namespace apisix::master {

ServiceNotifier::ServiceNotifier(event::Loop& loop)
    : watchdog_(
          loop.timers(), [](void* self) { static_cast<ServiceNotifier*>(self)->feed_watchdog(); }, this) {
  std::uint64_t limit_us = 0;
  if (::sd_watchdog_enabled(/*unset_environment=*/0, &limit_us) <= 0) return;
  watchdog_every_ms_ = limit_us / 1000 / 2;
  feed_watchdog();
}

void ServiceNotifier::send(const std::string& text) {
  const int sent = ::sd_notify(/*unset_environment=*/0, text.c_str());
  if (sent < 0)
    base::log_warn("{}", base::system_error("cannot notify the service manager", -sent).error().what);
}

void ServiceNotifier::ready(const std::string& status) {
  send("READY=1\nSTATUS=" + status);
}

void ServiceNotifier::reloading() {
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=a new generation starts",
                   base::monotonic_now_us()));
}

void ServiceNotifier::stopping() {
  send("STOPPING=1\nSTATUS=finishing what clients wait for");
}

void ServiceNotifier::hand_over(pid_t main_pid) {
  send(fmt::format("READY=1\nMAINPID={}", main_pid));
}

void ServiceNotifier::forget() {
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
}

void ServiceNotifier::feed_watchdog() {
  send("WATCHDOG=1");
  watchdog_.set_after_ms(watchdog_every_ms_);
}

}  // namespace apisix::master
