// Serves nothing yet: says Ready and waits to be told to leave.
#include "worker/worker.h"

#include "shared/base/log.h"
#include "shared/event/loop.h"

namespace apisix::worker {

int worker_main(channel::WorkerContext&& context) {
  event::Loop loop;
  channel::ChildEnd channel = std::move(context.channel);
  const auto on_message = [&loop](const channel::Message& message) {
    if (message.kind == channel::MessageKind::kReopenLogs) {
      if (auto done = base::reopen_error_log(); !done) base::log_error("{}", done.error().what);
    } else {
      loop.stop();
    }
  };
  channel.start(loop, on_message, [&loop] { loop.stop(); });
  if (!channel.send(channel::MessageKind::kReady)) return 1;
  loop.run();
  return 0;
}

}  // namespace apisix::worker
