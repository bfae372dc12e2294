#include "shared/net/watched_transport.h"

#include "shared/base/check.h"

namespace apisix::net {

using event::TurnBatch;

// TLS reads and writes the descriptor itself; what its callbacks write to plain connections is batched.
void WatchedTransport::start(bool read, bool write) {
  transport_.is_plain() ? watch_.join_batches() : watch_.keep_order();
  watch_.start(transport_.fd(), read, write);
}

void WatchedTransport::start_alone(bool read) {
  watch_.keep_order();
  watch_.start(transport_.fd(), read, /*write=*/false);
}

// What was received together with others is at most a slot. One that is full says nothing about the rest,
// which is read here, so that a short read still means that the socket is empty. The kernel says an error
// once (the read behind it says the end, as if all had come): it is kept for the next read.
IoResult WatchedTransport::read_batched(std::span<char> into) {
  const auto received = watch_.batch().take(watch_, into);
  IoResult result = received ? read_result(*received) : transport_.read(into);
  if (!result.done()) return result;
  if (received && result.bytes == TurnBatch::kSlotBytes && result.bytes < into.size()) [[unlikely]]
    result.bytes += read_rest(into.subspan(result.bytes));
  watch_.note_read(result.bytes);
  return result;
}

std::size_t WatchedTransport::read_rest(std::span<char> into) {
  const IoResult rest = transport_.read(into);
  if (rest.kind == IoResult::Kind::kError) watch_.batch().hold_error(watch_, rest.error_number);
  return rest.bytes;
}

IoResult WatchedTransport::write_collected(std::span<const iovec> pieces,
                                           TurnBatch::UnsentCallback on_unsent) {
  TurnBatch& batch = watch_.batch();
  if (watch_.is_batched() && batch.queue_send(watch_, pieces, on_unsent)) {
    IoResult taken{IoResult::Kind::kDone};
    for (const iovec& piece : pieces) taken.bytes += piece.iov_len;
    return taken;
  }
  if (!batch.send_queued(watch_)) return {};
  return transport_.write(pieces);
}

std::string_view WatchedTransport::take_unsent() {
  return watch_.batch().take_unsent(watch_);
}

void WatchedTransport::want_read(bool on) {
  watch_.want_read(on);
  report_pending();
}

void WatchedTransport::shutdown_write() {
  CHECK(take_unsent().empty());  // a peer would see an end in the middle
  transport_.shutdown_write();
}

void WatchedTransport::close(bool by_reset) {
  take_unsent();
  watch_.stop();
  transport_.close(by_reset);
}

}  // namespace apisix::net
