// Stream: one request in flight, from its head to its log line. It knows no wire: the request is read from,
// and the response written to, its ClientExchange. It owns the request's arena and the parts that do the
// work: PipelineRun (how far it is), RequestContent (its body), Forward (the upstream side), ResponseWriter.
// Its own are the state, and how the request ends.
//
//   Pipeline --hook waits--> Waiting --resumed--> Pipeline
//      |--own response--> Responding --flushed--> Done
//      |--local service--> Collecting --> Waiting --> Responding
//      `--forward------> Forwarding --flushed--> Done;  --101--> Tunnel --> Done
//   any but Done --client gone, worker leaves--> Done
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "shared/base/arena.h"
#include "shared/base/state_machine.h"
#include "shared/http/grpc.h"
#include "worker/plugin/chain.h"
#include "worker/plugin/request_state.h"
#include "worker/proxy/client_deadlines.h"
#include "worker/proxy/client_exchange.h"
#include "worker/proxy/forward.h"
#include "worker/proxy/listener.h"
#include "worker/proxy/pipeline_run.h"
#include "worker/proxy/request_content.h"
#include "worker/proxy/response_writer.h"
#include "worker/proxy/streamed_response.h"

namespace apisix::proxy {

class LocalHandler;

class Stream {
 public:
  enum class State : std::uint8_t {
    kPipeline,
    kCollecting,
    kWaiting,
    kForwarding,
    kResponding,
    kTunnel,
    kDone
  };
  static constexpr base::MoveTable<State> kMoves{
      {State::kPipeline,
       {State::kCollecting, State::kWaiting, State::kForwarding, State::kResponding, State::kDone}},
      {State::kCollecting, {State::kWaiting, State::kResponding, State::kDone}},
      {State::kWaiting, {State::kPipeline, State::kResponding, State::kDone}},
      {State::kForwarding, {State::kResponding, State::kTunnel, State::kDone}},
      {State::kResponding, {State::kDone}},
      {State::kTunnel, {State::kDone}}};

  Stream(Services& services, const Listener& listener, const plugin::ClientInfo& client,
         ClientExchange& exchange);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // --- inputs from the session
  // `head`: parsed, in arena(). `head_bytes`: on the wire.
  void on_request(http::RequestHead& head, std::size_t head_bytes);
  // What is no request, or asks for what is none: answered, and the connection ends. `head`: what was read.
  void on_bad_request(http::RequestHead& head, std::size_t head_bytes, std::uint16_t status,
                      const char* what);
  // Content of the request, its end, or bytes of a tunnel are at hand: as many are read as there is use for.
  void on_request_content();
  // The client took everything that waited for it.
  void on_writable();
  // The client's side is closed: only a tunnel has a use for the other one.
  void on_client_closed();
  // The client is gone.
  void on_client_reset();
  // One of deadlines() has passed.
  void on_client_timeout();
  // The worker leaves now.
  void shut_down();

  base::Arena& arena() { return arena_; }
  ClientDeadlines& deadlines() { return deadlines_; }
  // ClientDeadlines::kNone when no bytes of the body are awaited.
  std::uint64_t body_deadline_ms();

  // --- its parts
  plugin::RequestState& request() { return request_; }
  Services& services() { return services_; }
  ClientExchange& exchange() { return exchange_; }
  RequestContent& content() { return content_; }
  plugin::ChainRun& chains() { return chains_; }
  PipelineRun& pipeline() { return pipeline_; }
  ResponseWriter& response() { return response_; }
  Forward& forward() { return forward_; }

  // --- for them
  State state() const { return state_.state(); }
  void set_state(State state) { state_.move_to(state); }
  // What the pipeline waited for (names of nodes, a plugin's hook) is there.
  void resume_pipeline();
  // False, with a 413 response, when the body is longer than it may be.
  bool count_body_bytes(std::size_t bytes);
  void end_tunnel() { end(ClientExchange::Ending::kClientGone); }

  // --- the response that the client gets
  // Sends it instead of an upstream's response.
  void respond(const plugin::DirectResponse& direct);
  // A hook has ended. False: it did not write a response piece by piece.
  bool finish_streamed() { return streamed_.has_begun() && end_streamed(); }
  // An nginx-style error page: failures below the pipeline. A gRPC client gets `code` instead, by default the
  // one that it would make of the status.
  void respond_error_page(std::uint16_t status, std::optional<http::GrpcCode> code = {});
  // What the client sends makes no sense: an error page, and the connection ends.
  void refuse(std::uint16_t status, const char* what);
  // Everything of the response is in the exchange's hands.
  void on_response_complete();
  // The response broke off: the client must see that it is not whole. While nothing of it is written, the
  // client gets an error page with `status` instead.
  void abort_response(std::uint16_t status = 502);

 private:
  void end(ClientExchange::Ending ending);
  void count_traffic();
  void cancel_hooks();
  void on_client_gone();
  bool end_streamed();
  void on_streamed_failed(ClientExchange::Ending ending);
  bool is_local() const { return listener_.service() != nullptr; }
  bool waits_for_body() const;
  bool is_refused_by_connection();
  void hide_query();

  Services& services_;
  const Listener& listener_;
  ClientExchange& exchange_;
  base::Arena arena_;
  plugin::RequestState request_;
  // These two outlive the hooks that wait for them.
  RequestContent content_;
  StreamedResponse streamed_;
  plugin::ChainRun chains_;
  PipelineRun pipeline_;
  ResponseWriter response_;
  Forward forward_;
  std::unique_ptr<LocalHandler> local_;  // Admin, Control: what makes the response
  ClientDeadlines deadlines_;
  base::StateMachine<State, kMoves> state_{State::kPipeline};
};

const char* to_string(Stream::State state);

}  // namespace apisix::proxy
