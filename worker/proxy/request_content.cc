#include "worker/proxy/request_content.h"

#include <utility>

#include "worker/proxy/trailers.h"

namespace apisix::proxy {
namespace {

// 0: the body can be had.
std::uint16_t status_of(BodyCollector::Result result) {
  switch (result) {
    case BodyCollector::Result::kBad:
      return 400;
    case BodyCollector::Result::kNoBudget:
      return 503;
    case BodyCollector::Result::kMore:
    case BodyCollector::Result::kEnd:
    case BodyCollector::Result::kFull:
      break;
  }
  return 0;
}

}  // namespace

// --- how much it is

bool RequestContent::exceeds_limit(std::uint64_t bytes) const {
  const std::uint64_t most =
      request_.received.body_bytes_max.value_or(services_.options.client_max_body_bytes);
  return most > 0 && bytes > most;
}

bool RequestContent::count_bytes(std::size_t bytes) {
  note_bytes(bytes);
  return !exceeds_limit(bytes_);
}

// --- on its way to the upstream

const http::HeaderMap* RequestContent::trailers() {
  http::HeaderMap*& fields = request_.upstream.trailers;
  // Before the client's end some of them may be missing: a filter that wanted no more does without.
  const bool are_there = !has_trailers_ && exchange_.request_read();
  http::HeaderMap* const sent = are_there ? exchange_.request_trailers() : nullptr;
  if (sent != nullptr) {
    has_trailers_ = true;
    sent->remove_if([this](const http::HeaderField& field) { return chains_.declares(field.name); });
    join_trailers(fields, *sent, body_changed_, request_.arena);
  }
  return fields != nullptr && !fields->empty() ? fields : nullptr;
}

void RequestContent::remove_digests() {
  body_changed_ = true;
  request_.head->headers.remove_if([](const http::HeaderField& field) { return is_digest(field.name); });
}

// --- storing

void RequestContent::on_content() {
  const auto [result, bytes] = stored_->read_from(exchange_);
  note_bytes(bytes);
  failure_ = exceeds_limit(bytes_) ? 413 : status_of(result);
  if (failure_ != 0) {
    exchange_.close_after_response();
  } else if (result == BodyCollector::Result::kEnd) {
    // A whole body goes to the upstream with its length.
    if (request_.head->framing != http::Framing::kNone) {
      request_.head->framing = http::Framing::kLength;
      request_.head->content_length = stored_->view().size();
    }
  } else if (result == BodyCollector::Result::kFull) {
    stored_->set_partial();
  } else {
    return;
  }
  stored_->set_complete();
}

// The body that a hook waits for may have become whole in this turn: the hook is queued then.
void RequestContent::forget_waiter() {
  if (stored_ != nullptr) stored_->forget_waiter();
}

void RequestContent::make_collector(std::size_t bytes_max) {
  stored_ = std::make_unique<BodyCollector>(services_.loop, plugin::BodyBudget::Charge(&services_.bodies),
                                            bytes_max);
}

// It may have been read before: then what was stored is what there is.
async::Task<void> RequestContent::store_up_to(std::size_t bytes_max) {
  if (!stored_) {
    make_collector(bytes_max);
    on_content();
  }
  if (!stored_->is_complete()) co_await finish_storing();
}

async::Task<void> RequestContent::finish_storing() {
  exchange_.send_continue_if_expected();
  exchange_.resume_request();
  co_await stored_->completion();
}

// --- plugin::RequestIo

async::Task<plugin::RequestIo::BodyRead> RequestContent::read_body(std::size_t bytes_max) {
  if (!stored_ && request_.head->content_length > bytes_max) co_return BodyRead{{}, true};
  // One byte more distinguishes a body that is too long from one that just fits.
  co_await store_up_to(bytes_max < SIZE_MAX ? bytes_max + 1 : bytes_max);
  const bool whole = failure_ == 0 && !stored_->is_partial() && stored_->view().size() <= bytes_max;
  if (!whole) co_return BodyRead{{}, true};
  co_return BodyRead{stored_->view(), false};
}

async::Task<std::string_view> RequestContent::read_body_start(std::size_t bytes_max) {
  co_await store_up_to(bytes_max);
  co_return stored_->view().substr(0, bytes_max);
}

async::Task<bool> RequestContent::replace_body(std::string body) {
  if (failure_ != 0) co_return false;
  if (!stored_) make_collector(0);
  if (!exchange_.request_read()) {
    stored_->drop_rest();
    on_content();
    if (!stored_->is_complete()) co_await finish_storing();
  }
  if (failure_ != 0) co_return false;
  if (!stored_->replace(std::move(body))) {
    failure_ = 503;
    exchange_.close_after_response();
    co_return false;
  }
  stored_->set_complete();
  http::RequestHead& head = *request_.head;
  const std::string_view replaced_by = stored_->view();
  if (head.framing != http::Framing::kNone || !replaced_by.empty()) {
    head.framing = http::Framing::kLength;
    head.content_length = replaced_by.size();
  }
  remove_digests();
  if (request_.body.is_read()) {
    request_.body.reset();
    co_await read_body_fields();
  }
  co_return true;
}

// A body over the limit is not read, and its fields are unset, as in APISIX.
async::Task<void> RequestContent::read_body_fields() {
  if (request_.body.is_read()) co_return;
  const std::size_t bytes_max = services_.options.max_post_args_readable_bytes;
  const auto read = co_await read_body(bytes_max);
  if (read.too_large && failure_ == 0) {
    request_.body.give_up();
  } else {
    request_.body.set(read.data, request_.head->headers.value(http::KnownHeader::kContentType));
  }
}

}  // namespace apisix::proxy
