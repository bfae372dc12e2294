// What Request offers to plugins: responses, header edits, identity, notes.
#include <algorithm>
#include <string>

#include "shared/base/arena_text.h"
#include "shared/base/text.h"
#include "shared/http/h1/head_writer.h"
#include "shared/http/identity_fields.h"
#include "shared/http/joined_fields.h"
#include "shared/http/uri.h"
#include "worker/plugin/consumer.h"
#include "worker/plugin/request.h"

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

// Of what nginx codes; of others (206, 304 ...) a coding would change the meaning.
bool is_codable(std::uint16_t status) {
  return status == 200 || status == 403 || status == 404;
}

bool forbids_transforming(const http::HeaderMap& headers) {
  for (const http::HeaderField& field : headers) {
    if (field.id == KnownHeader::kCacheControl && field.value.find("no-transform") != std::string_view::npos)
      return true;
  }
  return false;
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
  direct_response = {status, arena.copy(body), content_type, false};
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
  direct_response = {status, {}, {}, true};
  return async::Outcome::kRespond;
}

// --- header fields

void Request::set_header(std::string_view name, std::string_view value) {
  if (is_host(name)) {
    upstream.wanted_host = safe_value(value, arena);
  } else if (value.empty()) {
    remove_header(name);
  } else if (!is_framing(name)) {
    remove_other_spellings(head->headers, name);
    head->headers.set(arena, arena.copy(name), safe_value(value, arena));
  }
}

void Request::add_header(std::string_view name, std::string_view value) {
  if (is_host(name)) return set_header(name, value);
  if (!is_framing(name)) head->headers.add(arena, arena.copy(name), safe_value(value, arena));
}

void Request::remove_header(std::string_view name) {
  if (!is_host(name) && !is_framing(name)) head->headers.remove(name);
}

void Request::set_identity_header(std::string_view name, std::string_view value) {
  head->headers.remove_if(
      [name](const http::HeaderField& field) { return http::is_same_identity(field.name, name); });
  if (!value.empty()) head->headers.add(arena, arena.copy(name), safe_value(value, arena));
}

std::string_view Request::header(std::string_view name) {
  return http::join_fields(
             head->headers, ", ", arena, texts,
             [name](const http::HeaderField& field) { return base::equals_ignore_case(field.name, name); })
      .value_or(std::string_view{});
}

std::optional<std::string_view> Request::find_header(std::string_view name) {
  if (const http::HeaderField* field = head->headers.find(name)) return field->value;
  if (name.find('_') == name.npos) return std::nullopt;
  const http::HeaderField* field = head->headers.find(dashed(name, arena));
  return field != nullptr ? std::optional(field->value) : std::nullopt;
}

void Request::set_response_header(std::string_view name, std::string_view value) {
  if (value.empty()) return remove_response_header(name);
  if (!is_framing(name)) response.headers.set(arena, dashed(name, arena), safe_value(value, arena));
}

void Request::add_response_header(std::string_view name, std::string_view value) {
  if (stands_once(http::identify_header(name))) return set_response_header(name, value);
  if (!is_framing(name)) response.headers.add(arena, arena.copy(name), safe_value(value, arena));
}

void Request::remove_response_header(std::string_view name) {
  if (is_framing(name)) return;
  response.headers.remove(name);
  if (name.find('_') != name.npos) response.headers.remove(dashed(name, arena));
}

void Request::set_response_status(std::uint16_t status) {
  response.status = status;
  response.reason = {};
}

std::optional<std::uint64_t> Request::response_length() const {
  if (response.body_changes) return std::nullopt;
  if (!response.from_upstream) return direct_response.body.size();
  if (response.upstream_head->has_content_length) return response.upstream_head->content_length;
  return std::nullopt;
}

void Request::will_change_body() {
  response.body_changes = true;
  response.headers.remove(KnownHeader::kContentEncoding);
  response.headers.remove(KnownHeader::kEtag);
  response.headers.remove(KnownHeader::kLastModified);
  response.headers.remove(KnownHeader::kAcceptRanges);
  response.headers.remove("Content-MD5");
}

void Request::set_body_coder(std::unique_ptr<BodyCoder> coder) {
  if (body_coder_ == nullptr) body_coder_ = std::move(coder);
}

// Validators of the plain body do not hold for the coded one, except weakly (RFC 9110 8.8.1).
void Request::choose_body_coder() {
  http::HeaderMap& headers = response.headers;
  if (!is_codable(response.status) || headers.has(KnownHeader::kContentEncoding) ||
      forbids_transforming(headers)) {
    body_coder_.reset();
    return;
  }
  response.body_changes = true;
  headers.set(arena, KnownHeader::kContentEncoding, body_coder_->name());
  headers.remove(KnownHeader::kAcceptRanges);
  headers.remove("Content-MD5");
  const std::string_view etag = headers.value(KnownHeader::kEtag);
  if (!etag.empty() && !etag.starts_with("W/")) {
    headers.set(arena, KnownHeader::kEtag, arena.concat("W/"sv, etag));
  }
}

void Request::set_args(std::string_view new_args) {
  args = arena.copy(new_args);
  args_set_ = true;
}

const http::QueryTable& Request::query_table() {
  if (!query_table_.is_of(args)) query_table_ = http::QueryTable(args, arena);
  return query_table_;
}

std::optional<std::string_view> Request::arg(std::string_view name) {
  if (args.empty()) return std::nullopt;
  const auto found = query_table().find(name);
  return found ? std::optional(found->value) : std::nullopt;
}

void Request::remove_arg(std::string_view name) {
  base::ArenaText kept;
  bool removed = false;
  for (const std::string_view pair : base::split(args, '&')) {
    if (http::find_arg(pair, name)) {
      removed = true;
      continue;
    }
    if (!kept.empty()) kept.append(arena, "&");
    kept.append(arena, pair);
  }
  if (removed) set_args(kept.view());
}

// --- identity

void Request::attach_consumer(const base::Ref<const ConsumerAuth>& auth) {
  attach_consumer(auth->consumer);
  consumer_auth = auth;
  set_identity_header("X-Credential-Identifier", auth->credential_id);
}

void Request::attach_consumer(const base::Ref<const Consumer>& found) {
  consumer = found;
  consumer_auth = nullptr;
  set_identity_header("X-Consumer-Username", found->username);
  set_identity_header("X-Credential-Identifier", {});
  set_identity_header("X-Consumer-Custom-ID", found->custom_id);
}

// --- notes

void Request::set_variable(std::string_view name, std::string_view value) {
  for (CustomVariable* v = variables_; v != nullptr; v = v->next) {
    if (v->name != name) continue;
    v->value = arena.copy(value);
    return;
  }
  auto* added = arena.make<CustomVariable>();
  *added = {arena.copy(name), arena.copy(value), variables_};
  variables_ = added;
}

const CustomVariable* Request::find_variable(std::string_view name) const {
  for (const CustomVariable* v = variables_; v != nullptr; v = v->next) {
    if (v->name == name) return v;
  }
  return nullptr;
}

}  // namespace apisix::plugin
