// WatchedTransport: a transport and the watch of its descriptor, as connections of the data path have them.
// Plain ones take part in the loop's turn batches: a read may return what was received together with others,
// a small write may leave when the callbacks of the turn have run. Its owner sees neither, but for one thing:
// what the socket did not take of such a write comes back by a callback, as the front of what waits. Through
// TLS that is records, which the next writes send as they are.
//
//   stopped --start()--> watched --close()--> stopped
//      `--start_alone()--> watched --start_tls(), handshake()--> watched, through TLS
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include <sys/uio.h>

#include "shared/event/io_watch.h"
#include "shared/net/transport.h"

namespace apisix::net {

class WatchedTransport {
 public:
  // `callback` and every UnsentCallback get `context`.
  WatchedTransport(event::Loop& loop, Socket socket, event::IoWatch::Callback callback, void* context)
      : transport_(std::move(socket)), watch_(loop, callback, context) {}

  int fd() const { return transport_.fd(); }
  void start(bool read, bool write);
  // Its bytes take no part in turn batches, its callbacks come with them: a header in front of the
  // connection's bytes, or a handshake, begins.
  void start_alone(bool read);
  // Behind such a header, of a connection that stays plain: from here on as with start().
  void join_batches() { watch_.join_batches(); }
  IoResult peek(std::span<char> into) const { return transport_.peek(into); }
  // As those of Transport.
  void start_tls(std::unique_ptr<TlsSession> session) { transport_.start_tls(std::move(session)); }
  bool is_plain() const { return transport_.is_plain(); }
  // Behind it TLS takes part in turn batches, too.
  IoResult handshake();
  // TLS cannot go on, whatever it was asked to do, before the descriptor is writable.
  bool tls_wants_write() const { return transport_.wants_write(); }
  std::string_view error_text(int error_number) const { return transport_.error_text(error_number); }

  IoResult read(std::span<char> into) {
    return is_plain() && watch_.is_batched() ? read_batched(into) : transport_.read(into);
  }
  // As Transport::write(). kDone may mean that it is sent with the turn: then `on_unsent` may follow, the
  // same one for all writes.
  IoResult write(std::span<const iovec> pieces, event::TurnBatch::UnsentCallback on_unsent) {
    if (!is_plain()) return write_records(pieces, on_unsent);
    if (watch_.batch().collects_sends()) return write_collected(pieces, on_unsent, watch_.context());
    return write_some(fd(), pieces);
  }
  // Sends what would leave with the turn. Returns what the socket did not take; valid until the next write.
  std::string_view take_unsent();

  // Bytes are at hand that no event will report; while reading is wanted there is a callback for them.
  bool has_pending() const { return transport_.has_pending() || watch_.has_held(); }
  // There is an event of this turn whose callback comes.
  bool is_readable() const { return watch_.is_queued(); }
  void want_read(bool on);
  void want_write(bool on) { watch_.want_write(on); }
  bool wants_read() const { return watch_.wants_read(); }
  bool wants_write() const { return watch_.wants_write(); }
  // Behind a read: what TLS still has gets an event of its own.
  void report_pending() {
    if (transport_.has_pending()) watch_.report_readable();
  }

  // What would leave with the turn is sent before. All of it: what the socket may not take is the owner's to
  // keep, by take_unsent(), and to write before it calls this.
  void shutdown_write();
  // The same, but what the socket does not take is dropped.
  void close(bool by_reset = false);

  const TlsInfo* tls() const { return transport_.tls(); }

 private:
  IoResult read_batched(std::span<char> into);
  std::size_t read_rest(std::span<char> into);
  IoResult write_collected(std::span<const iovec> pieces, event::TurnBatch::UnsentCallback on_unsent,
                           void* context);
  // --- through TLS
  static const TlsWire::Calls kRecords;
  static IoResult receive_records(void* self, std::span<char> into);
  static IoResult send_records(void* self, std::string_view records);
  static void on_records_unsent(void* self, std::string_view rest, int error_number);
  IoResult write_records(std::span<const iovec> pieces, event::TurnBatch::UnsentCallback on_unsent);
  IoResult write_sealed(std::span<const iovec> pieces);

  Transport transport_;
  event::IoWatch watch_;
};

}  // namespace apisix::net
