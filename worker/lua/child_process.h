// ChildProcess: a process that a script has spawned (ngx.pipe), with the ends of its three pipes. Its end is
// known by its pidfd. Destroyed while it runs, it is killed; who it was is collected then or at the next
// spawn.
//
//   spawn() -> running -> ended (its pidfd is readable) -> collected by wait()
//
// Each stream has one who waits at most; shut_down() ends that wait.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "shared/async/signal.h"
#include "shared/async/task.h"
#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "shared/base/unique_fd.h"
#include "shared/event/io_watch.h"
#include "worker/lua/receive_buffer.h"

namespace apisix::lua {

// One descriptor that does not block, and who waits for it.
class ChildStream {
 public:
  ChildStream(event::Loop& loop, base::UniqueFd fd);
  ~ChildStream() { close(); }
  ChildStream(const ChildStream&) = delete;
  ChildStream& operator=(const ChildStream&) = delete;

  // False: `timeout_ms` passed. True: look again; it may have been shut down.
  async::Task<bool> ready(bool to_write, std::uint64_t timeout_ms);
  void shut_down();
  void close();
  int fd() const { return fd_.get(); }
  bool is_open() const { return static_cast<bool>(fd_); }

  ReceiveBuffer buffer;
  bool is_busy = false;   // a coroutine waits
  bool was_shut = false;  // while one waited

 private:
  event::IoWatch watch_;
  async::Signal ready_;
  base::UniqueFd fd_;
};

struct ChildOptions {
  std::vector<std::string> arguments;               // the first one is looked for in PATH
  std::optional<std::vector<std::string>> environ;  // "NAME=value"; nothing: the gateway's own
  bool merges_stderr = false;
};

class ChildProcess : public base::Counted<ChildProcess> {
 public:
  static base::Result<base::Ref<ChildProcess>> spawn(event::Loop& loop, const ChildOptions& options);
  ~ChildProcess();
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // As waitpid(2) gives it, once it has ended. The first one collects it.
  std::optional<int> status();
  // EINVAL, ESRCH, ...; 0: sent.
  int kill(int signal) const;
  ChildStream& end() { return end_; }  // readable when it has ended

  ChildStream input;   // its stdin
  ChildStream output;  // its stdout
  ChildStream errors;  // closed where they are merged
  const bool merges_stderr;
  bool is_waited = false;  // wait() has given its end
  std::uint64_t write_ms = kTimeoutMs;
  std::uint64_t output_ms = kTimeoutMs;
  std::uint64_t errors_ms = kTimeoutMs;
  std::uint64_t wait_ms = kTimeoutMs;

 private:
  static constexpr std::uint64_t kTimeoutMs = 10'000;
  struct Pipes;
  ChildProcess(event::Loop& loop, pid_t pid, base::UniqueFd pidfd, Pipes pipes, bool merges);

  const pid_t pid_;
  ChildStream end_;
  std::optional<int> status_;
};

}  // namespace apisix::lua
