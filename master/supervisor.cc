#include "master/supervisor.h"

#include <csignal>

#include <sys/wait.h>

#include "shared/base/log.h"
#include "shared/settings/config_path.h"

namespace apisix::master {
namespace {

int sockets_per_address(const Setup& setup) {
  return setup.settings.apisix.enable_reuseport ? setup.workers : 1;
}

}  // namespace

Supervisor::Supervisor(Start start)
    : zones_(std::move(start.zones)),
      pid_file_(std::move(start.pid_file)),
      report_(std::move(start.report)),
      in_foreground_(start.in_foreground),
      signals_(loop_, [this](int signal_number) { on_signal(signal_number); }) {
  next_ = &add_generation(std::move(start.setup), std::move(start.listeners));
}

int Supervisor::run() {
  if (auto written = pid_file_.write(); !written) {
    report_.failed(written.error().what);
    return 1;
  }
  next_->start();
  loop_.run();
  pid_file_.remove();
  return exit_code_;
}

Generation& Supervisor::add_generation(std::unique_ptr<Setup> setup, Listeners listeners) {
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
    for (const auto& generation : generations_) {
      if (generation->on_exit(pid, status)) break;
    }
  }
  loop_.at_end_of_turn([this] { bury_empty_generations(); });
}

void Supervisor::bury_empty_generations() {
  std::erase_if(generations_, [this](const auto& generation) {
    return generation.get() != current_ && generation.get() != next_ && generation->is_empty();
  });
  if (phase_ == Phase::kLeaving && generations_.empty()) loop_.stop();
}

void Supervisor::on_ready(Generation& generation) {
  if (current_ != nullptr) current_->quit();
  current_ = &generation;
  next_ = nullptr;
  phase_ = Phase::kServing;
  base::log_notice("generation {} serves", generation.number());
  report_.ready();
  loop_.at_end_of_turn([this] { bury_empty_generations(); });
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
  loop_.at_end_of_turn([this] { bury_empty_generations(); });
}

void Supervisor::reload() {
  if (phase_ == Phase::kLeaving || current_ == nullptr) {
    base::log_warn("HUP is ignored while {}", phase_ == Phase::kLeaving ? "leaving" : "starting");
    return;
  }
  const std::string& prefix = current_->setup().prefix;
  const auto path = settings::resolve_config_path(prefix, {});
  auto setup = path ? make_setup(prefix, *path) : std::unexpected(path.error());
  if (!setup) {
    base::log_error("reload refused, the old configuration stays in use: {}", setup.error().what);
    return;
  }
  auto listeners = Listeners::open(wanted_listeners((*setup)->settings), sockets_per_address(**setup),
                                   current_->listeners());
  if (!listeners) {
    base::log_error("reload refused, the old configuration stays in use: {}", listeners.error().what);
    return;
  }
  if (auto opened = open_error_log_of(**setup); !opened) base::log_error("{}", opened.error().what);
  for (const std::string& warning : (*setup)->warnings) base::log_warn("{}", warning);
  // Of two reloads in a row the last one counts.
  if (next_ != nullptr) next_->stop();
  next_ = &add_generation(std::move(*setup), std::move(*listeners));
  next_->start();
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
  phase_ = Phase::kLeaving;
  current_ = nullptr;
  next_ = nullptr;
  for (const auto& generation : generations_) {
    if (gracefully) {
      generation->quit();
    } else {
      generation->stop();
    }
  }
  loop_.at_end_of_turn([this] { bury_empty_generations(); });
}

}  // namespace apisix::master
