#include "worker/plugin/log_entry.h"

#include <algorithm>
#include <type_traits>

#include <unistd.h>

#include "shared/base/arena_text.h"
#include "shared/base/log.h"
#include "shared/base/text.h"
#include "shared/base/version.h"
#include "shared/format/read.h"
#include "shared/http/uri.h"
#include "worker/plugin/variables.h"

namespace apisix::plugin {
namespace {

using format::find_member;

constexpr std::size_t kBodyBytesDefault = 512 * 1024;

std::optional<Condition> compile_condition(const Json& expression) {
  if (!expression.isArray()) return std::nullopt;
  auto condition = Condition::compile(expression);
  if (!condition) return std::nullopt;  // check_conf() reported it
  return std::move(*condition);
}

std::size_t bytes_of(const Json& conf, const char* name) {
  const Json& value = find_member(conf, name);
  return format::integer_of<std::size_t>(value).value_or(kBodyBytesDefault);
}

Json formats_of(const Json& conf) {
  Json out(::Json::objectValue);
  for (const char* name : {"log_format", "log_format_extra"}) {
    if (const Json& value = find_member(conf, name); value.isObject()) out[name] = value;
  }
  return out;
}

Json text(std::string_view value) {
  return Json(value.data(), value.data() + value.size());
}

// Fields by lower-case name; of several of one name an array, as OpenResty shows them.
Json headers_json(const http::HeaderMap& headers) {
  Json out(::Json::objectValue);
  for (const http::HeaderField& field : headers) {
    Json& known = out[base::to_lower(field.name)];
    if (known.isNull()) {
      known = text(field.value);
    } else {
      if (!known.isArray()) {
        Json list(::Json::arrayValue);
        list.append(known);
        known = list;
      }
      known.append(text(field.value));
    }
  }
  return out;
}

Json args_json(RequestState& request) {
  Json out(::Json::objectValue);
  for (const http::QueryArg& arg : http::decode_args(request.target.args, request.arena)) {
    Json value = arg.has_value ? text(arg.value) : Json(true);
    Json& known = out[std::string(arg.name)];
    if (known.isNull()) {
      known = std::move(value);
    } else {
      if (!known.isArray()) {
        Json list(::Json::arrayValue);
        list.append(known);
        known = list;
      }
      known.append(std::move(value));
    }
  }
  return out;
}

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

// What the tries of nodes took together; nothing when there was none.
std::optional<double> upstream_latency_ms(const RequestState& request) {
  if (request.attempts.first == nullptr) return std::nullopt;
  double total = 0;
  for (const Attempt* attempt = request.attempts.first; attempt != nullptr; attempt = attempt->next) {
    if (attempt->response_us > 0) total += static_cast<double>(attempt->response_us) / 1000;
  }
  return total;
}

}  // namespace

// --- LogFields

LogFields::LogFields(const Json& format, int depth) {
  if (!format.isObject()) return;
  for (const std::string& name : format.getMemberNames()) {
    const Json& value = format[name];
    Field field;
    field.name = name;
    if (value.isString() && format::string_of(value).starts_with('$')) {
      field.variable = route::VariableName::parse(format::string_of(value).substr(1));
      wants_request_body_ |= field.variable->kind == route::VariableKind::kRequestBody;
    } else if (value.isObject()) {
      if (depth >= kDepthMax) {
        base::log_warn("log_format nesting exceeds max depth {}, truncating", kDepthMax);
        field.constant = Json(::Json::objectValue);
      } else {
        field.nested.emplace_back(value, depth + 1);
        wants_request_body_ |= field.nested.back().wants_request_body_;
      }
    } else {
      field.constant = value;
    }
    fields_.push_back(std::move(field));
  }
}

void LogFields::write(Request& request, std::string_view request_body, Json& entry, bool keep) const {
  Variables variables(request);
  for (const Field& field : fields_) {
    if (keep && entry.isMember(field.name)) continue;
    if (!field.nested.empty()) {
      Json nested(::Json::objectValue);
      field.nested.front().write(request, request_body, nested);
      entry[field.name] = std::move(nested);
    } else if (!field.variable) {
      entry[field.name] = field.constant;
    } else if (field.variable->kind == route::VariableKind::kRequestBody) {
      if (!request_body.empty()) entry[field.name] = text(request_body);
    } else if (const auto value = variables.read(*field.variable)) {
      entry[field.name] = text(*value);
    }
  }
}

// --- LogEntry

struct LogEntry::State {
  std::string_view request_body;
  base::ArenaText response_body;
  bool decided = false;  // whether the response's body is kept
  bool keeps_response = false;
};

base::Status LogEntry::check_conf(const Json& conf) {
  for (const char* name : {"include_req_body_expr", "include_resp_body_expr", "match"}) {
    const Json& expression = find_member(conf, name);
    if (!expression.isArray()) continue;
    if (const auto condition = Condition::compile(expression); !condition) {
      return base::invalid("failed to validate the '" + std::string(name) +
                           "' expression: " + condition.error().what);
    }
  }
  return {};
}

LogEntry::LogEntry(const Json& conf, const BuildContext& context)
    : deps_(context.deps),
      plugin_(context.plugin),
      conf_formats_(formats_of(conf)),
      request_body_if_(compile_condition(find_member(conf, "include_req_body_expr"))),
      response_body_if_(compile_condition(find_member(conf, "include_resp_body_expr"))),
      include_request_body_(format::is_true(find_member(conf, "include_req_body"))),
      include_response_body_(format::is_true(find_member(conf, "include_resp_body"))),
      request_body_bytes_max_(bytes_of(conf, "max_req_body_bytes")),
      response_body_bytes_max_(bytes_of(conf, "max_resp_body_bytes")) {
  for (const Json& one : find_member(conf, "match")) {
    if (auto condition = compile_condition(one)) match_.push_back(std::move(*condition));
  }
}

const LogEntry::Formats& LogEntry::formats() {
  const auto metadata = deps_.directory.metadata(plugin_);
  const std::uint64_t version = metadata ? metadata->version : 0;
  if (version != metadata_version_) {
    compile_formats(metadata ? &metadata->value : nullptr);
    metadata_version_ = version;
  }
  return formats_;
}

// The configuration's own format counts, then that of the metadata.
void LogEntry::compile_formats(const Json* metadata) {
  const Json none;
  const Json& shared = metadata != nullptr ? *metadata : none;
  const Json* format = &find_member(conf_formats_, "log_format");
  if (format->isNull()) {
    format = &find_member(shared, "log_format");
    if (format->empty()) format = &none;
  }
  const Json* extra = &find_member(conf_formats_, "log_format_extra");
  if (extra->isNull()) extra = &find_member(shared, "log_format_extra");
  formats_.is_custom = format->isObject();
  formats_.fields = format->isObject() ? LogFields(*format) : LogFields();
  formats_.extra = extra->isObject() ? LogFields(*extra) : LogFields();
}

Step LogEntry::read_request_body(Request& request) {
  const Formats& formats = this->formats();
  if (!include_request_body_ && !formats.fields.wants_request_body() && !formats.extra.wants_request_body()) {
    return pass();
  }
  if (request_body_if_) {
    Variables variables(request);
    if (!request_body_if_->evaluate(variables)) return pass();
  }
  return read_it(request);
}

Step LogEntry::read_it(Request& request) {
  request.state<State>(this).request_body = co_await request.body().read_start(request_body_bytes_max_);
  co_return pass();
}

void LogEntry::collect(Request& request, const Body& body) {
  if (!include_response_body_) return;
  State& state = request.state<State>(this);
  if (!state.decided) {
    state.decided = true;
    Variables variables(request);
    state.keeps_response = !response_body_if_ || response_body_if_->evaluate(variables);
  }
  if (!state.keeps_response || state.response_body.size() >= response_body_bytes_max_) return;
  const std::size_t room = response_body_bytes_max_ - state.response_body.size();
  state.response_body.append(request.arena(), body.data().substr(0, room));
}

bool LogEntry::is_matched(Request& request) const {
  if (match_.empty()) return true;
  Variables variables(request);
  return std::ranges::any_of(match_, [&variables](const Condition& one) { return one.evaluate(variables); });
}

std::optional<Json> LogEntry::make(Request& request) {
  if (!is_matched(request)) return std::nullopt;
  const Formats& formats = this->formats();
  State& state = request.state<State>(this);
  if (!formats.is_custom) {
    Json entry = full_entry(RequestState::of(request));
    if (include_request_body_ && !state.request_body.empty()) {
      entry["request"]["body"] = text(state.request_body);
    }
    if (state.keeps_response) entry["response"]["body"] = text(state.response_body.view());
    formats.extra.write(request, state.request_body, entry, /*keep=*/true);
    return entry;
  }
  if (state.keeps_response) request.set_variable("resp_body", state.response_body.view());
  Json entry(::Json::objectValue);
  formats.fields.write(request, state.request_body, entry);
  const Matched& matched = request.matched();
  if (!matched.route_id.empty()) entry["route_id"] = text(matched.route_id);
  if (!matched.service_id.empty()) entry["service_id"] = text(matched.service_id);
  return entry;
}

Json LogEntry::full_entry(RequestState& request) const {
  Variables variables(request);
  const auto read = [&variables](std::string_view name) {
    return text(variables.read(route::VariableName::parse(name)).value_or(""));
  };
  Json entry(::Json::objectValue);
  Json& in = entry["request"];
  const std::string uri = format::string_of(read("request_uri"));
  in["url"] = std::string(request.scheme()) + "://" + std::string(request.target.host) + ":" +
              std::to_string(request.client.connection->local_port) + uri;
  in["uri"] = uri;
  in["method"] = text(request.head->method_text);
  in["headers"] = headers_json(request.head->headers);
  if (!request.head->authority.empty() && !in["headers"].isMember("host")) {
    in["headers"]["host"] = text(request.head->authority);
  }
  in["querystring"] = args_json(request);
  in["size"] = Json::UInt64(request.received.bytes);
  Json& out = entry["response"];
  out["status"] = request.response.status;
  out["headers"] = headers_json(request.response.headers);
  out["size"] = Json::UInt64(request.response.bytes_sent);
  static const std::string hostname = host_name();
  entry["server"]["hostname"] = hostname;
  entry["server"]["version"] = text(base::kCompatibleVersion);
  if (request.attempts.first != nullptr) entry["upstream"] = read("upstream_addr");
  entry["service_id"] =
      text(request.matched.route_id.empty() ? request.target.host : request.matched.service_id);
  if (!request.matched.route_id.empty()) entry["route_id"] = text(request.matched.route_id);
  if (request.identity.consumer) entry["consumer"]["username"] = request.identity.consumer->username;
  entry["client_ip"] = text(request.remote_addr());
  entry["start_time"] = Json::UInt64(request.received.wall_us / 1000);
  const double latency_ms =
      static_cast<double>(request.clock.monotonic_us() - request.received.monotonic_us) / 1000;
  const auto upstream_ms = upstream_latency_ms(request);
  entry["latency"] = latency_ms;
  if (upstream_ms) entry["upstream_latency"] = *upstream_ms;
  entry["apisix_latency"] = std::max(0.0, latency_ms - upstream_ms.value_or(0));
  return entry;
}

}  // namespace apisix::plugin
