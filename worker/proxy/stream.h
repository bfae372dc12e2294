// Stream: one request in flight, from its head to its log line. It knows no wire: the request is read from,
// and the response written to, its ClientExchange. It owns the request's arena; its Forward holds the
// upstream side.
//
//   Pipeline --hook waits--> Waiting --resumed--> Pipeline
//      |--own response--> Responding --flushed--> Done
//      |--local service--> Collecting --> Waiting --> Responding
//      `--forward------> Forwarding --flushed--> Done;  --101--> Tunnel --> Done
//   any but Done --client gone, worker leaves--> Done
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "shared/async/task.h"
#include "shared/base/arena.h"
#include "shared/base/counted.h"
#include "shared/base/state_machine.h"
#include "worker/plugin/chain.h"
#include "worker/plugin/request_state.h"
#include "worker/proxy/body_collector.h"
#include "worker/proxy/client_deadlines.h"
#include "worker/proxy/client_exchange.h"
#include "worker/proxy/forward.h"
#include "worker/proxy/listener.h"

namespace apisix::proxy {

class LocalHandler;
struct TargetFault;

class Stream final : private plugin::RequestIo {
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
  ~Stream() override;
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

  // --- for the pipeline and Forward
  plugin::RequestState& request() { return request_; }
  Services& services() { return services_; }
  ClientExchange& exchange() { return exchange_; }
  Forward& forward() { return forward_; }
  State state() const { return state_.state(); }
  void set_state(State state) { state_.move_to(state); }
  // The matched route, kept for the life of the request.
  void set_route(base::Ref<const config::CompiledRoute> route) { route_ = std::move(route); }
  const config::CompiledRoute& route() const { return *route_; }
  // Where the pipeline stands: it goes on with this phase.
  std::size_t phase() const { return phase_; }
  void wait_in_phase(std::size_t phase);
  // What the pipeline waited for (names of nodes, a plugin's hook) is there.
  void resume_pipeline();
  plugin::ChainRun& chains() { return chains_; }
  // For ChainRun: a hook that waited has ended.
  static void on_hook_done(void* self);
  // Not 0: reading the body for a plugin failed; the status of the response, whatever the plugin says.
  std::uint16_t body_failure() const { return body_failure_; }
  // Reads the body because a condition of the router asks about it; request().body has it afterwards. False:
  // it waits for the client, resume_pipeline() follows.
  bool read_body_for_match();
  // The route's plugins need secrets that are being read. False: timeout, respond with 503.
  bool wait_for_secrets();
  // No route matched: 404 once the global rules have run.
  void set_unmatched() { unmatched_ = true; }
  bool is_unmatched() const { return unmatched_; }
  // Not in the access log.
  void keep_out_of_log() { is_logged_ = false; }
  // The pipeline's last word: the request goes to the upstream.
  void begin_forward();
  void refuse(std::uint16_t status, const char* what);

  // --- responses of the gateway's own
  // Sends it instead of an upstream's response.
  void respond(const plugin::DirectResponse& direct);
  // An nginx-style error page: failures below the pipeline.
  void respond_error_page(std::uint16_t status);

  // --- the response
  // Header filters of plugins, once, before write_head().
  void filter_response_head();
  // Some plugin filters the body: each piece goes through filter_response_body(). After
  // filter_response_head().
  bool filters_response_body() const { return body_filter_ != nullptr; }
  // HEAD, 204, 304, as plugins left the status: whatever the upstream sends, the client gets no body.
  bool response_has_no_body() const;
  struct Filtered {
    std::string_view bytes;  // to be sent in the place of `data`; valid until the next call
    bool last;
    bool broken;  // the response cannot be made whole
  };
  // `flush`: nothing more is at hand. While some filter is unfinished no new piece may come: an empty one
  // makes it go on, in a later turn.
  Filtered filter_response_body(std::string_view data, bool last, bool flush);
  bool is_filter_unfinished() const;
  // The head, with what plugins made of it, and the first content in one write. False: the client is gone.
  bool write_head(BodyLength length, const Content& content);
  bool write_body(const Content& content);
  bool write_informational(const http::ResponseHead& head);
  // Everything of the response is in the exchange's hands.
  void on_response_complete();
  // The response broke off: the client must see that it is not whole. While nothing of it is written, the
  // client gets an error page with `status` instead.
  void abort_response(std::uint16_t status = 502);
  bool response_started() const { return response_started_; }

  // --- the request's body
  // False, with a 413 response, when the body is longer than client_max_body_size.
  bool count_body_bytes(std::size_t bytes);
  void note_body_bytes(std::size_t bytes) {
    body_bytes_ += bytes;
    request_.received.bytes += bytes;
  }
  // Behind the body; null: none. Without what plugins declare to be the gateway's (Chain::declares()).
  const http::HeaderMap* request_trailers();
  // The body, or its beginning, when it was read before forwarding; goes out behind the head.
  const BodyCollector* stored_body() const { return stored_body_.get(); }

  // --- an upgrade
  // The head with 101, then `bytes`.
  bool start_tunnel(std::string_view bytes);
  bool write_tunnel(std::string_view bytes);
  void end_tunnel() { end(ClientExchange::Ending::kClientGone); }

 private:
  void end(ClientExchange::Ending ending);
  void count_traffic();
  void cancel_hooks();
  void take_response_back();
  bool is_local() const { return listener_.service() != nullptr; }
  bool waits_for_body() const;
  ResponseHeadWrite complete_head(BodyLength length);
  bool note_head_written(ClientExchange::HeadWritten written);
  Filtered filter_whole_body(std::string_view data);
  // plugin::RequestIo
  async::Task<BodyRead> read_body(std::size_t bytes_max) override;
  async::Task<std::string_view> read_body_start(std::size_t bytes_max) override;
  async::Task<void> store_body_up_to(std::size_t bytes_max);
  async::Task<void> read_body_fields() override;
  event::Loop& loop() override;
  void store_body();
  void hide_query();
  async::Step read_matched_body();
  async::Step read_secrets();

  Services& services_;
  const Listener& listener_;
  ClientExchange& exchange_;
  base::Arena arena_;
  plugin::RequestState request_;
  base::Ref<const config::CompiledRoute> route_;
  Forward forward_;
  plugin::ChainRun chains_;
  std::unique_ptr<plugin::Body> body_filter_;
  std::unique_ptr<BodyCollector> stored_body_;
  std::unique_ptr<LocalHandler> local_;  // Admin, Control: what makes the response
  event::ReadyNode hook_done_;
  async::Step match_step_{async::Outcome::kPass};
  ClientDeadlines deadlines_;

  std::uint64_t body_bytes_ = 0;
  std::uint64_t secrets_deadline_ms_ = 0;  // 0: did not wait for any
  std::size_t phase_ = 0;
  std::uint16_t body_failure_ = 0;
  base::StateMachine<State, kMoves> state_{State::kPipeline};
  bool response_started_ = false;  // its head is written
  bool response_complete_ = false;
  bool is_logged_ = true;
  bool unmatched_ = false;
  bool head_filtered_ = false;
};

const char* to_string(Stream::State state);

}  // namespace apisix::proxy
