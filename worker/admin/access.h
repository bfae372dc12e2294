// Who may use the Admin API: the socket's address must be in allow_admin, and the key must be one of
// admin_key. No header can change the address that is looked at.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "shared/settings/settings.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

// Of the socket.
bool is_allowed(const settings::Deployment::Admin& admin, const base::IpAddress& peer_ip);

// The name of the key, or the 401. A viewer may GET, and POST configs/apply?dry_run=true, which stores
// nothing by its construction; no other call of a viewer gets as far as a handler. The key is in ?api_key=,
// X-API-KEY or the cookie x_api_key, looked at in this order; the comparison takes the same time for every
// wrong key of the right length.
std::expected<std::string, proxy::LocalResponse> check_key(const settings::Deployment::Admin& admin,
                                                           const proxy::LocalRequest& request);
// Whether check_key() will find one; logs nothing.
bool has_key(const settings::Deployment::Admin& admin, const proxy::LocalRequest& request);

}  // namespace apisix::admin
