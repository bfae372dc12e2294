#include "worker/proxy/body_collector.h"

namespace apisix::proxy {

BodyCollector::Read BodyCollector::read_from(ClientExchange& exchange) {
  std::size_t bytes = 0;
  while (drops_ || !is_full()) {
    Pieces content;
    const ClientExchange::Read read = exchange.read_content(content);
    bytes += read.bytes;
    if (read.result == ClientExchange::ReadResult::kBad) return {Result::kBad, bytes};
    if (!drops_ && !store(content, read.bytes)) return {Result::kNoBudget, bytes};
    if (read.result == ClientExchange::ReadResult::kEnd) return {Result::kEnd, bytes};
    if (read.bytes == 0) return {Result::kMore, bytes};
  }
  return {exchange.request_read() ? Result::kEnd : Result::kFull, bytes};
}

bool BodyCollector::store(const Pieces& content, std::size_t bytes) {
  if (!charge_.set(bytes_.size() + bytes)) return false;
  for (const iovec& piece : content.span()) {
    bytes_.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  return true;
}

void BodyCollector::drop_rest() {
  drops_ = true;
  is_partial_ = false;
  complete_.emplace(loop_);
}

bool BodyCollector::replace(std::string bytes) {
  if (!charge_.set(charge_.bytes() + bytes.size())) return false;
  replacements_.push_back(std::move(bytes));
  return true;
}

void BodyCollector::forget_waiter() {
  const bool was_complete = is_complete();
  complete_.emplace(loop_);
  if (was_complete) set_complete();
}

}  // namespace apisix::proxy
