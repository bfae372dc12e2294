#include "worker/plugin/request.h"

#include <array>

#include <sys/random.h>

#include "shared/base/text.h"
#include "shared/http/uri.h"

namespace apisix::plugin {
namespace {

// xoshiro256++, seeded once per process from the kernel: ids must not repeat, and need no secrecy.
class IdSource {
 public:
  IdSource() {
    if (::getrandom(state_.data(), sizeof state_, 0) != sizeof state_) state_ = {1, 2, 3, 4};
  }
  std::uint64_t next() {
    const std::uint64_t result = rotate(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

 private:
  static std::uint64_t rotate(std::uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }
  std::array<std::uint64_t, 4> state_;
};

}  // namespace

Request::~Request() {
  for (KeptState* kept = kept_states_; kept != nullptr; kept = kept->next) kept->destroy(kept->data);
}

std::string_view Request::remote_addr() {
  if (remote_addr_text_.empty()) {
    std::array<char, base::IpAddress::kTextBytesMax> text;
    remote_addr_text_ = arena.copy({text.data(), remote_ip.write_text(text.data())});
  }
  return remote_addr_text_;
}

std::string_view Request::request_id() {
  if (!request_id_.empty()) return request_id_;
  static thread_local IdSource source;
  static constexpr char kHex[] = "0123456789abcdef";
  char* text = arena.text(32);
  for (int half = 0; half < 2; ++half) {
    std::uint64_t bits = source.next();
    for (int i = 0; i < 16; ++i, bits >>= 4) text[half * 16 + i] = kHex[bits & 15];
  }
  request_id_ = {text, 32};
  return request_id_;
}

std::string_view Request::target() {
  if (args.empty()) return path;
  return texts.join(arena, [this](const auto& add) {
    add(path);
    add(std::string_view("?"));
    add(args);
  });
}

std::string_view Request::forward_target() {
  if (args_set_) {
    const std::string_view target_path = path_changed ? http::escape_path(path, arena) : head->path;
    return args.empty() ? target_path : arena.concat(target_path, std::string_view("?"), args);
  }
  if (!path_changed) {
    if (head->form == http::TargetForm::kAbsolute) {
      return head->has_query ? arena.concat(head->path, std::string_view("?"), head->query) : head->path;
    }
    return head->target;
  }
  const std::string_view escaped = http::escape_path(path, arena);
  return head->has_query ? arena.concat(escaped, std::string_view("?"), head->query) : escaped;
}

std::string_view Request::host_of(std::string_view authority) {
  const auto colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    authority = authority.substr(0, colon);
  }
  bool lower = true;
  for (const char c : authority) lower &= base::to_lower(c) == c;
  if (lower) return authority;
  char* out = arena.text(authority.size());
  for (std::size_t i = 0; i < authority.size(); ++i) out[i] = base::to_lower(authority[i]);
  return {out, authority.size()};
}

}  // namespace apisix::plugin
