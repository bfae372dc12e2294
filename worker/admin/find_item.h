// A stored object that may be missing, for code that compares it or goes on without it.
#pragma once

#include <string>

#include "shared/async/task.h"
#include "shared/base/result.h"
#include "shared/store/store.h"

namespace apisix::admin {

// One with mod_revision 0 when there is none. Errors: the store's, but for kNotFound.
async::Task<base::Result<store::Item>> find_item(store::Store& store, std::string key);

}  // namespace apisix::admin
