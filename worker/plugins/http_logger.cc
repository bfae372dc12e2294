// http-logger: sends log entries to an HTTP collector, in batches.
#include <memory>
#include <string>
#include <vector>

#include "shared/client/http_client.h"
#include "worker/plugins/log/batch_logger.h"

namespace apisix::plugins {
namespace {

constexpr std::size_t kErrorBodyBytesMax = 4096;
constexpr std::uint64_t kTimeoutSecondsMax = 86'400;  // a day stands for no timeout

// What a batch needs to be sent; shared with batches that outlive the plugin.
struct Collector {
  client::HttpClient& http;
  std::string uri;
  std::string authorization;
  std::uint64_t timeout_ms;
  bool verify_tls;
  bool as_lines;   // concat_method: new_line
  bool as_single;  // batches of one are sent bare

  std::string body_of(const std::vector<std::string>& entries) const {
    if (as_single) return entries.front();
    std::string body = as_lines ? "" : "[";
    for (const std::string& entry : entries) {
      if (&entry != &entries.front()) body += as_lines ? '\n' : ',';
      body += entry;
    }
    return as_lines ? body : body + "]";
  }

  async::Task<base::Status> send(const std::vector<std::string>& entries) const {
    client::HttpRequest request;
    request.method = "POST";
    request.url = uri;
    request.headers.emplace_back("Content-Type", as_lines ? "text/plain" : "application/json");
    if (!authorization.empty()) request.headers.emplace_back("Authorization", authorization);
    request.body = body_of(entries);
    request.connect_timeout_ms = timeout_ms;
    request.timeout_ms = timeout_ms;
    request.verify_tls = verify_tls;
    const auto response = co_await http.send(std::move(request));
    if (!response) co_return std::unexpected(response.error());
    if (response->status < 400) co_return base::Status{};
    co_return base::fail(base::ErrorCode::kUnavailable, base::ErrorSource::kUpstream,
                         "server returned status code[" + std::to_string(response->status) + "] uri[" + uri +
                             "] body[" + response->body.substr(0, kErrorBodyBytesMax) + "]",
                         true);
  }
};

std::shared_ptr<const Collector> make_collector(const plugin::Conf& conf, client::HttpClient& http) {
  return std::make_shared<const Collector>(
      Collector{.http = http,
                .uri = conf.text("uri"),
                .authorization = conf.text("auth_header"),
                .timeout_ms = conf.number<std::uint64_t>("timeout", 1, kTimeoutSecondsMax) * 1000,
                .verify_tls = conf.flag("ssl_verify"),
                .as_lines = conf.text("concat_method") == "new_line",
                .as_single = conf.number<std::uint64_t>("batch_max_size") == 1});
}

class HttpLogger final : public BatchLogger {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "http-logger", .priority = 410};

  HttpLogger(const plugin::Conf& conf, const plugin::BuildContext& context)
      : BatchLogger(
            conf, context,
            [collector = make_collector(conf, *context.deps.http)](const std::vector<std::string>& entries) {
              return collector->send(entries);
            },
            "no-matched") {}
};

}  // namespace

const plugin::PluginKind& http_logger = plugin::define<HttpLogger>();

}  // namespace apisix::plugins
