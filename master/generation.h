// Generation: the workers and the agent that were started from one reading of config.yaml. A reload makes a
// new one next to the old; the old leaves when the new is Ready.
//
//   kStarting --all Ready in time--> kServing --quit()--> kDraining --timeout, stop()-----> kStopping
//   --grace--> kKilled
//
// The workers are started first and the agent when they are Ready: what they create in data/ then belongs
// to their user. While a worker is dead, the others take its clients. No worker accepts a connection before
// all are Ready, so a generation that fails harms no client. While it serves, a child whose event loop stands
// still for worker_stuck_timeout is killed, and replaced like any that died.
#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "master/backoff.h"
#include "master/child.h"
#include "master/listeners.h"
#include "master/pulse.h"
#include "master/setup.h"
#include "shared/event/loop.h"
#include "shared/event/timer_wheel.h"

namespace apisix::master {

class Generation {
 public:
  enum class State : unsigned char { kStarting, kServing, kDraining, kStopping, kKilled };
  static constexpr std::uint64_t kStopGraceMs = 3'000;
  // Children watch worker_shutdown_timeout themselves, and need a moment to part from their clients.
  static constexpr std::uint64_t kShutDownMs = 3'000;

  // Called from the loop. Neither may destroy the Generation.
  struct Callbacks {
    std::function<void(Generation&)> on_ready;                            // became kServing
    std::function<void(Generation&, const std::string& why)> on_failure;  // cannot become kServing
  };

  Generation(event::Loop& loop, memory::Zones& zones, std::unique_ptr<Setup> setup, Listeners listeners,
             std::uint32_t number, Callbacks callbacks, const Roles& roles = real_roles());
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // Forks the workers. A failure is reported by on_failure, never inside this call.
  void start();
  // All workers but not the agent finish what they have and leave; none is started again (WINCH).
  void quit_workers();
  // Children finish what they have; those that are still there after worker_shutdown_timeout are stopped.
  // `retired`: sockets without a successor, see Listeners::retire().
  void quit(const std::vector<int>& retired);
  // Children leave at once; those that do not are killed after kStopGraceMs.
  void stop();
  void reopen_logs();

  // A process was reaped. False: it is none of this generation's.
  bool on_exit(pid_t pid, int wait_status);

  State state() const { return state_; }
  bool is_empty() const;  // no living child
  std::uint32_t number() const { return number_; }
  const Setup& setup() const { return *setup_; }
  Listeners& listeners() { return listeners_; }

 private:
  // A place that a child fills, again and again.
  struct Member {
    Member(event::Loop& loop, Generation& owner, memory::ChildRole role, int index);
    std::string_view title() const;

    Generation& owner;
    memory::ChildRole role;
    int index;
    bool wanted = true;  // started again when it dies
    std::optional<Child> child;
    Pulse pulse;
    Backoff backoff;
    event::Timer respawn;
    memory::StatusSlot* empty_place = nullptr;  // kGone: while it waits to be filled again
  };

  Member& add_member(memory::ChildRole role, int index);
  void start_child(Member& member);
  void start_later(Member& member, std::uint64_t delay_ms);
  void on_message(Member& member, const channel::Message& message);
  void on_child_ready(Member& member);
  struct Death {
    std::string how;
    std::uint64_t lived_ms = 0;
    bool served = false;
  };
  void on_death(Member& member, const Death& death);
  void show_gone(Member& member);
  void show_filled(Member& member);
  void fail(const std::string& why);
  static bool is_ready(const Member& member);
  bool all_ready(memory::ChildRole role) const;
  void serve();
  void serve_again(Member& member);
  void send_to_others(const Member& member, channel::MessageKind kind);
  std::vector<channel::ListenSocket> sockets_of(const Member& member) const;
  std::string share_text(const Member& member) const;
  void send_to_all(channel::MessageKind kind, std::string_view text = {});
  void send(Member& member, channel::MessageKind kind, std::string_view text = {});
  void mark_leaving(Member& member);
  void on_deadline();
  void check_pulses();
  std::uint64_t silence_max_ms(const Member& member) const;
  void log_stuck(const Member& member) const;

  event::Loop& loop_;
  memory::Zones& zones_;
  std::unique_ptr<Setup> setup_;
  Listeners listeners_;
  std::uint32_t number_;
  Callbacks callbacks_;
  const Roles& roles_;
  State state_ = State::kStarting;
  bool lua_was_stuck_ = false;      // in one of its workers, or may have been
  bool has_other_plugins_ = false;  // than setup_ says: they were reloaded alone
  std::vector<std::unique_ptr<Member>> members_;
  event::Timer deadline_;
  event::Timer pulse_timer_;  // while serving
  CheckTimes check_times_;
};

}  // namespace apisix::master
