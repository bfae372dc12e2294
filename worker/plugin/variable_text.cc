#include "worker/plugin/variable_text.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>

#include "shared/base/arena_text.h"
#include "shared/http/h1/head_writer.h"

namespace apisix::plugin {
namespace {

using route::VariableKind;
using std::string_view_literals::operator""sv;

// One strftime per second and format: the log asks on each request.
template <std::size_t N>
class TimeText {
 public:
  explicit TimeText(const char* format) : format_(format) {}
  std::string_view at(std::int64_t unix_seconds) {
    if (unix_seconds != seconds_) {
      seconds_ = unix_seconds;
      const std::time_t when = unix_seconds;
      std::tm local{};
      ::localtime_r(&when, &local);
      size_ = std::strftime(text_.data(), text_.size(), format_, &local);
    }
    return {text_.data(), size_};
  }

 private:
  const char* format_;
  std::int64_t seconds_ = -1;
  std::size_t size_ = 0;
  std::array<char, N> text_{};
};

std::string_view time_or_dash(base::Arena& arena, std::int64_t microseconds) {
  return microseconds < 0 ? "-"sv : milliseconds_text(arena, static_cast<std::uint64_t>(microseconds));
}

std::string_view attempt_text(base::Arena& arena, const Attempt& attempt, VariableKind kind) {
  switch (kind) {
    case VariableKind::kUpstreamAddr: {
      std::array<char, base::IpAddress::kTextBytesMax> text;
      const std::string_view ip(text.data(), attempt.ip.write_text(text.data()));
      const std::string_view port = decimal_text(arena, attempt.port);
      return attempt.ip.is_v4() ? arena.concat(ip, ":"sv, port) : arena.concat("["sv, ip, "]:"sv, port);
    }
    case VariableKind::kUpstreamStatus:
      return attempt.status == 0 ? "-"sv : status_text(arena, attempt.status);
    case VariableKind::kUpstreamConnectTime:
      return time_or_dash(arena, attempt.connect_us);
    case VariableKind::kUpstreamHeaderTime:
      return time_or_dash(arena, attempt.header_us);
    case VariableKind::kUpstreamResponseLength:
      return decimal_text(arena, attempt.body_bytes_received);
    case VariableKind::kUpstreamBytesSent:
      return decimal_text(arena, attempt.bytes_sent);
    case VariableKind::kUpstreamBytesReceived:
      return decimal_text(arena, attempt.bytes_received);
    default:
      return time_or_dash(arena, attempt.response_us);
  }
}

}  // namespace

std::string_view decimal_text(base::Arena& arena, std::uint64_t number) {
  char* text = arena.text(20);
  return {text, static_cast<std::size_t>(http::append_decimal(text, number) - text)};
}

std::string_view status_text(base::Arena& arena, std::uint16_t status) {
  return status < 100 ? "000"sv : decimal_text(arena, status);
}

std::string_view milliseconds_text(base::Arena& arena, std::uint64_t microseconds) {
  const std::uint64_t milliseconds = microseconds / 1000;
  char* text = arena.text(24);
  char* at = http::append_decimal(text, milliseconds / 1000);
  *at++ = '.';
  const auto rest = static_cast<unsigned>(milliseconds % 1000);
  *at++ = static_cast<char>('0' + rest / 100);
  *at++ = static_cast<char>('0' + rest / 10 % 10);
  *at++ = static_cast<char>('0' + rest % 10);
  return {text, static_cast<std::size_t>(at - text)};
}

std::string_view time_local_text(std::int64_t unix_seconds) {
  static thread_local TimeText<40> text("%d/%b/%Y:%H:%M:%S %z");
  return text.at(unix_seconds);
}

std::string_view time_iso8601_text(std::int64_t unix_seconds) {
  static thread_local TimeText<40> text("%Y-%m-%dT%H:%M:%S");
  static thread_local TimeText<8> zone("%z");
  static thread_local std::array<char, 48> whole;
  const std::string_view date = text.at(unix_seconds);
  const std::string_view offset = zone.at(unix_seconds);  // "+0130" -> "+01:30"
  std::memcpy(whole.data(), date.data(), date.size());
  char* at = whole.data() + date.size();
  for (std::size_t i = 0; i < offset.size(); ++i) {
    if (i == 3) *at++ = ':';
    *at++ = offset[i];
  }
  return {whole.data(), static_cast<std::size_t>(at - whole.data())};
}

std::optional<std::string_view> attempts_text(RequestState& request, VariableKind kind) {
  if (request.attempts.first == nullptr) return std::nullopt;
  if (request.attempts.first->next == nullptr)
    return attempt_text(request.arena, *request.attempts.first, kind);
  base::ArenaText out;
  for (const Attempt* attempt = request.attempts.first; attempt != nullptr; attempt = attempt->next) {
    if (!out.empty()) out.append(request.arena, ", ");
    out.append(request.arena, attempt_text(request.arena, *attempt, kind));
  }
  return out.view();
}

std::string_view rate_limiting_text(base::Arena& arena, const RateLimitingInfo& info) {
  const auto number = [&arena](std::int64_t value) {
    return decimal_text(arena, static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0)));
  };
  // A key may be what a client sent: quoted as JSON quotes.
  const std::string key = format::to_json(format::Json(std::string(info.key)));
  return arena.concat(R"({"rate_limiting_key":)"sv, key, R"(,"rate_limiting_limit":)"sv, number(info.limit),
                      R"(,"rate_limiting_remaining":)"sv, number(info.remaining),
                      R"(,"rate_limiting_reset":)"sv, number(info.reset_s), "}"sv);
}

}  // namespace apisix::plugin
