#include "master/commands/ask.h"

#include <fmt/format.h>

#include "master/admin_call.h"
#include "master/running.h"
#include "shared/client/http_once.h"
#include "shared/format/read.h"

namespace apisix::master {
namespace {

constexpr std::size_t kControlBytesMax = std::size_t{64} << 20;

base::Result<client::HttpResponse> call_control(const Invocation& in, const std::string& method,
                                                const std::string& path, const std::string& body) {
  const auto config = current_config(in);
  const auto setup = config ? check_setup(in.prefix, *config) : std::unexpected(config.error());
  if (!setup) return std::unexpected(setup.error());
  const auto& listen = setup->settings.apisix.control;
  if (!listen) return base::invalid("the Control API is turned off: apisix.enable_control in config.yaml");
  client::HttpRequest request;
  request.method = method;
  request.url = origin_of(*listen) + path;
  request.body = body;
  request.timeout_ms = in.timeout_ms;
  request.response_bytes_max = kControlBytesMax;
  request.keep_connection = false;
  auto response = client::send_once(std::move(request));
  if (response) return response;
  return base::fail(response.error().code, response.error().source,
                    "the Control API does not answer, is the gateway running? " + response.error().what);
}

}  // namespace

base::Result<format::Json> ask_gateway(const Invocation& in, const std::string& method,
                                       const std::string& path, const std::string& body) {
  const auto response = call_control(in, method, path, body);
  if (!response) return std::unexpected(response.error());
  auto json = format::parse_json(response->body);
  if (response->status == 200) return json;
  const format::Json& said = json ? format::find_member(*json, "error_msg") : format::Json::nullSingleton();
  const std::string why =
      said.isString() ? format::string_of(said) : fmt::format("it answers {}", response->status);
  const bool is_refused = response->status == 400;
  return base::fail(is_refused ? base::ErrorCode::kConflict : base::ErrorCode::kInternal,
                    is_refused ? base::ErrorSource::kClient : base::ErrorSource::kGateway, why);
}

int cannot_ask(const base::Error& error) {
  static_cast<void>(failed(error));
  if (error.code == base::ErrorCode::kUnavailable) return kExitNotRunning;
  return error.code == base::ErrorCode::kConflict ? kExitUsage : kExitUnknown;
}

int wrong_usage(const base::Error& error) {
  static_cast<void>(failed(error));
  return kExitUsage;
}

}  // namespace apisix::master
