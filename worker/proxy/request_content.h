// RequestContent: the content of one request as it comes from the client, without framing: how much it may
// be, and the body, or its beginning, that a plugin or a condition of the router wants before the request is
// forwarded. What is not stored here goes from the ClientExchange to the upstream as it comes. A member of
// its Stream.
//
//   Passing --read_body(), read_body_start()--> Storing --whole, full, failed--> Stored
//      `--------replace_body()-----------------> Storing <----replace_body()-------'
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shared/async/task.h"
#include "worker/plugin/chain.h"
#include "worker/plugin/request_state.h"
#include "worker/proxy/body_collector.h"
#include "worker/proxy/client_exchange.h"
#include "worker/proxy/services.h"

namespace apisix::proxy {

class RequestContent final : public plugin::RequestIo {
 public:
  RequestContent(Services& services, ClientExchange& exchange, plugin::RequestState& request,
                 const plugin::ChainRun& chains)
      : services_(services), exchange_(exchange), request_(request), chains_(chains) {}
  RequestContent(const RequestContent&) = delete;
  RequestContent& operator=(const RequestContent&) = delete;

  // --- how much it is
  // More than client_max_body_size, or than what a plugin put in its place.
  bool exceeds_limit(std::uint64_t bytes) const;
  // False: with these it is over the limit.
  bool count_bytes(std::size_t bytes);
  // The same for a local service, whose limit is its own.
  void note_bytes(std::size_t bytes) {
    bytes_ += bytes;
    request_.received.bytes += bytes;
  }
  // So far.
  std::uint64_t bytes() const { return bytes_; }

  // --- on its way to the upstream
  // The body, or its beginning, when it was read before forwarding; goes out behind the head. Null: it was
  // not.
  const BodyCollector* stored() const { return stored_.get(); }
  // Behind the body, when it has ended; null: none. The client's without what plugins declare to be the
  // gateway's (Chain::declares()), and what plugins set.
  const http::HeaderMap* trailers();
  // The body will be another one than the client's: header fields that say a digest of it do not hold.
  void remove_digests();

  // --- storing
  bool is_storing() const { return stored_ != nullptr && !stored_->is_complete(); }
  // Content is at hand while is_storing(). What waits for it goes on in a later callback.
  void on_content();
  // Not 0: it could not be read; the status of the response, whatever the plugin says.
  std::uint16_t failure() const { return failure_; }
  // What waited for it is destroyed.
  void forget_waiter();

  // --- plugin::RequestIo
  async::Task<BodyRead> read_body(std::size_t bytes_max) override;
  async::Task<std::string_view> read_body_start(std::size_t bytes_max) override;
  async::Task<bool> replace_body(std::string body) override;
  async::Task<void> read_body_fields() override;
  event::Loop& loop() override { return services_.loop; }

 private:
  async::Task<void> store_up_to(std::size_t bytes_max);
  async::Task<void> finish_storing();
  void make_collector(std::size_t bytes_max);

  Services& services_;
  ClientExchange& exchange_;
  plugin::RequestState& request_;
  const plugin::ChainRun& chains_;
  std::unique_ptr<BodyCollector> stored_;
  std::uint64_t bytes_ = 0;
  std::uint16_t failure_ = 0;
  bool has_trailers_ = false;  // of the client: request_.upstream.trailers are all
  bool body_changed_ = false;  // by a plugin
};

}  // namespace apisix::proxy
