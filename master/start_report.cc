#include "master/start_report.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/log.h"

namespace apisix::master {
namespace {

constexpr char kReady = 'R';
constexpr char kFailed = 'F';

std::string read_report(int fd) {
  std::string out;
  std::array<char, 4096> chunk;
  for (;;) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return out;
    out.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

int wait_for_report(int fd) {
  const StartReport::Received report = StartReport::parse(read_report(fd));
  if (report.is_ready) return 0;
  std::fprintf(stderr, "apisix: not started: %s\n", report.text.c_str());
  return 1;
}

}  // namespace

StartReport::Received StartReport::parse(std::string_view bytes) {
  if (bytes.starts_with(kReady)) return {true, std::string(bytes.substr(1))};
  if (bytes.starts_with(kFailed)) return {false, std::string(bytes.substr(1))};
  return {false, "the master process died; see the error log"};
}

void StartReport::ready(std::string_view text) {
  if (!std::exchange(reported_, true)) send(kReady, text);
}

void StartReport::failed(std::string_view why) {
  if (std::exchange(reported_, true)) return;
  if (!pipe_) std::fprintf(stderr, "apisix: not started: %.*s\n", static_cast<int>(why.size()), why.data());
  send(kFailed, why);
}

// The reader is our own parent, and texts are far shorter than a pipe holds.
void StartReport::send(char verdict, std::string_view text) {
  if (!pipe_) return;
  const std::string all = verdict + std::string(text);
  [[maybe_unused]] const auto written = ::write(pipe_.get(), all.data(), all.size());
  pipe_.reset();
}

Daemon become_daemon() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
    std::fprintf(stderr, "apisix: not started: pipe: %s\n", std::strerror(errno));
    return {.is_parent = true, .exit_code = 1};
  }
  base::UniqueFd reader(fds[0]);
  base::UniqueFd writer(fds[1]);
  const pid_t pid = ::fork();
  if (pid < 0) {
    std::fprintf(stderr, "apisix: not started: fork: %s\n", std::strerror(errno));
    return {.is_parent = true, .exit_code = 1};
  }
  if (pid > 0) {
    writer.reset();
    return {.is_parent = true, .exit_code = wait_for_report(reader.get())};
  }
  ::setsid();
  return {.report = StartReport(std::move(writer))};
}

void leave_terminal() {
  const base::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null) {
    ::dup2(null.get(), STDIN_FILENO);
    ::dup2(null.get(), STDOUT_FILENO);
  }
  base::send_stderr_to_error_log();
}

}  // namespace apisix::master
