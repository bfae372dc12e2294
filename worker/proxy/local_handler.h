// LocalHandler: a request of a local service (Admin API, Control API): collects its body, bounded, lets the
// service make the response, which may take time, and sends it. A member of its Stream.
//
//   Collecting --whole--> Serving --response--> Sent;   any --too large, no budget, malformed--> Sent
#pragma once

#include <optional>

#include "shared/async/task.h"
#include "shared/event/ready_queue.h"
#include "worker/proxy/body_collector.h"
#include "worker/proxy/local_service.h"

namespace apisix::proxy {

class Stream;

class LocalHandler {
 public:
  LocalHandler(Stream& stream, LocalService& service) : stream_(stream), service_(service) {}

  // The head is there.
  void start();
  // Content of the body is at hand.
  void on_request_content();

 private:
  // The status of what is refused before its body; 0: none.
  std::uint16_t read_head();
  void serve();
  async::Task<void> run_service();
  void refuse_large_body();
  void send(LocalResponse response);
  void send_response();

  Stream& stream_;
  LocalService& service_;
  LocalRequest request_;
  std::optional<BodyCollector> body_;
  std::size_t body_bytes_max_ = 0;
  LocalResponse response_;
  async::Task<void> task_;
  event::ReadyNode served_;
};

}  // namespace apisix::proxy
