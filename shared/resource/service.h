// Service: what several routes share. Reference 2.2.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "shared/resource/upstream.h"

namespace apisix::resource {

struct Service {
  std::string id;
  std::string name;
  std::vector<std::string> hosts;  // lower case; for its routes that have no host of their own
  std::string upstream_id;
  std::unique_ptr<Upstream> upstream;           // null = none of its own
  std::unique_ptr<const format::Json> plugins;  // name -> configuration; null = none
  std::string script;
  std::optional<bool> enable_websocket;
};

// From JSON that passed validate().
base::Result<Service> parse_service(format::Json service);

}  // namespace apisix::resource
