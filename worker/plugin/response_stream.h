// ResponseStream: a response of the gateway's own that a hook writes piece by piece, as slowly as it comes:
//   plugin::ResponseStream& out = request.stream_response(200);
//   while (...) if (!co_await out.write(piece)) break;
//   co_return co_await out.end();
// Header and body filters of all plugins run on it; _meta.error_response does not take its place. A client
// that disconnects destroys the hook where it waits.
#pragma once

#include <cstdint>
#include <string_view>

#include "shared/async/step.h"
#include "shared/async/task.h"

namespace apisix::plugin {

class ResponseStream {
 public:
  virtual ~ResponseStream() = default;

  // Once, before anything is written. Header fields are set with Request::response() before the first piece.
  virtual void begin(std::uint16_t status) = 0;
  // Goes out at once; waits while the client is slow. `piece` must live until it returns. False: a filter has
  // finished the body, no more is wanted.
  virtual async::Task<bool> write(std::string_view piece) = 0;
  // The response is whole: what the hook returns.
  virtual async::Task<async::Outcome> end() = 0;
  // The response cannot be made whole: the client sees that it broke off, or gets a 502 when nothing of it
  // was written. What the hook returns; a hook that returns without end() does the same.
  virtual async::Outcome abort() = 0;
};

}  // namespace apisix::plugin
