#include "worker/plugin/request_log.h"

#include "shared/http/request_line.h"
#include "worker/plugin/log_text.h"

namespace apisix::plugin {
namespace {

class Suffix {
 public:
  void add(std::string_view name, std::string_view value) { begin(name).append(value); }

  void add_quoted(std::string_view name, std::string_view text) {
    begin(name) += '"';
    append_escaped(out_, text.substr(0, kLogTextBytesMax));
    out_ += text.size() > kLogTextBytesMax ? "...\"" : "\"";
  }

  std::string take() { return std::move(out_); }

 private:
  std::string& begin(std::string_view name) { return out_.append(", ").append(name).append(": "); }

  std::string out_;
};

// The node of the last try: "http://192.0.2.9:80/x", with the target that it was asked for.
std::string upstream_text(const RequestState& request) {
  const Attempt& attempt = *request.attempts.last;
  const std::string_view scheme = request.upstream.scheme.empty() ? "http" : request.upstream.scheme;
  const std::string ip = attempt.ip.to_string();
  return attempt.ip.is_v4() ? fmt::format("{}://{}:{}{}", scheme, ip, attempt.port, request.upstream.uri)
                            : fmt::format("{}://[{}]:{}{}", scheme, ip, attempt.port, request.upstream.uri);
}

}  // namespace

std::string log_suffix(RequestState& request) {
  Suffix out;
  out.add("client", request.remote_addr());
  out.add("server", "_");  // server_name of APISIX's only server block
  const std::string_view line =
      request.head != nullptr ? http::request_line(*request.head, request.arena) : std::string_view();
  if (!line.empty()) out.add_quoted("request", line);
  if (request.attempts.last != nullptr) out.add_quoted("upstream", upstream_text(request));
  if (request.head != nullptr && !request.head->authority.empty())
    out.add_quoted("host", request.head->authority);
  // What APISIX gives to lua_error_log_request_id: a plugin may have put another one in its place.
  const CustomVariable* given = request.find_variable("apisix_request_id");
  out.add_quoted("request_id", given != nullptr ? given->value : request.request_id());
  if (!request.matched.route_id.empty()) out.add_quoted("route", request.matched.route_id);
  return out.take();
}

}  // namespace apisix::plugin
