// The control channel between the master and one child: a SOCK_SEQPACKET pair, one small message per packet.
// Each side owns its End. Neither side ever waits for the other: send() fails instead of blocking, and
// what arrives comes as a callback on the owner's loop. What a child reports continuously (revision,
// counters) is in its slot of the status zone, not here.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/base/unique_fd.h"

namespace apisix::event {
class Loop;
}

namespace apisix::channel {

enum class MessageKind : unsigned char {
  // child -> master
  kReady = 1,  // the whole configuration is loaded; takes no connections yet
  kFailed,     // cannot become Ready; text says why. The child exits by itself afterwards.
  // master -> child
  kQuit,        // drain: accept nothing new, finish what is in flight, then exit. The text names sockets
                // ("7,8") without a successor: what is in their backlog is accepted before they are closed.
  kStop,        // exit now
  kReopenLogs,  // the log files were rotated
  kServe,       // the generation is complete: accept connections. Sent once to each Ready child.
  kCover,       // the text names sockets ("7,8") of a worker that died: accept their connections as well
  kUncover,     // that worker has a successor
  // worker -> master -> the other workers and the agent
  kReloadPlugins,  // read the list of plugins and their attributes from config.yaml again
};

struct Message {
  MessageKind kind;
  std::string text;
};

class End {
 public:
  static constexpr std::size_t kTextBytesMax = 2000;  // longer texts are cut

  using OnMessage = std::function<void(const Message&)>;
  using OnClosed = std::function<void()>;

  End() = default;
  explicit End(base::UniqueFd fd) : fd_(std::move(fd)) {}
  ~End() { close(); }
  End(End&&) noexcept = default;
  End& operator=(End&& other) noexcept;
  End(const End&) = delete;
  End& operator=(const End&) = delete;

  // kUnavailable when the other side's queue is full, kClosed when it is gone.
  base::Status send(MessageKind kind, std::string_view text = {});
  // Delivers what arrives; `on_closed` runs once, when the other side is gone. A callback may close() or
  // destroy this End. An unknown kind is logged and skipped: a broken child must not hurt the master.
  void start(event::Loop& loop, OnMessage on_message, OnClosed on_closed);
  // What has arrived and was not delivered yet, without waiting: the last words of a dead child.
  std::optional<Message> receive();
  void close();
  int fd() const { return fd_.get(); }

 private:
  struct Listening;

  base::UniqueFd fd_;
  std::shared_ptr<Listening> listening_;  // shared with a callback in progress
};

using MasterEnd = End;
using ChildEnd = End;

struct Pair {
  MasterEnd master;
  ChildEnd child;
};
base::Result<Pair> make_channel();

}  // namespace apisix::channel
