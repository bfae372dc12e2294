#include "worker/proxy/client_head.h"

#include <string_view>

#include "shared/base/text.h"
#include "shared/http/h1/head_writer.h"

namespace apisix::proxy {
namespace {

using std::string_view_literals::operator""sv;
using http::KnownHeader;

// X-Accel-*: orders to an nginx in front.
bool speaks_to_proxy(const http::HeaderField& field) {
  return (field.id == KnownHeader::kUnknown || field.id == KnownHeader::kXAccelBuffering) &&
         field.name.size() > 8 && (field.name[0] | 0x20) == 'x' &&
         base::equals_ignore_case(field.name.substr(0, 8), "x-accel-");
}

// Every try's status, "502, 200", as $upstream_status has it.
std::string_view upstream_statuses(plugin::RequestState& request) {
  constexpr std::size_t kBytesMax = 7;  // five digits, comma and space
  std::size_t count = 0;
  for (const plugin::Attempt* attempt = request.attempts.first; attempt != nullptr; attempt = attempt->next)
    ++count;
  char* const text = request.arena.text(count * kBytesMax);
  char* at = text;
  for (const plugin::Attempt* attempt = request.attempts.first; attempt != nullptr; attempt = attempt->next) {
    if (at != text) {
      *at++ = ',';
      *at++ = ' ';
    }
    at = http::append_decimal(at, attempt->status);
  }
  return {text, static_cast<std::size_t>(at - text)};
}

void add_upstream_status(plugin::RequestState& request, bool always) {
  if (request.attempts.last == nullptr || request.attempts.last->status == 0) return;
  if (!always && request.attempts.last->status < 500) return;
  request.response.headers.set(request.arena, "X-APISIX-Upstream-Status"sv, upstream_statuses(request));
}

}  // namespace

void take_upstream_headers(plugin::RequestState& request, const http::ResponseHead& head) {
  request.response.headers.append_if(request.arena, head.headers, [](const http::HeaderField& field) {
    return !http::is_hop_by_hop(field) && !speaks_to_proxy(field);
  });
}

void complete_response_headers(plugin::RequestState& request, const Options& options, http::DateCache& date) {
  http::HeaderMap& headers = request.response.headers;
  if (!headers.has(KnownHeader::kDate)) {
    headers.set_valid(request.arena, KnownHeader::kDate,
                      request.arena.copy(date.at(request.clock.wall_seconds())));
  }
  options.charset.add_to(headers, request.arena);
  add_upstream_status(request, options.show_upstream_status);
}

}  // namespace apisix::proxy
