// grpc-transcode: an HTTP request becomes a unary gRPC call, and what the call returns becomes JSON. The
// messages are those of a stored proto; what the request says is found as in APISIX: a JSON body, a form, or
// the query.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/text.h"
#include "shared/format/json_count.h"
#include "shared/format/proto_schema.h"
#include "worker/limits.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/request_log.h"
#include "worker/plugins/grpc/grpc_status.h"
#include "worker/plugins/grpc/transcoded_request.h"
#include "worker/plugins/grpc/transcoded_response.h"

namespace apisix::plugins {
namespace {

using format::ProtoJsonOptions;
using http::KnownHeader;

// Of several options of one kind the last by name counts, as in APISIX, which sorts them.
ProtoJsonOptions proto_json_options(std::vector<std::string> names) {
  using Defaults = ProtoJsonOptions::Defaults;
  using Int64 = ProtoJsonOptions::Int64;
  std::ranges::sort(names);
  ProtoJsonOptions out;
  for (const std::string& name : names) {
    if (name == "enum_as_name") out.enum_as_number = false;
    if (name == "enum_as_value") out.enum_as_number = true;
    if (name == "int64_as_hexstring") out.int64 = Int64::kHexText;
    if (name == "int64_as_number") out.int64 = Int64::kNumber;
    if (name == "int64_as_string") out.int64 = Int64::kText;
    if (name == "auto_default_values") out.defaults = Defaults::kProto3;
    if (name == "no_default_values") out.defaults = Defaults::kNone;
    if (name == "use_default_metatable") out.defaults = Defaults::kLists;
    if (name == "use_default_values") out.defaults = Defaults::kAll;
  }
  return out;
}

// One call. Keeps the proto that it began with, which may be replaced meanwhile.
struct Call {
  enum class Ending : std::uint8_t { kMessage, kError, kPassed };

  base::Ref<const format::ProtoSchema> schema;
  const format::ProtoMessage* response = nullptr;
  std::optional<TranscodedResponse> transcoded;
  Ending ending = Ending::kPassed;
};

bool is_ok(std::string_view grpc_status) {
  return grpc_status == "0";
}

class GrpcTranscode final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "grpc-transcode", .priority = 506};

  GrpcTranscode(const plugin::Conf& conf, const plugin::BuildContext& context)
      : deps_(context.deps),
        proto_id_(conf.text("proto_id")),
        service_(conf.text("service")),
        method_(conf.text("method")),
        target_("/" + service_ + "/" + method_),
        detail_type_(conf.text("status_detail_type")),
        options_(proto_json_options(conf.list("pb_option"))),
        response_bytes_max_(conf.number<std::size_t>("max_resp_body_size", 1)),
        shows_status_(conf.flag("show_status_in_body")) {
    if (const double deadline_ms = conf.real("deadline"); deadline_ms > 0)
      timeout_ = grpc_timeout(deadline_ms);
  }

  plugin::Step access(plugin::Request& request) override {
    auto schema = deps_.directory.proto(proto_id_);
    if (!schema) {
      plugin::log_error(request, "proto load error: {}", schema.error().what);
      co_return request.reject_page(503);
    }
    const format::ProtoMethod* method = (*schema)->find_method(service_, method_);
    if (method == nullptr || method->request == nullptr || method->response == nullptr) {
      plugin::log_error(request, "transform request error: Undefined service method: {}/{} end", service_,
                        method_);
      co_return request.reject_page(503);
    }
    plugin::RequestIo::BodyRead body;
    if (reads_body(request)) {
      body = co_await request.body().read(limits::kTranscodedBytesMax);
      if (body.too_large || (has_json(request) && has_too_many_values(body.data))) {
        co_return request.reject_page(413);
      }
    }
    auto message = framed_message(*method->request, arguments_of(request, body.data));
    if (!message) {
      plugin::log_error(request, "transform request error: failed to encode request data to protobuf: {}",
                        message.error().what);
      co_return request.reject_page(400);
    }
    if (!co_await request.body().replace(*std::move(message))) co_return plugin::pass();
    address(request);
    Call& call = request.kept<Call>(this);
    call.schema = *std::move(schema);
    call.response = method->response;
    co_return plugin::pass();
  }

  void header_filter(plugin::Request& request) override {
    plugin::Response response = request.response();
    Call& call = request.kept<Call>(this);
    if (response.status() >= 300 || !call.schema) return;
    response.set_header("Content-Type", "application/json");
    response.will_change_body();
    response.will_hold_body();
    call.ending = Call::Ending::kMessage;
    call.transcoded.emplace(*call.response, options_, response_bytes_max_);
    // A call that failed at once has its status here, and no body.
    const http::HeaderField* status = response.headers().find("grpc-status");
    if (status != nullptr && !is_ok(status->value)) fail_with(call, response, status->value);
  }

  void body_filter(plugin::Request& request, plugin::Body& body) override {
    Call& call = request.kept<Call>(this);
    if (call.ending == Call::Ending::kPassed) return;
    if (call.ending == Call::Ending::kMessage) {
      if (!transcode(request, call, body)) body.break_off();
      if (body.last()) drop_trailers(request);
      if (call.ending == Call::Ending::kMessage) return;
    }
    if (shows_status_) {
      show_status(request, call, body);
    } else {
      body.output();
    }
  }

 private:
  static bool has_json(plugin::Request& request) {
    const std::string_view method = request.method();
    return (method == "POST" || method == "PUT" || method == "PATCH") &&
           request.headers().value(KnownHeader::kContentType).contains("application/json");
  }
  static bool has_too_many_values(std::string_view json) {
    return format::count_json_values(json) > limits::kTranscodedValuesMax;
  }
  static bool reads_body(plugin::Request& request) { return request.method() == "POST" || has_json(request); }

  static format::Json arguments_of(plugin::Request& request, std::string_view body) {
    if (has_json(request)) {
      if (auto json = json_of_body(body)) return *std::move(json);
    }
    return json_of_arguments(request.method() == "POST" ? body : request.query().text(), request.arena());
  }

  // Where the call goes, and what it says of itself.
  void address(plugin::Request& request) const {
    plugin::RequestHeaders headers = request.headers();
    headers.set("Content-Type", "application/grpc");
    headers.remove("Content-Encoding");
    // A compressed message could not be read.
    headers.remove("grpc-encoding");
    headers.remove("grpc-accept-encoding");
    if (!timeout_.empty()) headers.set("grpc-timeout", timeout_);
    request.upstream().set_method("POST");
    request.upstream().set_target(target_);
  }

  static void fail_with(Call& call, plugin::Response& response, std::string_view grpc_status) {
    call.ending = Call::Ending::kError;
    response.set_status(http_status_of_grpc(grpc_status));
  }

  // False: there is nothing that could be sent for it. A call that failed behind its head says so in
  // trailers: the client gets the response as if it had said so at once, since nothing of it is sent yet.
  static bool transcode(plugin::Request& request, Call& call, plugin::Body& body) {
    TranscodedResponse& transcoded = *call.transcoded;
    if (!transcoded.is_whole()) {
      plugin::Trailers trailers = request.response().trailers();
      const auto status = body.last() ? trailers.find("grpc-status") : std::nullopt;
      if (status && !is_ok(*status)) {
        plugin::Response response = request.response();
        fail_with(call, response, *status);
        for (const char* name : {"grpc-status", "grpc-message", "grpc-status-details-bin"}) {
          if (const auto value = trailers.find(name)) response.set_header(name, *value);
          trailers.remove(name);
        }
        return true;
      }
      if (!transcoded.gather(body)) return log_fault(request, transcoded);
    }
    if (!transcoded.is_whole() || transcoded.let_out(body)) return true;
    return log_fault(request, transcoded);
  }

  // A client of HTTP/1 asked for JSON, and may not know of trailers at all (RFC 9110 6.5.1); it gets none
  // from APISIX.
  static void drop_trailers(plugin::Request& request) {
    if (request.client().protocol() < http::Protocol::k2) request.response().trailers().clear();
  }

  static bool log_fault(plugin::Request& request, const TranscodedResponse& transcoded) {
    plugin::log_error(request, "transform response error: {}", transcoded.fault());
    return false;
  }

  void show_status(plugin::Request& request, const Call& call, plugin::Body& body) const {
    const http::HeaderField* details = request.response().headers().find("grpc-status-details-bin");
    body.output();
    if (!body.last()) return;
    if (details == nullptr) return;
    const auto text = grpc_error_body(details->value, {*call.schema, detail_type_, options_});
    if (!text) plugin::log_error(request, "transform response error: {}", text.error().what);
    body.replace(text ? *text : text.error().what);
  }

  plugin::Deps& deps_;
  const std::string proto_id_;
  const std::string service_;
  const std::string method_;
  const std::string target_;
  const std::string detail_type_;
  const ProtoJsonOptions options_;
  std::string timeout_;  // "": none
  const std::size_t response_bytes_max_;
  const bool shows_status_;
};

}  // namespace

const plugin::PluginKind& grpc_transcode = plugin::define<GrpcTranscode>();

}  // namespace apisix::plugins
