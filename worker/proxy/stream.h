// Stream: one request in flight on a client connection, from its head to its log line. It owns the
// request's arena; its Forward holds the upstream side. Born in ClientConnection, ended by end().
//
//   Pipeline --hook waits--> Waiting --resumed--> Pipeline
//      |--local reply--> Replying --flushed--> Done
//      `--forward------> Forwarding --flushed--> Done;  --101--> Tunnel --> Done
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shared/async/task.h"
#include "shared/base/arena.h"
#include "shared/base/counted.h"
#include "worker/plugin/chain.h"
#include "worker/plugin/request.h"
#include "worker/proxy/body_pump.h"
#include "worker/proxy/client_connection.h"
#include "worker/proxy/forward.h"
#include "worker/proxy/local_service.h"
#include "worker/proxy/request_target.h"
#include "worker/proxy/stored_body.h"

namespace apisix::proxy {

class Stream final : private plugin::RequestIo {
 public:
  enum class State : std::uint8_t {
    kPipeline,
    kCollecting,
    kWaiting,
    kForwarding,
    kReplying,
    kTunnel,
    kDone
  };

  Stream(Services& services, ClientConnection& client);
  ~Stream() override;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Memory of streams that ended is used again: a request on a warm worker costs no malloc.
  static void* operator new(std::size_t bytes);
  static void operator delete(void* memory);

  // `head`: complete, in the connection's bytes; copied.
  void start(std::string_view head);
  // Answers what is no request, and closes.
  void refuse(std::uint16_t status, const char* what);
  // The same for bytes that never became a head.
  void refuse_bytes(std::string_view bytes, std::uint16_t status, const char* what);

  // --- inputs from the connection
  void on_request_bytes();
  void on_client_drained();
  // The client closed its side, or the connection broke.
  void on_client_gone();
  // The client was silent for client_body_timeout or send_timeout.
  // The client closed its side. Only a tunnel has a use for the other one.
  void on_client_closed();
  void on_client_timeout();
  // The worker leaves now.
  void part();
  bool waits_for_body() const;
  // Deadlines of the client, in milliseconds of the loop's monotonic clock.
  static constexpr std::uint64_t kNoDeadline = ~std::uint64_t{0};
  // Until when bytes of the body must come, by client_body_timeout and the lowest rate; kNoDeadline when none
  // are awaited. The wait begins with the first call.
  std::uint64_t body_deadline_ms();
  // Until when it must take bytes that wait for it: send_timeout after the last ones that it took.
  std::uint64_t send_deadline_ms() const { return send_deadline_ms_; }
  void extend_send_deadline();

  // --- for the pipeline and Forward
  plugin::Request& request() { return request_; }
  Services& services() { return services_; }
  ClientConnection& client() { return client_; }
  Forward& forward() { return forward_; }
  State state() const { return state_; }
  // The matched route, kept for the life of the request.
  void set_route(base::Ref<const config::CompiledRoute> route) { route_ = std::move(route); }
  const config::CompiledRoute& route() const { return *route_; }
  void set_state(State state);
  // Where the pipeline stands: it goes on with this phase.
  std::size_t phase() const { return phase_; }
  void wait_in_phase(std::size_t phase);
  // What the pipeline waited for (names of nodes, a plugin's hook) is there.
  void resume_pipeline();
  plugin::ChainRun& chains() { return chains_; }
  // For ChainRun: a hook that waited has ended.
  static void on_hook_done(void* self);
  // Not 0: reading the body for a plugin failed; the status to answer, whatever the plugin says.
  std::uint16_t body_failure() const { return body_failure_; }
  // Reads the body because a condition of the router asks about it; request().body has it afterwards. False:
  // it waits for the client, resume_pipeline() follows.
  bool read_body_for_match();
  // The route's plugins need secrets that are being read. False: that took too long, answer 503.
  bool wait_for_secrets();
  // Nobody matched; answered once the global rules have run.
  void set_unmatched() { unmatched_ = true; }
  bool is_unmatched() const { return unmatched_; }
  // Not in the access log.
  void keep_out_of_log() { is_logged_ = false; }
  // The pipeline's last word: the request goes to the upstream.
  void begin_forward();
  // Sends request().reply (or the given one) instead of an upstream's answer.
  void reply(std::uint16_t status);
  void reply(const plugin::LocalReply& reply);
  // An nginx-style error page: failures below the pipeline.
  void reply_error_page(std::uint16_t status);
  // Head of the answer, written once; body pieces may ride behind it.
  std::string_view make_response_head(http::Framing framing, std::uint64_t content_length,
                                      bool has_content_length, http::ConnectionOption connection);
  // Header filters of plugins, once, before make_response_head().
  void filter_response_head();
  // Some plugin filters the body: each piece goes through filter_response_body(). After
  // filter_response_head().
  bool filters_response_body() const { return body_filter_ != nullptr; }
  // HEAD, 204, 304, as plugins left the status: whatever the upstream sends, the client gets no body.
  bool answers_without_body() const;
  struct Filtered {
    std::string_view bytes;  // to be sent in the place of `data`; valid until the next call
    bool last;
    bool broken;  // the answer cannot be made whole
  };
  // `flush`: nothing more is at hand. While some filter is unfinished no new piece may come: an empty one
  // makes it go on, in a later turn.
  Filtered filter_response_body(std::string_view data, bool last, bool flush);
  bool is_filter_unfinished() const;
  bool write(Pieces& pieces);
  // Everything of the answer is in the connection's hands.
  void on_response_complete();
  // The answer broke off: the client must see that it is not whole. While nothing of it is written, the
  // client gets an error page with `status` instead.
  void abort_response(std::uint16_t status = 502);
  bool response_started() const { return response_started_; }

  // Request body: decodes what the client sent, for Forward. See BodyPump::take.
  BodyPump& request_body() { return request_body_; }
  bool request_read() const { return request_body_.done(); }
  // The body, or its beginning, when it was read before forwarding; goes out behind the head.
  bool has_stored_body() const { return stored_body_ != nullptr; }
  void add_stored_body(Pieces& pieces) const;
  void send_continue_if_expected();
  // False, answered with 413, when the body is longer than client_max_body_size.
  bool count_body_bytes(std::size_t bytes);
  void start_tunnel();
  void end_tunnel() { end(ClientFate::kClose); }

 private:
  void end(ClientFate fate);
  ClientFate fate() const;
  void count_traffic();
  void end_body_wait();
  void cancel_hooks();
  void take_response_back();
  // plugin::RequestIo
  async::Task<BodyRead> read_body(std::size_t bytes_max) override;
  async::Task<std::string_view> read_body_start(std::size_t bytes_max) override;
  async::Task<void> store_body_up_to(std::size_t bytes_max);
  async::Task<void> read_body_fields() override;
  event::Loop& loop() override;
  void store_body();
  Filtered filter_whole_body(std::string_view data);
  async::Step read_matched_body();
  async::Step read_secrets();

  void collect_body();
  TargetFault open_local_exchange();
  void refuse_head(http::RequestHead& read, std::uint16_t status, const char* what);
  void hide_query();
  void serve_local();
  async::Task<void> run_local_service();
  void send_local_answer();

  Services& services_;
  ClientConnection& client_;
  base::Arena arena_;
  plugin::Request request_;
  BodyPump request_body_;
  base::Ref<const config::CompiledRoute> route_;
  Forward forward_;
  plugin::ChainRun chains_;
  std::unique_ptr<plugin::Body> body_filter_;
  std::unique_ptr<StoredBody> stored_body_;
  event::ReadyNode hook_done_;
  async::Step match_step_{async::Outcome::kPass};

  // A local service (Admin, Control): the collected body and the answer it is making.
  std::unique_ptr<LocalExchange> local_;

  std::uint64_t body_bytes_ = 0;
  std::uint64_t body_waited_ms_ = 0;        // for the client's bytes, until now
  std::uint64_t body_wait_started_ms_ = 0;  // 0: not waiting
  std::uint64_t send_deadline_ms_ = 0;
  std::uint64_t secrets_deadline_ms_ = 0;  // 0: did not wait for any
  std::size_t phase_ = 0;
  std::uint16_t body_failure_ = 0;
  State state_ = State::kPipeline;
  bool response_started_ = false;  // its head is made
  bool response_written_ = false;  // bytes of it are with the connection
  bool response_complete_ = false;
  bool response_delimited_ = true;
  bool keep_alive_ = false;
  bool is_logged_ = true;
  bool continue_sent_ = false;
  bool unmatched_ = false;
  bool head_filtered_ = false;
};

const char* to_string(Stream::State state);

}  // namespace apisix::proxy
