#include "shared/event/turn_batch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/socket.h>

#include "shared/base/check.h"
#include "shared/base/log.h"
#include "shared/event/io_watch.h"

namespace apisix::event {

TurnBatch::TurnBatch() = default;

TurnBatch::~TurnBatch() = default;

int TurnBatch::open(std::size_t calls_min) {
  auto ring = Ring::open();
  if (!ring) return ring.error();
  ring_ = std::move(*ring);
  calls_min_ = calls_min;
  // Touched as far as they are used: an idle worker has none of it in memory.
  slots_ = std::make_unique_for_overwrite<char[]>(kSlotBytes * Ring::kCallsMax);
  send_buffer_ = std::make_unique_for_overwrite<char[]>(kSendBufferBytes);
  calls_.reserve(Ring::kCallsMax);
  sends_.reserve(Ring::kCallsMax);
  reads_.reserve(Ring::kCallsMax);
  return 0;
}

void TurnBatch::give_up(const base::Error& error) {
  base::log_warn("turn batches end, system calls are made one by one: {}", error.what);
  ring_.reset();
  if (on_given_up_) on_given_up_();
}

void TurnBatch::run() {
  for (IoWatch* const watch : queue_) {
    if (watch == nullptr) continue;
    watch->queue_entry_ = IoWatch::kNoEntry;
    watch->read_entry_ = static_cast<std::uint16_t>(reads_.size());
    reads_.push_back({watch});
  }
  queue_.clear();
  for (std::size_t next = 0; next < reads_.size();) {
    const std::size_t end = std::min(reads_.size(), next + Ring::kCallsMax);
    receive({&reads_[next], end - next});
    for (; next < end; ++next) call_back(next);
    if (next == reads_.size()) flushes_.drain();
    flush_sends();
  }
  reads_.clear();
}

// --- reads

void TurnBatch::queue_readable(IoWatch& watch) {
  if (watch.queue_entry_ != IoWatch::kNoEntry) return;
  CHECK(queue_.size() < IoWatch::kNoEntry);  // an event of each watch at most: thousands in one wait
  watch.queue_entry_ = static_cast<std::uint16_t>(queue_.size());
  queue_.push_back(&watch);
}

void TurnBatch::unqueue(IoWatch& watch) {
  if (watch.queue_entry_ == IoWatch::kNoEntry) return;
  queue_[std::exchange(watch.queue_entry_, IoWatch::kNoEntry)] = nullptr;
}

void TurnBatch::receive(std::span<Read> reads) {
  if (ring_ == nullptr || reads.size() < calls_min_) return;
  // Those that read by themselves (TLS) count, too: what their callbacks send leaves together.
  phase_ = Phase::kCollecting;
  calls_.clear();
  for (Read& read : reads) {
    if (read.watch == nullptr || !read.watch->is_for_batch()) continue;
    read.slot = &slots_[calls_.size() * kSlotBytes];
    calls_.push_back({read.watch->fd(), kSlotBytes, read.slot});
  }
  if (calls_.size() < calls_min_) return;
  const base::Status received = ring_->receive(calls_);
  auto call = calls_.begin();
  for (Read& read : reads) {
    if (read.slot != nullptr) read.result = (call++)->result;
  }
  if (!received) give_up(received.error());
}

void TurnBatch::call_back(std::size_t index) {
  IoWatch* const watch = reads_[index].watch;
  if (watch == nullptr) return;
  if (reads_[index].result == Ring::kNotMade) {
    reads_[index].watch = nullptr;
    watch->read_entry_ = IoWatch::kNoEntry;
  }
  if (watch->has_held_) queue_readable(*watch);  // until it has taken them
  watch->callback_(watch->context_, true, false);
  // Of which nothing was taken: as the socket would, it offers that again. The watch may be gone by now.
  if (reads_[index].watch != nullptr) hold(reads_[index], 0);
}

std::optional<std::int32_t> TurnBatch::take(IoWatch& watch, std::span<char> into) {
  if (watch.has_held_) [[unlikely]]
    return take_held(watch, into);
  if (watch.read_entry_ == IoWatch::kNoEntry) return std::nullopt;
  Read& read = reads_[watch.read_entry_];
  const std::int32_t result = read.result;
  if (result == Ring::kNotMade) return std::nullopt;
  const std::size_t taken = std::min<std::size_t>(into.size(), std::max(result, 0));
  std::memcpy(into.data(), read.slot, taken);
  if (result > 0 && taken < static_cast<std::size_t>(result)) {
    hold(read, taken);
    return static_cast<std::int32_t>(taken);
  }
  read.watch = nullptr;
  watch.read_entry_ = IoWatch::kNoEntry;
  return result;
}

void TurnBatch::suspend(IoWatch& watch) {
  unqueue(watch);
  if (watch.read_entry_ == IoWatch::kNoEntry) return;
  hold(reads_[watch.read_entry_], 0);
}

// What was received beyond its first `taken` bytes outlives the turn.
void TurnBatch::hold(Read& read, std::size_t taken) {
  IoWatch& watch = *std::exchange(read.watch, nullptr);
  watch.read_entry_ = IoWatch::kNoEntry;
  if (read.result == Ring::kNotMade || read.result == -EAGAIN) return;
  Held& held = held_[&watch];
  held.result = read.result - static_cast<std::int32_t>(taken);
  if (read.result > 0) held.bytes.assign(read.slot + taken, read.slot + read.result);
  watch.has_held_ = true;
  watch.report_readable();
}

void TurnBatch::hold_error(IoWatch& watch, int error_number) {
  held_[&watch].result = -error_number;
  watch.has_held_ = true;
  watch.report_readable();
}

std::int32_t TurnBatch::take_held(IoWatch& watch, std::span<char> into) {
  const auto found = held_.find(&watch);
  Held& held = found->second;
  const std::size_t taken = std::min(into.size(), held.bytes.size());
  std::copy_n(held.bytes.begin(), taken, into.begin());
  if (taken == held.bytes.size()) {
    const std::int32_t result = held.result;
    held_.erase(found);
    watch.has_held_ = false;
    unqueue(watch);
    return result;
  }
  held.bytes.erase(held.bytes.begin(), held.bytes.begin() + static_cast<std::ptrdiff_t>(taken));
  held.result -= static_cast<std::int32_t>(taken);
  return static_cast<std::int32_t>(taken);
}

void TurnBatch::forget(IoWatch& watch) {
  unqueue(watch);
  if (watch.read_entry_ != IoWatch::kNoEntry) {
    reads_[watch.read_entry_].watch = nullptr;
    watch.read_entry_ = IoWatch::kNoEntry;
  }
  if (watch.send_entry_ != IoWatch::kNoEntry) detach(sends_[watch.send_entry_]);
  if (watch.has_held_) {
    held_.erase(&watch);
    watch.has_held_ = false;
  }
}

// --- sends

bool TurnBatch::queue_send(IoWatch& watch, std::span<const iovec> pieces, UnsentCallback on_unsent,
                           void* context) {
  if (phase_ != Phase::kCollecting) return false;
  std::size_t bytes = 0;
  for (const iovec& piece : pieces) bytes += piece.iov_len;
  if (bytes == 0 || bytes > kSendBytesMax || send_bytes_ + bytes > kSendBufferBytes) return false;
  if (watch.send_entry_ == IoWatch::kNoEntry) {
    if (sends_.size() == Ring::kCallsMax) return false;
    watch.send_entry_ = static_cast<std::uint16_t>(sends_.size());
    sends_.push_back(
        {&watch, on_unsent, context, static_cast<std::uint32_t>(send_bytes_), 0, Ring::kNotMade});
  } else if (watch.send_entry_ + 1u != sends_.size()) {
    return false;  // one entry is one send: two to one socket in one batch could pass each other
  }
  for (const iovec& piece : pieces) {
    std::memcpy(&send_buffer_[send_bytes_], piece.iov_base, piece.iov_len);
    send_bytes_ += piece.iov_len;
  }
  sends_.back().bytes += static_cast<std::uint32_t>(bytes);
  return true;
}

bool TurnBatch::send_queued(IoWatch& watch) {
  if (watch.send_entry_ == IoWatch::kNoEntry) return true;
  if (phase_ == Phase::kSending) return false;  // sent already, and not all of it was taken
  Send& send = sends_[watch.send_entry_];
  send_one(send);
  take_result(send);
  return send.watch == nullptr;
}

std::string_view TurnBatch::take_unsent(IoWatch& watch) {
  if (send_queued(watch)) return {};
  Send& send = sends_[watch.send_entry_];
  detach(send);
  return unsent(send);
}

void TurnBatch::flush_sends() {
  if (phase_ == Phase::kPlain) return;
  phase_ = Phase::kSending;
  send_all();
  for (Send& send : sends_) take_result(send);
  for (Send& send : sends_) {
    if (send.watch == nullptr) [[likely]]
      continue;
    detach(send);
    send.on_unsent(send.context, unsent(send), send.error_number());
  }
  sends_.clear();
  send_bytes_ = 0;
  phase_ = Phase::kPlain;
}

void TurnBatch::send_all() {
  if (ring_ != nullptr && sends_.size() >= calls_min_) send_together();
  for (Send& send : sends_) {
    if (send.watch != nullptr && send.result == Ring::kNotMade) send_one(send);
  }
}

void TurnBatch::send_together() {
  calls_.clear();
  for (const Send& send : sends_) {
    if (send.watch != nullptr) calls_.push_back({send.watch->fd(), send.bytes, &send_buffer_[send.begin]});
  }
  const base::Status sent = ring_->send(calls_);
  auto call = calls_.begin();
  for (Send& send : sends_) {
    if (send.watch != nullptr) send.result = (call++)->result;
  }
  if (!sent) give_up(sent.error());
}

void TurnBatch::send_one(Send& send) {
  const ssize_t sent =
      ::send(send.watch->fd(), &send_buffer_[send.begin], send.bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
  send.result = sent >= 0 ? static_cast<std::int32_t>(sent) : -errno;
}

// What is left of the entry is what was not sent; without any it is done.
void TurnBatch::take_result(Send& send) {
  if (send.watch == nullptr) return;
  const auto sent = static_cast<std::uint32_t>(std::max(send.result, 0));
  send.begin += sent;
  send.bytes -= sent;
  if (send.bytes == 0) detach(send);
}

void TurnBatch::detach(Send& send) {
  std::exchange(send.watch, nullptr)->send_entry_ = IoWatch::kNoEntry;
}

}  // namespace apisix::event
