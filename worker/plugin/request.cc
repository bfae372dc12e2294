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
#include "worker/plugin/response_stream.h"

namespace apisix::plugin {
namespace {

using http::KnownHeader;
using std::string_view_literals::operator""sv;

// Fields that the codec owns: where a body ends is not a plugin's to say.
bool is_framing(std::string_view name) {
  http::HeaderField field;
  field.id = http::identify_header(name);
  return field.id != KnownHeader::kHost && field.id != KnownHeader::kUnknown && http::is_hop_by_hop(field);
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
  headers.remove_if([name](const http::HeaderField& field) {
    return field.id == KnownHeader::kUnknown && http::is_same_identity(field.name, name) &&
           !base::equals_ignore_case(field.name, name);
  });
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
  if (is_host(name)) {
    state_.upstream.wanted_host = safe_value(value, state_.arena);
  } else if (value.empty()) {
    remove(name);
  } else if (!is_framing(name)) {
    remove_other_spellings(state_.head->headers, name);
    state_.head->headers.set(state_.arena, state_.arena.copy(name), safe_value(value, state_.arena));
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
  if (!value.empty())
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

// --- the response

void Response::set_header(std::string_view name, std::string_view value) {
  if (value.empty()) return remove_header(name);
  if (!is_framing(name))
    state_.response.headers.set(state_.arena, dashed(name, state_.arena), safe_value(value, state_.arena));
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
  attach(auth->consumer);
  state_.identity.auth = auth;
  RequestHeaders(state_).set_identity("X-Credential-Identifier", auth->credential_id);
}

void RequestIdentity::attach(const base::Ref<const Consumer>& found) {
  state_.identity.consumer = found;
  state_.identity.auth = nullptr;
  RequestHeaders headers(state_);
  headers.set_identity("X-Consumer-Username", found->username);
  headers.set_identity("X-Credential-Identifier", {});
  headers.set_identity("X-Consumer-Custom-ID", found->custom_id);
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
