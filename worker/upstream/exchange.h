// Exchange: one request on one node and the response to it, whatever protocol the node speaks. Its owner has
// picked the node, and has the deadlines; framing and the connection belong to what implements it
// (H1Exchange).
//
//   open() -> on_connected? -> write_head() -> write_body()* with the end
//             on_informational* -> on_response -> on_response_content* with the end     -> ended
//                              `-> on_upgrade -> start_tunnel() -> on_tunnel_bytes*     -> ended by abort()
//   any --on_failed, abort()--> ended: no callback follows
//
// When the end of the response is delivered, the connection is given back or closed already: the client's
// next request finds it in the pool. The owner keeps an exchange that has ended until no callback of it is on
// the stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "shared/base/result.h"
#include "shared/http/h1/head_writer.h"
#include "shared/http/message.h"
#include "shared/http/pieces.h"
#include "worker/upstream/endpoint.h"

namespace apisix::net {
struct TlsInfo;
}

namespace apisix::upstream {

struct KeepaliveLimits;
struct TlsTarget;

class Exchange {
 public:
  // Whether the node may have acted on the request.
  enum class Processed : std::uint8_t { kNo, kMaybe };

  enum class FailureKind : std::uint8_t {
    kNoConnection,  // the gateway has none left: says nothing about the node
    kConnect,
    kConnectTimeout,  // the owner's to say, and so is kReceiveTimeout
    kUnwritable,      // the head cannot be written: a host or target would not be one line
    kSend,
    kReceive,
    kReceiveTimeout,
    kBadResponse
  };

  struct Failure {
    FailureKind kind = FailureKind::kReceive;
    Processed processed = Processed::kMaybe;
    // The node had closed a connection that was used before: another one to the same node may serve.
    bool is_stale = false;
    int error_number = 0;        // of connect(); 0: see `what`
    std::string_view what = {};  // for the log; valid during the callback
  };

  // The owner. It may abort the exchange in any callback.
  class User {
   public:
    // Only when open() gave an exchange that is not connected.
    virtual void on_connected() = 0;
    // A part of a head came: the node is not silent.
    virtual void on_head_progress() = 0;
    // 1xx but 101. The heads are in the arena of the opening.
    virtual void on_informational(http::ResponseHead& head) = 0;
    // Its content follows at once, in a call of its own, also when there is none yet.
    virtual void on_response(http::ResponseHead& head) = 0;
    // `more_at_hand`: another call of this follows without waiting for the node, perhaps without content.
    virtual void on_response_content(const http::Content& content, bool more_at_hand) = 0;
    // 101, and `bytes` behind it: start_tunnel() or abort().
    virtual void on_upgrade(http::ResponseHead& head, std::string_view bytes) = 0;
    virtual void on_tunnel_bytes(std::string_view bytes) = 0;
    // The node's side of the tunnel has ended, and no bytes follow; ours goes on.
    virtual void on_tunnel_closed() = 0;
    // Some of unsent_bytes() was written.
    virtual void on_request_writable() = 0;
    // It has ended before the response did.
    virtual void on_failed(const Failure& failure) = 0;

   protected:
    ~User() = default;
  };

  Exchange() = default;
  virtual ~Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // False: on_connected() says when the request can be written.
  virtual bool is_connected() const = 0;
  // It waits for a connection that others use: the node was not asked yet.
  virtual bool is_in_line() const = 0;
  // The node has accepted the connection, and TLS is being agreed on.
  virtual bool is_handshaking() const { return false; }

  // --- the request; false: it has ended by failure(), and on_failed() is not called
  // Head and first content leave in one write; in the head's framing, `first` has the end if it is all.
  virtual bool write_head(const http::RequestWrite& head, const http::Content& first) = 0;
  virtual bool write_body(const http::Content& content) = 0;
  // What the node has not taken yet. The owner reads no more from the client while there is any; what it has
  // at hand of a repeated request still comes.
  virtual std::size_t unsent_bytes() const = 0;
  const Failure& failure() const { return failure_; }

  // --- the response
  // Content that was read already is still delivered.
  virtual void pause_response() = 0;
  virtual void resume_response() = 0;

  // --- a tunnel, instead of a response
  virtual void start_tunnel() = 0;
  // False: the connection broke.
  virtual bool write_tunnel(std::string_view bytes) = 0;
  // Our side ends.
  virtual void shutdown_write() = 0;

  // --- the end
  // Without effect once it has ended. `reset`: the node sees an error, and stops sending at once.
  virtual void abort(bool reset) = 0;

  Processed processed() const { return processed_; }
  std::uint64_t bytes_sent() const { return bytes_sent_; }
  std::uint64_t bytes_received() const { return bytes_received_; }
  // Null: plain, or not connected any more.
  virtual const net::TlsInfo* tls() const = 0;

  // The exchange before this one, which a callback may still be in, lives as long as this one.
  void keep(std::unique_ptr<Exchange> previous) { previous_ = std::move(previous); }

 protected:
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t bytes_received_ = 0;
  Failure failure_;
  Processed processed_ = Processed::kNo;

 private:
  std::unique_ptr<Exchange> previous_;
};

// What an exchange is opened for.
struct Opening {
  const Endpoint& endpoint;
  base::Arena& arena;                          // of the request: heads are kept here
  const KeepaliveLimits& keepalive;            // outlive the exchange
  const TlsTarget* tls = nullptr;              // null: plain; else `endpoint` has its identity
  http::Method method = http::Method::kOther;  // HEAD and CONNECT change how a response ends (RFC 9112 6.3)
  // k2: a stream on a connection that others share. What the node speaks is known before (h2c).
  http::Protocol protocol = http::Protocol::k11;
  // As APISIX's location for gRPC: the head has "te: trailers" and a content type of gRPC.
  bool is_grpc = false;
};

// Where exchanges come from: the Pool, and in tests what takes its place.
class ExchangeOpener {
 public:
  // An error that is known at once is returned; `retryable`: when a descriptor is free.
  virtual base::Result<std::unique_ptr<Exchange>> open(const Opening& opening, Exchange::User& user) = 0;

 protected:
  ~ExchangeOpener() = default;
};

}  // namespace apisix::upstream
