// ResourceHandler: GET, PUT, POST, PATCH and DELETE of any kind of object. What differs between kinds is in
// their rows (shared/resource/kind.h), their schemas, and the hooks; there is no handler per kind.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/resource/kind.h"
#include "shared/resource/validate.h"
#include "shared/store/store.h"
#include "worker/config/registry.h"
#include "worker/proxy/local_service.h"

namespace apisix::admin {

// One call, taken apart: /apisix/admin/{plural}/{id}/{sub_path}?{query}
struct ResourceCall {
  resource::Kind kind;
  std::string_view method;
  std::string id;        // "" = the collection
  std::string sub_path;  // of PATCH
  std::string_view query;
  std::optional<format::Json> body;  // none: the request had none
};

class ResourceHandler {
 public:
  // `prefix` of the store's keys: "/apisix".
  ResourceHandler(event::Loop& loop, store::Store& store, config::Registry& registry, std::string prefix);

  async::Task<proxy::LocalAnswer> serve(ResourceCall call);

 private:
  async::Task<proxy::LocalAnswer> get(ResourceCall& call);
  async::Task<proxy::LocalAnswer> list(ResourceCall& call);
  async::Task<proxy::LocalAnswer> put(ResourceCall& call);
  async::Task<proxy::LocalAnswer> post(ResourceCall& call);
  async::Task<proxy::LocalAnswer> patch(ResourceCall& call);
  async::Task<proxy::LocalAnswer> remove(ResourceCall& call);

  // Schema, rules and references; an answer when something is wrong.
  async::Task<std::optional<proxy::LocalAnswer>> check(resource::Kind kind, const format::Json& body,
                                                       const std::string& id);
  async::Task<std::optional<proxy::LocalAnswer>> check_references(resource::Kind kind,
                                                                  const format::Json& body);
  // "" = nobody uses it; else the error_msg of a 400.
  async::Task<std::string> find_user(resource::Kind kind, const std::string& id);
  // Writes the object; `expected` is the mod revision it must still have (0: it must not exist), if any.
  async::Task<proxy::LocalAnswer> write(const ResourceCall& call, const std::string& id,
                                        const format::Json& value, std::optional<store::Revision> expected,
                                        bool is_patch);
  async::Task<base::Result<store::LeaseId>> lease_of(std::string_view query);
  std::string key_of(resource::Kind kind, std::string_view id) const;

  event::Loop& loop_;
  store::Store& store_;
  config::Registry& registry_;
  std::string prefix_;
  resource::ValidateHooks hooks_;
};

}  // namespace apisix::admin
