#include "worker/diagnose/server_names.h"

#include <algorithm>

#include <fmt/format.h>

#include "worker/tls/certificate_object.h"

namespace apisix::diagnose {

void ServerNames::add(const std::string& id, const format::Json& ssl) {
  for (std::string& name : tls::names_for_clients(ssl)) names_.push_back({id, std::move(name)});
}

void ServerNames::add_hosts(const route::RouteEntry& entry) {
  has_routes_ = true;
  bool has_host = false;
  for (const std::string_view host : entry.hosts) {
    has_host = true;
    const std::string name = base::to_lower(host);
    if (name.starts_with('*')) {
      wildcards_.insert(name.substr(1));
      continue;
    }
    if (const auto dot = name.find('.'); dot != name.npos) parents_.insert(name.substr(dot));
    hosts_.insert(name);
  }
  takes_every_host_ |= !has_host;
}

// A host's wildcard covers every depth, a certificate's one label.
bool ServerNames::has_route(std::string_view name) const {
  if (name == "*" || hosts_.contains(name)) return true;
  const std::string_view suffix = name.starts_with('*') ? name.substr(1) : name;
  if (name.starts_with('*') && parents_.contains(suffix)) return true;
  for (std::size_t at = 0; at <= suffix.size(); ++at) {
    if (wildcards_.contains(suffix.substr(at))) return true;
  }
  return false;
}

void ServerNames::report(Findings& out) const {
  if (takes_every_host_ || !has_routes_) return;
  for (const Name& own : names_) {
    if (has_route(own.name)) continue;
    out.add({Severity::kInfo, "ssl-name-without-route", resource::Kind::kSsl, own.id,
             fmt::format("no route is for {}: its clients get 404", own.name),
             "add the host to a route, or take the name out"});
  }
}

}  // namespace apisix::diagnose
