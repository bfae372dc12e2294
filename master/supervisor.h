// Supervisor: the master process. Keeps generations of children, turns signals into what happens to them, and
// starts again what dies. It parses no HTTP, opens no store and has no thread.
//
//   HUP   a new generation with config.yaml read again; the old one drains when the new one is Ready
//   USR2  a new master from the binary that is at our path now; we drain and leave when it is Ready
//   USR1  reopen the logs          WINCH      the workers drain, nothing replaces them until a HUP
//   QUIT  drain, then end          TERM, INT  end now
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "master/generation.h"
#include "master/listeners.h"
#include "master/pid_file.h"
#include "master/service_notifier.h"
#include "master/setup.h"
#include "master/signals.h"
#include "master/start_report.h"
#include "master/upgrade.h"
#include "shared/event/loop.h"
#include "shared/memory/zones.h"

namespace apisix::master {

class Supervisor {
 public:
  struct Start {
    std::unique_ptr<Setup> setup;
    Listeners listeners;
    Listeners inherited;  // every socket that was there, to tell which of them have no use any more
    memory::Zones zones;
    PidFile pid_file;
    StartReport report;
    Program program;  // what an upgrade executes
    bool in_foreground = false;
    bool replaces_a_master = false;
    std::uint32_t last_generation = 0;  // of the master that is replaced
  };
  explicit Supervisor(Start start);

  // The life of the master; returns its exit code when all children are gone.
  int run();

 private:
  enum class Phase : unsigned char { kStarting, kServing, kLeaving };

  void on_signal(int signal_number);
  void reap();
  void reload();
  base::Status try_reload();
  void upgrade();
  base::Status try_upgrade();
  void on_upgraded(const std::vector<int>& unused);
  void on_upgrade_failed(const std::string& why);
  memory::MasterRecord& record() { return zones_.status.master(); }
  void reclaim_slots_of_the_dead();
  void report_ready(const Generation& generation);
  void introduce(const Generation& generation);
  void release_inherited();
  void reopen_logs();
  void leave(bool gracefully);
  Generation& add_generation(std::unique_ptr<Setup> setup, Listeners listeners);
  void on_ready(Generation& generation);
  void on_failure(Generation& generation, const std::string& why);
  void arm_deletion();
  void delete_empty_generations();

  event::Loop loop_;
  ServiceNotifier service_notifier_{loop_};
  memory::Zones zones_;
  memory::StatusSlot* slot_;  // ours; null when there was none left
  PidFile pid_file_;
  StartReport report_;
  Listeners inherited_;
  Program program_;
  bool in_foreground_;
  bool replaces_a_master_;
  std::uint64_t ready_timeout_ms_;
  Phase phase_ = Phase::kStarting;
  int exit_code_ = 0;
  std::uint32_t next_number_;
  std::vector<std::unique_ptr<Generation>> generations_;
  event::ReadyNode deletion_;      // of the empty ones, at the end of the turn
  Generation* current_ = nullptr;  // the one that serves
  Generation* next_ = nullptr;     // the one that is starting
  std::unique_ptr<Upgrade> upgrade_;
  Signals signals_;
};

}  // namespace apisix::master
