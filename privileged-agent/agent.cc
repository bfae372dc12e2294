#include "privileged-agent/agent.h"

#include "privileged-agent/jobs/metrics_endpoint.h"
#include "privileged-agent/jobs/snapshot.h"
#include "shared/base/log.h"
#include "shared/event/loop.h"

namespace apisix::agent {

int agent_main(channel::AgentContext&& context) {
  event::Loop loop;
  channel::ChildEnd channel = std::move(context.channel);
  MetricsEndpoint metrics(loop, context);
  const auto on_message = [&loop, &metrics](const channel::Message& message) {
    switch (message.kind) {
      case channel::MessageKind::kReopenLogs:
        if (auto done = base::reopen_error_log(); !done) base::log_error("{}", done.error().what);
        break;
      case channel::MessageKind::kQuit:
      case channel::MessageKind::kStop:
        loop.stop();
        break;
      case channel::MessageKind::kServe:
        metrics.serve();
        break;
      case channel::MessageKind::kCover:
      case channel::MessageKind::kUncover:
        break;  // it has no clients
      case channel::MessageKind::kReady:
      case channel::MessageKind::kFailed:
        break;  // never sent by the master
    }
  };
  channel.start(loop, on_message, [&loop] { loop.stop(); });
  const auto snapshot = Snapshot::start(loop, context.settings, context.prefix);
  if (!channel.send(channel::MessageKind::kReady)) return 1;
  loop.run();
  return 0;
}

}  // namespace apisix::agent
