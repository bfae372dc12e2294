#include "shared/base/log.h"

#include <array>
#include <cerrno>
#include <ctime>
#include <optional>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shared/base/open_file.h"

namespace apisix::base {
namespace {

constexpr std::array<std::string_view, 8> kLevelNames = {"emerg", "alert",  "crit", "error",
                                                         "warn",  "notice", "info", "debug"};

struct ErrorLog {
  int fd = STDERR_FILENO;
  LogLevel level = LogLevel::kWarn;
  std::string path;
  bool takes_stderr = false;
};

ErrorLog& error_log() {
  static ErrorLog instance;
  return instance;
}

std::string escape_controls(std::string_view message) {
  std::string out;
  out.reserve(message.size());
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else {
      out += fmt::format("\\x{:02X}", byte);
    }
  }
  return out;
}

std::optional<int> standard_stream(std::string path) {
  constexpr int kLinksMax = 10;
  for (int i = 0; i < kLinksMax; ++i) {
    if (path == "/dev/stdout" || path == "/dev/fd/1" || path == "/proc/self/fd/1") return STDOUT_FILENO;
    if (path == "/dev/stderr" || path == "/dev/fd/2" || path == "/proc/self/fd/2") return STDERR_FILENO;
    std::array<char, 4096> target;
    const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
    if (length <= 0) return std::nullopt;
    const std::string_view text(target.data(), static_cast<std::size_t>(length));
    path =
        text.starts_with('/') ? std::string(text) : path.substr(0, path.rfind('/') + 1) + std::string(text);
  }
  return std::nullopt;
}

}  // namespace

Result<int> open_log_file(const std::string& path) {
  const auto stream = standard_stream(path);
  if (stream) {
    const int fd = ::fcntl(*stream, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (fd < 0) return system_error("cannot open log file " + path, errno);
    return fd;
  }
  auto file = open_file(path, O_WRONLY | O_APPEND | O_CREAT, 0644);
  if (!file) return std::unexpected(file.error());
  return file->fd.release();
}

Result<LogLevel> parse_log_level(std::string_view name) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i] == name) return static_cast<LogLevel>(i);
  }
  return invalid(fmt::format(
      "unknown log level \"{}\", expected one of debug info notice warn error crit alert emerg", name));
}

Status open_error_log(const std::string& path, LogLevel level) {
  ErrorLog& state = error_log();
  state.level = level;
  if (path.empty() || path == "stderr") return {};
  auto fd = open_log_file(path);
  if (!fd) return std::unexpected(fd.error());
  if (state.fd != STDERR_FILENO) ::close(state.fd);
  state.fd = *fd;
  state.path = path;
  if (state.takes_stderr) ::dup2(state.fd, STDERR_FILENO);
  return {};
}

Status reopen_error_log() {
  const std::string path = error_log().path;
  return path.empty() ? Status{} : open_error_log(path, error_log().level);
}

void send_stderr_to_error_log() {
  ErrorLog& state = error_log();
  state.takes_stderr = true;
  if (state.fd != STDERR_FILENO) ::dup2(state.fd, STDERR_FILENO);
}

void set_log_level(LogLevel level) {
  error_log().level = level;
}
LogLevel log_level() {
  return error_log().level;
}
int error_log_fd() {
  return error_log().fd;
}

void log_line(LogLevel level, std::string_view message) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  std::array<char, 32> when{};
  std::strftime(when.data(), when.size(), "%Y/%m/%d %H:%M:%S", &local);
  const std::string line =
      fmt::format("{} [{}] {}#{}: {}\n", when.data(), kLevelNames[static_cast<std::size_t>(level)],
                  ::getpid(), ::syscall(SYS_gettid), escape_controls(message));
  // A full disk must not stop traffic: a line that cannot be written is lost.
  [[maybe_unused]] const auto written = ::write(error_log().fd, line.data(), line.size());
}

}  // namespace apisix::base
