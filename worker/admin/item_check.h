// Whether an object that did not come through the Admin API is acceptable: it is asked the same questions.
#pragma once

#include <functional>
#include <string>

#include "shared/base/result.h"
#include "shared/store/store.h"
#include "worker/config/registry.h"

namespace apisix::admin {

// `prefix` of the store's keys: "/apisix". The error says what is wrong, in the Admin API's words. Keys that
// are no object's pass, but for the list of plugins. Lives no longer than `registry`.
std::function<base::Status(const store::Item&)> make_item_check(config::Registry& registry,
                                                                std::string prefix, base::Keyring keyring);

}  // namespace apisix::admin
