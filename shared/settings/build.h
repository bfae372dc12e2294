// Fills the fields of Settings from the merged configuration, section by section. Listeners are filled by
// listeners.h, what spans sections is checked by rules.h.
#pragma once

#include <string>

#include "shared/settings/report.h"
#include "shared/settings/settings.h"

namespace apisix::settings {

void build_apisix(const Json& merged, const std::string& prefix, Apisix& apisix, Report& report);
void build_nginx_config(const Json& merged, NginxConfig& config, Report& report);
// `user` is the user's own part: who names neither etcd nor a provider gets the local store.
// `names_etcd` says that the environment does.
void build_deployment(const Json& merged, const Json& user, bool names_etcd, Settings& settings,
                      Report& report);
void build_rest(const Json& merged, Settings& settings);

}  // namespace apisix::settings
