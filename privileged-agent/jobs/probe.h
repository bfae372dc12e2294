// Probe: asks one node whether it is there, over TCP, HTTP, HTTPS or UDP, once per start(). A member of its
// target.
//
//   Idle --start--> Connecting -> Handshaking? -> Awaiting --status--> Draining -> Idle
//     |  (a kept connection) --------------------^            `--no more use--> Idle, closed
//     `--UDP--> Listening -> Idle                     any --error, timeout--> Idle, closed
//
// Every probe connects, as long as there are few. Where thousands of nodes are probed each second that would
// be most of the work, and for HTTPS more than a core: connections are then kept for the next probes, for at
// most kReuseMs, while the node is healthy. The end of a kept one is no failure, it only means to connect
// again.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "privileged-agent/jobs/probe_tls.h"
#include "shared/base/arena.h"
#include "shared/base/ip.h"
#include "shared/base/state_machine.h"
#include "shared/event/io_watch.h"
#include "shared/event/loop.h"
#include "shared/event/ready_queue.h"
#include "shared/event/timer_wheel.h"
#include "shared/http/h1/chunked_decoder.h"
#include "shared/http/h1/head_scanner.h"
#include "shared/http/h1/response_parser.h"
#include "shared/net/transport.h"

namespace apisix::agent {

// What all probes of the process have in common.
struct ProbeDeps {
  event::Loop& loop;
  ProbeTls& tls;             // of HTTPS
  std::size_t kept_max = 0;  // connections kept between probes
  std::size_t kept = 0;
  // Of all probes if each connected: connections per second, a TLS handshake counts as ten.
  double load = 0;
  static constexpr double kLoadMax = 500;
  bool saves_connections() const { return load > kLoadMax && kept < kept_max; }
  std::array<char, 16 * 1024> scratch{};
};

// The certificate that a node gets to see, compared by what it says: another version of the upstream that
// says the same changes no probe.
struct ShownCertificate {
  std::shared_ptr<const resource::UpstreamTls> tls{};  // null: none

  bool operator==(const ShownCertificate& other) const;
};

struct ProbePlan {
  enum class Kind : std::uint8_t { kTcp, kHttp, kHttps, kUdp } kind = Kind::kHttp;
  base::IpAddress ip;
  std::uint16_t port = 0;
  std::string request{};      // of HTTP the whole text, of UDP the datagram
  bool is_head = false;       // the response has no body
  std::string server_name{};  // of TLS
  bool verify = true;
  ShownCertificate shown{};
  std::uint64_t timeout_ms = 1000;
  bool keep = false;              // the connection may be kept, when the node does too
  std::string closing_request{};  // as `request`, and that it is the last one of its connection

  bool operator==(const ProbePlan&) const = default;
};

struct ProbeOutcome {
  enum class Kind : std::uint8_t {
    kConnected,
    kStatus,
    kFailed,
    kTimeout,
    kUnknown,  // this machine was in no state to ask
  } kind = Kind::kUnknown;
  std::uint16_t status = 0;  // 0: what came was no HTTP
  std::string_view why;      // of kFailed, for logs
};

class Probe {
 public:
  enum class State : std::uint8_t { kIdle, kConnecting, kHandshaking, kAwaiting, kDraining, kListening };
  static constexpr base::MoveTable<State> kMoves{
      {State::kIdle, {State::kConnecting, State::kAwaiting, State::kListening}},
      {State::kConnecting, {State::kHandshaking, State::kAwaiting, State::kIdle}},
      {State::kHandshaking, {State::kAwaiting, State::kIdle}},
      {State::kAwaiting, {State::kDraining, State::kIdle}},
      {State::kDraining, {State::kIdle}},
      {State::kListening, {State::kIdle}}};
  static constexpr std::uint64_t kReuseMs = 20'000;
  static constexpr std::size_t kHeadBytesMax = 64 * 1024;
  static constexpr std::uint64_t kBodyBytesMax = 64 * 1024;  // a longer one is not waited for

  // May start() the probe again, but not destroy it.
  using Done = void (*)(void* context, const ProbeOutcome& outcome);
  Probe(ProbeDeps& deps, ProbePlan plan, Done done, void* context);
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // `done` is the callback of each start(), once and never inside it. False when the system gave no socket:
  // no call. `fresh`: on a new connection, whatever is kept.
  bool start(bool fresh = false);
  bool is_asking() const { return is_asking_; }
  const ProbePlan& plan() const { return plan_; }

 private:
  bool connect();
  bool open_datagram();
  bool refuse(int error_number);
  void on_event(bool readable, bool writable);
  void on_timeout();
  void on_connected();
  base::Result<std::unique_ptr<net::TlsSession>> start_tls();
  void continue_handshake();
  void begin_exchange();
  void send();
  void on_readable();
  void on_bytes(std::string_view bytes);
  void on_head(std::string_view received);
  void on_body(std::string_view bytes);
  void keep();
  void on_broken(std::string_view why);
  void report(const ProbeOutcome& outcome);
  void close();

  ProbeDeps& deps_;
  const ProbePlan plan_;
  Done done_;
  void* context_;
  net::Transport transport_;
  event::IoWatch watch_;
  event::Timer timeout_;
  event::ReadyNode failed_at_once_;
  base::StateMachine<State, kMoves> state_{State::kIdle};
  bool is_asking_ = false;  // done() is owed
  bool is_reused_ = false;  // the connection had a response before
  bool is_kept_ = false;    // counted in world_.kept
  bool got_bytes_ = false;  // of this response
  bool may_keep_ = false;   // the connection of this exchange
  std::uint64_t connected_ms_ = 0;
  std::string_view request_;  // of the exchange
  std::size_t sent_ = 0;

  // Of the response.
  std::string partial_;  // a head that came in pieces
  http::HeadScanner scanner_{http::HeadKind::kResponse};
  bool is_chunked_ = false;
  http::ChunkedDecoder chunks_;
  std::uint64_t body_left_ = 0;
};

const char* to_string(Probe::State state);

// "HTTP/1.1 200 OK" -> 200; 0 when it is no status line.
std::uint16_t status_of_line(std::string_view line);

}  // namespace apisix::agent
