#include "worker/proxy/pipeline.h"

#include <array>

#include "shared/base/log.h"
#include "shared/http/uri.h"
#include "worker/config/registry.h"
#include "worker/proxy/local_reply.h"
#include "worker/proxy/stream.h"
#include "worker/proxy/upstream_head.h"

namespace apisix::proxy {
namespace {

enum class Phase : std::uint8_t { kNormalize, kClientAddress, kMatch, kPickNode, kPrepare, kForward };

// kWait: the phase runs again when what it waits for is there.
enum class Next : std::uint8_t { kGoOn, kWait, kAnswered };

Next answer_page(Stream& stream, std::uint16_t status) {
  stream.reply_error_page(status);
  return Next::kAnswered;
}

// As nginx, a target that makes no sense ends the connection.
Next refuse(Stream& stream, const char* what) {
  stream.refuse(400, what);
  return Next::kAnswered;
}

// $uri: decoded, dot segments resolved, slashes merged. What is matched here is what is forwarded.
Next normalize(Stream& stream) {
  plugin::Request& request = stream.request();
  const http::RequestHead& head = *request.head;
  const Options& options = stream.services().options;
  if (head.form == http::TargetForm::kAuthority) return answer_page(stream, 405);  // CONNECT
  request.args = head.query;
  request.host = request.host_of(head.authority);
  if (head.form == http::TargetForm::kAsterisk) {
    request.path = "*";
    return Next::kGoOn;
  }
  const auto normal = http::normalize_path(head.path, request.arena);
  if (!normal) return refuse(stream, "path leaves the root or holds %00 or a bad escape");
  request.path = normal->path;
  request.path_changed = normal->changed_structure;
  if (options.delete_uri_tail_slash && request.path.ends_with('/')) {
    request.path = http::delete_tail_slash(request.path);
  }
  if (options.normalize_uri_like_servlet) {
    const auto servlet = http::normalize_like_servlet(request.path, request.arena);
    if (!servlet) return refuse(stream, "path parameters hide dot segments");
    // The upstream is a servlet container, which does the same: it gets the parameters.
    request.upstream.uri = http::escape_path(request.path, request.arena);
    if (head.has_query)
      request.upstream.uri = request.arena.concat(request.upstream.uri, std::string_view("?"), head.query);
    request.path = *servlet;
  }
  request.match_path = request.path;
  if (options.match_uri_encoded_slash) {
    if (const auto kept = http::keep_encoded_slash(head.path, request.path, request.arena))
      request.match_path = *kept;
  }
  return Next::kGoOn;
}

Next find_client_address(Stream& stream) {
  apply_real_ip(stream.request(), stream.services().options);
  apply_forwarded_headers(stream.request(), stream.services().options);
  return Next::kGoOn;
}

Next match(Stream& stream) {
  auto route = stream.services().registry->match(stream.request());
  if (!route) {
    stream.reply(route_not_found());
    return Next::kAnswered;
  }
  if (route->failure != 0) return answer_page(stream, route->failure);
  stream.set_route(std::move(route));
  return Next::kGoOn;
}

Next pick_node(Stream& stream) {
  std::uint16_t failure = 0;
  switch (stream.forward().pick_first(stream.route(), failure)) {
    case Forward::Pick::kPicked:
      return Next::kGoOn;
    case Forward::Pick::kWait:
      return Next::kWait;
    case Forward::Pick::kFailed:
      break;
  }
  return answer_page(stream, failure);
}

Next prepare(Stream& stream) {
  add_client_address(stream.request());
  return Next::kGoOn;
}

Next forward(Stream& stream) {
  stream.begin_forward();
  return Next::kAnswered;
}

struct Row {
  Phase phase;
  Next (*run)(Stream&);
};

constexpr std::array kPhases = {
    Row{Phase::kNormalize, normalize}, Row{Phase::kClientAddress, find_client_address},
    Row{Phase::kMatch, match},         Row{Phase::kPickNode, pick_node},
    Row{Phase::kPrepare, prepare},     Row{Phase::kForward, forward},
};

}  // namespace

void run_pipeline(Stream& stream) {
  for (std::size_t at = stream.phase(); at < kPhases.size(); ++at) {
    switch (kPhases[at].run(stream)) {
      case Next::kGoOn:
        break;
      case Next::kWait:
        return stream.wait_in_phase(at);
      case Next::kAnswered:
        return;
    }
  }
}

}  // namespace apisix::proxy
