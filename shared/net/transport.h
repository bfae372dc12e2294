// Transport: the bytes of one connection, plain or through TLS; its users do not see which. Owns the socket
// and the TLS session. Plain costs one comparison with null and no virtual call.
//
// TLS decrypts by the record, so it may hold bytes (has_pending) that the descriptor will never report. A
// user that stops reading while there are any has to come back without an event:
// event::IoWatch::report_readable().
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include <sys/uio.h>

#include "shared/net/socket.h"
#include "shared/net/tls_session.h"

namespace apisix::net {

class Transport {
 public:
  Transport() = default;
  explicit Transport(Socket socket) : socket_(std::move(socket)) {}

  int fd() const { return socket_.fd(); }
  bool is_open() const { return socket_.is_open(); }

  // No session was started.
  bool is_plain() const { return session_ == nullptr; }
  // From here on all bytes go through `session`, which was made for fd().
  void start_tls(std::unique_ptr<TlsSession> session) { session_ = std::move(session); }
  // kDone: bytes may flow, for plain ones at once. kAgain: again when the descriptor is readable, or writable
  // if wants_write().
  IoResult handshake() { return is_plain() ? IoResult{IoResult::Kind::kDone} : session_->handshake(); }

  // In front of TLS: what the next read returns.
  IoResult peek(std::span<char> into) const { return peek_some(socket_.fd(), into); }
  IoResult read(std::span<char> into) {
    return is_plain() ? read_some(socket_.fd(), into) : session_->read(into);
  }
  // Takes at most kPiecesMax pieces. What it did not take has to come first in the next write.
  IoResult write(std::span<const iovec> pieces) {
    return is_plain() ? write_some(socket_.fd(), pieces) : session_->write(pieces);
  }
  // A read that filled less than it was offered emptied the socket, unless this is true.
  bool has_pending() const { return !is_plain() && session_->has_pending(); }
  // TLS waits until it can write, whatever it was asked to do.
  bool wants_write() const { return !is_plain() && session_->wants_write(); }

  // Our side ends, the peer's may go on: a close_notify, then a FIN.
  void shutdown_write();
  // Ends both sides. `by_reset`: the peer sees an error at once (for exchanges that are broken off). What
  // tls() says stays valid: it is logged behind the end.
  void close(bool by_reset = false);

  // Of TLS.
  TlsWire& wire() { return session_->wire(); }
  // Null: plain. After the handshake.
  const TlsInfo* tls() const { return is_plain() ? nullptr : &session_->info(); }
  // Of the last kError: what TLS says of it, else the system's text of `error_number`.
  std::string_view error_text(int error_number) const;

 private:
  Socket socket_;
  std::unique_ptr<TlsSession> session_;  // null: plain
};

}  // namespace apisix::net
