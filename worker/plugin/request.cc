#include "worker/plugin/request.h"

#include <algorithm>
#include <string>

#include "shared/base/arena_text.h"
#include "shared/base/text.h"
#include "shared/http/cookie.h"
#include "shared/http/h1/chunked_decoder.h"
#include "shared/http/h1/head_writer.h"
#include "shared/http/identity_fields.h"
#include "shared/http/joined_fields.h"
#include "shared/http/uri.h"
#include "worker/plugin/consumer.h"
#include "worker/plugin/field_name.h"
#include "worker/plugin/response_stream.h"

namespace apisix::plugin {
namespace {

using http::KnownHeader;
using std::string_view_literals::operator""sv;

// Fields that the codec owns: where a body ends is not a plugin's to say.
bool is_framing(KnownHeader id) {
  return id != KnownHeader::kHost && id != KnownHeader::kUnknown && http::is_hop_by_hop({.id = id});
}

bool is_framing(std::string_view name) {
  return is_framing(http::identify_header(name));
}

bool is_host(std::string_view name) {
  return http::identify_header(name) == KnownHeader::kHost;
}

// One line, whatever a client managed to put into it. As OpenResty, it is escaped and not dropped: dropping
// the value of a field that is to be set would leave the client's own.
std::string_view safe_value(std::string_view value, base::Arena& arena) {
  return http::is_valid_header_value(value) ? arena.copy(value) : http::escape_control(value, arena);
}

// Of these a response has one, so that adding is setting, as in nginx.
bool stands_once(KnownHeader id) {
  switch (id) {
    case KnownHeader::kContentType:
    case KnownHeader::kContentEncoding:
    case KnownHeader::kContentRange:
    case KnownHeader::kLocation:
    case KnownHeader::kRefresh:
    case KnownHeader::kLastModified:
    case KnownHeader::kEtag:
    case KnownHeader::kExpires:
    case KnownHeader::kAcceptRanges:
    case KnownHeader::kServer:
    case KnownHeader::kDate:
      return true;
    default:
      return false;
  }
}

// OpenResty writes the names of fields that it sets with '-' for '_'.
std::string_view dashed(std::string_view name, base::Arena& arena) {
  char* out = arena.text(name.size());
  std::ranges::replace_copy(name, out, '_', '-');
  return {out, name.size()};
}

// What a plugin sets for the upstream must not stand beside the client's own under such a name.
void remove_other_spellings(http::HeaderMap& headers, std::string_view name) {
  http::remove_if_any(headers, [name](const http::HeaderField& field) {
    return field.name.size() == name.size() && field.id == KnownHeader::kUnknown &&
           http::is_same_identity(field.name, name) && !base::equals_ignore_case(field.name, name);
  });
}

// As a whole line, which the head's writer copies at once with those beside it.
http::HeaderField line_of(base::Arena& arena, std::string_view name, KnownHeader id, std::string_view value) {
  char* line = arena.text(name.size() + value.size() + http::kFieldFixedBytes);
  return http::append_own_field(line, id, name, value);
}

std::string_view escaped(std::string_view value, base::Arena& arena) {
  return http::is_valid_header_value(value) ? value : http::escape_control(value, arena);
}

// In the place of whatever the client said under these names.
void set_consumer_fields(RequestState& state, const Consumer& consumer, std::string_view credential_id) {
  http::HeaderMap& headers = state.head->headers;
  http::remove_consumer_fields(headers);
  const auto add = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    headers.push(state.arena, line_of(state.arena, name, KnownHeader::kUnknown, escaped(value, state.arena)));
  };
  add("X-Consumer-Username", consumer.username);
  add("X-Consumer-Custom-ID", consumer.custom_id);
  add("X-Credential-Identifier", credential_id);
}

}  // namespace

// --- responding

async::Outcome Request::reject(std::uint16_t status, std::string_view body, std::string_view content_type) {
  state_.direct_response = {status, state_.arena.copy(body), content_type, false};
  return async::Outcome::kRespond;
}

async::Outcome Request::reject_message(std::uint16_t status, std::string_view message) {
  format::Json body(::Json::objectValue);
  body["message"] = std::string(message);
  return reject_json(status, body);
}

async::Outcome Request::reject_json(std::uint16_t status, const format::Json& body) {
  return reject(status, format::to_json(body) + "\n");
}

async::Outcome Request::reject_page(std::uint16_t status) {
  state_.direct_response = {status, {}, {}, true};
  return async::Outcome::kRespond;
}

// --- header fields

void RequestHeaders::set(std::string_view name, std::string_view value) {
  const KnownHeader id = http::identify_header(name);
  if (id == KnownHeader::kHost) {
    state_.upstream.wanted_host = safe_value(value, state_.arena);
  } else if (value.empty()) {
    remove(name);
  } else if (!is_framing(id)) {
    http::HeaderMap& headers = state_.head->headers;
    remove_other_spellings(headers, name);
    if (!http::is_token(name)) return;
    headers.set_valid(state_.arena, line_of(state_.arena, name, id, escaped(value, state_.arena)));
  }
}

void RequestHeaders::add(std::string_view name, std::string_view value) {
  if (is_host(name)) return set(name, value);
  if (!is_framing(name))
    state_.head->headers.add(state_.arena, state_.arena.copy(name), safe_value(value, state_.arena));
}

void RequestHeaders::remove(std::string_view name) {
  if (!is_host(name) && !is_framing(name)) state_.head->headers.remove(name);
}

void RequestHeaders::set_identity(std::string_view name, std::string_view value) {
  state_.head->headers.remove_if(
      [name](const http::HeaderField& field) { return http::is_same_identity(field.name, name); });
  state_.head->headers.add(state_.arena, state_.arena.copy(name), safe_value(value, state_.arena));
}

std::string_view RequestHeaders::joined(std::string_view name) const {
  return http::join_fields(
             state_.head->headers, ", ", state_.arena, state_.texts,
             [name](const http::HeaderField& field) { return base::equals_ignore_case(field.name, name); })
      .value_or(std::string_view{});
}

std::optional<std::string_view> RequestHeaders::find(std::string_view name) const {
  if (const http::HeaderField* field = state_.head->headers.find(name)) return field->value;
  if (name.find('_') == name.npos) return std::nullopt;
  const http::HeaderField* field = state_.head->headers.find(dashed(name, state_.arena));
  return field != nullptr ? std::optional(field->value) : std::nullopt;
}

std::optional<std::string_view> RequestHeaders::find(KnownHeader id) const {
  const http::HeaderField* field = state_.head->headers.find(id);
  return field != nullptr ? std::optional(field->value) : std::nullopt;
}

std::optional<std::string_view> RequestHeaders::find_cookie(std::string_view name) const {
  return http::find_cookie(state_.head->headers, name);
}

void RequestHeaders::remove_cookie(std::string_view name) {
  http::remove_cookie(state_.head->headers, name, state_.arena);
}

// --- trailers

std::optional<std::string_view> Trailers::find(std::string_view name) const {
  const http::HeaderField* field = fields_ != nullptr ? fields_->find(name) : nullptr;
  return field != nullptr ? std::optional(field->value) : std::nullopt;
}

void Trailers::set(std::string_view name, std::string_view value) {
  if (value.empty()) return remove(name);
  if (http::is_barred_from_trailers({.name = name, .id = http::identify_header(name)})) return;
  if (fields_ == nullptr) fields_ = arena_.make<http::HeaderMap>();
  remove_other_spellings(*fields_, name);
  fields_->set(arena_, arena_.copy(name), safe_value(value, arena_));
}

void Trailers::remove(std::string_view name) {
  if (fields_ != nullptr) fields_->remove(name);
}

void Trailers::clear() {
  if (fields_ != nullptr) fields_->remove_if([](const http::HeaderField&) { return true; });
}

// --- the response

FieldName::FieldName(std::string_view name)
    : configured_(name), text_(name), may_be_set_(http::is_token(name) && !is_framing(name)) {
  std::ranges::replace(text_, '_', '-');
  id_ = http::identify_header(text_);
}

void Response::hold(std::uint16_t status, std::string_view body) {
  DirectResponse& response = state_.direct_response;
  const bool is_same = response.is_held && response.status == status && response.body == body;
  if (!is_same) response = {.status = status, .body = state_.arena.copy(body), .is_held = true};
}

void Response::set_header(std::string_view name, std::string_view value) {
  if (value.empty()) return remove_header(name);
  if (is_framing(name) || !http::is_token(name)) return;
  if (name.contains('_')) name = dashed(name, state_.arena);
  state_.response.headers.set_valid(
      state_.arena, line_of(state_.arena, name, http::identify_header(name), escaped(value, state_.arena)));
}

void Response::set_header(const FieldName& name, std::string_view value) {
  if (value.empty()) return remove_header(name.configured());
  set_valid_header(name, escaped(value, state_.arena));
}

void Response::set_valid_header(const FieldName& name, std::string_view value) {
  if (!name.may_be_set()) return;
  state_.response.headers.set_valid(state_.arena, line_of(state_.arena, name.text(), name.id(), value));
}

void Response::add_header(std::string_view name, std::string_view value) {
  if (stands_once(http::identify_header(name))) return set_header(name, value);
  if (!is_framing(name))
    state_.response.headers.add(state_.arena, state_.arena.copy(name), safe_value(value, state_.arena));
}

void Response::remove_header(std::string_view name) {
  if (is_framing(name)) return;
  state_.response.headers.remove(name);
  if (name.find('_') != name.npos) state_.response.headers.remove(dashed(name, state_.arena));
}

std::optional<std::uint64_t> Response::body_bytes() const {
  if (state_.response.body_changes || state_.response.is_streamed) return std::nullopt;
  if (!state_.response.from_upstream) return state_.direct_response.body.size();
  if (state_.response.upstream_head->has_content_length) return state_.response.upstream_head->content_length;
  return std::nullopt;
}

void Response::will_change_body() {
  state_.response.body_changes = true;
  state_.response.headers.remove(KnownHeader::kContentEncoding);
  state_.response.headers.remove(KnownHeader::kEtag);
  state_.response.headers.remove(KnownHeader::kLastModified);
  state_.response.headers.remove(KnownHeader::kAcceptRanges);
  state_.response.headers.remove("Content-MD5");
}

void Response::set_coder(std::unique_ptr<BodyCoder> coder) {
  if (state_.response.coder == nullptr) state_.response.coder = std::move(coder);
}

// --- the query

std::string_view Request::raw_path_and_query() {
  const http::RequestHead& head = *state_.head;
  return head.has_query ? state_.arena.concat(head.path, "?"sv, head.query) : head.path;
}

void RequestQuery::set_text(std::string_view text) {
  state_.target.args = state_.arena.copy(text);
  state_.target.args_were_set = true;
}

std::optional<std::string_view> RequestQuery::find(std::string_view name) {
  if (state_.target.args.empty()) return std::nullopt;
  const auto found = state_.query_table().find(name);
  return found ? std::optional(found->value) : std::nullopt;
}

void RequestQuery::remove(std::string_view name) {
  base::ArenaText kept;
  bool removed = false;
  for (const std::string_view pair : base::split(state_.target.args, '&')) {
    if (http::find_arg(pair, name)) {
      removed = true;
      continue;
    }
    if (!kept.empty()) kept.append(state_.arena, "&");
    kept.append(state_.arena, pair);
  }
  if (removed) set_text(kept.view());
}

// --- identity

void RequestIdentity::attach(const base::Ref<const ConsumerAuth>& auth) {
  state_.identity.consumer = auth->consumer;
  state_.identity.auth = auth;
  set_consumer_fields(state_, *auth->consumer, auth->credential_id);
}

void RequestIdentity::attach(const base::Ref<const Consumer>& found) {
  state_.identity.consumer = found;
  state_.identity.auth = nullptr;
  set_consumer_fields(state_, *found, {});
}

// --- notes

ResponseStream& Request::stream_response(std::uint16_t status) {
  state_.response.stream->begin(status);
  return *state_.response.stream;
}

void Request::set_variable(std::string_view name, std::string_view value) {
  for (CustomVariable* v = state_.notes.variables; v != nullptr; v = v->next) {
    if (v->name != name) continue;
    v->value = state_.arena.copy(value);
    return;
  }
  auto* added = state_.arena.make<CustomVariable>();
  *added = {state_.arena.copy(name), state_.arena.copy(value), state_.notes.variables};
  state_.notes.variables = added;
}

}  // namespace apisix::plugin
