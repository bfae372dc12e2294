#include "worker/proxy/request_filter.h"

#include <utility>

namespace apisix::proxy {

const char* to_string(RequestFilter::State state) {
  using State = RequestFilter::State;
  switch (state) {
    case State::kFlowing:
      return "Flowing";
    case State::kEnded:
      return "Ended";
    case State::kFailed:
      return "Failed";
  }
  return "?";
}

// A filter that gathers lets nothing out: what is at hand is read all the same, nothing else asks for it.
RequestFilter::Read RequestFilter::read(Content& out) {
  out_.clear();
  read_ = {};
  while (state_ == State::kFlowing && take() && out_.empty() && !has_work()) {
  }
  read_.is_failed = state_ == State::kFailed;
  if (read_.is_failed) return read_;
  out_piece_ = net::piece(out_);
  out = {.pieces = {&out_piece_, out_.empty() ? 0U : 1U}, .bytes = out_.size(), .end = has_ended()};
  if (out.end) out.trailers = content_.trailers();
  return read_;
}

std::string_view RequestFilter::stored_rest() const {
  const BodyCollector* stored = content_.stored();
  return stored != nullptr ? stored->view().substr(stored_taken_) : std::string_view{};
}

// False: nothing is at hand.
bool RequestFilter::take() {
  if (body_.is_unfinished()) {
    filter({}, false, true);
  } else if (!rest_.empty()) {
    const std::string rest = std::exchange(rest_, {});
    filter(rest, rest_is_last_, true);
  } else if (const std::string_view left = stored_rest(); !left.empty()) {
    const std::string_view slice = left.substr(0, plugin::kBodySliceBytes);
    stored_taken_ += slice.size();
    const bool is_all = slice.size() == left.size();
    filter(slice, is_all && exchange_.request_read(), is_all);
  } else {
    return take_from_client();
  }
  return true;
}

bool RequestFilter::take_from_client() {
  Pieces pieces;
  const ClientExchange::Read read = exchange_.read_content(pieces);
  read_.received += read.bytes;
  if (read.result == ClientExchange::ReadResult::kBad) {
    read_.what = "malformed chunked body";
    state_.move_to(State::kFailed);
    return false;
  }
  const bool end = read.result == ClientExchange::ReadResult::kEnd;
  if (pieces.empty() && end) filter({}, true, true);
  for (const iovec& piece : pieces.span()) {
    const std::string_view part(static_cast<const char*>(piece.iov_base), piece.iov_len);
    const bool is_final = &piece == &pieces.span().back();
    if (body_.is_unfinished()) {
      rest_.append(part);  // of one read: what a session keeps unread at most
      rest_is_last_ = end;
    } else if (state_ == State::kFlowing) {
      filter(part, end && is_final, is_final);
    }
  }
  return !pieces.empty() || end;
}

void RequestFilter::filter(std::string_view piece, bool last, bool flush) {
  if (last) content_.trailers();  // for the filters to see
  if (!body_.is_unfinished()) body_.begin(piece, last, flush);
  chains_.filter_request_body(body_);
  out_.append(body_.data());
  if (body_.is_broken()) {
    read_.what = "a plugin refused its body";
    state_.move_to(State::kFailed);
  } else if (body_.last()) {
    state_.move_to(State::kEnded);
    // A filter wanted no more: the rest is not read, and no request can follow it.
    if (!exchange_.request_read()) exchange_.close_after_response();
  }
}

}  // namespace apisix::proxy
