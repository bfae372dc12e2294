#include "shared/net/transport.h"

#include <cstring>

#include <sys/socket.h>

namespace apisix::net {

void Transport::shutdown_write() {
  if (!is_plain()) session_->shutdown();
  ::shutdown(socket_.fd(), SHUT_WR);
}

void Transport::close(bool by_reset) {
  if (!is_plain() && !by_reset) session_->shutdown();
  if (by_reset) {
    socket_.reset();
  } else {
    socket_.close();
  }
}

std::string_view Transport::error_text(int error_number) const {
  const std::string_view of_tls = is_plain() ? std::string_view() : session_->error();
  if (!of_tls.empty()) return of_tls;
  return error_number == 0 ? "the peer ended it" : std::strerror(error_number);
}

}  // namespace apisix::net
