// ConfigsHandler: /apisix/admin/configs, the whole configuration pushed as one document (GET, PUT, HEAD), and
// /apisix/admin/configs/validate (POST), which every Admin API has. Bodies are JSON, or YAML when
// Content-Type says application/yaml; answers are YAML when Accept does.
#pragma once

#include <string_view>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"
#include "worker/admin/pushed_config.h"
#include "worker/admin/resource_handler.h"
#include "worker/config/registry.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

class ConfigsHandler {
 public:
  // `resources` outlive it: they know the rules for what is stored object by object.
  ConfigsHandler(event::Loop& loop, store::Store& store, config::Registry& registry,
                 const ResourceHandler& resources, const settings::Settings& settings);

  // Where the configuration is pushed this is the whole Admin API. `path` behind "/apisix/admin/".
  async::Task<proxy::LocalAnswer> serve(const proxy::LocalRequest& request, std::string_view path);
  async::Task<proxy::LocalAnswer> validate(const proxy::LocalRequest& request);

 private:
  async::Task<proxy::LocalAnswer> put(const proxy::LocalRequest& request);
  async::Task<proxy::LocalAnswer> get(const proxy::LocalRequest& request);
  async::Task<proxy::LocalAnswer> head();
  async::Task<base::Result<std::vector<PushedList>>> parse(const proxy::LocalRequest& request);
  // One attempt; nothing: somebody else's push came first.
  async::Task<std::optional<proxy::LocalAnswer>> push(const std::vector<PushedList>& lists,
                                                      const std::string& digest);
  async::Task<std::string> first_fault(const std::vector<PushedList>& lists, const StoredItems& stored);
  async::Task<void> wait_until_applied(store::Revision revision);

  event::Loop& loop_;
  store::Store& store_;
  config::Registry& registry_;
  const ResourceHandler& resources_;
  bool is_pushed_;
  std::size_t bytes_max_;  // of all lists together
  PushedConfig config_;
};

}  // namespace apisix::admin
