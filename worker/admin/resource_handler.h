// ResourceHandler: GET, PUT, POST, PATCH and DELETE of any kind of object. What differs between kinds is in
// their rows (shared/resource/kind.h), their schemas, the hooks, and WriteRules; there is no handler per
// kind.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/resource/kind.h"
#include "shared/resource/validate.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"
#include "worker/admin/admin_context.h"
#include "worker/admin/change_writer.h"
#include "worker/admin/known_reads.h"
#include "worker/admin/resource_call.h"
#include "worker/admin/secret_fields.h"
#include "worker/admin/usage.h"
#include "worker/admin/worker_progress.h"
#include "worker/admin/write_rules.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

class ResourceHandler {
 public:
  // All outlive it.
  ResourceHandler(const AdminContext& context, const WriteParts& parts);
  ResourceHandler(const ResourceHandler&) = delete;
  ResourceHandler& operator=(const ResourceHandler&) = delete;

  async::Task<proxy::LocalResponse> serve(ResourceCall call);

  const WriteRules& rules() const { return rules_; }
  const resource::ValidateHooks& hooks() const { return hooks_; }
  const SecretFields& secrets() const { return secrets_; }
  const Usage& usage() const { return usage_; }

 private:
  async::Task<proxy::LocalResponse> get(ResourceCall& call);
  async::Task<proxy::LocalResponse> list(ResourceCall& call);
  async::Task<proxy::LocalResponse> put(ResourceCall& call);
  async::Task<proxy::LocalResponse> post(ResourceCall& call);
  async::Task<proxy::LocalResponse> patch(ResourceCall& call);
  async::Task<proxy::LocalResponse> remove(ResourceCall& call);

  // The stored object as GET shows it.
  format::Json item_json(const ResourceCall& call, const store::Item& item) const;
  format::Json node_body(std::string_view action, format::Json node) const;
  proxy::LocalResponse list_response(const ResourceCall& call, std::vector<format::Json> items) const;

  // What a patch makes of the stored object.
  static base::Status apply_patch(const ResourceCall& call, format::Json& value);
  // Why the object may not be stored.
  async::Task<std::optional<proxy::LocalResponse>> refuse_put(const ResourceCall& call,
                                                              const format::Json& body, KnownReads& reads);
  // None: the attempt lost against another write; retry.
  using Attempt = async::Task<std::optional<proxy::LocalResponse>>;
  // The first attempt assumes that this worker's copy of the configuration is not behind.
  Attempt put_once(ResourceCall& call, format::Json body, KnownReads& reads);
  Attempt remove_once(const ResourceCall& call);
  // Writes the object.
  struct WritePlan {
    std::string_view action;
    store::Item before = {};  // as it must still be; mod_revision 0: not there
    bool is_patch = false;
    std::vector<Change> also = {};  // happens with it
    std::vector<store::Compare> assumed = {};
  };
  Attempt write(const ResourceCall& call, format::Json value, WritePlan plan);
  // Makes the changes, of which the first is the call's own, unless it is only to be shown what they are;
  // responds with `status` and `body`. Nothing is done unless what is `assumed` holds.
  Attempt commit(const ResourceCall& call, std::vector<Change> changes, int status, format::Json body,
                 std::vector<store::Compare> assumed = {});
  async::Task<base::Result<store::LeaseId>> lease_of(const ResourceCall& call);
  // Deletes of the sub-resources that live below the object.
  async::Task<base::Result<std::vector<Change>>> removal_of_children(const ResourceCall& call);
  std::string key_of(const ResourceCall& call) const;

  const AdminContext& context_;
  bool is_v3_;
  bool has_stream_routes_;
  SecretFields secrets_;
  resource::ValidateHooks hooks_;
  WriteRules rules_;
  Usage usage_;
  ChangeWriter& writer_;
  WorkerProgress& progress_;
};

}  // namespace apisix::admin
