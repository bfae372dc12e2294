// http-logger: sends log entries to an HTTP collector, in batches.
#include <memory>
#include <string>

#include "shared/client/http_client.h"
#include "shared/format/read.h"
#include "worker/plugin/batch.h"
#include "worker/plugin/log_entry.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

constexpr std::size_t kErrorBodyBytesMax = 4096;
constexpr std::size_t kPendingEntriesMax = 8192;  // when the metadata names none

constexpr std::uint64_t kTimeoutSecondsMax = 86'400;  // a day is as good as for ever

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

class HttpLogger final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "http-logger", .priority = 410};

  static base::Status check(Json& conf, plugin::ConfScope scope) {
    return scope == plugin::ConfScope::kMetadata ? base::Status{} : plugin::LogEntry::check_conf(conf);
  }

  HttpLogger(const Json& conf, const plugin::BuildContext& context)
      : world_(context.world),
        entry_(conf, context),
        key_(context.conf_key()),
        options_(plugin::BatchOptions::from(conf)),
        send_([collector = make_collector(conf, *context.world.http)](
                  const std::vector<std::string>& entries) { return collector->send(entries); }) {}

  plugin::Step access(plugin::Request& request) override { return entry_.read_request_body(request); }
  void body_filter(plugin::Request& request, plugin::Body& body) override { entry_.collect(request, body); }

  void log(plugin::Request& request) override {
    auto entry = entry_.make(request);
    if (!entry) return;
    if (!entry->isMember("route_id")) (*entry)["route_id"] = "no-matched";
    world_.batches->set_limit(pending_entries_max());
    world_.batches->batch(key_, options_, send_).add(format::to_json(*entry));
  }

 private:
  std::size_t pending_entries_max() const {
    const auto metadata = world_.directory.metadata(kInfo.name);
    if (!metadata) return kPendingEntriesMax;
    const Json& most = find_member(metadata->value, "max_pending_entries");
    return format::integer_of<std::uint64_t>(most).value_or(kPendingEntriesMax);
  }

  static std::shared_ptr<const Collector> make_collector(const Json& conf, client::HttpClient& http) {
    return std::make_shared<const Collector>(Collector{
        .http = http,
        .uri = format::string_of(find_member(conf, "uri")),
        .authorization = format::string_of(find_member(conf, "auth_header")),
        .timeout_ms =
            format::clamped<std::uint64_t>(find_member(conf, "timeout"), 1, kTimeoutSecondsMax) * 1000,
        .verify_tls = format::is_true(find_member(conf, "ssl_verify")),
        .as_lines = format::string_of(find_member(conf, "concat_method")) == "new_line",
        .as_single = format::clamped<std::uint64_t>(find_member(conf, "batch_max_size")) == 1});
  }

  plugin::World& world_;
  plugin::LogEntry entry_;
  const std::string key_;
  const plugin::BatchOptions options_;
  const plugin::Batch::Send send_;
};

}  // namespace

const plugin::PluginKind& http_logger = plugin::define<HttpLogger>();

}  // namespace apisix::plugins
