// grpc-web: what browsers send for gRPC (PROTOCOL-WEB of gRPC), as binary or as base64 text, becomes gRPC for
// the upstream. The response's messages pass as they come; its trailers follow them as a last frame. Requests
// that are none, and preflight requests of CORS, are responded to here.
#include <cstdint>
#include <optional>
#include <string>

#include "shared/base/base64.h"
#include "shared/base/text.h"
#include "shared/http/grpc_frames.h"
#include "shared/http/uri.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/request_log.h"

namespace apisix::plugins {
namespace {

using http::KnownHeader;

// The kinds that PROTOCOL-WEB names; parameters make another one, as in APISIX.
enum class WebKind : std::uint8_t { kNone, kBinary, kText };

WebKind web_kind(std::string_view content_type) {
  if (content_type == "application/grpc-web" || content_type == "application/grpc-web+proto") {
    return WebKind::kBinary;
  }
  if (content_type == "application/grpc-web-text" || content_type == "application/grpc-web-text+proto") {
    return WebKind::kText;
  }
  return WebKind::kNone;
}

// Pieces that were coded each for itself stand behind one another: padding may be anywhere.
std::optional<std::string> decode_web_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t padding = std::min(text.find('='), text.size());
    const auto piece = base::decode_base64(text.substr(0, padding));
    if (!piece) return std::nullopt;
    out += *piece;
    text.remove_prefix(std::min(text.find_first_not_of('=', padding), text.size()));
  }
  return out;
}

void append_trailer(std::string& out, std::string_view name, std::string_view value) {
  out += base::to_lower(name);
  out.push_back(':');
  out += value;
  out += "\r\n";
}

// The frame behind the messages, without what only the frame's reader may know.
std::string trailers_frame(plugin::Trailers trailers) {
  std::string text;
  const auto status = trailers.find("grpc-status").value_or("");
  append_trailer(text, "grpc-status", status.empty() ? "2" : status);
  append_trailer(
      text, "grpc-message",
      status.empty() ? "upstream grpc status not received" : trailers.find("grpc-message").value_or(""));
  if (const http::HeaderMap* all = trailers.all(); all != nullptr) {
    for (const http::HeaderField& field : *all) {
      const bool is_written = base::equals_ignore_case(field.name, "grpc-status") ||
                              base::equals_ignore_case(field.name, "grpc-message");
      if (!is_written) append_trailer(text, field.name, field.value);
    }
  }
  const auto head = http::grpc_frame_head(http::kGrpcTrailers, static_cast<std::uint32_t>(text.size()));
  return std::string(head.data(), head.size()) + text;
}

struct WebCall {
  std::string_view content_type;  // of the request; in its arena
  WebKind kind = WebKind::kNone;
  bool has_status = false;  // in the head: the body has no trailers
  std::optional<http::GrpcFrameReader> frames;
};

class GrpcWeb final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "grpc-web", .priority = 505};

  explicit GrpcWeb(const plugin::Conf& conf)
      : allowed_headers_(conf.text("cors_allow_headers")),
        request_bytes_max_(conf.number<std::size_t>("max_req_body_size", 1)) {}

  plugin::Step access(plugin::Request& request) override {
    if (request.method() == "OPTIONS") co_return request.reject_page(204);
    if (request.method() != "POST") {
      plugin::log_error(request, "request method: `{}` invalid", request.method());
      co_return request.reject_page(405);
    }
    const std::string_view content_type = request.headers().value(KnownHeader::kContentType);
    const WebKind kind = web_kind(content_type);
    if (kind == WebKind::kNone) {
      plugin::log_error(request, "request Content-Type: `{}` invalid", content_type);
      co_return request.reject_page(400);
    }
    const auto body = co_await request.body().read(request_bytes_max_);
    if (body.too_large || body.data.empty()) {
      plugin::log_error(request, "failed to read request body, err: {}", body.too_large ? "too long" : "nil");
      co_return request.reject_page(400);
    }
    if (kind == WebKind::kText) {
      auto decoded = decode_web_text(body.data);
      if (!decoded) {
        plugin::log_error(request, "failed to decode request body");
        co_return request.reject_page(400);
      }
      if (!co_await request.body().replace(*std::move(decoded))) co_return plugin::pass();
    }
    WebCall& call = request.kept<WebCall>(this);
    call.content_type = request.arena().copy(content_type);
    call.kind = kind;
    request.headers().set("Content-Type", "application/grpc");
    address(request);
    co_return plugin::pass();
  }

  void header_filter(plugin::Request& request) override {
    plugin::Response response = request.response();
    if (request.method() == "OPTIONS") {
      response.set_header("Access-Control-Allow-Methods", "POST");
      response.set_header("Access-Control-Allow-Headers", allowed_headers_);
    }
    // cors has set its own.
    if (response.headers().find("Access-Control-Allow-Origin") == nullptr) {
      response.set_header("Access-Control-Allow-Origin", "*");
    }
    response.set_header("Access-Control-Expose-Headers", "grpc-message,grpc-status");
    WebCall& call = request.kept<WebCall>(this);
    // A gRPC response is a 200; what else the gateway or the upstream says is none, and clients go by its
    // status.
    if (call.kind == WebKind::kNone || response.status() != 200) return;
    response.set_header("Content-Type", call.content_type);
    response.will_change_body();
    call.has_status = response.headers().find("grpc-status") != nullptr;
    call.frames.emplace(SIZE_MAX);
  }

  void body_filter(plugin::Request& request, plugin::Body& body) override {
    WebCall& call = request.kept<WebCall>(this);
    if (!call.frames) return;
    const bool ends_here = read_frames(*call.frames, body.data());
    std::string trailers;
    if (body.last() && !call.has_status) {
      // Behind half a message they would be read as its rest.
      if (!ends_here) {
        plugin::log_error(request, "the response ends within a message");
        return body.break_off();
      }
      trailers = trailers_frame(request.response().trailers());
      request.response().trailers().clear();  // they are in the body
    }
    if (call.kind == WebKind::kText) {
      std::string& out = body.output();
      out += base::encode_base64(body.data());
      out += base::encode_base64(trailers);
    } else if (!trailers.empty()) {
      std::string& out = body.output();
      out += body.data();
      out += trailers;
    }
  }

 private:
  // What a route's `/prefix/*` left of the path is the method's.
  static void address(plugin::Request& request) {
    const plugin::Matched& matched = request.matched();
    for (std::size_t i = 0; i < matched.parameter_count; ++i) {
      if (matched.parameters[i].name != ":ext" || matched.parameters[i].value.empty()) continue;
      std::string target;
      if (!matched.parameters[i].value.starts_with('/')) target += '/';
      target += http::escape_path(matched.parameters[i].value, request.arena());
      if (const std::string_view query = request.query().text(); !query.empty()) {
        target += '?';
        target += query;
      }
      request.upstream().set_target(request.arena().copy(target));
      return;
    }
  }

  // Does a message end where `data` ends?
  static bool read_frames(http::GrpcFrameReader& frames, std::string_view data) {
    std::string_view piece;
    while (frames.next(data, piece) != http::GrpcFrameReader::Event::kMore) {
    }
    return frames.is_between();
  }

  const std::string allowed_headers_;
  const std::size_t request_bytes_max_;
};

}  // namespace

const plugin::PluginKind& grpc_web = plugin::define<GrpcWeb>();

}  // namespace apisix::plugins
