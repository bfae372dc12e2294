// Pusher: makes a pushed document the whole configuration: what it says is checked, what it changes is one
// transaction with its entry in the history, as every change of the Admin API. Owned by ConfigsHandler.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/store/store.h"
#include "worker/admin/admin_context.h"
#include "worker/admin/change_writer.h"
#include "worker/admin/pushed_config.h"
#include "worker/admin/resource_handler.h"
#include "worker/admin/worker_progress.h"
#include "worker/admin/write_mode.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

struct PushOptions {
  std::optional<std::string> digest;  // of the document, as the pusher says; a dry run needs none
  Author author;
  WriteMode mode;
  std::optional<store::Revision> expected;  // nothing was changed after it
};

class Pusher {
 public:
  // All outlive it.
  Pusher(const AdminContext& context, const ResourceHandler& resources, PushedConfig& config,
         const WriteParts& parts);

  // 202, or 204: it is what was pushed last; with ?wait 200 or 202 and "applied". A dry run: 200 and what
  // would be changed, or 400 and every fault.
  async::Task<proxy::LocalResponse> run(const std::vector<PushedList>& lists, PushOptions options);

 private:
  // What a push would do.
  struct Plan {
    PushedMeta before;
    PushedMeta after;
    StoredItems stored;
    std::vector<bool> changed;  // list by list: it is replaced
    std::vector<Change> changes;
  };
  // None: another push came first; retry.
  async::Task<std::optional<proxy::LocalResponse>> attempt(const std::vector<PushedList>& lists,
                                                           const PushOptions& options);
  // Reads the stored items. The error is the response.
  async::Task<std::expected<Plan, proxy::LocalResponse>> plan(const std::vector<PushedList>& lists,
                                                              const PushOptions& options);
  async::Task<std::optional<proxy::LocalResponse>> find_fault(const std::vector<PushedList>& lists,
                                                              const StoredItems& stored, bool lists_all);
  async::Task<proxy::LocalResponse> rehearsed(const std::vector<PushedList>& lists, const Plan& plan);
  async::Task<proxy::LocalResponse> pushed(const Plan& plan, store::Revision revision, const WriteMode& mode);

  const AdminContext& context_;
  const ResourceHandler& resources_;
  PushedConfig& config_;
  ChangeWriter& writer_;
  const History& history_;
  WorkerProgress& progress_;
};

// X-Digest and X-Last-Modified, once something was pushed.
void add_push_headers(const PushedMeta& meta, proxy::LocalResponse& response);
// The store could not be asked: 500, as APISIX.
proxy::LocalResponse push_failure(const base::Error& error);

}  // namespace apisix::admin
