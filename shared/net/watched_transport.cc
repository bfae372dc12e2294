#include "shared/net/watched_transport.h"

#include <algorithm>
#include <array>

#include "shared/base/check.h"

namespace apisix::net {

using event::TurnBatch;

// A handshake reads and writes the descriptor itself; what its callbacks write to others is batched.
void WatchedTransport::start(bool read, bool write) {
  is_plain() ? watch_.join_batches() : watch_.keep_order();
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
  IoResult result = received ? read_result(*received) : read_some(fd(), into);
  if (!result.done()) return result;
  if (received && result.bytes == TurnBatch::kSlotBytes && result.bytes < into.size()) [[unlikely]]
    result.bytes += read_rest(into.subspan(result.bytes));
  watch_.note_read(result.bytes);
  return result;
}

std::size_t WatchedTransport::read_rest(std::span<char> into) {
  const IoResult rest = read_some(fd(), into);
  if (rest.kind == IoResult::Kind::kError) watch_.batch().hold_error(watch_, rest.error_number);
  return rest.bytes;
}

IoResult WatchedTransport::write_collected(std::span<const iovec> pieces, TurnBatch::UnsentCallback on_unsent,
                                           void* context) {
  TurnBatch& batch = watch_.batch();
  if (watch_.is_batched() && batch.queue_send(watch_, pieces, on_unsent, context)) {
    IoResult taken{IoResult::Kind::kDone};
    for (const iovec& piece : pieces) taken.bytes += piece.iov_len;
    return taken;
  }
  if (!batch.send_queued(watch_)) return {};
  return write_some(fd(), pieces);
}

// --- through TLS

const TlsWire::Calls WatchedTransport::kRecords{.receive = &WatchedTransport::receive_records,
                                                .send = &WatchedTransport::send_records};

IoResult WatchedTransport::handshake() {
  const IoResult result = transport_.handshake();
  if (result.done() && !is_plain()) {
    transport_.wire().divert(kRecords, this);
    watch_.join_batches();
  }
  return result;
}

IoResult WatchedTransport::receive_records(void* self, std::span<char> into) {
  auto& transport = *static_cast<WatchedTransport*>(self);
  return transport.watch_.is_batched() ? transport.read_batched(into) : read_some(transport.fd(), into);
}

// What TLS sends by itself (KeyUpdate, alerts) is no write of the owner's, which could keep the rest of it.
IoResult WatchedTransport::send_records(void* self, std::string_view records) {
  auto& transport = *static_cast<WatchedTransport*>(self);
  const TlsWire::Batched& batched = transport.transport_.wire().batched();
  if (batched.sealed_bytes > 0) [[unlikely]]
    return {};  // they come first
  TurnBatch& batch = transport.watch_.batch();
  const iovec one = piece(records);
  if (!batch.collects_sends()) return write_some(transport.fd(), {&one, 1});
  if (batched.may_queue) return transport.write_collected({&one, 1}, &on_records_unsent, self);
  return batch.send_queued(transport.watch_) ? write_some(transport.fd(), {&one, 1}) : IoResult{};
}

IoResult WatchedTransport::write_records(std::span<const iovec> pieces, TurnBatch::UnsentCallback on_unsent) {
  TlsWire::Batched& batched = transport_.wire().batched();
  if (batched.sealed_bytes > 0) [[unlikely]]
    return write_sealed(pieces);
  if (!watch_.has_queued_send()) batched.content_bytes = 0;
  batched.on_unsent = on_unsent;
  batched.may_queue = true;
  const IoResult result = transport_.write(pieces);
  batched.may_queue = false;
  batched.content_bytes += static_cast<std::uint32_t>(result.bytes);
  return result;
}

// The front of the pieces, as far as it is records.
IoResult WatchedTransport::write_sealed(std::span<const iovec> pieces) {
  if (!watch_.batch().send_queued(watch_)) return {};
  std::uint32_t& sealed_bytes = transport_.wire().batched().sealed_bytes;
  std::array<iovec, kPiecesMax> front;
  std::size_t count = 0;
  for (std::size_t left = sealed_bytes; left > 0 && count < pieces.size() && count < front.size(); ++count) {
    front[count] = {pieces[count].iov_base, std::min(pieces[count].iov_len, left)};
    left -= front[count].iov_len;
  }
  const IoResult result = write_some(fd(), {front.data(), count});
  sealed_bytes -= static_cast<std::uint32_t>(result.bytes);
  return result;
}

// An owner that counts what did not leave counts content.
void WatchedTransport::on_records_unsent(void* self, std::string_view rest, int error_number) {
  auto& transport = *static_cast<WatchedTransport*>(self);
  TlsWire::Batched& batched = transport.transport_.wire().batched();
  if (error_number == 0) {
    batched.sealed_bytes = static_cast<std::uint32_t>(rest.size());
  } else {
    rest = rest.substr(0, batched.content_bytes);
  }
  batched.on_unsent(transport.watch_.context(), rest, error_number);
}

std::string_view WatchedTransport::take_unsent() {
  const std::string_view rest = watch_.batch().take_unsent(watch_);
  if (!rest.empty() && !is_plain())
    transport_.wire().batched().sealed_bytes = static_cast<std::uint32_t>(rest.size());
  return rest;
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
