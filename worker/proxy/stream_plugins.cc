// The Stream's side of plugins: waiting for their hooks, reading the body for them, and running their filters
// over what goes to the client.
#include <cstdint>

#include "shared/base/log.h"
#include "worker/config/registry.h"
#include "worker/limits.h"
#include "worker/plugin/debug_mode.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {

void Stream::on_hook_done(void* self) {
  auto* stream = static_cast<Stream*>(self);
  // The hook's frame is still on the stack: the loop goes on with the request when it has come to rest.
  stream->services_.loop.ready().push(
      stream->hook_done_, [](void* context) { static_cast<Stream*>(context)->resume_pipeline(); }, stream);
}

// --- the request's body

async::Task<plugin::RequestIo::BodyRead> Stream::read_body(std::size_t bytes_max) {
  if (!stored_body_ && request_.head->content_length > bytes_max) co_return BodyRead{{}, true};
  // One byte more distinguishes a body that is too long from one that just fits.
  co_await store_body_up_to(bytes_max < SIZE_MAX ? bytes_max + 1 : bytes_max);
  const bool whole =
      body_failure_ == 0 && !stored_body_->is_partial() && stored_body_->view().size() <= bytes_max;
  if (!whole) co_return BodyRead{{}, true};
  co_return BodyRead{stored_body_->view(), false};
}

async::Task<std::string_view> Stream::read_body_start(std::size_t bytes_max) {
  co_await store_body_up_to(bytes_max);
  co_return stored_body_->view().substr(0, bytes_max);
}

// It may have been read before: then what was stored is what there is.
async::Task<void> Stream::store_body_up_to(std::size_t bytes_max) {
  if (!stored_body_) {
    stored_body_ = std::make_unique<BodyCollector>(services_.loop,
                                                   plugin::BodyBudget::Charge(&services_.bodies), bytes_max);
    store_body();
  }
  if (!stored_body_->is_complete()) {
    exchange_.send_continue_if_expected();
    exchange_.resume_request();
    co_await stored_body_->completion();
  }
}

void Stream::store_body() {
  const auto [result, bytes] = stored_body_->read_from(exchange_);
  note_body_bytes(bytes);
  const std::uint64_t most =
      request_.received.body_bytes_max.value_or(services_.options.client_max_body_bytes);
  switch (result) {
    case BodyCollector::Result::kBad:
      body_failure_ = 400;
      break;
    case BodyCollector::Result::kNoBudget:
      body_failure_ = 503;
      break;
    case BodyCollector::Result::kMore:
    case BodyCollector::Result::kEnd:
    case BodyCollector::Result::kFull:
      break;
  }
  if (most > 0 && body_bytes_ > most) body_failure_ = 413;
  if (body_failure_ != 0) {
    exchange_.close_after_response();
  } else if (result == BodyCollector::Result::kEnd) {
    // A whole body goes to the upstream with its length.
    if (request_.head->framing != http::Framing::kNone) {
      request_.head->framing = http::Framing::kLength;
      request_.head->content_length = stored_body_->view().size();
    }
  } else if (result == BodyCollector::Result::kFull) {
    stored_body_->set_partial();
  } else {
    return;
  }
  stored_body_->set_complete();
}

const http::HeaderMap* Stream::request_trailers() {
  http::HeaderMap* trailers = exchange_.request_trailers();
  if (trailers == nullptr) return nullptr;
  trailers->remove_if([this](const http::HeaderField& field) { return chains_.declares(field.name); });
  return trailers->empty() ? nullptr : trailers;
}

bool Stream::read_body_for_match() {
  match_step_ = read_matched_body();
  if (match_step_.done()) return true;
  match_step_.notify(&Stream::on_hook_done, this);
  return false;
}

async::Step Stream::read_matched_body() {
  co_await read_body_fields();
  co_return async::pass();
}

bool Stream::wait_for_secrets() {
  const std::uint64_t now_ms = services_.loop.clock().monotonic_ms();
  if (secrets_deadline_ms_ == 0) secrets_deadline_ms_ = now_ms + limits::kSecretWaitMsMax;
  if (now_ms >= secrets_deadline_ms_) return false;
  match_step_ = read_secrets();
  match_step_.notify(&Stream::on_hook_done, this);
  return true;
}

async::Step Stream::read_secrets() {
  const std::uint64_t now_ms = services_.loop.clock().monotonic_ms();
  co_await services_.registry->secrets().changed().wait(secrets_deadline_ms_ - now_ms);
  co_return async::pass();
}

// A body over the limit is not read, and its fields are unset, as in APISIX.
async::Task<void> Stream::read_body_fields() {
  if (request_.body.is_read()) co_return;
  const std::size_t bytes_max = services_.options.max_post_args_readable_bytes;
  const auto read = co_await read_body(bytes_max);
  if (read.too_large && body_failure_ == 0) {
    request_.body.give_up();
  } else {
    request_.body.set(read.data, request_.head->headers.value(http::KnownHeader::kContentType));
  }
}

// --- filters

void Stream::filter_response_head() {
  if (head_filtered_) return;
  head_filtered_ = true;
  // Before the filters: plugins may put another one in its place.
  request_.response.headers.set_valid(arena_, http::KnownHeader::kServer, services_.options.server_header);
  plugin::DebugTrace* trace = is_local() ? nullptr : plugin::find_trace(request_);
  if (trace != nullptr) trace->on_phase("http_header_filter_phase", request_);
  if (chains_.has(plugin::Phase::kHeaderFilter)) {
    chains_.filter_header();
    if (request_.response.coder != nullptr) request_.choose_body_coder();
  }
  if (trace != nullptr) {
    trace->on_phase_done("http_header_filter_phase", request_);
    trace->report(chains_.route(), request_);
  }
  if (chains_.has(plugin::Phase::kBodyFilter) || chains_.has(plugin::Phase::kDelayedBodyFilter) ||
      request_.response.coder != nullptr) {
    body_filter_ = std::make_unique<plugin::Body>(&services_.bodies);
  }
}

bool Stream::is_filter_unfinished() const {
  return body_filter_ && body_filter_->is_unfinished();
}

// All of it, for a response of the gateway's own: those are short.
Stream::Filtered Stream::filter_whole_body(std::string_view data) {
  Filtered filtered = filter_response_body(data, true, true);
  if (!is_filter_unfinished()) return filtered;
  base::ArenaText whole;
  whole.append(arena_, filtered.bytes);
  while (is_filter_unfinished() && !filtered.broken) {
    filtered = filter_response_body({}, false, true);
    whole.append(arena_, filtered.bytes);
  }
  return {whole.view(), true, filtered.broken};
}

Stream::Filtered Stream::filter_response_body(std::string_view data, bool last, bool flush) {
  const bool drop = response_has_no_body();
  if (!body_filter_) return {drop ? std::string_view{} : data, last, false};
  plugin::Body& body = *body_filter_;
  if (!body.is_unfinished()) body.begin(data, last, flush);
  plugin::DebugTrace* trace = plugin::find_trace(request_);
  if (trace != nullptr) trace->on_phase("http_body_filter_phase", request_);
  chains_.filter_body(body);
  if (trace != nullptr) trace->on_phase_done("http_body_filter_phase", request_);
  plugin::BodyCoder* coder = request_.response.coder.get();
  if (coder != nullptr && !drop && !body.is_broken()) {
    const std::string_view plain = body.data();
    if (!coder->encode(plain, body.flush(), body.last(), body.output())) body.break_off();
    body.end_filter(true);
  }
  return {drop ? std::string_view{} : body.data(), body.last(), body.is_broken()};
}

}  // namespace apisix::proxy
