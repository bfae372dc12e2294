#include "shared/base/version.h"

namespace apisix::base {

std::string_view own_version() {
  return APISIX_OWN_VERSION;
}

}  // namespace apisix::base
