#include "master/supervisor.h"

#include <csignal>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/log.h"

namespace apisix::master {

Supervisor::Supervisor(Start start)
    : zones_(std::move(start.zones)),
      slot_(zones_.status.claim(memory::ChildRole::kMaster, 0, start.last_generation + 1)),
      pid_file_(std::move(start.pid_file)),
      report_(std::move(start.report)),
      inherited_(std::move(start.inherited)),
      program_(std::move(start.program)),
      in_foreground_(start.in_foreground),
      replaces_a_master_(start.replaces_a_master),
      ready_timeout_ms_(start.setup->ready_timeout_ms),
      next_number_(start.last_generation + 1),
      signals_(loop_, [this](int signal_number) { on_signal(signal_number); }) {
  if (slot_ != nullptr) slot_->pid.store(::getpid());
  next_ = &add_generation(std::move(start.setup), std::move(start.listeners));
}

int Supervisor::run() {
  if (auto written = pid_file_.write(); !written) {
    report_.failed(written.error().what);
    return 1;
  }
  next_->start();
  loop_.run();
  if (slot_ != nullptr) zones_.reclaim(*slot_);
  pid_file_.remove();
  return exit_code_;
}

Generation& Supervisor::add_generation(std::unique_ptr<Setup> setup, Listeners listeners) {
  for (const std::string& line : setup->log_lines) base::log_warn("{}", line);
  generations_.push_back(std::make_unique<Generation>(
      loop_, zones_, std::move(setup), std::move(listeners), next_number_++,
      Generation::Callbacks{
          .on_ready = [this](Generation& generation) { on_ready(generation); },
          .on_failure = [this](Generation& generation,
                               const std::string& why) { on_failure(generation, why); },
      }));
  return *generations_.back();
}

void Supervisor::on_signal(int signal_number) {
  switch (signal_number) {
    case SIGCHLD:
      reap();
      break;
    case SIGHUP:
      reload();
      break;
    case SIGUSR2:
      upgrade();
      break;
    case SIGUSR1:
      reopen_logs();
      break;
    case SIGWINCH:
      // A terminal that is resized sends it too.
      if (!in_foreground_ && current_ != nullptr) current_->quit_workers();
      break;
    case SIGQUIT:
      leave(true);
      break;
    case SIGTERM:
    case SIGINT:
      leave(false);
      break;
    default:
      base::log_warn("signal {} has no meaning here", signal_number);
  }
}

void Supervisor::reap() {
  int status = 0;
  pid_t pid = 0;
  while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
    if (upgrade_ && upgrade_->on_exit(pid, status)) continue;
    for (const auto& generation : generations_) {
      if (generation->on_exit(pid, status)) break;
    }
  }
  arm_deletion();
}

// A callback of one may be on the stack.
void Supervisor::arm_deletion() {
  loop_.end_of_turn().push(
      deletion_, [](void* self) { static_cast<Supervisor*>(self)->delete_empty_generations(); }, this);
}

void Supervisor::delete_empty_generations() {
  std::erase_if(generations_, [this](const auto& generation) {
    return generation.get() != current_ && generation.get() != next_ && generation->is_empty();
  });
  if (upgrade_ && upgrade_->state() == Upgrade::State::kFailed) upgrade_.reset();
  const bool awaits_new_master = upgrade_ && upgrade_->state() != Upgrade::State::kDone;
  if (phase_ == Phase::kLeaving && generations_.empty() && !awaits_new_master) loop_.stop();
}

void Supervisor::on_ready(Generation& generation) {
  const bool is_first = phase_ == Phase::kStarting;
  if (current_ != nullptr) current_->quit(current_->listeners().retire(generation.listeners()));
  current_ = &generation;
  next_ = nullptr;
  phase_ = Phase::kServing;
  base::log_notice("generation {} serves", generation.number());
  introduce(generation);
  report_ready(generation);
  if (is_first) {
    release_inherited();
  } else {
    record().end_change(memory::ChangeState::kDone, {}, loop_.clock().wall_ms());
  }
  arm_deletion();
}

void Supervisor::report_ready(const Generation& generation) {
  service_notifier_.ready(
      fmt::format("generation {} serves, {} workers", generation.number(), generation.setup().workers));
}

void Supervisor::introduce(const Generation& generation) {
  record().pid.store(::getpid());
  record().generation.store(generation.number());
  record().configured_at_ms.store(generation.setup().made_at_ms);
  if (slot_ == nullptr) return;
  slot_->generation.store(generation.number());
  if (slot_->state.exchange(memory::ChildState::kReady) == memory::ChildState::kStarting) {
    slot_->ready_at_ms.store(loop_.clock().wall_ms());
  }
}

// What the service manager gave stays its own: it is only left alone.
void Supervisor::release_inherited() {
  const std::vector<int> unused =
      replaces_a_master_ ? inherited_.retire(current_->listeners()) : std::vector<int>{};
  inherited_.close();
  report_.ready(fmt::format("{}", fmt::join(unused, ",")));
}

void Supervisor::on_failure(Generation& generation, const std::string& why) {
  next_ = nullptr;
  if (phase_ == Phase::kStarting) {
    exit_code_ = 1;
    report_.failed(why);
    leave(false);
    return;
  }
  base::log_error("reload failed, the old configuration stays in use: {}", why);
  record().end_change(memory::ChangeState::kFailed, why, loop_.clock().wall_ms());
  if (current_ != nullptr) report_ready(*current_);
  arm_deletion();
}

void Supervisor::reopen_logs() {
  Generation* const generation = current_ != nullptr ? current_ : next_;
  if (generation == nullptr) return;
  if (auto created = create_log_files(generation->setup()); !created) {
    base::log_error("{}", created.error().what);
  }
  if (auto reopened = base::reopen_error_log(); !reopened) base::log_error("{}", reopened.error().what);
  for (const auto& each : generations_) each->reopen_logs();
}

void Supervisor::leave(bool gracefully) {
  if (phase_ == Phase::kStarting && exit_code_ == 0) {
    exit_code_ = 1;
    report_.failed("stopped before it was ready");
  }
  if (phase_ != Phase::kLeaving) service_notifier_.stopping();
  if (upgrade_) upgrade_->cancel("the old master was told to leave");
  phase_ = Phase::kLeaving;
  if (slot_ != nullptr) slot_->state.store(memory::ChildState::kDraining);
  current_ = nullptr;
  next_ = nullptr;
  for (const auto& generation : generations_) {
    if (gracefully) {
      generation->quit(generation->listeners().retire({}));
    } else {
      generation->stop();
    }
  }
  arm_deletion();
}

}  // namespace apisix::master
