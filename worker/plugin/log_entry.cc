#include "worker/plugin/log_entry.h"

#include <algorithm>
#include <type_traits>

#include "shared/base/arena_text.h"
#include "shared/base/log.h"
#include "shared/format/read.h"
#include "worker/plugin/log_entry_text.h"
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

// Behind all formats: an entry's own "route_id" counts.
void add_no_route_id(Json& entry, std::string_view no_route_id) {
  if (!no_route_id.empty() && !entry.isMember("route_id")) entry["route_id"] = text(no_route_id);
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

std::optional<std::string> LogEntry::make(Request& request, std::string_view no_route_id) {
  if (!is_matched(request)) return std::nullopt;
  const Formats& formats = this->formats();
  const State& state = request.state<State>(this);
  return formats.is_custom ? formatted(request, state, no_route_id) : described(request, state, no_route_id);
}

std::string LogEntry::described(Request& request, const State& state, std::string_view no_route_id) {
  EntryTexts texts{.request_body = include_request_body_ ? state.request_body : std::string_view(),
                   .response_body = std::nullopt,
                   .no_route_id = formats_.extra.empty() ? no_route_id : std::string_view()};
  if (state.keeps_response) texts.response_body = state.response_body.view();
  std::string described = full_entry(RequestState::of(request), texts);
  if (formats_.extra.empty()) return described;
  // Names of fields that differ only in bytes that are no UTF-8 are one name in the text: the last one stays.
  auto entry = format::parse_json(described);
  if (!entry) return described;
  formats_.extra.write(request, state.request_body, *entry, /*keep=*/true);
  add_no_route_id(*entry, no_route_id);
  return format::to_json(*entry);
}

std::string LogEntry::formatted(Request& request, const State& state, std::string_view no_route_id) {
  if (state.keeps_response) request.set_variable("resp_body", state.response_body.view());
  Json entry(::Json::objectValue);
  formats_.fields.write(request, state.request_body, entry);
  const Matched& matched = request.matched();
  if (!matched.route_id.empty()) entry["route_id"] = text(matched.route_id);
  if (!matched.service_id.empty()) entry["service_id"] = text(matched.service_id);
  add_no_route_id(entry, no_route_id);
  return format::to_json(entry);
}

}  // namespace apisix::plugin
