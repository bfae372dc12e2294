#include "worker/proxy/client_certificate.h"

#include <string>

#include "shared/base/host_name.h"
#include "shared/net/tls_info.h"
#include "worker/plugin/request_log.h"
#include "worker/proxy/client_tls.h"
#include "worker/proxy/direct_response.h"
#include "worker/tls/identity_source.h"
#include "worker/tls/name_index.h"

namespace apisix::proxy {
namespace {

constexpr std::string_view kVerified = "SUCCESS";

bool is_verified(plugin::RequestState& request, const net::TlsInfo& info) {
  if (info.peer_verified == kVerified) return true;
  if (info.peer_certificate.empty()) {
    plugin::log_error(request, "client certificate was not present");
  } else {
    plugin::log_error(request, "client certificate verification is not passed: {}", info.peer_verified);
  }
  return false;
}

// A policy that came behind the handshake counts for the requests of open connections too. One with another
// CA does not ask for a new handshake: the certificate keeps its verdict, as in nginx.
bool meets_own_policy(plugin::RequestState& request, const net::TlsInfo& info, const ClientTls& tls) {
  const std::string_view name = tls.name_for(info.sni);
  if (!tls.identities().has_client_policy(name)) return true;
  const auto identity = tls.identities().find(name);
  const tls::ClientPolicy* policy = identity ? (*identity)->client_policy() : nullptr;
  if (identity && policy == nullptr) return true;
  if (policy != nullptr && policy->skips(request.target.path, request.regex_budget)) return true;
  return is_verified(request, info);
}

}  // namespace

std::optional<plugin::DirectResponse> refuse_by_connection(const plugin::ClientInfo& client,
                                                           const ClientTls& tls, bool is_local,
                                                           base::Arena& arena) {
  if (client.tls() == nullptr)
    return make_error_page(400, "The plain HTTP request was sent to HTTPS port", arena);
  const net::TlsInfo& info = *client.tls();
  const bool needs_certificate = is_local && tls.identities().has_client_policy(tls.name_for(info.sni));
  if (!needs_certificate || info.peer_verified == kVerified) return std::nullopt;
  const bool has_none = info.peer_certificate.empty();
  return make_error_page(400, has_none ? "No required SSL certificate was sent" : "The SSL certificate error",
                         arena);
}

bool may_client_ask(plugin::RequestState& request, const ClientTls& tls) {
  const net::TlsInfo& info = *request.client.connection->tls();
  if (!meets_own_policy(request, info, tls)) return false;
  if (!tls.identities().has_client_policy(request.target.host)) return true;
  // A certificate was judged by the policy of one name: another host may have another one.
  const std::string sni = base::comparable_host(tls.name_for(info.sni));
  if (sni == request.target.host) return true;
  plugin::log_error(request, "client certificate verified with SNI {}, but the host is {}", sni,
                    request.target.host);
  return false;
}

}  // namespace apisix::proxy
