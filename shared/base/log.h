// error.log in nginx's form: "2026/11/20 23:55:00 [warn] 12#12: message". One per process; the file is
// opened O_APPEND and each line is one write, so processes share it without tearing lines.
// Control characters of a message are written as \xHH: what a client sends cannot forge a line.
#pragma once

#include <string>
#include <string_view>

#include <fmt/core.h>

#include "shared/base/result.h"

namespace apisix::base {

enum class LogLevel : unsigned char { kEmerg, kAlert, kCrit, kError, kWarn, kNotice, kInfo, kDebug };

// nginx's names: emerg alert crit error warn notice info debug.
Result<LogLevel> parse_log_level(std::string_view name);

// For appending, created with mode 0644. A path that means a standard stream of this process (/dev/stdout, or
// a link to it, as containers have for their logs) is that stream: it cannot be opened anew once privileges
// are dropped, nor at all when it is a socket.
Result<int> open_log_file(const std::string& path);

// Opens `path` ("" or "stderr" = standard error) for this process; creates the file with mode 0644.
// Until it is called, lines go to standard error.
Status open_error_log(const std::string& path, LogLevel level);
// Opens the same path again, after a rotation (USR1). On failure the old file stays.
Status reopen_error_log();
// From now on standard error is the error log too, also after it is opened again: what libraries and
// sanitizers print is not lost in a daemon.
void send_stderr_to_error_log();
void set_log_level(LogLevel level);
LogLevel log_level();
// The open file, for children and libraries that want a descriptor; owned here.
int error_log_fd();

void log_line(LogLevel level, std::string_view message);

template <typename... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (level > log_level()) return;
  log_line(level, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log(LogLevel::kError, format, std::forward<Args>(args)...);
}
template <typename... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) {
  log(LogLevel::kWarn, format, std::forward<Args>(args)...);
}
template <typename... Args>
void log_notice(fmt::format_string<Args...> format, Args&&... args) {
  log(LogLevel::kNotice, format, std::forward<Args>(args)...);
}
template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log(LogLevel::kInfo, format, std::forward<Args>(args)...);
}

}  // namespace apisix::base
