// IoWatch: one descriptor's readiness, level-triggered and persistent. Registered with read interest once;
// write interest is added only while output is buffered, so that a request costs no epoll_ctl.
#pragma once

#include <cstdint>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "shared/event/loop.h"
#include "shared/event/turn_batch.h"

namespace apisix::event {

class IoWatch {
 public:
  // `readable` and `writable` tell what became true; both may.
  using Callback = void (*)(void* context, bool readable, bool writable);

  IoWatch(Loop& loop, Callback callback, void* context);
  ~IoWatch() { stop(); }
  IoWatch(const IoWatch&) = delete;
  IoWatch& operator=(const IoWatch&) = delete;

  // Watches `fd` for reading (and writing). Must be stopped before the descriptor is closed.
  void start(int fd, bool read = true, bool write = false);
  void stop();
  // From now on it takes part in the loop's turn batches, if there are any: a read asks the batch
  // first. While it is not started, or in its callback.
  void join_batches() {
    is_batched_ = loop_.batch().is_open();
    keeps_order_ = false;
  }
  bool is_batched() const { return is_batched_; }
  // Its callbacks come between those of a batch, in the order of the events, but it reads by itself: a
  // listener that makes room must not see clients as idle whose events came before its own, and what a
  // connection over TLS sends to others leaves with the turn.
  void keep_order() { keeps_order_ = loop_.batch().is_open(); }
  void want_read(bool on);
  void want_write(bool on);
  // Calls back as readable in the next turn, whatever the descriptor says: bytes that were read from it
  // already wait in a layer above (TLS). Without effect while nothing is to be read; stopping to read takes
  // it back. No system call; other descriptors get their turn first.
  void report_readable();
  bool wants_read() const { return (interest_ & EV_READ) != 0; }
  bool wants_write() const { return (interest_ & EV_WRITE) != 0; }
  int fd() const { return event_.ev_fd; }  // -1: stopped
  void* context() const { return context_; }

  // --- while it takes part in turn batches
  // Readable, and not called back yet.
  bool is_queued() const { return queue_entry_ != kNoEntry || read_entry_ != kNoEntry; }
  // Something it wrote leaves with the turn.
  bool has_queued_send() const { return send_entry_ != kNoEntry; }
  // Bytes were received for it that no event will report.
  bool has_held() const { return has_held_; }
  TurnBatch& batch() const { return loop_.batch(); }
  // A read had so many bytes: of a peer that sends much, the next ones are plain.
  void note_read(std::size_t bytes) {
    if (bytes >= TurnBatch::kSlotBytes) {
      plain_reads_ = TurnBatch::kPlainReads;
    } else if (plain_reads_ > 0) {
      --plain_reads_;
    }
  }

 private:
  friend class TurnBatch;
  static constexpr std::uint16_t kNoEntry = 0xffff;
  static void on_event(int fd, short what, void* self);
  // What is held comes first, and what a peer sends that sends much would not fit into a slot.
  bool is_for_batch() const { return is_batched_ && !has_held_ && plain_reads_ == 0; }
  void apply(short interest);

  ::event event_;
  Loop& loop_;
  Callback callback_;
  void* context_;
  std::uint16_t queue_entry_ = kNoEntry;  // in the batch of the turn to come
  std::uint16_t read_entry_ = kNoEntry;   // in the batch that runs
  std::uint16_t send_entry_ = kNoEntry;
  std::uint8_t plain_reads_ = 0;  // to come, before it is batched again
  std::uint8_t interest_ : 3 = 0;
  bool is_batched_ : 1 = false;
  bool keeps_order_ : 1 = false;
  bool has_held_ : 1 = false;  // in the batch
};

}  // namespace apisix::event
