#include "shared/memory/stub_status.h"

#include <fmt/format.h>

namespace apisix::memory {

std::string stub_status_text(const Totals& totals) {
  return fmt::format(
      "Active connections: {} \nserver accepts handled requests\n {} {} {} \n"
      "Reading: {} Writing: {} Waiting: {} \n",
      totals.active, totals.accepted, totals.handled, totals.requests, totals.reading, totals.writing,
      totals.waiting);
}

bool may_see_stub_status(const base::IpAddress& client) {
  static const auto network = base::Cidr::parse("127.0.0.0/24");
  return network->contains(client);
}

}  // namespace apisix::memory
