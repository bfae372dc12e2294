#include "master/generation.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>

#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/base/log.h"

namespace apisix::master {
namespace {

using channel::MessageKind;
using memory::ChildRole;
using memory::ChildState;

std::string describe_exit(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    return fmt::format("exited on signal {}{}", WTERMSIG(wait_status),
                       WCOREDUMP(wait_status) ? " (core dumped)" : "");
  }
  return fmt::format("exited with code {}", WEXITSTATUS(wait_status));
}

// "T (stopped)", "R (running)", "D (disk sleep)".
std::string state_of_process(pid_t pid) {
  constexpr std::string_view kField = "\nState:\t";
  const auto text = base::read_file(fmt::format("/proc/{}/status", pid));
  const auto at = text ? text->find(kField) : std::string::npos;
  if (at == std::string::npos) return "unknown";
  const auto begin = at + kField.size();
  return text->substr(begin, text->find('\n', begin) - begin);
}

}  // namespace

Generation::Member::Member(event::Loop& loop, Generation& owner, ChildRole role, int index)
    : owner(owner),
      role(role),
      index(index),
      respawn(
          loop.timers(),
          [](void* self) {
            auto& member = *static_cast<Member*>(self);
            member.owner.start_child(member);
          },
          this) {}

std::string_view Generation::Member::title() const {
  return role == ChildRole::kAgent ? "privileged agent process" : "worker process";
}

Generation::Generation(event::Loop& loop, memory::Zones& zones, std::unique_ptr<Setup> setup,
                       Listeners listeners, std::uint32_t number, Callbacks callbacks, const Roles& roles)
    : loop_(loop),
      zones_(zones),
      setup_(std::move(setup)),
      listeners_(std::move(listeners)),
      number_(number),
      callbacks_(std::move(callbacks)),
      roles_(roles),
      deadline_(
          loop.timers(), [](void* self) { static_cast<Generation*>(self)->on_deadline(); }, this),
      pulse_timer_(loop.timers(), [](void* self) { static_cast<Generation*>(self)->check_pulses(); }, this) {}

Generation::Member& Generation::add_member(ChildRole role, int index) {
  members_.push_back(std::make_unique<Member>(loop_, *this, role, index));
  return *members_.back();
}

void Generation::start() {
  for (int i = 0; i < setup_->workers; ++i) start_later(add_member(ChildRole::kWorker, i), 0);
  deadline_.set_after_ms(setup_->ready_timeout_ms);
}

// Always by the timer, so that no failure callback runs inside a call of the owner.
void Generation::start_later(Member& member, std::uint64_t delay_ms) {
  member.respawn.set_after_ms(delay_ms);
}

void Generation::start_child(Member& member) {
  show_filled(member);
  auto child = give_birth({.roles = roles_,
                           .setup = *setup_,
                           .zones = zones_,
                           .role = member.role,
                           .index = member.index,
                           .generation = number_,
                           .is_successor = state_ == State::kServing && member.role == ChildRole::kWorker,
                           .interprets_lua = lua_was_stuck_,
                           .store_is_checked = state_ == State::kStarting,
                           .sockets = sockets_of(member)});
  if (!child) {
    on_death(member, {.how = child.error().what});
    return;
  }
  member.child = std::move(*child);
  member.pulse.reset();
  member.child->slot->deaths.store(static_cast<std::uint32_t>(member.backoff.deaths()));
  member.child->channel.start(
      loop_, [this, &member](const channel::Message& message) { on_message(member, message); }, [] {});
  base::log_notice("started {} {} (index {}, generation {})", member.title(), member.child->pid, member.index,
                   number_);
}

void Generation::on_message(Member& member, const channel::Message& message) {
  switch (message.kind) {
    case MessageKind::kReady:
      on_child_ready(member);
      break;
    case MessageKind::kFailed:
      member.child->failure = message.text;
      break;
    case MessageKind::kReloadPlugins:
      has_other_plugins_ = true;
      for (const auto& other : members_) {
        if (other.get() != &member && is_ready(*other)) send(*other, MessageKind::kReloadPlugins);
      }
      break;
    case MessageKind::kQuit:
    case MessageKind::kStop:
    case MessageKind::kReopenLogs:
    case MessageKind::kServe:
    case MessageKind::kCover:
    case MessageKind::kUncover:
      base::log_warn("{} {} sent what only the master may send", member.title(), member.child->pid);
      break;
  }
}

void Generation::on_child_ready(Member& member) {
  memory::StatusSlot& slot = *member.child->slot;
  if (slot.state.load() != ChildState::kStarting) return;
  slot.ready_at_ms.store(loop_.clock().wall_ms());
  slot.state.store(ChildState::kReady);
  member.pulse.reset();  // it may have loaded for longer than it may be silent from now on
  if (state_ == State::kServing) serve_again(member);
  if (state_ != State::kStarting || !all_ready(ChildRole::kWorker)) return;
  if (member.role == ChildRole::kWorker) {
    start_later(add_member(ChildRole::kAgent, 0), 0);
    return;
  }
  serve();
}

void Generation::serve() {
  state_ = State::kServing;
  deadline_.cancel();
  listeners_.start_listening();
  send_to_all(MessageKind::kServe);
  if (setup_->settings.nginx_config.worker_stuck_timeout_ms > 0) pulse_timer_.set_after_ms(Pulse::kCheckMs);
  callbacks_.on_ready(*this);
}

// Children that drain have their deadline.
void Generation::check_pulses() {
  if (state_ != State::kServing) return;
  pulse_timer_.set_after_ms(Pulse::kCheckMs);
  const bool is_regular = check_times_.is_regular(loop_.clock().monotonic_ms());
  const std::uint64_t begun_us = base::monotonic_now_us();
  for (const auto& member : members_) {
    if (!member->child || !member->wanted) continue;
    member->pulse.observe(member->child->slot->beats.get());
    if (!is_regular) member->pulse.reset();
    if (!member->pulse.is_silent_for(silence_max_ms(*member))) continue;
    member->pulse.reset();
    log_stuck(*member);
    // When that line took long, the child may have waited for the same pipe or disk, and goes on now.
    const bool is_late = base::monotonic_now_us() - begun_us > Pulse::kCheckMs * 1000;
    if (is_late) continue;
    // On a machine that gives it little CPU time this comes before the end of its own watch.
    if (member->role == ChildRole::kWorker) lua_was_stuck_ = true;
    ::kill(member->child->pid, SIGKILL);
  }
}

// A successor that loads its configuration has as long as at the start.
std::uint64_t Generation::silence_max_ms(const Member& member) const {
  const auto limit_ms = static_cast<std::uint64_t>(setup_->settings.nginx_config.worker_stuck_timeout_ms);
  return is_ready(member) ? limit_ms : std::max(limit_ms, setup_->ready_timeout_ms);
}

void Generation::log_stuck(const Member& member) const {
  const memory::StatusSlot& slot = *member.child->slot;
  base::log(
      base::LogLevel::kCrit,
      "{} {} (index {}) has not turned its event loop for {} s, killing it: its process is {}, it was {} "
      "with {} connections, of which {} were being answered, after {} requests",
      member.title(), member.child->pid, member.index, silence_max_ms(member) / 1000,
      state_of_process(member.child->pid), memory::name_of(slot.state.load()), slot.connections.active.get(),
      slot.connections.writing.get(), slot.connections.requests.get());
}

// After a death.
void Generation::serve_again(Member& member) {
  if (!member.wanted) return;
  if (has_other_plugins_) send(member, MessageKind::kReloadPlugins);
  send(member, MessageKind::kServe);
  if (member.role != ChildRole::kWorker) return;
  send_to_others(member, MessageKind::kUncover);
  for (const auto& other : members_) {
    const bool is_dead = other->role == ChildRole::kWorker && other->wanted && !is_ready(*other);
    if (is_dead) send(member, MessageKind::kCover, share_text(*other));
  }
}

bool Generation::is_ready(const Member& member) {
  return member.child && member.child->slot->state.load() == ChildState::kReady;
}

void Generation::send_to_others(const Member& member, MessageKind kind) {
  if (member.role != ChildRole::kWorker) return;
  const std::string share = share_text(member);
  for (const auto& other : members_) {
    if (other.get() != &member && other->role == ChildRole::kWorker && is_ready(*other))
      send(*other, kind, share);
  }
}

std::vector<channel::ListenSocket> Generation::sockets_of(const Member& member) const {
  if (member.role != ChildRole::kWorker) return listeners_.share_of_agent();
  auto out = listeners_.share_of(member.index, setup_->workers);
  for (auto& spare : listeners_.spares_of(member.index, setup_->workers)) out.push_back(std::move(spare));
  return out;
}

std::string Generation::share_text(const Member& member) const {
  std::vector<int> fds;
  for (const auto& socket : listeners_.share_of(member.index, setup_->workers)) fds.push_back(socket.fd);
  return fmt::format("{}", fmt::join(fds, ","));
}

bool Generation::all_ready(ChildRole role) const {
  return std::ranges::all_of(
      members_, [role](const auto& member) { return member->role != role || is_ready(*member); });
}

bool Generation::on_exit(pid_t pid, int wait_status) {
  const auto found = std::ranges::find_if(
      members_, [pid](const auto& member) { return member->child && member->child->pid == pid; });
  if (found == members_.end()) return false;
  Member& member = **found;
  // Its last words may still be on their way: the death was noticed first.
  while (const auto message = member.child->channel.receive()) {
    if (message->kind == MessageKind::kFailed) member.child->failure = message->text;
  }
  std::string how = fmt::format("{} {} {}", member.title(), pid, describe_exit(wait_status));
  if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == channel::kExitLuaStuck) {
    lua_was_stuck_ = true;
    how += ": Lua that is compiled to machine code does not end; its successor compiles none";
  }
  if (!member.child->failure.empty()) how += ": " + member.child->failure;
  const Death death{std::move(how), base::monotonic_now_us() / 1000 - member.child->born_ms,
                    is_ready(member)};
  zones_.reclaim(*member.child->slot);
  member.child.reset();
  on_death(member, death);
  return true;
}

void Generation::on_death(Member& member, const Death& death) {
  if (state_ == State::kStarting) {
    base::log(base::LogLevel::kAlert, "{}", death.how);
    fail(death.how);
    return;
  }
  if (state_ != State::kServing || !member.wanted) {
    base::log_notice("{}", death.how);
    return;
  }
  const std::uint64_t delay_ms = member.backoff.next_delay_ms(death.lived_ms, death.served);
  if (delay_ms == 0) {
    base::log(base::LogLevel::kAlert, "{}; starting it again", death.how);
  } else {
    base::log(base::LogLevel::kAlert, "{}; it died {} times in a row, starting it again in {} ms", death.how,
              member.backoff.deaths(), delay_ms);
  }
  show_gone(member);
  send_to_others(member, MessageKind::kCover);
  start_later(member, delay_ms);
}

// No slot left is no reason not to start it again.
void Generation::show_gone(Member& member) {
  zones_.status.master().deaths.fetch_add(1);
  member.empty_place = zones_.status.claim(member.role, static_cast<std::uint16_t>(member.index), number_);
  if (member.empty_place == nullptr) return;
  member.empty_place->deaths.store(static_cast<std::uint32_t>(member.backoff.deaths()));
  member.empty_place->state.store(ChildState::kGone);
}

void Generation::show_filled(Member& member) {
  if (member.empty_place != nullptr) zones_.reclaim(*std::exchange(member.empty_place, nullptr));
}

void Generation::fail(const std::string& why) {
  stop();
  callbacks_.on_failure(*this, why);
}

void Generation::mark_leaving(Member& member) {
  member.wanted = false;
  member.respawn.cancel();
  show_filled(member);
  if (member.child) member.child->slot->state.store(ChildState::kDraining);
}

// A full queue means that the child does not listen any more; the deadline takes care of it.
void Generation::send(Member& member, MessageKind kind, std::string_view text) {
  if (!member.child) return;
  if (auto sent = member.child->channel.send(kind, text); !sent) {
    base::log_info("{} {}: {}", member.title(), member.child->pid, sent.error().what);
  }
}

void Generation::send_to_all(MessageKind kind, std::string_view text) {
  for (const auto& member : members_) send(*member, kind, text);
}

void Generation::reopen_logs() {
  send_to_all(MessageKind::kReopenLogs);
}

void Generation::quit_workers() {
  for (const auto& member : members_) {
    if (member->role != ChildRole::kWorker) continue;
    mark_leaving(*member);
    send(*member, MessageKind::kQuit);
  }
}

void Generation::quit(const std::vector<int>& retired) {
  if (state_ >= State::kDraining) return;
  state_ = State::kDraining;
  for (const auto& member : members_) mark_leaving(*member);
  listeners_.close();
  send_to_all(MessageKind::kQuit, fmt::format("{}", fmt::join(retired, ",")));
  deadline_.cancel();
  const std::int64_t limit_ms = setup_->settings.nginx_config.worker_shutdown_timeout_ms;
  // 0: no limit, as in nginx
  if (limit_ms > 0) deadline_.set_after_ms(static_cast<std::uint64_t>(limit_ms) + kShutDownMs);
}

void Generation::stop() {
  if (state_ >= State::kStopping) return;
  state_ = State::kStopping;
  for (const auto& member : members_) mark_leaving(*member);
  listeners_.close();
  send_to_all(MessageKind::kStop);
  deadline_.set_after_ms(kStopGraceMs);
}

void Generation::on_deadline() {
  if (state_ == State::kStarting) {
    const auto ready = std::ranges::count_if(members_, [](const auto& member) { return is_ready(*member); });
    return fail(fmt::format("not ready within {} s: {} of {} processes have loaded their configuration",
                            (setup_->ready_timeout_ms + 999) / 1000, ready, members_.size()));
  }
  if (state_ == State::kDraining) {
    base::log_warn("generation {} did not finish within worker_shutdown_timeout: stopping it", number_);
    stop();
    return;
  }
  state_ = State::kKilled;
  for (const auto& member : members_) {
    if (!member->child) continue;
    base::log(base::LogLevel::kAlert, "{} {} does not stop: killing it", member->title(), member->child->pid);
    ::kill(member->child->pid, SIGKILL);
  }
}

bool Generation::is_empty() const {
  return std::ranges::none_of(members_, [](const auto& member) { return member->child.has_value(); });
}

}  // namespace apisix::master
