// Applier: makes all changes of a set, or none: checks each as a write of its own would be, but against the
// state behind the whole set, and stores them in one transaction. Owned by AdminService.
#pragma once

#include <optional>
#include <string>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"
#include "worker/admin/admin_context.h"
#include "worker/admin/change_set.h"
#include "worker/admin/change_writer.h"
#include "worker/admin/history.h"
#include "worker/admin/overlay_store.h"
#include "worker/admin/pushed_config.h"
#include "worker/admin/resource_handler.h"
#include "worker/admin/set_guard.h"
#include "worker/admin/worker_progress.h"

namespace apisix::admin {

struct ApplyOptions {
  Author author;
  WriteMode mode;
  bool is_forced = false;                                  // deletes what others still use
  std::optional<store::Revision> expected = std::nullopt;  // nothing was changed after it
};

class Applier {
 public:
  // All outlive it. `pushed`: null unless the configuration is pushed as a whole.
  Applier(const AdminContext& context, const ResourceHandler& resources, const WriteParts& parts,
          PushedConfig* pushed);

  // 200, or 202 (see ?wait), and what was done; 400 and every fault; 409: others changed the same objects
  // again and again; 412: not at the revision that was expected; 413: larger than a transaction may be.
  async::Task<proxy::LocalResponse> run(ChangeSet set, ApplyOptions options);

 private:
  // Nothing: an object was changed meanwhile, look again.
  async::Task<std::optional<proxy::LocalResponse>> attempt(const ChangeSet& set, const ApplyOptions& options);
  // Not succeeded: an object is not what it was when it was read.
  async::Task<base::Result<store::TxnReply>> commit(store::Txn txn, const std::vector<Change>& writes,
                                                    const Author& author, SetGuard& guard);
  // Deletes of what lives below objects that are deleted.
  async::Task<base::Result<std::vector<SetChange>>> removal_of_children(const ChangeSet& set);
  // What there is to write, without what stays as it is.
  async::Task<base::Result<std::vector<Change>>> plan(const std::vector<SetChange>& changes,
                                                      OverlayStore& overlay);
  // Where the configuration is pushed the document follows its objects.
  async::Task<base::Status> follow(const std::vector<Change>& writes, SetGuard& guard) const;
  async::Task<base::Result<std::vector<SetFault>>> check(std::vector<SetChange>& changes,
                                                         OverlayStore& overlay, bool is_forced);
  async::Task<std::optional<Refusal>> check_put(SetChange& change, const WriteRules& rules) const;
  async::Task<base::Result<std::string>> find_user(const SetChange& change,
                                                   const std::vector<SetChange>& changes,
                                                   const OverlayStore& overlay) const;
  async::Task<base::Status> prefetch(const std::vector<SetChange>& changes, OverlayStore& overlay);
  std::string text_of(const SetChange& change, const store::Item& before) const;
  proxy::LocalResponse shown(format::Json body, store::Revision revision, int status) const;

  const AdminContext& context_;
  const ResourceHandler& resources_;
  ChangeWriter& writer_;
  History& history_;
  WorkerProgress& progress_;
  PushedConfig* pushed_;
};

}  // namespace apisix::admin
