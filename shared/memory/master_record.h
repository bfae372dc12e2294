// MasterRecord: what the master says about itself, in the status zone: who it is, which generation serves,
// and what became of the last reload or upgrade, so that the command that asked for it can wait and tell.
// Written by the master only; read by commands of other processes, which never wait for it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace apisix::memory {

enum class ChangeKind : std::uint8_t { kNone, kReload, kUpgrade };
enum class ChangeState : std::uint8_t { kUnderWay, kDone, kFailed };

std::string_view name_of(ChangeKind kind);    // "reload", "upgrade"; "" when none
std::string_view name_of(ChangeState state);  // "under way", "done", "failed"

// The last change of generation that was asked for.
struct Change {
  std::uint32_t serial = 0;  // grows with each; 0: there was none
  ChangeKind kind = ChangeKind::kNone;
  ChangeState state = ChangeState::kDone;
  std::uint64_t at_ms = 0;  // wall clock, of `state`
  std::string why;          // kFailed
};

class MasterRecord {
 public:
  static constexpr std::size_t kWhyBytesMax = 1000;  // longer texts are cut

  std::atomic<std::int32_t> pid;
  std::atomic<std::uint32_t> generation;        // that serves
  std::atomic<std::uint64_t> started_at_ms;     // wall clock, of the instance: an upgrade does not change it
  std::atomic<std::uint64_t> configured_at_ms;  // wall clock: when the generation's config.yaml was read

  std::atomic<std::uint64_t> deaths;  // children that died without a quit or stop message, in total

  // A change begins; one that was under way is forgotten.
  void begin_change(ChangeKind kind, std::uint64_t now_ms);
  void end_change(ChangeState state, std::string_view why, std::uint64_t now_ms);
  Change change() const;

 private:
  void write(std::uint32_t serial, ChangeKind kind, ChangeState state, std::string_view why,
             std::uint64_t at_ms);

  // Two masters may live for a moment, but only one of them writes; a reader looks again when `ended` and
  // `begun` differ around its reading.
  std::atomic<std::uint32_t> begun_;
  std::atomic<std::uint32_t> ended_;
  std::atomic<std::uint32_t> serial_;
  std::atomic<ChangeKind> kind_;
  std::atomic<ChangeState> state_;
  std::atomic<std::uint64_t> at_ms_;
  std::array<std::atomic<char>, kWhyBytesMax> why_;  // ends with a 0 when shorter
};

}  // namespace apisix::memory
