// AdminService: the Admin API's listener: CORS, who may use it, the path taken apart, the body parsed; then
// a ResourceHandler handles. And the dashboard's files at /ui/.
#pragma once

#include <memory>

#include "shared/async/scope.h"
#include "shared/base/log_interval.h"
#include "shared/settings/settings.h"
#include "worker/admin/admin_context.h"
#include "worker/admin/applier.h"
#include "worker/admin/catalog_handler.h"
#include "worker/admin/change_writer.h"
#include "worker/admin/changes_handler.h"
#include "worker/admin/configs_handler.h"
#include "worker/admin/diagnose_handler.h"
#include "worker/admin/history.h"
#include "worker/admin/plugin_list.h"
#include "worker/admin/resource_handler.h"
#include "worker/admin/ui_files.h"
#include "worker/admin/worker_progress.h"
#include "worker/limits.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

class AdminService final : public proxy::LocalService {
 public:
  explicit AdminService(AdminContext context);

  // At start, by one worker, before the configuration is loaded: the stored list of plugins follows
  // config.yaml.
  async::Task<base::Status> reset_plugin_list() { return plugin_list_.reset(); }
  // By one worker, as long as it lives.
  async::Task<void> keep_history_trimmed() { return history_.keep_trimmed(); }

  async::Task<proxy::LocalResponse> serve(const proxy::LocalRequest& request) override;
  // Only addresses of allow_admin.
  bool admits(const base::IpAddress& peer_ip) override;
  // A request without a key gets its response before the body is read. More than APISIX's limit only for a
  // whole configuration.
  std::size_t body_bytes_max(const proxy::LocalRequest& request) const override;
  proxy::LocalResponse too_large(const proxy::LocalRequest& request, std::uint64_t body_bytes) const override;

 private:
  async::Task<proxy::LocalResponse> dispatch(const proxy::LocalRequest& request);
  // `path` behind "/apisix/admin/".
  async::Task<proxy::LocalResponse> serve_resource(const proxy::LocalRequest& request, std::string_view path,
                                                   Author author);
  WriteParts parts() { return {writer_, history_, progress_}; }
  void add_cors(proxy::LocalResponse& response) const;

  const AdminContext context_;
  UiFiles ui_;
  History history_;
  ChangeWriter writer_;
  WorkerProgress progress_;
  ResourceHandler handler_;
  PushedConfig pushed_;
  Applier applier_;
  ChangesHandler changes_;
  PluginList plugin_list_;
  CatalogHandler catalog_;
  ConfigsHandler configs_;
  DiagnoseHandler diagnose_;
  base::LogInterval refusal_log_;
};

}  // namespace apisix::admin
