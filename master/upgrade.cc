#include "master/upgrade.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/signals.h"
#include "master/start_report.h"
#include "shared/base/log.h"
#include "shared/base/text.h"

namespace apisix::master {
namespace {

// Ours, which mean this process and no program that it executes.
constexpr std::array kPrivateVariables = {
    "APISIX_INHERITED=", "WATCHDOG_PID=", "LISTEN_FDS=", "LISTEN_PID=", "LISTEN_FDNAMES="};

std::vector<std::string> environment_with(const std::string& entry) {
  std::vector<std::string> out;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    bool is_private = false;
    for (const char* name : kPrivateVariables) is_private |= text.starts_with(name);
    if (!is_private) out.emplace_back(text);
  }
  out.push_back(entry);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// In the forked child. Only what is named survives the exec.
[[noreturn]] void execute(const Program& program, const Bequest& bequest) {
  std::vector<std::string> arguments = program.arguments;
  std::vector<std::string> environment = environment_with(bequest.environment_entry());
  for (const int fd : bequest.fds()) ::fcntl(fd, F_SETFD, 0);
  Signals::reset_for_exec();
  ::execve(program.path.c_str(), pointers(arguments).data(), pointers(environment).data());
  const int error_number = errno;
  StartReport(base::UniqueFd(bequest.report))
      .failed(fmt::format("cannot execute {}: {}", program.path, std::strerror(error_number)));
  ::_exit(1);
}

std::vector<int> parse_list(std::string_view text) {
  std::vector<int> out;
  for (const std::string_view item : base::split(text, ',')) {
    if (const auto number = base::parse_integer<int>(item)) out.push_back(*number);
  }
  return out;
}

std::string exit_reason(int wait_status) {
  return WIFSIGNALED(wait_status) ? fmt::format("it died on signal {}", WTERMSIG(wait_status))
                                  : fmt::format("it exited with code {}", WEXITSTATUS(wait_status));
}

}  // namespace

Upgrade::Upgrade(event::Loop& loop, Callbacks callbacks)
    : callbacks_(std::move(callbacks)),
      watch_(
          loop,
          [](void* self, bool, bool) {
            auto& upgrade = *static_cast<Upgrade*>(self);
            if (upgrade.read_report()) upgrade.on_report();
          },
          this),
      deadline_(loop.timers(), [](void* self) { static_cast<Upgrade*>(self)->on_deadline(); }, this) {}

base::Status Upgrade::start(const Program& program, Bequest bequest, std::uint64_t timeout_ms) {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return base::system_error("cannot make a pipe", errno);
  pipe_.reset(fds[0]);
  const base::UniqueFd writer(fds[1]);
  bequest.report = writer.get();
  pid_ = ::fork();
  if (pid_ < 0) return base::system_error("cannot fork", errno);
  if (pid_ == 0) execute(program, bequest);
  ::fcntl(pipe_.get(), F_SETFL, O_NONBLOCK);
  watch_.start(pipe_.get());
  timeout_ms_ = timeout_ms;
  deadline_.set_after_ms(timeout_ms);
  return {};
}

bool Upgrade::read_report() {
  std::array<char, 4096> chunk;
  const ssize_t got = ::read(pipe_.get(), chunk.data(), chunk.size());
  if (got < 0) return errno == EINTR;
  report_.append(chunk.data(), static_cast<std::size_t>(got));
  if (got > 0) return true;
  watch_.stop();
  pipe_.reset();
  return true;
}

void Upgrade::on_report() {
  if (pipe_ || state_ != State::kStarting) return;
  const auto report = StartReport::parse(report_);
  // It said nothing: how it exits will tell more than we could.
  if (!report.is_ready) return cancel(report_.empty() ? std::string() : report.text);
  deadline_.cancel();
  state_ = State::kDone;
  callbacks_.on_ready(parse_list(report.text));
}

void Upgrade::cancel(std::string why) {
  if (state_ != State::kStarting) return;
  state_ = State::kEnding;
  why_ = std::move(why);
  ::kill(pid_, SIGTERM);
  deadline_.set_after_ms(kStopGraceMs);
}

void Upgrade::on_deadline() {
  if (state_ == State::kStarting) {
    cancel(fmt::format("it was not ready within {} s", (timeout_ms_ + 999) / 1000));
  } else if (state_ == State::kEnding) {
    base::log(base::LogLevel::kAlert, "new master {} does not stop: killing it", pid_);
    ::kill(pid_, SIGKILL);
  }
}

bool Upgrade::on_exit(pid_t pid, int wait_status) {
  if (pid != pid_) return false;
  if (state_ == State::kDone) {
    base::log(base::LogLevel::kAlert, "new master {} has left: {}", pid, exit_reason(wait_status));
    return true;
  }
  // Its last words may still be in the pipe: the death was noticed first.
  while (pipe_ && read_report()) {
  }
  if (why_.empty()) {
    const auto report = StartReport::parse(report_);
    why_ = report.is_ready || report_.empty() ? exit_reason(wait_status) : report.text;
  }
  watch_.stop();
  pipe_.reset();
  deadline_.cancel();
  state_ = State::kFailed;
  callbacks_.on_failure(why_);
  return true;
}

}  // namespace apisix::master
