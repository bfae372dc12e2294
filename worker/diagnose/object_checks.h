// What one object's own JSON says that is worth a finding, whatever else there is: plugins that do not run,
// upstreams without nodes, certificates that end, forms of the past. And what it names in others.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "shared/base/keyring.h"
#include "shared/format/json.h"
#include "shared/net/tls_certificate.h"
#include "shared/resource/certificate_pair.h"
#include "shared/resource/kind.h"
#include "worker/diagnose/findings.h"
#include "worker/plugin/plugin_set.h"
#include "worker/route/route_entry.h"
#include "worker/route/router.h"

namespace apisix::diagnose {

inline constexpr std::int64_t kCertificateSoonS = std::int64_t{30} * 24 * 3600;

struct ObjectChecks {
  const plugin::PluginSet& plugins;
  const base::Keyring& keyring;  // of private keys
  std::int64_t now_s = 0;        // Unix time
  Findings& out;
  const net::TlsTrust* roots = nullptr;  // that clients know; null: chains are not looked at

  // All of the checks below that are about this kind.
  void check(resource::Kind kind, const std::string& id, const format::Json& object) const;

  // Plugins that are configured and do not run, and the 2.x member `disable`.
  void check_plugins(resource::Kind kind, const std::string& id, const format::Json& plugins) const;
  // `upstream` is the object itself, or the one inside it.
  void check_upstream(resource::Kind kind, const std::string& id, const format::Json& upstream) const;
  // When the certificate ends, and whether the key is its own. References to secrets are not looked at.
  void check_pair(resource::Kind kind, const std::string& id, const resource::CertificatePair& pair) const;
  void check_ssl(const std::string& id, const format::Json& ssl) const;
  void check_route(const std::string& id, const format::Json& route) const;

 private:
  void check_expression(resource::Kind kind, const std::string& id, const std::string& where,
                        const format::Json& expression) const;
  void check_end(resource::Kind kind, const std::string& id, std::int64_t end_s) const;
  void check_chain(resource::Kind kind, const std::string& id, const resource::CertificatePair& pair) const;
  void check_key(resource::Kind kind, const std::string& id, const resource::CertificatePair& pair) const;
};

// Paths of a route in the router that no request has: their regular expressions do not compile. They are
// accepted, as in APISIX.
void check_uris(route::RouterKind kind, const route::RouteEntry& entry, Findings& out);

// Does a route, or a service, have an upstream, or a plugin that could respond in its place?
bool has_responder(const format::Json& object);
// Of a route of which neither it nor its service has one.
Finding route_without_upstream(std::string id);

// Calls `use` for every id that stands inside a plugin's configuration under this name, however deep
// (traffic-split: upstream_id; grpc-transcode: proto_id; auth plugins: anonymous_consumer).
void for_each_named(const format::Json& plugins, std::string_view member,
                    const std::function<void(const std::string& id)>& use);

}  // namespace apisix::diagnose
