#include "worker/lua/child_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace apisix::lua {
namespace {

constexpr int kFirstInherited = 3;  // what is behind stderr stays with the gateway

// Killed, and not yet ended when their objects were destroyed.
std::vector<pid_t>& orphans() {
  static std::vector<pid_t> pids;
  return pids;
}

void collect_orphans() {
  std::erase_if(orphans(), [](pid_t pid) {
    int status = 0;
    return ::waitpid(pid, &status, WNOHANG) != 0;
  });
}

struct Pipe {
  base::UniqueFd reading;
  base::UniqueFd writing;
};

base::Result<Pipe> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return base::system_error("pipe2", errno);
  return Pipe{base::UniqueFd(fds[0]), base::UniqueFd(fds[1])};
}

void stop_blocking(const base::UniqueFd& fd) {
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// What posix_spawn() gets: the pipes as standard descriptors, signals as a new program expects them.
class Plan {
 public:
  Plan(int input, int output, int errors) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, errors, STDERR_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, kFirstInherited);
    ::posix_spawnattr_init(&attributes_);
    sigset_t signals;
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    ::sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~Plan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  // The system's error; 0: it runs.
  int start(pid_t& pid, const ChildOptions& options) const {
    const auto arguments = pointers_to(options.arguments);
    const std::vector<std::string> none;
    const auto variables = pointers_to(options.environ ? *options.environ : none);
    char* const* const environment = options.environ ? variables.data() : environ;
    return ::posix_spawnp(&pid, arguments[0], &actions_, &attributes_, arguments.data(), environment);
  }

 private:
  ::posix_spawn_file_actions_t actions_;
  ::posix_spawnattr_t attributes_;
};

}  // namespace

// --- ChildStream

ChildStream::ChildStream(event::Loop& loop, base::UniqueFd fd)
    : watch_(
          loop, [](void* self, bool, bool) { static_cast<ChildStream*>(self)->ready_.notify(); }, this),
      ready_(loop),
      fd_(std::move(fd)) {}

async::Task<bool> ChildStream::ready(bool to_write, std::uint64_t timeout_ms) {
  struct Waiting {
    Waiting(ChildStream& stream, bool writes) : stream(stream) {
      stream.is_busy = true;
      stream.was_shut = false;
      stream.watch_.start(stream.fd(), !writes, writes);
    }
    ~Waiting() {
      stream.is_busy = false;
      if (stream.is_open()) stream.watch_.stop();
    }
    ChildStream& stream;
  } waiting(*this, to_write);
  co_return co_await ready_.wait(timeout_ms);
}

void ChildStream::shut_down() {
  const bool was_awaited = is_busy && is_open();
  close();
  if (!was_awaited) return;
  was_shut = true;
  ready_.notify();
}

void ChildStream::close() {
  if (!is_open()) return;
  if (is_busy) watch_.stop();
  fd_.reset();
}

// --- ChildProcess

struct ChildProcess::Pipes {
  base::UniqueFd input;
  base::UniqueFd output;
  base::UniqueFd errors;
};

ChildProcess::ChildProcess(event::Loop& loop, pid_t pid, base::UniqueFd pidfd, Pipes pipes, bool merges)
    : input(loop, std::move(pipes.input)),
      output(loop, std::move(pipes.output)),
      errors(loop, std::move(pipes.errors)),
      merges_stderr(merges),
      pid_(pid),
      end_(loop, std::move(pidfd)) {}

base::Result<base::Ref<ChildProcess>> ChildProcess::spawn(event::Loop& loop, const ChildOptions& options) {
  collect_orphans();
  auto input = make_pipe();
  auto output = make_pipe();
  auto errors = make_pipe();
  if (!input) return std::unexpected(input.error());
  if (!output) return std::unexpected(output.error());
  if (!errors) return std::unexpected(errors.error());
  const int errors_fd = options.merges_stderr ? output->writing.get() : errors->writing.get();
  const Plan plan(input->reading.get(), output->writing.get(), errors_fd);
  pid_t pid = 0;
  if (const int error = plan.start(pid, options); error != 0) {
    return base::system_error("failed to spawn " + options.arguments.front(), error);
  }
  base::UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    const int error = errno;
    ::kill(pid, SIGKILL);
    orphans().push_back(pid);
    return base::system_error("pidfd_open", error);
  }
  Pipes pipes{std::move(input->writing), std::move(output->reading), std::move(errors->reading)};
  if (options.merges_stderr) pipes.errors.reset();
  for (const base::UniqueFd* fd : {&pipes.input, &pipes.output, &pipes.errors}) {
    if (*fd) stop_blocking(*fd);
  }
  return base::Ref<ChildProcess>(
      new ChildProcess(loop, pid, std::move(pidfd), std::move(pipes), options.merges_stderr));
}

ChildProcess::~ChildProcess() {
  if (status()) return;
  ::kill(pid_, SIGKILL);
  orphans().push_back(pid_);
  collect_orphans();
}

std::optional<int> ChildProcess::status() {
  int status = 0;
  if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
  return status_;
}

int ChildProcess::kill(int signal) const {
  return ::kill(pid_, signal) == 0 ? 0 : errno;
}

}  // namespace apisix::lua
