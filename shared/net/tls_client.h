// TLS towards other services (redis and the like), on a non-blocking descriptor that somebody else owns and
// watches. TlsClientContext: whom to trust, made once. TlsClient: one connection; never blocks, never closes.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/net/socket.h"

namespace apisix::net {

class TlsClientContext {
 public:
  struct Options {
    bool verify = true;   // the peer's certificate, and that it is the name's
    std::string ca_file;  // PEM; empty: what the system trusts
  };
  static base::Result<TlsClientContext> make(const Options& options);

 private:
  friend class TlsClient;
  struct Impl;
  explicit TlsClientContext(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  std::shared_ptr<Impl> impl_;
};

class TlsClient {
 public:
  // `server_name`: for SNI and the check of the certificate; a literal address is checked as one.
  static base::Result<TlsClient> start(const TlsClientContext& context, int fd,
                                       const std::string& server_name);
  TlsClient(TlsClient&&) noexcept;
  TlsClient& operator=(TlsClient&&) noexcept;
  ~TlsClient();

  // kDone once it is complete; kAgain: when the descriptor is readable, or writable if wants_write().
  IoResult shake_hands();
  // As net::read_some() and net::write_some(). Read until kAgain: bytes may wait inside.
  IoResult read(std::span<char> into);
  IoResult write(std::string_view bytes);
  // What the last kAgain waits for.
  bool wants_write() const;
  // Of the last kError, for people.
  const std::string& error() const;

 private:
  struct Impl;
  explicit TlsClient(std::unique_ptr<Impl> impl);
  IoResult result_of(int returned);

  std::unique_ptr<Impl> impl_;
};

}  // namespace apisix::net
