#include "shared/base/state_machine.h"

#include <string>

#include "shared/base/check.h"

namespace apisix::base {

void illegal_move(const char* from, const char* to) {
  check_failed((std::string("the move from ") + from + " to " + to).c_str(), __FILE__, __LINE__);
}

}  // namespace apisix::base
