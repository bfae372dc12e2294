#include "worker/plugin/client_details.h"

#include "worker/plugin/request_state.h"

namespace apisix::plugin {

ClientInfo::ClientInfo() = default;
ClientInfo::~ClientInfo() = default;

const net::TlsInfo* ClientInfo::tls() const {
  return details != nullptr ? details->tls : nullptr;
}

const net::ProxiedAddresses* ClientInfo::proxied() const {
  return details != nullptr && details->proxied ? &*details->proxied : nullptr;
}

ClientDetails& ClientInfo::edit_details() {
  if (details == nullptr) details = std::make_unique<ClientDetails>();
  return *details;
}

void ClientInfo::set_tls(const net::TlsInfo& tls) {
  is_tls = true;
  edit_details().tls = &tls;
}

}  // namespace apisix::plugin
