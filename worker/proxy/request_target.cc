#include "worker/proxy/request_target.h"

#include "shared/http/uri.h"

namespace apisix::proxy {
namespace {

// As nginx, a target that makes no sense ends the connection.
constexpr TargetFault kBadPath{400, "path leaves the root or holds %00 or a bad escape", true};
constexpr TargetFault kBadServletPath{400, "path parameters hide dot segments", true};
constexpr TargetFault kConnect{405, "CONNECT is not served", false};
// Both send the request back, with its cookies and credentials, to what runs in a browser (cross-site
// tracing).
constexpr TargetFault kTrace{405, "TRACE is not served", false};
constexpr TargetFault kTrack{405, "TRACK is not served", false};

}  // namespace

// nginx responds to CONNECT and TRACE so, without a field Allow; TRACK is what another server called TRACE.
TargetFault find_method_fault(const http::RequestHead& head) {
  switch (head.method) {
    case http::Method::kConnect:
      return kConnect;
    case http::Method::kTrace:
      return kTrace;
    case http::Method::kOther:
      return head.method_text == "TRACK" ? kTrack : TargetFault{};
    default:
      return {};
  }
}

TargetFault normalize_target(plugin::RequestState& request, const Options& options) {
  const http::RequestHead& head = *request.head;
  if (head.method >= http::Method::kConnect) [[unlikely]] {
    if (const TargetFault fault = find_method_fault(head)) return fault;
  }
  request.target.args = head.query;
  request.target.host = !head.host.empty() ? head.host : request.host_of(head.authority);
  if (head.form == http::TargetForm::kAsterisk) {
    request.target.path = "*";
    return {};
  }
  const auto normal =
      head.path_is_plain ? http::NormalizedPath{head.path} : http::normalize_path(head.path, request.arena);
  if (!normal) return kBadPath;
  request.target.path = normal->path;
  request.target.path_changed = normal->changed_structure;
  if (options.delete_uri_tail_slash && request.target.path.ends_with('/')) {
    request.target.path = http::delete_tail_slash(request.target.path);
  }
  if (options.normalize_uri_like_servlet) {
    const auto servlet = http::normalize_like_servlet(request.target.path, request.arena);
    if (!servlet) return kBadServletPath;
    // The upstream is a servlet container, which does the same: it gets the parameters.
    request.upstream.uri = http::escape_path(request.target.path, request.arena);
    if (head.has_query)
      request.upstream.uri = request.arena.concat(request.upstream.uri, std::string_view("?"), head.query);
    request.target.path = *servlet;
  }
  request.target.match_path = request.target.path;
  if (options.match_uri_encoded_slash) {
    if (const auto kept = http::keep_encoded_slash(head.path, request.target.path, request.arena))
      request.target.match_path = *kept;
  }
  return {};
}

}  // namespace apisix::proxy
