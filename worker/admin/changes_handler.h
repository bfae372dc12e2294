// ChangesHandler: what the Admin API has beyond APISIX's for changes: a set of them at once, and the history.
//   POST configs/apply                       {"put": ..., "delete": ...}, If-Match: <revision>
//   GET  history?kind=&id=&limit=            entries, the newest first
//   GET  history/{revision}[/diff]           one entry: values before and after, or what differs
//   POST history/{revision}/rollback?kind=&id=   back to how it was right after that revision
// The POSTs take ?dry_run=true, ?wait=<ms> and ?force=true. Owned by AdminService.
#pragma once

#include <optional>
#include <string_view>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "worker/admin/applier.h"
#include "worker/admin/history.h"
#include "worker/admin/secret_fields.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

class ChangesHandler {
 public:
  // All outlive it.
  ChangesHandler(event::Loop& loop, Applier& applier, History& history, const SecretFields& secrets)
      : loop_(loop), applier_(applier), history_(history), secrets_(secrets) {}

  // `path` starts behind "/apisix/admin/". Nothing: it is none of these.
  async::Task<std::optional<proxy::LocalResponse>> serve(const proxy::LocalRequest& request,
                                                         std::string_view path, Author author);

 private:
  async::Task<proxy::LocalResponse> apply(const proxy::LocalRequest& request, Author author);
  async::Task<proxy::LocalResponse> list(const proxy::LocalRequest& request);
  async::Task<proxy::LocalResponse> show(store::Revision revision, bool as_diff);
  async::Task<proxy::LocalResponse> roll_back(const proxy::LocalRequest& request, store::Revision revision,
                                              Author author);

  event::Loop& loop_;
  Applier& applier_;
  History& history_;
  const SecretFields& secrets_;
};

}  // namespace apisix::admin
