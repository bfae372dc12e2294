// Lines of error.log about one request: who sent it, what it asks for, and where it went stands behind the
// message, as in nginx's:
//   MESSAGE, client: 192.0.2.1, server: _, request: "GET /x HTTP/1.1", upstream: "http://192.0.2.9:80/x",
//   host: "a", request_id: "...", route: "1"
// Plugins and the proxy write every line about a request this way. Nothing is formatted for a level that is
// not logged.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "shared/base/log.h"
#include "worker/plugin/request.h"

namespace apisix::plugin {

// Of each text of a client. Two of them (the request line, the upstream's URL) and the rest of a line are
// about the longest line of nginx (NGX_MAX_ERROR_STR, 2,048 bytes).
inline constexpr std::size_t kLogTextBytesMax = 768;

// What stands behind the message, with those fields that the request has. Text of clients is cut at
// kLogTextBytesMax and escaped (append_escaped()). Of the request it says what the access log says, the query
// with it, and no header field but Host.
std::string log_suffix(RequestState& request);
inline std::string log_suffix(Request& request) {
  return log_suffix(RequestState::of(request));
}

// `AnyRequest`: a plugin's Request, or the proxy's RequestState.
template <typename AnyRequest, typename... Args>
void log(base::LogLevel level, AnyRequest& request, fmt::format_string<Args...> format, Args&&... args) {
  if (level > base::log_level()) return;
  base::log_line(level, fmt::format(format, std::forward<Args>(args)...) + log_suffix(request));
}

template <typename AnyRequest, typename... Args>
void log_error(AnyRequest& request, fmt::format_string<Args...> format, Args&&... args) {
  log(base::LogLevel::kError, request, format, std::forward<Args>(args)...);
}
template <typename AnyRequest, typename... Args>
void log_warn(AnyRequest& request, fmt::format_string<Args...> format, Args&&... args) {
  log(base::LogLevel::kWarn, request, format, std::forward<Args>(args)...);
}
template <typename AnyRequest, typename... Args>
void log_info(AnyRequest& request, fmt::format_string<Args...> format, Args&&... args) {
  log(base::LogLevel::kInfo, request, format, std::forward<Args>(args)...);
}

}  // namespace apisix::plugin
