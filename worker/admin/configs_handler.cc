#include "worker/admin/configs_handler.h"

#include "shared/async/background.h"
#include "shared/format/yaml.h"
#include "worker/admin/configs_check.h"
#include "worker/admin/response.h"

namespace apisix::admin {
namespace {

using format::Json;
using proxy::LocalResponse;

constexpr std::string_view kYamlType = "application/yaml";

std::optional<std::string> header(const proxy::LocalRequest& request, std::string_view name) {
  const auto* field = request.headers->find(name);
  return field != nullptr ? std::optional<std::string>(field->value) : std::nullopt;
}

bool is_yaml(const proxy::LocalRequest& request, std::string_view name) {
  return header(request, name).value_or("").starts_with(kYamlType);
}

base::Result<PushOptions> push_options(const proxy::LocalRequest& request, Author author) {
  PushOptions out{
      .digest = header(request, "x-digest"), .author = std::move(author), .mode = {}, .expected = {}};
  const auto mode = parse_write_mode(request.query);
  if (!mode) return std::unexpected(mode.error());
  out.mode = *mode;
  const auto expected = parse_if_match(request);
  if (!expected) return std::unexpected(expected.error());
  out.expected = *expected;
  if (!out.digest && !out.mode.is_dry_run) return base::invalid("missing digest header");
  return out;
}

}  // namespace

ConfigsHandler::ConfigsHandler(event::Loop& loop, const ResourceHandler& resources, PushedConfig& config,
                               Pusher pusher, const settings::Settings& settings)
    : loop_(loop),
      resources_(resources),
      config_(config),
      pusher_(std::move(pusher)),
      is_pushed_(settings::takes_pushed_configuration(settings)) {}

async::Task<LocalResponse> ConfigsHandler::serve(const proxy::LocalRequest& request, std::string_view path,
                                                 Author author) {
  if (path == "configs/validate" && request.method == "POST") co_return co_await validate(request);
  if (path != "configs") co_return proxy::page_response(404);
  if (request.method == "PUT") co_return co_await put(request, std::move(author));
  if (request.method == "GET") co_return co_await get(request);
  if (request.method == "HEAD") co_return co_await head();
  co_return proxy::page_response(404);
}

async::Task<base::Result<std::vector<PushedList>>> ConfigsHandler::parse(const proxy::LocalRequest& request) {
  if (request.body.empty()) co_return base::invalid("empty request body");
  async::Background<base::Result<std::vector<PushedList>>> parsing(
      loop_, [&body = request.body, as_yaml = is_yaml(request, "content-type")] {
        return parse_pushed_document(body, as_yaml);
      });
  co_return co_await parsing.done();
}

async::Task<LocalResponse> ConfigsHandler::validate(const proxy::LocalRequest& request) {
  const auto lists = co_await parse(request);
  if (!lists) co_return error_response(400, "invalid request body: " + lists.error().what);
  const ConfigsCheck check{.hooks = resources_.hooks(),
                           .rules = is_pushed_ ? nullptr : &resources_.rules(),
                           .takes_modified_index = is_pushed_};
  const auto faults = co_await check_configs(loop_, *lists, check);
  if (faults.empty()) co_return json_response(200, Json(::Json::objectValue));
  co_return json_response(400, faults_json(faults));
}

async::Task<LocalResponse> ConfigsHandler::get(const proxy::LocalRequest& request) {
  auto document = co_await config_.read_document();
  if (!document) co_return push_failure(document.error());
  LocalResponse response{200, "application/json", std::move(document->text), {}};
  if (is_yaml(request, "accept")) {
    const auto value = format::parse_json(response.body);
    if (!value) co_return push_failure(value.error());
    response.content_type = kYamlType;
    response.body = format::to_yaml(*value);
  }
  add_push_headers(document->meta, response);
  add_revision(document->revision, response);
  co_return response;
}

async::Task<LocalResponse> ConfigsHandler::head() {
  const auto meta = co_await config_.read_meta();
  if (!meta) co_return push_failure(meta.error());
  LocalResponse response{200, "application/json", "", {}};
  add_push_headers(*meta, response);
  co_return response;
}

async::Task<LocalResponse> ConfigsHandler::put(const proxy::LocalRequest& request, Author author) {
  auto options = push_options(request, std::move(author));
  if (!options) co_return error_response(400, options.error().what);
  const auto lists = co_await parse(request);
  if (!lists) co_return error_response(400, "invalid request body: " + lists.error().what);
  co_return co_await pusher_.run(*lists, std::move(*options));
}

}  // namespace apisix::admin
