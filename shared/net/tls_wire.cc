#include "shared/net/tls_wire.h"

namespace apisix::net {

IoResult TlsWire::receive(std::span<char> into) {
  if (is_held_) return {};
  const IoResult result = calls_ != nullptr ? calls_->receive(context_, into) : read_some(fd_, into);
  is_at_end_ = result.kind == IoResult::Kind::kClosed;
  return result;
}

IoResult TlsWire::send_now(std::string_view records) const {
  if (calls_ != nullptr) return calls_->send(context_, records);
  const iovec one = piece(records);
  return write_some(fd_, {&one, 1});
}

IoResult TlsWire::send(std::string_view records) {
  IoResult result;
  if (rest_ == nullptr) result = send_now(records);
  if (!keeps_rest_ || result.kind == IoResult::Kind::kError || result.bytes == records.size()) return result;
  if (rest_ == nullptr) rest_ = std::make_unique<std::string>();
  rest_->append(records.substr(result.bytes));
  return {IoResult::Kind::kDone, records.size(), 0};
}

IoResult TlsWire::send_rest() {
  while (rest_ != nullptr) {
    const IoResult result = send_now(*rest_);
    if (!result.done()) return result;
    rest_->erase(0, result.bytes);
    if (rest_->empty()) rest_.reset();
  }
  return {IoResult::Kind::kDone, 0, 0};
}

}  // namespace apisix::net
