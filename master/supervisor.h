// Supervisor: the master process. Keeps generations of children, turns signals into what happens to them, and
// starts again what dies. It parses no HTTP, opens no store and has no thread.
//
//   HUP   a new generation with config.yaml read again; the old one drains when the new one is Ready
//   USR1  reopen the logs          WINCH      the workers drain, nothing replaces them until a HUP
//   QUIT  drain, then end          TERM, INT  end now
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "master/generation.h"
#include "master/listeners.h"
#include "master/pid_file.h"
#include "master/setup.h"
#include "master/signals.h"
#include "master/start_report.h"
#include "shared/event/loop.h"
#include "shared/memory/zones.h"

namespace apisix::master {

class Supervisor {
 public:
  struct Start {
    std::unique_ptr<Setup> setup;
    Listeners listeners;
    memory::Zones zones;
    PidFile pid_file;
    StartReport report;
    bool in_foreground = false;
  };
  explicit Supervisor(Start start);

  // The life of the master; returns its exit code when all children are gone.
  int run();

 private:
  enum class Phase : unsigned char { kStarting, kServing, kLeaving };

  void on_signal(int signal_number);
  void reap();
  void reload();
  void reopen_logs();
  void leave(bool gracefully);
  Generation& add_generation(std::unique_ptr<Setup> setup, Listeners listeners);
  void on_ready(Generation& generation);
  void on_failure(Generation& generation, const std::string& why);
  void bury_empty_generations();

  event::Loop loop_;
  memory::Zones zones_;
  PidFile pid_file_;
  StartReport report_;
  bool in_foreground_;
  Phase phase_ = Phase::kStarting;
  int exit_code_ = 0;
  std::uint32_t next_number_ = 1;
  std::vector<std::unique_ptr<Generation>> generations_;
  Generation* current_ = nullptr;  // the one that serves
  Generation* next_ = nullptr;     // the one that is starting
  Signals signals_;
};

}  // namespace apisix::master
