// ResponseWriter: the response of one request on its way to the client, of an upstream or of the gateway's
// own. It completes the head, runs the header filters of plugins once and every piece of the body through
// their body filters, and hands content to the ClientExchange. A member of its Stream, which decides what is
// sent.
//
//   New --filter_head()--> Filtered --write_head(), start_tunnel()--> Started --complete()--> Complete
//
// Until it has started another response can still take its place; the header filters do not see that one.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "shared/base/delegate.h"
#include "shared/base/state_machine.h"
#include "worker/plugin/chain.h"
#include "worker/plugin/request_state.h"
#include "worker/proxy/client_exchange.h"
#include "worker/proxy/services.h"

namespace apisix::proxy {

// The length of a response's whole body; what Content-Length says.
struct BodyLength {
  bool is_known = false;
  std::uint64_t bytes = 0;
};

class ResponseWriter {
 public:
  enum class State : std::uint8_t { kNew, kFiltered, kStarted, kComplete };
  static constexpr base::MoveTable<State> kMoves{{State::kNew, {State::kFiltered}},
                                                 {State::kFiltered, {State::kStarted}},
                                                 {State::kStarted, {State::kComplete}}};

  // `chains`: null for a local service, whose responses no plugin sees. `on_client_gone`: a write found that
  // the client's connection broke.
  ResponseWriter(Services& services, ClientExchange& exchange, plugin::RequestState& request,
                 plugin::ChainRun* chains, base::Delegate<void()> on_client_gone);
  ResponseWriter(const ResponseWriter&) = delete;
  ResponseWriter& operator=(const ResponseWriter&) = delete;

  State state() const { return state_.state(); }
  // Its head is written: no other response can take its place.
  bool is_started() const { return state() >= State::kStarted; }
  // All of it is in the exchange's hands.
  bool is_complete() const { return state_ == State::kComplete; }

  // --- plugins' filters
  // Header filters, once, before write_head().
  void filter_head();
  // Some plugin filters the body: each piece goes through filter_body(). After filter_head().
  bool filters_body() const { return body_filter_ != nullptr; }
  struct Filtered {
    std::string_view bytes;  // to be sent in the place of `data`; valid until the next call
    bool last;
    bool broken;  // the response cannot be made whole
  };
  // `flush`: nothing more is at hand. While some filter is unfinished no new piece may come: an empty one
  // makes it go on, in a later turn.
  Filtered filter_body(std::string_view data, bool last, bool flush);
  // What the upstream sent behind the body: before its last piece goes through the filters.
  void take_trailers(const http::HeaderMap* sent);
  bool is_filter_unfinished() const { return body_filter_ && body_filter_->is_unfinished(); }
  // HEAD, 204, 304, as plugins left the status: whatever the upstream sends, the client gets no body.
  bool has_no_body() const;

  // --- content as it comes; false: on_client_gone was called
  bool write_informational(const http::ResponseHead& head);
  // The head, with what plugins made of it, and the first content in one write.
  bool write_head(BodyLength length, const Content& content);
  bool write_body(const Content& content);
  // Nothing of it follows.
  void complete();

  // --- a response of the gateway's own
  enum class Sent : std::uint8_t {
    kWhole,
    kRefused,     // a body filter gave up; nothing is written
    kClientGone,  // on_client_gone was called
  };
  // Filters and writes all of it, in the place of a response that was only filtered. The status is between
  // 200 and 999.
  Sent send(const plugin::DirectResponse& direct);

  // --- an upgrade; false: on_client_gone was called
  // The head with 101, then `bytes`.
  bool start_tunnel(std::string_view bytes);
  bool write_tunnel(std::string_view bytes);

 private:
  ResponseHeadWrite complete_head(BodyLength length);
  bool has_trailers(const Content& content) const;
  Content with_trailers(Content content);
  bool note_head_written(ClientExchange::HeadWritten written);
  bool note_written(bool is_open);
  void take_back();
  void refuse_body();
  Filtered filter_whole_body(std::string_view data);

  Services& services_;
  ClientExchange& exchange_;
  plugin::RequestState& request_;
  plugin::ChainRun* const chains_;
  const base::Delegate<void()> on_client_gone_;
  std::unique_ptr<plugin::Body> body_filter_;
  base::StateMachine<State, kMoves> state_{State::kNew};
};

const char* to_string(ResponseWriter::State state);

}  // namespace apisix::proxy
