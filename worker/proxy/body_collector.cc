#include "worker/proxy/body_collector.h"

namespace apisix::proxy {

BodyCollector::Read BodyCollector::read_from(ClientExchange& exchange) {
  std::size_t bytes = 0;
  while (!is_full()) {
    Pieces content;
    const ClientExchange::Read read = exchange.read_content(content);
    bytes += read.bytes;
    if (read.result == ClientExchange::ReadResult::kBad) return {Result::kBad, bytes};
    if (!charge_.set(bytes_.size() + read.bytes)) return {Result::kNoBudget, bytes};
    for (const iovec& piece : content.span()) {
      bytes_.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    }
    if (read.result == ClientExchange::ReadResult::kEnd) return {Result::kEnd, bytes};
    if (read.bytes == 0) return {Result::kMore, bytes};
  }
  return {exchange.request_read() ? Result::kEnd : Result::kFull, bytes};
}

void BodyCollector::forget_waiter() {
  const bool was_complete = is_complete();
  complete_.emplace(loop_);
  if (was_complete) set_complete();
}

}  // namespace apisix::proxy
