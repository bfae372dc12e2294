// A worker without sockets: the Admin API's checks, a store in memory, the registry over it, and one simple
// request through all hooks of what the registry made. Each trial leaves it as it was.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "shared/format/json.h"
#include "shared/resource/kind.h"

namespace apisix::admin {

class TrialGateway {
 public:
  TrialGateway();
  ~TrialGateway();

  struct Outcome {
    int status = 200;      // 400: refused, by `reason`
    std::string reason;    // why it was refused, or what could not be built
    bool is_built = true;  // nothing threw on the way
  };
  // Checks the object as a PUT; what is accepted is stored, put in force, and meets a request.
  // `id`: of the store, "1", "jack/credentials/c1", "vault/1", "cors".
  Outcome put(resource::Kind kind, const std::string& id, const format::Json& value);
  // The same without the checks, as others may write it into the store.
  Outcome store(resource::Kind kind, const std::string& id, const format::Json& value);
  // A route with this plugin, as put().
  Outcome put_plugin(const std::string& name, const format::Json& conf);
  // Stays; nothing is checked.
  void keep(resource::Kind kind, const std::string& id, const format::Json& value);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace apisix::admin
