#include "worker/io_uring.h"

#include <cstdlib>
#include <cstring>
#include <string_view>

#include "shared/base/log.h"
#include "shared/event/turn_batch.h"

namespace apisix::worker {
namespace {

// "off", or "always": also where plain calls would be cheaper, for tests.
std::string_view wanted_by_environment() {
  const char* const value = std::getenv("APISIX_IO_URING");
  return value == nullptr ? std::string_view() : value;
}

}  // namespace

void open_io_uring(event::Loop& loop, const settings::NginxConfig::Event& config, memory::StatusSlot& slot) {
  using memory::IoUring;
  if (!config.io_uring) {
    base::log_info("io_uring is not used: off by config.yaml");
    return slot.io_uring.store(IoUring::kOffByConfig);
  }
  const std::string_view wanted = wanted_by_environment();
  if (wanted == "off") {
    base::log_info("io_uring is not used: off by APISIX_IO_URING");
    return slot.io_uring.store(IoUring::kOffByEnvironment);
  }
  const int error_number = wanted == "always" ? loop.batch().open(1) : loop.batch().open();
  if (error_number == 0) {
    loop.batch().on_given_up([&slot] { slot.io_uring.store(IoUring::kGivenUp); });
    return slot.io_uring.store(IoUring::kOn);
  }
  base::log_info("io_uring is not used: {}", std::strerror(error_number));
  slot.io_uring_errno.store(error_number);
  slot.io_uring.store(IoUring::kNotToBeHad);
}

}  // namespace apisix::worker
