// One call of the Admin API on a resource, taken apart and parsed.
#pragma once

#include <optional>
#include <string_view>

#include "shared/format/json.h"
#include "worker/admin/author.h"
#include "worker/admin/resource_path.h"
#include "worker/admin/write_mode.h"

namespace apisix::admin {

struct ResourceCall : ResourcePath {
  std::string_view method;
  std::string_view query;
  std::optional<format::Json> body;  // none: the request had none
  bool lists_faults = false;         // a refusal has "errors" (ADR 1)
  Author author = {};
  WriteMode mode = {};
};

}  // namespace apisix::admin
