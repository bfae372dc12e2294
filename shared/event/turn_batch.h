// TurnBatch: the receives of all sockets that became readable in one turn as one system call, and what their
// callbacks send as another one. Owned by the Loop; without a ring (not opened, not to be had) it does
// nothing and is never asked.
//
//   Plain --at least kCallsMin are readable: received--> Collecting --callbacks done--> Sending --> Plain
//
// A watch that is readable is queued in place of its callback; so is one whose bytes are here already, for a
// layer above the socket. The callbacks run in the order of the events, and take() gives each what was
// received for it. Invariants: what was received is taken by the watch it came for or dropped with it; an
// entry never outlives its watch's interest; bytes of one socket leave in the order of the writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/uio.h>

#include "shared/event/ready_queue.h"
#include "shared/event/ring.h"

namespace apisix::event {

class IoWatch;

class TurnBatch {
 public:
  // Below this a system call for each is cheaper.
  static constexpr std::size_t kCallsMin = 5;
  // What is received at once. 65 cache lines, not 64: the heads of all slots would share one set of the
  // cache.
  static constexpr std::size_t kSlotBytes = std::size_t{65} * 64;
  // A write up to this is copied and sent with the others of the turn.
  static constexpr std::size_t kSendBytesMax = 4096;
  // Of all in one turn; what does not fit is sent at once.
  static constexpr std::size_t kSendBufferBytes = std::size_t{256} * 1024;
  // A peer that sends more than a slot is read plainly, into the large scratch, for so many reads to come.
  static constexpr std::uint8_t kPlainReads = 8;

  // What a send of the batch left over: `rest` is valid during the callback. `error_number`: 0, or the socket
  // is broken. It may write again, and end its connection.
  using UnsentCallback = void (*)(void* context, std::string_view rest, int error_number);

  TurnBatch();
  ~TurnBatch();
  TurnBatch(const TurnBatch&) = delete;
  TurnBatch& operator=(const TurnBatch&) = delete;

  // Before the first watch takes part. 0, or the errno of Ring::open(). `calls_min`: 1 in tests, so that few
  // connections take the same way.
  int open(std::size_t calls_min = kCallsMin);
  bool is_open() const { return ring_ != nullptr; }
  // Once: the kernel refused the ring, and all is plain from then on.
  void on_given_up(std::function<void()> callback) { on_given_up_ = std::move(callback); }

  // --- for the Loop
  bool has_readable() const { return !queue_.empty(); }
  // Calls back all that became readable, runs flushes(), and sends what both wrote.
  void run();

  // Runs when the turn's callbacks have run: before the batch sends, so that what these write leaves with it,
  // and once more behind the timers and the ready queue. For connections that make one write of what a turn
  // gave them to send. Is there without a ring, too.
  ReadyQueue& flushes() { return flushes_; }

  // --- for IoWatch
  // Its callback comes when the turn's batch runs; from a callback of it, in the next turn.
  void queue_readable(IoWatch& watch);
  void unqueue(IoWatch& watch);
  // Reading stops: what was received for it waits until it begins again.
  void suspend(IoWatch& watch);
  // The watch stops: nothing of it is received, delivered or sent any more.
  void forget(IoWatch& watch);
  // As recv(): bytes, 0 (the end) or a negative errno; nothing: it is to be asked of the socket.
  std::optional<std::int32_t> take(IoWatch& watch, std::span<char> into);
  // What the next take() gives, in a later turn. Of a watch of which all was taken.
  void hold_error(IoWatch& watch, int error_number);

  // --- writes
  bool collects_sends() const { return phase_ != Phase::kPlain; }
  // True: they leave with the turn. False: they are to be written plainly, once send_queued() has succeeded.
  // `on_unsent` gets `context`; all writes of a watch in one turn have the same.
  bool queue_send(IoWatch& watch, std::span<const iovec> pieces, UnsentCallback on_unsent, void* context);
  // Sends now what is queued for the socket. False: not all of it was taken, what comes has to wait behind
  // it.
  bool send_queued(IoWatch& watch);
  // The same for a watch that is about to end or to change hands; gives the rest back, valid until the next
  // write to any.
  std::string_view take_unsent(IoWatch& watch);

 private:
  enum class Phase : std::uint8_t { kPlain, kCollecting, kSending };

  struct Read {
    IoWatch* watch;  // null: called back, or dropped
    char* slot = nullptr;
    std::int32_t result = Ring::kNotMade;  // until something is received
  };
  struct Send {
    IoWatch* watch;  // null: done, or dropped
    UnsentCallback on_unsent;
    void* context;
    std::uint32_t begin;  // in the send buffer
    std::uint32_t bytes;
    std::int32_t result;

    int error_number() const { return result >= 0 || result == -EAGAIN || result == -EINTR ? 0 : -result; }
  };
  struct Held {
    std::vector<char> bytes;
    std::int32_t result;  // of recv(): bytes, the end, or an error
  };

  void receive(std::span<Read> reads);
  void call_back(std::size_t index);
  void hold(Read& read, std::size_t taken);
  std::int32_t take_held(IoWatch& watch, std::span<char> into);

  void flush_sends();
  void send_all();
  void send_together();
  void send_one(Send& send);
  void take_result(Send& send);
  void detach(Send& send);
  std::string_view unsent(const Send& send) const { return {&send_buffer_[send.begin], send.bytes}; }

  // The kernel refused the ring: from here on all goes plainly.
  void give_up(const base::Error& error);

  std::unique_ptr<Ring> ring_;
  std::function<void()> on_given_up_;
  std::size_t calls_min_ = kCallsMin;
  std::unique_ptr<char[]> slots_;
  std::unique_ptr<char[]> send_buffer_;
  std::size_t send_bytes_ = 0;
  std::vector<IoWatch*> queue_;  // for the next run; null: dropped
  std::vector<Read> reads_;      // of this run
  std::vector<Send> sends_;
  std::vector<Ring::Call> calls_;
  // Received for a watch that stopped reading before its callback, or an error behind a full slot; rare.
  std::unordered_map<const IoWatch*, Held> held_;
  Phase phase_ = Phase::kPlain;
  ReadyQueue flushes_;
};

}  // namespace apisix::event
