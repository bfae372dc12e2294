// One HTTP call that waits, for a command of the command line. Never in a process of the gateway.
#pragma once

#include "shared/base/result.h"
#include "shared/client/http_client.h"

namespace apisix::client {

// As HttpClient::send(), on a loop of its own.
base::Result<HttpResponse> send_once(HttpRequest request);

}  // namespace apisix::client
