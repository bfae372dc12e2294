// UiFiles: the dashboard at /ui/ of the Admin API's port, as APISIX serves it: the files of one folder, and
// index.html for every path that is no file, because the pages of the dashboard are paths of its own. Owned
// by AdminService, which has looked at the client's address before; there is no key, for the files hold
// nothing but the program.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

// By the extension, as nginx's mime.types has it; application/octet-stream for those that it does not know.
std::string_view content_type_of(std::string_view path);

class UiFiles {
 public:
  // `folder`: need not exist; it is looked at with every request.
  UiFiles(event::Loop& loop, std::string folder)
      : loop_(loop), folder_(std::move(folder)), bytes_in_flight_(std::make_shared<std::size_t>(0)) {}

  // Whether a normalised path is the dashboard's.
  static bool has(std::string_view path) { return path == "/ui" || path.starts_with("/ui/"); }
  // /ui: 301 to /ui/. Else the file or index.html: 200, 304, or 412 (evaluate_conditions()); 404 when neither
  // is there; 405 for other methods than GET and HEAD; 503 above kUiBytesInFlightMax. Ranges are not served.
  async::Task<proxy::LocalResponse> serve(const proxy::LocalRequest& request);

 private:
  event::Loop& loop_;
  std::string folder_;
  std::shared_ptr<std::size_t> bytes_in_flight_;  // of responses that are not sent yet
};

}  // namespace apisix::admin
