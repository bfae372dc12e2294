// TlsSession: one TLS connection on a non-blocking descriptor that a Transport owns and its user watches. An
// interface: the library behind it is named in one place, and tests need none. Never blocks, never closes.
//
//   start --handshake() ... kDone--> read(), write() --shutdown()--> read() --> kClosed
//     `---------------------------------`--- kError: error() says why; only the end is left
#pragma once

#include <span>
#include <string_view>

#include <sys/uio.h>

#include "shared/net/socket.h"
#include "shared/net/tls_info.h"
#include "shared/net/tls_wire.h"

namespace apisix::net {

class TlsSession {
 public:
  virtual ~TlsSession() = default;

  // kDone once it is complete; kAgain: when the descriptor is readable, or writable if wants_write().
  virtual IoResult handshake() = 0;
  // As net::read_some() and net::write_some(). kClosed is the peer's close_notify; an end without one is an
  // error (RFC 8446 6.1). What a write did not take has to come first in the next one.
  virtual IoResult read(std::span<char> into) = 0;
  virtual IoResult write(std::span<const iovec> pieces) = 0;
  // Bytes are here that the descriptor does not report: a read may return some without a system call.
  virtual bool has_pending() const = 0;
  // What the last kAgain waits for.
  virtual bool wants_write() const = 0;
  // Sends close_notify, if the session got that far and the socket takes it. The peer may still send.
  virtual void shutdown() = 0;
  // After the handshake.
  virtual const TlsInfo& info() = 0;
  // Of the last kError, for logs.
  virtual std::string_view error() const = 0;
  // How its records travel.
  virtual TlsWire& wire() = 0;
};

}  // namespace apisix::net
