// What a cosocket has received and Lua has not taken: bytes are put here once, by the read itself, and
// patterns take views of them. Pure: knows no socket and no Lua.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace apisix::lua {

class ReceiveBuffer {
 public:
  std::string_view view() const { return std::string_view(bytes_).substr(start_); }
  bool empty() const { return start_ == bytes_.size(); }
  std::size_t size() const { return bytes_.size() - start_; }
  // Where the next `bytes` may be put; then commit() says how many were. Views end here.
  std::span<char> room(std::size_t bytes);
  void commit(std::size_t bytes);
  void append(std::string_view bytes);
  // The first bytes are taken. Views of them stay good until room() or append().
  void drop(std::size_t bytes) { start_ += bytes; }
  // While a reader waits with nothing here, it has no memory.
  void release_if_empty();

 private:
  std::string bytes_;
  std::size_t start_ = 0;
  std::size_t committed_ = 0;
};

// A pattern of receiveuntil(), shared by all calls of one iterator.
struct UntilPattern {
  std::string text;  // not empty
  bool inclusive = false;
  bool ended = false;  // a call with a size has given what was in front of it: the next one gives nil
};

// What one call receives: a line, all, so many bytes, whatever comes, what is in front of a text.
class ReceivePattern {
 public:
  enum class Kind : std::uint8_t { kLine, kAll, kSize, kAny, kUntil };

  static ReceivePattern line() { return ReceivePattern(Kind::kLine, 0); }
  static ReceivePattern all() { return ReceivePattern(Kind::kAll, 0); }
  static ReceivePattern size(std::size_t bytes) { return ReceivePattern(Kind::kSize, bytes); }
  static ReceivePattern any(std::size_t bytes_max) { return ReceivePattern(Kind::kAny, bytes_max); }
  // `bytes` 0: everything in front of it at once.
  static ReceivePattern until(std::shared_ptr<UntilPattern> pattern, std::size_t bytes);

  Kind kind() const { return kind_; }
  // Takes what it wants out of `buffer`, once it is there; none: more is needed. The view is good until the
  // buffer or the pattern changes. Called again only when bytes were added.
  std::optional<std::string_view> take(ReceiveBuffer& buffer);
  // The connection has ended, or the time is over: all there is. As take().
  std::string_view take_rest(ReceiveBuffer& buffer);

 private:
  ReceivePattern(Kind kind, std::size_t bytes) : kind_(kind), bytes_(bytes) {}
  std::optional<std::string_view> take_line(ReceiveBuffer& buffer);
  std::optional<std::string_view> take_until(ReceiveBuffer& buffer);
  std::string_view without_returns(std::string_view line);

  Kind kind_;
  std::size_t bytes_;
  std::size_t scanned_ = 0;  // bytes of the buffer that are known to have no end in them
  std::shared_ptr<UntilPattern> until_;
  std::string filtered_;
};

}  // namespace apisix::lua
