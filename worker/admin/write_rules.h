// WriteRules: may this object be stored? What it must look like is shared/resource's; here is what depends on
// other stored objects: those that it names, those that it belongs to, those that it must differ from.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/resource/reference.h"
#include "shared/resource/validate.h"
#include "shared/store/store.h"
#include "worker/admin/admin_context.h"
#include "worker/admin/resource_call.h"
#include "worker/admin/response.h"

namespace apisix::admin {

class WriteRules {
 public:
  // `store`: what the rules read, which need not be the context's.
  WriteRules(const AdminContext& context, store::Store& store, const resource::ValidateHooks& hooks)
      : context_(context), store_(store), hooks_(hooks) {}

  // Stored objects for which it is true do not count where this worker's own copy of the configuration is
  // asked: they are about to be replaced.
  void set_replaced(std::function<bool(const std::string& key)> is_replaced) {
    is_replaced_ = std::move(is_replaced);
  }

  // Whether the objects that `value` names must exist.
  enum class References : std::uint8_t { kMustExist, kNotAsked };

  // Nothing: `value` may be stored as the object of `path`, whose id is normalized.
  async::Task<std::optional<Refusal>> check(const ResourcePath& path, const format::Json& value,
                                            References references = References::kMustExist) const;
  // Cost decorations: the service must exist, and decorates each field once. Sets service_id. Asked before
  // anything else.
  async::Task<std::optional<Refusal>> bind_to_service(ResourceCall& call) const;
  // The same for PATCH, which cannot move a decoration.
  async::Task<std::optional<Refusal>> check_decoration_patch(const ResourceCall& call) const;
  // Credentials: the consumer must exist.
  async::Task<std::optional<Refusal>> check_consumer(const ResourcePath& path) const;

 private:
  async::Task<std::optional<Refusal>> check_references(resource::Kind kind, const format::Json& value) const;
  async::Task<std::optional<Refusal>> check_global_rules(const ResourcePath& path,
                                                         const format::Json& value) const;
  async::Task<std::optional<Refusal>> check_field_path(const ResourceCall& call,
                                                       const std::string& field_path) const;

  // Two consumers or credentials with one key would be ambiguous.
  async::Task<std::optional<Refusal>> check_consumer_keys(const ResourcePath& path,
                                                          const format::Json& value) const;

  bool is_replaced(const std::string& username, const std::string& credential_id) const;

  const AdminContext& context_;
  store::Store& store_;
  std::function<bool(const std::string& key)> is_replaced_ = {};
  const resource::ValidateHooks& hooks_;
};

}  // namespace apisix::admin
