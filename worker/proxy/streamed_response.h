// StreamedResponse: the response that a plugin's hook writes piece by piece, between the hook, which waits in
// it, and the ResponseWriter. A member of its Stream.
//
//   Idle --begin()--> Writing --end(), a filter finished it--> Whole
//                        |------abort(), a filter gave up----> Broken
//                        `------the client is gone-----------> Broken
//
// A write that fails must not end the request inside the call, because the hook is on the stack then: the
// hook stays suspended, and the end comes in a later callback.
#pragma once

#include <cstdint>
#include <string_view>

#include "shared/async/awaiters.h"
#include "shared/base/delegate.h"
#include "shared/base/state_machine.h"
#include "worker/plugin/response_stream.h"
#include "worker/proxy/response_writer.h"

namespace apisix::proxy {

class StreamedResponse final : public plugin::ResponseStream {
 public:
  enum class State : std::uint8_t { kIdle, kWriting, kWhole, kBroken };
  static constexpr base::MoveTable<State> kMoves{{State::kIdle, {State::kWriting}},
                                                 {State::kWriting, {State::kWhole, State::kBroken}}};

  // `on_failed`: in a later callback than the write that failed.
  StreamedResponse(event::Loop& loop, ClientExchange& exchange, plugin::RequestState& request,
                   ResponseWriter& writer, base::Delegate<void(ClientExchange::Ending)> on_failed)
      : loop_(loop), exchange_(exchange), request_(request), writer_(writer), on_failed_(on_failed) {}
  StreamedResponse(const StreamedResponse&) = delete;
  StreamedResponse& operator=(const StreamedResponse&) = delete;

  // The hook's response: no other can take its place once it is written.
  bool has_begun() const { return state_ != State::kIdle; }
  bool is_whole() const { return state_ == State::kWhole; }
  // The client took everything that waited for it.
  void on_writable();
  // The writer found that the client's connection broke.
  void on_client_gone() { fail(ClientExchange::Ending::kClientGone); }

  // --- plugin::ResponseStream
  void begin(std::uint16_t status) override;
  async::Task<bool> write(std::string_view piece) override;
  async::Task<async::Outcome> end() override;
  async::Outcome abort() override;

 private:
  struct Drained;

  async::Task<bool> send(std::string_view piece, bool last);
  bool write_out(const ResponseWriter::Filtered& filtered);
  void fail(ClientExchange::Ending ending);

  event::Loop& loop_;
  ClientExchange& exchange_;
  plugin::RequestState& request_;
  ResponseWriter& writer_;
  const base::Delegate<void(ClientExchange::Ending)> on_failed_;
  Drained* waiter_ = nullptr;  // in the frame that waits for the client
  event::ReadyNode failed_;
  ClientExchange::Ending ending_ = ClientExchange::Ending::kBroken;
  base::StateMachine<State, kMoves> state_{State::kIdle};
};

const char* to_string(StreamedResponse::State state);

}  // namespace apisix::proxy
