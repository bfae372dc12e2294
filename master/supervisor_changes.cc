// The two ways to a new generation: config.yaml read again (HUP), and a new binary (USR2). Whatever goes
// wrong is logged, reported to the command that waits for it, and changes nothing for clients.
#include <algorithm>
#include <csignal>

#include <unistd.h>

#include "master/store_file.h"
#include "master/supervisor.h"
#include "shared/base/log.h"
#include "shared/settings/config_path.h"
#include "shared/store/open_store.h"

namespace apisix::master {
namespace {

using memory::ChangeKind;
using memory::ChangeState;

// The new master has a timeout of its own; this one is for a master that hangs.
constexpr std::uint64_t kUpgradeGraceMs = 3'000;

std::unexpected<base::Error> not_now(std::string why) {
  return base::fail(base::ErrorCode::kUnavailable, base::ErrorSource::kGateway, std::move(why));
}

}  // namespace

void Supervisor::reload() {
  if (upgrade_ || phase_ != Phase::kServing) {
    base::log_warn("HUP is ignored while {}", upgrade_                    ? "a new binary starts"
                                              : phase_ == Phase::kLeaving ? "leaving"
                                                                          : "starting");
    return;
  }
  record().begin_change(ChangeKind::kReload, loop_.clock().wall_ms());
  service_notifier_.reloading();
  if (auto begun = try_reload(); !begun) {
    base::log_error("reload refused, the old configuration stays in use: {}", begun.error().what);
    record().end_change(ChangeState::kFailed, begun.error().what, loop_.clock().wall_ms());
    report_ready(*current_);
  }
}

base::Status Supervisor::try_reload() {
  const std::string& prefix = current_->setup().prefix;
  const auto path = settings::resolve_config_path(prefix, {});
  auto setup = path ? make_setup(prefix, *path) : std::unexpected(path.error());
  if (!setup) return std::unexpected(setup.error());
  // The first time that it is asked for, it may be made.
  const Setup& current = current_->setup();
  const bool serves_from_it =
      current.store.inode != 0 && store::local_store_path(current.settings, prefix) ==
                                      store::local_store_path((*setup)->settings, prefix);
  auto whole = serves_from_it ? prepare_store(**setup, StoreUse::kReload, current.store)
                              : prepare_store(**setup, StoreUse::kFirst);
  if (!whole) return whole;
  (*setup)->ready_timeout_ms = ready_timeout_ms_;
  auto listeners = open_listeners(**setup, current_->listeners());
  if (!listeners) return std::unexpected(listeners.error());
  if (auto opened = open_error_log_of(**setup); !opened) base::log_error("{}", opened.error().what);
  for (const std::string& warning : (*setup)->warnings) base::log_warn("{}", warning);
  // Of two reloads in a row the last one counts.
  if (next_ != nullptr) next_->stop();
  reclaim_slots_of_the_dead();
  next_ = &add_generation(std::move(*setup), std::move(*listeners));
  next_->start();
  return {};
}

// What a master that was killed left behind. While another one lives, it looks after its own.
void Supervisor::reclaim_slots_of_the_dead() {
  const auto is_another_master = [this](const memory::StatusSlot& slot) {
    return &slot != slot_ && slot.state.load() != memory::ChildState::kFree &&
           slot.role.load() == memory::ChildRole::kMaster && ::kill(slot.pid.load(), 0) == 0;
  };
  if (std::ranges::any_of(zones_.status.slots(), is_another_master)) return;
  for (memory::StatusSlot* slot : zones_.status.slots_of_the_dead()) zones_.reclaim(*slot);
}

void Supervisor::upgrade() {
  if (upgrade_) {
    base::log_warn("USR2 is ignored while a new binary starts");
    return;
  }
  record().begin_change(ChangeKind::kUpgrade, loop_.clock().wall_ms());
  if (auto begun = try_upgrade(); !begun) on_upgrade_failed(begun.error().what);
}

base::Status Supervisor::try_upgrade() {
  if (phase_ != Phase::kServing) return not_now("the gateway is starting or leaving");
  if (next_ != nullptr) return not_now("a reload is under way");
  if (::getpid() == 1)
    return not_now("the first process of a container cannot be replaced: start a new container");
  if (auto moved = pid_file_.set_aside(); !moved) return moved;
  upgrade_ = std::make_unique<Upgrade>(
      loop_, Upgrade::Callbacks{.on_ready = [this](const std::vector<int>& unused) { on_upgraded(unused); },
                                .on_failure = [this](const std::string& why) { on_upgrade_failed(why); }});
  auto started = upgrade_->start(program_,
                                 {.sockets = current_->listeners().fds(),
                                  .zones = zones_.handles(),
                                  .report = -1,
                                  .generation = next_number_ - 1,
                                  .store = {current_->setup().store.device, current_->setup().store.inode}},
                                 ready_timeout_ms_ + kUpgradeGraceMs);
  if (!started) {
    upgrade_.reset();
    return started;
  }
  service_notifier_.reloading();
  base::log_notice("new master {} starts from {}", upgrade_->pid(), program_.path);
  return {};
}

void Supervisor::on_upgraded(const std::vector<int>& unused) {
  base::log_notice("new master {} serves, this one leaves", upgrade_->pid());
  record().end_change(ChangeState::kDone, {}, loop_.clock().wall_ms());
  service_notifier_.hand_over(upgrade_->pid());
  phase_ = Phase::kLeaving;
  if (slot_ != nullptr) slot_->state.store(memory::ChildState::kDraining);
  current_->quit(unused);
  current_ = nullptr;
  arm_deletion();
}

void Supervisor::on_upgrade_failed(const std::string& why) {
  base::log_error("upgrade failed, the old binary stays in use: {}", why);
  record().end_change(ChangeState::kFailed, why, loop_.clock().wall_ms());
  if (auto back = pid_file_.put_back(); !back) base::log_error("{}", back.error().what);
  if (current_ != nullptr) report_ready(*current_);
  arm_deletion();
}

}  // namespace apisix::master
