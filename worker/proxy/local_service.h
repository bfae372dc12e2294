// LocalService: what responds on a listener instead of the proxy: Admin API, Control API, status. It gets
// the whole request, bounded, and may wait; it never sees a socket.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/async/task.h"
#include "shared/base/ip.h"
#include "shared/format/json.h"
#include "shared/http/message.h"

namespace apisix::plugin {
class RequestState;
}

namespace apisix::proxy {

struct LocalRequest {
  std::string_view method;
  std::string_view path;      // decoded and normalised
  std::string_view raw_path;  // as sent, without query: sub-paths with encoded slashes
  std::string_view query;     // raw
  const http::HeaderMap* headers = nullptr;
  std::string body;
  base::IpAddress peer_ip;  // of the socket: never from a header
  // For scripts. What they set of the response stays in it.
  plugin::RequestState* state = nullptr;
};

struct LocalResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::shared_ptr<void> lease = {};  // released when the response is sent, or cannot be
};

class LocalService {
 public:
  virtual ~LocalService() = default;
  // Asked when a connection is accepted, by the socket's own address. Who is not admitted gets no response.
  virtual bool admits(const base::IpAddress& peer_ip);
  // `request` outlives the Task. The Task is destroyed when the client disconnects: what must not stop in
  // the middle belongs into a Scope.
  virtual async::Task<LocalResponse> serve(const LocalRequest& request) = 0;
  // Asked when the head is there: `request` has no body yet. A longer body gets too_large() and is
  // not read to its end. 0: the response needs no body, serve() gets none.
  virtual std::size_t body_bytes_max(const LocalRequest& request) const = 0;
  virtual LocalResponse too_large(const LocalRequest& request, std::uint64_t body_bytes) const;
};

// nginx's error page, as the data plane sends it.
LocalResponse page_response(std::uint16_t status);
// The value and a newline, as APISIX writes tables.
LocalResponse json_response(int status, const format::Json& body);
// {"error_msg": "..."}
LocalResponse error_response(int status, std::string_view error_msg);

}  // namespace apisix::proxy
