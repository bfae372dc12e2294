#include "shared/memory/master_record.h"

#include <thread>

namespace apisix::memory {
namespace {

// A master that was killed while it wrote leaves the marks different, with no later fix.
constexpr int kReadTriesMax = 10'000;

}  // namespace

std::string_view name_of(ChangeKind kind) {
  static constexpr std::array<std::string_view, 3> kNames = {"", "reload", "upgrade"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view name_of(ChangeState state) {
  static constexpr std::array<std::string_view, 3> kNames = {"under way", "done", "failed"};
  return kNames[static_cast<std::size_t>(state)];
}

void MasterRecord::begin_change(ChangeKind kind, std::uint64_t now_ms) {
  write(serial_.load() + 1, kind, ChangeState::kUnderWay, {}, now_ms);
}

void MasterRecord::end_change(ChangeState state, std::string_view why, std::uint64_t now_ms) {
  write(serial_.load(), kind_.load(), state, why, now_ms);
}

void MasterRecord::write(std::uint32_t serial, ChangeKind kind, ChangeState state, std::string_view why,
                         std::uint64_t at_ms) {
  const std::uint32_t mark = begun_.load() + 1;
  begun_.store(mark);
  serial_.store(serial);
  kind_.store(kind);
  state_.store(state);
  at_ms_.store(at_ms);
  for (std::size_t i = 0; i < why_.size(); ++i) {
    why_[i].store(i < why.size() ? why[i] : '\0');
    if (i >= why.size()) break;
  }
  ended_.store(mark);
}

Change MasterRecord::change() const {
  Change out;
  for (int i = 0; i < kReadTriesMax; ++i) {
    const std::uint32_t mark = ended_.load();
    out = {serial_.load(), kind_.load(), state_.load(), at_ms_.load(), {}};
    for (const auto& c : why_) {
      if (c.load() == '\0') break;
      out.why += c.load();
    }
    if (begun_.load() == mark) break;
    std::this_thread::yield();  // the writer may wait for this core
  }
  return out;
}

}  // namespace apisix::memory
