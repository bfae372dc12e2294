#include "shared/net/tls_wire.h"

namespace apisix::net {

IoResult TlsWire::receive(std::span<char> into) {
  if (is_limited_ && std::exchange(is_spent_, true)) return {};
  const IoResult result = calls_ != nullptr ? calls_->receive(context_, into) : read_some(fd_, into);
  is_at_end_ = result.kind == IoResult::Kind::kClosed;
  return result;
}

IoResult TlsWire::send(std::string_view records) const {
  if (calls_ != nullptr) return calls_->send(context_, records);
  const iovec one = piece(records);
  return write_some(fd_, {&one, 1});
}

}  // namespace apisix::net
