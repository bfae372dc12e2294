// Usage: who still uses an object that shall be deleted. APISIX's checks and texts.
#pragma once

#include <functional>
#include <string>

#include "shared/async/task.h"
#include "shared/base/result.h"
#include "shared/event/loop.h"
#include "shared/format/json.h"
#include "shared/resource/kind.h"
#include "shared/store/store.h"
#include "worker/admin/admin_context.h"

namespace apisix::admin {

class Usage {
 public:
  explicit Usage(const AdminContext& context) : context_(context) {}

  // Whether a stored object counts as a user.
  using Counts = std::function<bool(resource::Kind kind, const std::string& id)>;
  // "" = not in use; else the error_msg of a 400. The error is the store's. Not set: all count.
  async::Task<base::Result<std::string>> find(resource::Kind kind, std::string id, Counts counts = {}) const;
  // Do the plugins of `user` name the object? What references_of() does not tell.
  static bool is_named_by_plugins(const format::Json& user, resource::Kind kind, const std::string& id);

 private:
  using Matches = std::function<bool(const format::Json& value)>;

  // The id of an object of the kind `user` that names another; "" when there is none.
  std::string user_of(resource::Kind used, const std::string& id, resource::Kind user,
                      const Counts& counts) const;
  async::Task<base::Result<std::string>> users_of_service(const std::string& id, const Counts& counts) const;
  async::Task<base::Result<std::string>> users_of_upstream(const std::string& id, const Counts& counts) const;
  async::Task<base::Result<std::string>> users_of_plugin_config(const std::string& id,
                                                                const Counts& counts) const;
  async::Task<base::Result<std::string>> users_of_consumer_group(const std::string& id,
                                                                 const Counts& counts) const;
  async::Task<base::Result<std::string>> users_of_proto(const std::string& id, const Counts& counts) const;
  // The id of the first object of `kind` that `matches`; "" = none does. For kinds with few objects: it reads
  // all.
  async::Task<base::Result<std::string>> find_stored(resource::Kind kind, Matches matches,
                                                     const Counts& counts) const;

  const AdminContext& context_;
};

}  // namespace apisix::admin
