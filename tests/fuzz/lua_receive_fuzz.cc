// Any bytes, received in pieces of any size, through receive patterns of a cosocket: what each call gives is
// what a plain search in the whole text gives, and the buffer ends where that one does.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "worker/lua/receive_buffer.h"

using apisix::lua::ReceiveBuffer;
using apisix::lua::ReceivePattern;
using apisix::lua::UntilPattern;

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

// Reads numbers off the front of the input.
class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  std::size_t next(std::size_t below) {
    if (at_ == size_) return 0;
    return data_[at_++] % below;
  }
  bool is_over() const { return at_ == size_; }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

struct Call {
  ReceivePattern::Kind kind;
  std::size_t bytes;
  std::string until;
  bool inclusive;
};

Call next_call(Choices& choices) {
  constexpr std::string_view kTexts[] = {"\r\n", "aab", "--", "a", "abab", "aaaa"};
  const auto kind = static_cast<ReceivePattern::Kind>(choices.next(5));
  const std::size_t bytes = choices.next(9);
  const std::string_view text = kTexts[choices.next(std::size(kTexts))];
  return {kind, bytes, std::string(text), choices.next(2) == 1};
}

ReceivePattern pattern_of(const Call& call, const std::shared_ptr<UntilPattern>& until) {
  switch (call.kind) {
    case ReceivePattern::Kind::kLine:
      return ReceivePattern::line();
    case ReceivePattern::Kind::kAll:
      return ReceivePattern::all();
    case ReceivePattern::Kind::kSize:
      return ReceivePattern::size(call.bytes);
    case ReceivePattern::Kind::kAny:
      return ReceivePattern::any(call.bytes + 1);
    case ReceivePattern::Kind::kUntil:
      break;
  }
  return ReceivePattern::until(until, call.bytes);
}

struct Expected {
  std::string data;
  std::size_t consumed = 0;
  bool ended = false;
};

Expected expect_until(const Call& call, std::string_view all, std::size_t end) {
  if (call.bytes > 0 && end >= call.bytes) return {std::string(all.substr(0, call.bytes)), call.bytes, false};
  const std::size_t behind = end + call.until.size();
  return {std::string(all.substr(0, call.inclusive ? behind : end)), behind, call.bytes > 0};
}

// What the call gives of `all`, which is everything from here to the end; none: it is not complete in it.
std::optional<Expected> plainly(const Call& call, std::string_view all) {
  if (call.kind == ReceivePattern::Kind::kLine) {
    const auto end = all.find('\n');
    if (end == all.npos) return std::nullopt;
    std::string line(all.substr(0, end));
    std::erase(line, '\r');
    return Expected{line, end + 1};
  }
  if (call.kind == ReceivePattern::Kind::kSize) {
    if (all.size() < call.bytes) return std::nullopt;
    return Expected{std::string(all.substr(0, call.bytes)), call.bytes};
  }
  if (call.kind != ReceivePattern::Kind::kUntil) return std::nullopt;
  const auto end = all.find(call.until);
  if (end != all.npos) return expect_until(call, all, end);
  // Bytes that may begin the text are kept back.
  std::size_t kept = std::min(all.size(), call.until.size() - 1);
  while (!all.ends_with(call.until.substr(0, kept))) --kept;
  if (call.bytes == 0 || all.size() - kept < call.bytes) return std::nullopt;
  return Expected{std::string(all.substr(0, call.bytes)), call.bytes};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(data, std::min<std::size_t>(size, 24));
  const std::string_view stream(reinterpret_cast<const char*>(data), size);
  ReceiveBuffer buffer;
  std::size_t received = 0;  // of the stream
  std::size_t consumed = 0;
  while (!choices.is_over()) {
    const Call call = next_call(choices);
    auto until = std::make_shared<UntilPattern>();
    until->text = call.until;
    until->inclusive = call.inclusive;
    ReceivePattern pattern = pattern_of(call, until);
    std::optional<std::string> taken;
    for (;;) {
      if (const auto got = pattern.take(buffer)) {
        taken = std::string(*got);
        break;
      }
      if (received == stream.size()) break;
      const std::size_t piece = std::min(1 + choices.next(7), stream.size() - received);
      buffer.append(stream.substr(received, piece));
      received += piece;
    }
    const auto expected = plainly(call, stream.substr(consumed));
    if (call.kind == ReceivePattern::Kind::kAny) {
      expect(!taken || (!taken->empty() && taken->size() <= call.bytes + 1));
      if (taken) expect(*taken == stream.substr(consumed, taken->size()));
      consumed += taken ? taken->size() : 0;
    } else {
      expect(taken.has_value() == expected.has_value());
      if (taken) expect(*taken == expected->data && until->ended == expected->ended);
      consumed += expected ? expected->consumed : 0;
    }
    expect(buffer.view() == stream.substr(consumed, received - consumed));
    if (!taken) {
      std::string rest(stream.substr(consumed, received - consumed));
      if (call.kind == ReceivePattern::Kind::kLine) std::erase(rest, '\r');
      expect(pattern.take_rest(buffer) == rest && buffer.empty());
      consumed = received;
    }
  }
  return 0;
}
