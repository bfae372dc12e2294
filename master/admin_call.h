// Calls of this prefix's own Admin API by commands of the command line, with the key of its config.yaml: what
// they change is checked and recorded as every other change.
#pragma once

#include <string>

#include "master/command.h"
#include "shared/base/result.h"
#include "shared/format/json.h"
#include "shared/settings/settings.h"

namespace apisix::master {

struct AdminResponse {
  unsigned status = 0;
  format::Json body;  // of any status

  bool ok() const { return status >= 200 && status < 300; }
};

// `path` behind "/apisix/admin/", encoded, with its query. Errors: no config.yaml, no Admin API in it, no
// response.
base::Result<AdminResponse> call_admin(const Invocation& in, const std::string& method,
                                       const std::string& path);
// The text of a refusal: its error_msg and each of its errors.
std::string refusal_text(const AdminResponse& response);
// "http://127.0.0.1:9090": where this machine reaches one of the gateway's listeners.
std::string origin_of(const settings::Listen& listen);
// For a part of a path or query.
std::string encoded(std::string_view text);

}  // namespace apisix::master
