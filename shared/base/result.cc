#include "shared/base/result.h"

#include <system_error>

namespace apisix::base {

std::unexpected<Error> system_error(std::string_view doing, int error_number) {
  std::string what(doing);
  what += ": ";
  what += std::generic_category().message(error_number);
  return fail(ErrorCode::kIo, ErrorSource::kGateway, std::move(what));
}

}  // namespace apisix::base
