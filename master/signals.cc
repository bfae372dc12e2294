#include "master/signals.h"

#include <csignal>

#include <sys/signalfd.h>
#include <unistd.h>

#include "shared/base/check.h"

namespace apisix::master {
namespace {

constexpr int kMasterSignals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD};

sigset_t master_signals() {
  sigset_t out;
  sigemptyset(&out);
  for (const int number : kMasterSignals) sigaddset(&out, number);
  return out;
}

}  // namespace

Signals::Signals(event::Loop& loop, std::function<void(int)> on_signal)
    : on_signal_(std::move(on_signal)),
      watch_(loop, [](void* self, bool, bool) { static_cast<Signals*>(self)->on_readable(); }, this) {
  ::signal(SIGPIPE, SIG_IGN);
  const sigset_t mask = master_signals();
  ::sigprocmask(SIG_BLOCK, &mask, nullptr);
  fd_.reset(::signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC));
  CHECK(fd_);
  watch_.start(fd_.get());
}

void Signals::on_readable() {
  signalfd_siginfo info{};
  while (::read(fd_.get(), &info, sizeof info) == sizeof info) on_signal_(static_cast<int>(info.ssi_signo));
}

void Signals::reset_in_child() {
  for (const int number : kMasterSignals) {
    ::signal(number, number == SIGTERM || number == SIGCHLD ? SIG_DFL : SIG_IGN);
  }
  const sigset_t mask = master_signals();
  ::sigprocmask(SIG_UNBLOCK, &mask, nullptr);
}

void Signals::reset_for_exec() {
  ::signal(SIGPIPE, SIG_DFL);
  const sigset_t mask = master_signals();
  ::sigprocmask(SIG_UNBLOCK, &mask, nullptr);
}

}  // namespace apisix::master
