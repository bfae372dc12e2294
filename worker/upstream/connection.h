// Connection: one TCP connection to an upstream node. Either leased by the exchange that uses it, or idle
// in its pool. Its descriptor stays registered for reading all its life, so that an idle one that the node
// closes is noticed at once, without a probe.
//
//   Connecting --writable--> Handshaking? --done--> Leased <--put/take--> Idle
//       `---error, drop----------`--error, drop-------`--drop-------------`--readable, timeout, drop-->
//       Closed
//
// Handshaking is there with TLS alone. What TLS sends by itself while it is idle (tickets) is no end.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "shared/base/list.h"
#include "shared/base/result.h"
#include "shared/base/state_machine.h"
#include "shared/event/timer_wheel.h"
#include "shared/net/watched_transport.h"
#include "worker/upstream/endpoint.h"

namespace apisix::upstream {

class Pool;
class HostPool;
struct TlsHost;

// Linked: idle, in the list of its HostPool.
class Connection : private base::Link {
 public:
  enum class State : std::uint8_t { kConnecting, kHandshaking, kLeased, kIdle, kClosed };
  static constexpr base::MoveTable<State> kMoves{
      {State::kConnecting, {State::kHandshaking, State::kLeased, State::kClosed}},
      {State::kHandshaking, {State::kLeased, State::kClosed}},
      {State::kLeased, {State::kIdle, State::kClosed}},
      {State::kIdle, {State::kLeased, State::kClosed}}};

  // Who leases it: callbacks from the loop, which may release or drop the connection.
  class User {
   public:
    // Bytes may flow: the handshake is complete, too. Else an errno, with more about it in failure_text() if
    // the handshake failed.
    virtual void on_upstream_connected(int error_number) = 0;
    virtual void on_upstream_readable() = 0;
    virtual void on_upstream_writable() = 0;
    // Of writes that were taken `rest` was not sent after all: it comes before what waits. With an error
    // number the connection is broken.
    virtual void on_upstream_unsent(std::string_view rest, int error_number) = 0;

   protected:
    ~User() = default;
  };

  Connection(event::Loop& loop, Pool& pool, HostPool& home, net::Socket socket);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  net::IoResult read(std::span<char> into) { return transport_.read(into); }
  net::IoResult write(std::span<const iovec> pieces) {
    return transport_.write(pieces, &Connection::on_unsent);
  }

  // Sends what would leave with the turn. Returns what the socket did not take; valid until the next write.
  std::string_view take_unsent() { return transport_.take_unsent(); }
  // Our side of the connection ends; the node's may go on. Behind take_unsent().
  void shutdown_write() { transport_.shutdown_write(); }

  void want_read(bool on) { transport_.want_read(on); }
  void want_write(bool on) { transport_.want_write(on); }
  // Null: plain.
  const net::TlsInfo* tls() const { return transport_.tls(); }
  // Bytes are at hand that no event will report.
  bool has_pending() const { return transport_.has_pending(); }
  State state() const { return state_.state(); }
  // Why the handshake failed, as one reads it in error.log; "": it did not.
  std::string_view failure_text() const { return failure_text_; }
  const Endpoint& endpoint() const;
  // Times it was leased; 1 = not reused yet.
  std::uint32_t leases() const { return leases_; }
  bool is_reused() const { return leases_ > 1; }
  // The node may send more than it was asked for: its next lease checks for buffered bytes (a system call).
  void check_before_reuse() { checked_before_reuse_ = true; }

 private:
  friend class Pool;
  friend class HostPool;
  friend class base::List<Connection>;
  // TLS begins when the node has accepted the connection.
  base::Status prepare_tls(TlsHost& host);
  void start_watch() { transport_.start(/*read=*/false, /*write=*/true); }
  void close(bool reset);
  // Unread bytes, an end or an error are buffered: it must not carry another exchange.
  bool has_unasked_input() const;
  // Nothing of an exchange is left on its way, in neither direction.
  bool is_quiet();
  void on_connected();
  void continue_handshake();
  void on_ready();
  void fail_handshake(const net::IoResult& result);
  void on_idle_event();
  static void on_event(void* self, bool readable, bool writable);
  static void on_unsent(void* self, std::string_view rest, int error_number);
  static void on_idle_timeout(void* self);

  Pool& pool_;
  HostPool& home_;
  net::WatchedTransport transport_;
  event::Timer idle_timeout_;
  User* user_ = nullptr;
  std::uint32_t leases_ = 1;
  base::StateMachine<State, kMoves> state_{State::kConnecting};
  bool checked_before_reuse_ = false;
  std::string failure_text_;
};

const char* to_string(Connection::State state);

}  // namespace apisix::upstream
