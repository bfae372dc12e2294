// RequestFilter: a request's body on its way through the filters of plugins (request_body_filter): what was
// stored of it before it is forwarded, then what the client sends, as it comes. It holds what filters made of
// one read, and what came behind a piece that a filter has not finished. Made by Forward for the requests of
// chains that have such a filter; lives as long as the request.
//
//   Flowing --last piece is out--> Ended
//      `--no body, a filter gave up--> Failed
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/state_machine.h"
#include "shared/event/ready_queue.h"
#include "worker/plugin/chain.h"
#include "worker/proxy/client_exchange.h"
#include "worker/proxy/request_content.h"

namespace apisix::proxy {

class RequestFilter {
 public:
  enum class State : std::uint8_t { kFlowing, kEnded, kFailed };
  static constexpr base::MoveTable<State> kMoves{{State::kFlowing, {State::kEnded, State::kFailed}}};

  RequestFilter(plugin::BodyBudget& budget, ClientExchange& exchange, RequestContent& content,
                plugin::ChainRun& chains)
      : exchange_(exchange), content_(content), chains_(chains), body_(&budget) {}
  RequestFilter(const RequestFilter&) = delete;
  RequestFilter& operator=(const RequestFilter&) = delete;

  struct Read {
    bool is_failed = false;
    const char* what = nullptr;  // of a failure, for the log
    std::size_t received = 0;    // of content that came from the client
  };
  // One slice of what there is to do. `out` holds until the next call; neither a byte nor an end: when there
  // is no work left, wait for Stream::on_request_content().
  Read read(Content& out);
  // Something is left to do that does not wait for the client: in a later turn, which turn() is queued for.
  bool has_work() const {
    return state_ == State::kFlowing && (body_.is_unfinished() || !rest_.empty() || !stored_rest().empty());
  }
  event::ReadyNode& turn() { return turn_; }
  // The filters have passed on the end.
  bool has_ended() const { return state_ == State::kEnded; }

 private:
  bool take();
  bool take_from_client();
  void filter(std::string_view piece, bool last, bool flush);
  std::string_view stored_rest() const;

  ClientExchange& exchange_;
  RequestContent& content_;
  plugin::ChainRun& chains_;
  plugin::Body body_;
  event::ReadyNode turn_;
  std::string rest_;  // came behind a piece that is not finished
  std::string out_;
  iovec out_piece_{};
  std::size_t stored_taken_ = 0;
  Read read_;
  bool rest_is_last_ = false;
  base::StateMachine<State, kMoves> state_{State::kFlowing};
};

const char* to_string(RequestFilter::State state);

}  // namespace apisix::proxy
