#include "worker/plugin/request_state.h"

#include <array>

#include <sys/random.h>

#include "shared/base/text.h"
#include "shared/http/uri.h"

namespace apisix::plugin {
namespace {

using http::KnownHeader;
using std::string_view_literals::operator""sv;

// xoshiro256++, seeded once per process from the kernel: ids must not repeat, and need no secrecy.
class IdSource {
 public:
  IdSource() {
    if (::getrandom(state_.data(), sizeof state_, 0) != sizeof state_) state_ = {1, 2, 3, 4};
  }
  std::uint64_t next() {
    const std::uint64_t result = rotate(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return result;
  }

 private:
  static std::uint64_t rotate(std::uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }
  std::array<std::uint64_t, 4> state_;
};

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

}  // namespace

RequestState::~RequestState() {
  for (KeptState* kept = notes.kept; kept != nullptr; kept = kept->next) kept->destroy(kept->data);
}

std::string_view RequestState::remote_addr() {
  if (client.ip_text.empty()) {
    char* const text = arena.text(base::IpAddress::kTextBytesMax);
    client.ip_text = {text, client.ip.write_text(text)};
  }
  return client.ip_text;
}

std::string_view RequestState::request_id() {
  if (!request_id_.empty()) return request_id_;
  static thread_local IdSource source;
  static constexpr char kHex[] = "0123456789abcdef";
  char* text = arena.text(32);
  for (int half = 0; half < 2; ++half) {
    std::uint64_t bits = source.next();
    for (int i = 0; i < 16; ++i, bits >>= 4) text[half * 16 + i] = kHex[bits & 15];
  }
  request_id_ = {text, 32};
  return request_id_;
}

std::string_view RequestState::request_uri() {
  if (target.args.empty()) return target.path;
  return texts.join(arena, [this](const auto& add) {
    add(target.path);
    add(std::string_view("?"));
    add(target.args);
  });
}

const http::QueryTable& RequestState::query_table() {
  if (!query_table_.is_of(target.args)) query_table_ = http::QueryTable(target.args, arena);
  return query_table_;
}

std::string_view RequestState::forward_target() {
  if (target.args_were_set) {
    const std::string_view target_path =
        target.path_changed ? http::escape_path(target.path, arena) : head->path;
    return target.args.empty() ? target_path : arena.concat(target_path, std::string_view("?"), target.args);
  }
  if (!target.path_changed) {
    if (head->form == http::TargetForm::kAbsolute) {
      return head->has_query ? arena.concat(head->path, std::string_view("?"), head->query) : head->path;
    }
    return head->target;
  }
  const std::string_view escaped = http::escape_path(target.path, arena);
  return head->has_query ? arena.concat(escaped, std::string_view("?"), head->query) : escaped;
}

std::string_view RequestState::host_of(std::string_view authority) {
  const auto colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    authority = authority.substr(0, colon);
  }
  bool lower = true;
  for (const char c : authority) lower &= base::to_lower(c) == c;
  if (lower) return authority;
  char* out = arena.text(authority.size());
  for (std::size_t i = 0; i < authority.size(); ++i) out[i] = base::to_lower(authority[i]);
  return {out, authority.size()};
}

// Validators of the plain body do not hold for the coded one, except weakly (RFC 9110 8.8.1).
void RequestState::choose_body_coder() {
  http::HeaderMap& headers = response.headers;
  if (!is_codable(response.status) || headers.has(KnownHeader::kContentEncoding) ||
      forbids_transforming(headers)) {
    response.coder.reset();
    return;
  }
  response.body_changes = true;
  headers.set(arena, KnownHeader::kContentEncoding, response.coder->name());
  headers.remove(KnownHeader::kAcceptRanges);
  headers.remove("Content-MD5");
  const std::string_view etag = headers.value(KnownHeader::kEtag);
  if (!etag.empty() && !etag.starts_with("W/")) {
    headers.set(arena, KnownHeader::kEtag, arena.concat("W/"sv, etag));
  }
}

const CustomVariable* RequestState::find_variable(std::string_view name) const {
  for (const CustomVariable* v = notes.variables; v != nullptr; v = v->next) {
    if (v->name == name) return v;
  }
  return nullptr;
}

}  // namespace apisix::plugin
