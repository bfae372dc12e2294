// HttpClient: HTTP calls beside the traffic (logs to collectors, secrets from a vault), made by libcurl's
// multi interface on the process's own loop. A call is a coroutine; destroying it aborts the call.
// Connections are kept and shared between calls to the same place. Names are resolved by libcurl in a thread
// of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/async/task.h"
#include "shared/base/result.h"
#include "shared/event/loop.h"

namespace apisix::client {

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // http or https
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::uint64_t connect_timeout_ms = 5000;
  std::uint64_t timeout_ms = 10'000;  // of the whole call
  std::size_t response_bytes_max = 1 << 20;
  bool verify_tls = true;
  bool keep_connection = true;
  std::string ca_file;           // empty: the system's
  std::string client_cert_file;  // PEM, with client_key_file
  std::string client_key_file;
};

struct HttpResponse {
  unsigned status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names as sent
  std::string body;

  // Without case; "" when missing.
  std::string_view header(std::string_view name) const;
};

class HttpClient {
 public:
  explicit HttpClient(event::Loop& loop);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Any status is a success; an error is a call without a response: kTimeout, kUnavailable, kTooLarge,
  // kInvalid. Redirects are not followed.
  async::Task<base::Result<HttpResponse>> send(HttpRequest request);

 private:
  class Multi;
  std::unique_ptr<Multi> multi_;
};

}  // namespace apisix::client
