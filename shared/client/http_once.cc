#include "shared/client/http_once.h"

#include <utility>

namespace apisix::client {
namespace {

constexpr std::uint64_t kTurnMs = 100;

}  // namespace

base::Result<HttpResponse> send_once(HttpRequest request) {
  event::Loop loop;
  HttpClient client(loop);
  auto task = client.send(std::move(request));
  task.start();
  while (!task.done()) loop.run_once(kTurnMs);
  return task.take_result();
}

}  // namespace apisix::client
