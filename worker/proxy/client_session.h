// ClientSession: the protocol on a client's connection: it makes requests of the bytes that arrive and has a
// Stream for each. ClientConnection below it knows the socket, what the client has not taken yet, and the
// drain.
#pragma once

#include <cstddef>
#include <string_view>

namespace apisix::proxy {

class ClientSession {
 public:
  // How many bytes it takes now; 0: it has more than it can use, reading waits.
  virtual std::size_t input_room() const = 0;
  // Valid for this call: what is not consumed has to be copied.
  virtual void on_bytes(std::string_view bytes) = 0;
  // FIN: the client sends no more.
  virtual void on_peer_closed() = 0;
  // The connection broke.
  virtual void on_reset() = 0;
  // The client took some of what waits for it, or has to begin now.
  virtual void on_output_progress() = 0;
  virtual void on_output_drained() = 0;
  virtual void on_timeout() = 0;
  // The connection is closed: nothing of it may be used any more.
  virtual void on_closed() = 0;
  // The worker leaves: what is in flight is answered, nothing new is taken.
  virtual void drain() = 0;
  // Shutdown: requests that can get a response soon do, and the rest ends.
  virtual void shut_down() = 0;

 protected:
  ~ClientSession() = default;
};

}  // namespace apisix::proxy
