#include "worker/proxy/local_handler.h"

#include <algorithm>

#include "shared/http/uri.h"
#include "worker/proxy/request_target.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {

void LocalHandler::start() {
  stream_.set_state(Stream::State::kCollecting);
  if (const std::uint16_t status = read_head()) return stream_.respond_error_page(status);
  body_bytes_max_ = service_.body_bytes_max(request_);
  // Of a client that sends one all the same, the end is not waited for.
  if (body_bytes_max_ == 0) return serve();
  if (stream_.request().head->content_length > body_bytes_max_) return refuse_large_body();
  // One byte more distinguishes a body that is too long from one that just fits.
  body_.emplace(stream_.services().loop,
                plugin::BodyBudget::Charge(&stream_.services().bodies, plugin::BodyBudget::Use::kOperator),
                body_bytes_max_ < SIZE_MAX ? body_bytes_max_ + 1 : body_bytes_max_);
  on_request_content();
}

std::uint16_t LocalHandler::read_head() {
  const http::RequestHead& head = *stream_.request().head;
  if (const TargetFault fault = find_method_fault(head)) return fault.status;
  const auto normal = http::normalize_path(head.path, stream_.arena());
  if (!normal) return 400;
  request_.method = head.method_text;
  request_.path = normal->path;
  request_.raw_path = head.path;
  request_.query = head.query;
  request_.headers = &head.headers;
  plugin::RequestState& state = stream_.request();
  state.target.path = normal->path;
  state.target.args = head.query;
  state.response.stream = nullptr;  // the whole response comes at once
  request_.state = &state;
  request_.peer_ip = stream_.request().client.connection->peer_ip;
  return 0;
}

void LocalHandler::on_request_content() {
  const auto [result, bytes] = body_->read_from(stream_.exchange());
  stream_.content().note_bytes(bytes);
  switch (result) {
    case BodyCollector::Result::kMore:
      return stream_.exchange().send_continue_if_expected();
    case BodyCollector::Result::kBad:
      return stream_.refuse(400, "malformed chunked body");
    case BodyCollector::Result::kNoBudget:
      stream_.exchange().close_after_response();
      return send(error_response(503, "too many request bodies are held at this moment"));
    case BodyCollector::Result::kEnd:
    case BodyCollector::Result::kFull:
      break;
  }
  if (body_->view().size() > body_bytes_max_) return refuse_large_body();
  request_.body = body_->take_bytes();
  serve();
}

void LocalHandler::refuse_large_body() {
  stream_.exchange().close_after_response();
  const std::uint64_t collected = body_ ? body_->view().size() : 0;
  send(service_.too_large(request_, std::max(stream_.request().head->content_length, collected)));
}

void LocalHandler::serve() {
  if (!stream_.exchange().request_read()) stream_.exchange().close_after_response();
  stream_.set_state(Stream::State::kWaiting);
  task_ = run_service();
  task_.start();
}

async::Task<void> LocalHandler::run_service() {
  response_ = co_await service_.serve(request_);
  // The coroutine cannot end its own Stream: the loop does, when it has come to rest. The client may have
  // gone in the same turn, or got another response because the worker leaves.
  stream_.services().loop.ready().push(
      served_,
      [](void* self) {
        auto* handler = static_cast<LocalHandler*>(self);
        if (handler->stream_.state() == Stream::State::kWaiting) handler->send_response();
      },
      this);
}

void LocalHandler::send(LocalResponse response) {
  response_ = std::move(response);
  send_response();
}

void LocalHandler::send_response() {
  plugin::RequestState& request = stream_.request();
  for (const auto& [name, value] : response_.headers) {
    request.response.headers.add(request.arena, request.arena.copy(name), request.arena.copy(value));
  }
  stream_.respond({static_cast<std::uint16_t>(response_.status), response_.body, response_.content_type});
}

}  // namespace apisix::proxy
