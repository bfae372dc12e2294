// ConfigsHandler: /apisix/admin/configs, the whole configuration pushed as one document (GET, PUT, HEAD), and
// /apisix/admin/configs/validate (POST), which every Admin API has. Bodies are JSON, or YAML when
// Content-Type says application/yaml; responses are YAML when Accept does. PUT takes ?dry_run=true,
// ?wait=<ms> and If-Match. Owned by AdminService.
#pragma once

#include <string_view>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/settings/settings.h"
#include "worker/admin/pushed_config.h"
#include "worker/admin/pusher.h"
#include "worker/admin/resource_handler.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

class ConfigsHandler {
 public:
  // `resources` and `config` outlive it: the former know the rules for what is stored object by object.
  ConfigsHandler(event::Loop& loop, const ResourceHandler& resources, PushedConfig& config, Pusher pusher,
                 const settings::Settings& settings);

  // Where the configuration is pushed, what it has instead of objects. `path` behind "/apisix/admin/".
  async::Task<proxy::LocalResponse> serve(const proxy::LocalRequest& request, std::string_view path,
                                          Author author);
  async::Task<proxy::LocalResponse> validate(const proxy::LocalRequest& request);

 private:
  async::Task<proxy::LocalResponse> put(const proxy::LocalRequest& request, Author author);
  async::Task<proxy::LocalResponse> get(const proxy::LocalRequest& request);
  async::Task<proxy::LocalResponse> head();
  async::Task<base::Result<std::vector<PushedList>>> parse(const proxy::LocalRequest& request);

  event::Loop& loop_;
  const ResourceHandler& resources_;
  PushedConfig& config_;
  Pusher pusher_;
  bool is_pushed_;
};

}  // namespace apisix::admin
