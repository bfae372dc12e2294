// Who asks for a change: what the history says of it.
#pragma once

#include <string>

#include "shared/base/ip.h"

namespace apisix::admin {

struct Author {
  std::string name;         // of the admin key; empty: no key is required
  base::IpAddress address;  // of the client's socket
  std::string request;      // "PUT /apisix/admin/routes/1", without its query
};

}  // namespace apisix::admin
