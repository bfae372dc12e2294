// Messages to the service manager that started us (sd_notify(3)): readiness, reloads, the end, who the main
// process is after an upgrade, and that the master's loop still turns (watchdog). Without NOTIFY_SOCKET
// nothing is sent. One per master.
#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

#include "shared/event/loop.h"
#include "shared/event/timer_wheel.h"

namespace apisix::master {

class ServiceNotifier {
 public:
  explicit ServiceNotifier(event::Loop& loop);
  ServiceNotifier(const ServiceNotifier&) = delete;
  ServiceNotifier& operator=(const ServiceNotifier&) = delete;

  // `status`: one line for `systemctl status`.
  void ready(const std::string& status);
  void reloading();
  void stopping();
  // Another process is the main one now. What we say after that is not listened to.
  void hand_over(pid_t main_pid);

  // In a child: only the master talks to the service manager.
  static void forget();

 private:
  void send(const std::string& text);
  void feed_watchdog();

  event::Timer watchdog_;
  std::uint64_t watchdog_every_ms_ = 0;  // 0: no watchdog
};

}  // namespace apisix::master
