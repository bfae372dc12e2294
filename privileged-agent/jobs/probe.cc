#include "privileged-agent/jobs/probe.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/socket.h>

#include "shared/base/log.h"
#include "shared/base/text.h"

namespace apisix::agent {

using Outcome = ProbeOutcome;

const char* to_string(Probe::State state) {
  switch (state) {
    case Probe::State::kIdle:
      return "Idle";
    case Probe::State::kConnecting:
      return "Connecting";
    case Probe::State::kHandshaking:
      return "Handshaking";
    case Probe::State::kAwaiting:
      return "Awaiting";
    case Probe::State::kDraining:
      return "Draining";
    case Probe::State::kListening:
      return "Listening";
  }
  return "?";
}

std::uint16_t status_of_line(std::string_view line) {
  if (!line.starts_with("HTTP/")) return 0;
  line.remove_prefix(5);
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return 0;
  const std::string_view version = line.substr(0, space);
  const std::size_t dot = version.find('.');
  if (dot == std::string_view::npos || !base::parse_integer<unsigned>(version.substr(0, dot)) ||
      !base::parse_integer<unsigned>(version.substr(dot + 1))) {
    return 0;
  }
  line.remove_prefix(space);
  while (line.starts_with(' ')) line.remove_prefix(1);
  std::size_t digits = 0;
  while (digits < line.size() && base::is_digit(line[digits])) ++digits;
  return base::parse_integer<std::uint16_t>(line.substr(0, digits)).value_or(0);
}

bool ShownCertificate::operator==(const ShownCertificate& other) const {
  if (tls == other.tls) return true;
  return tls != nullptr && other.tls != nullptr && tls->client_cert_pem == other.tls->client_cert_pem &&
         tls->client_key_pem == other.tls->client_key_pem && tls->client_cert_id == other.tls->client_cert_id;
}

Probe::Probe(ProbeDeps& deps, ProbePlan plan, Done done, void* context)
    : deps_(deps),
      plan_(std::move(plan)),
      done_(done),
      context_(context),
      watch_(
          deps.loop,
          [](void* self, bool readable, bool writable) {
            static_cast<Probe*>(self)->on_event(readable, writable);
          },
          this),
      timeout_(deps.loop.timers(), [](void* self) { static_cast<Probe*>(self)->on_timeout(); }, this) {}

Probe::~Probe() {
  close();
}

bool Probe::start(bool fresh) {
  if (is_asking_) return true;
  may_keep_ = plan_.keep && !fresh;
  // What the last one still drains is not waited for.
  const bool too_old = deps_.loop.clock().monotonic_ms() - connected_ms_ >= kReuseMs;
  if (state_ != State::kIdle || too_old || fresh) close();
  is_reused_ = transport_.is_open();
  if (!is_reused_ && !(plan_.kind == ProbePlan::Kind::kUdp ? open_datagram() : connect())) return false;
  is_asking_ = true;
  timeout_.set_after_ms(plan_.timeout_ms);
  if (is_reused_) begin_exchange();
  return true;
}

bool Probe::connect() {
  sockaddr_storage address{};
  const socklen_t length = plan_.ip.to_sockaddr(plan_.port, address);
  auto socket = net::start_connect(address, length);
  if (!socket) return refuse(errno);
  transport_ = net::Transport(std::move(*socket));
  connected_ms_ = deps_.loop.clock().monotonic_ms();
  state_.move_to(State::kConnecting);
  watch_.start(transport_.fd(), /*read=*/false, /*write=*/true);
  return true;
}

// UDP has no handshake: the sign of a dead node is the ICMP error that a datagram causes.
bool Probe::open_datagram() {
  sockaddr_storage address{};
  const socklen_t length = plan_.ip.to_sockaddr(plan_.port, address);
  net::Socket socket(::socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open() || ::connect(socket.fd(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::send(socket.fd(), plan_.request.data(), plan_.request.size(), MSG_NOSIGNAL) < 0) {
    return refuse(errno);
  }
  transport_ = net::Transport(std::move(socket));
  state_.move_to(State::kListening);
  watch_.start(transport_.fd());
  return true;
}

// No route is the node's trouble, no more descriptors is ours.
bool Probe::refuse(int error_number) {
  if (error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS || error_number == ENOMEM) {
    base::log_error("a node's health cannot be checked: {}", std::strerror(error_number));
    return false;
  }
  deps_.loop.ready().push(
      failed_at_once_, [](void* self) { static_cast<Probe*>(self)->on_broken("no way to it"); }, this);
  return true;
}

void Probe::on_event(bool readable, bool writable) {
  switch (state_.state()) {
    case State::kConnecting:
      return on_connected();
    case State::kHandshaking:
      return continue_handshake();
    case State::kAwaiting:
    case State::kDraining:
      if (writable) send();
      if (readable && (state_ == State::kAwaiting || state_ == State::kDraining)) on_readable();
      return;
    case State::kListening: {
      const net::IoResult got = transport_.read(deps_.scratch);
      if (got.kind == net::IoResult::Kind::kAgain) return;
      close();
      if (got.kind == net::IoResult::Kind::kError) return report({Outcome::Kind::kFailed, 0, "refused"});
      return report({Outcome::Kind::kConnected, 0, {}});
    }
    case State::kIdle:  // the node closed it, or sends bytes without a request
      return close();
  }
}

void Probe::on_timeout() {
  const State state = state_.state();
  close();
  if (!is_asking_) return;  // only the rest of a response was late
  if (state == State::kListening) return report({Outcome::Kind::kConnected, 0, {}});
  report({Outcome::Kind::kTimeout, 0, {}});
}

void Probe::on_connected() {
  if (const int error_number = net::connect_error(transport_.fd()); error_number != 0) {
    close();
    return report({Outcome::Kind::kFailed, 0, std::strerror(error_number)});
  }
  if (plan_.kind == ProbePlan::Kind::kTcp) {
    close();
    return report({Outcome::Kind::kConnected, 0, {}});
  }
  watch_.want_read(true);
  watch_.want_write(false);
  if (plan_.kind == ProbePlan::Kind::kHttp) return begin_exchange();
  auto tls = start_tls();
  if (!tls) {
    base::log_error("[healthcheck] TLS with {}:{}: {}", plan_.ip.to_string(), plan_.port, tls.error().what);
    return on_broken("TLS");
  }
  transport_.start_tls(std::move(*tls));
  state_.move_to(State::kHandshaking);
  continue_handshake();
}

base::Result<std::unique_ptr<net::TlsSession>> Probe::start_tls() {
  const auto context = deps_.tls.context(plan_.verify, plan_.shown.tls.get());
  if (!context) return std::unexpected(context.error());
  return (*context)->start_session(transport_.fd(), {.server_name = plan_.server_name});
}

void Probe::continue_handshake() {
  const net::IoResult result = transport_.handshake();
  if (result.kind == net::IoResult::Kind::kAgain) return watch_.want_write(transport_.wants_write());
  watch_.want_write(false);
  if (result.done()) return begin_exchange();
  base::log_error("[healthcheck] failed SSL handshake with '{}({}:{})': {}", plan_.server_name,
                  plan_.ip.to_string(), plan_.port, transport_.error_text(result.error_number));
  on_broken("TLS handshake");
}

void Probe::begin_exchange() {
  state_.move_to(State::kAwaiting);
  may_keep_ &= is_kept_ || deps_.saves_connections();
  request_ = may_keep_ ? plan_.request : plan_.closing_request;
  sent_ = 0;
  got_bytes_ = false;
  partial_.clear();
  scanner_.reset();
  send();
}

void Probe::send() {
  while (sent_ < request_.size()) {
    const iovec rest = net::piece(request_.substr(sent_));
    const net::IoResult wrote = transport_.write({&rest, 1});
    if (wrote.kind == net::IoResult::Kind::kAgain) return watch_.want_write(true);
    if (!wrote.done()) return on_broken("cannot send");
    sent_ += wrote.bytes;
  }
  if (watch_.wants_write()) watch_.want_write(false);
}

void Probe::on_readable() {
  do {
    const net::IoResult got = transport_.read(deps_.scratch);
    if (got.kind == net::IoResult::Kind::kAgain) return;
    if (!got.done()) {
      if (state_ == State::kDraining) return close();
      return on_broken("it closed the connection");
    }
    got_bytes_ = true;
    const std::string_view bytes(deps_.scratch.data(), got.bytes);
    if (state_ == State::kDraining) {
      on_body(bytes);
    } else {
      on_bytes(bytes);
    }
  } while (transport_.has_pending() && (state_ == State::kAwaiting || state_ == State::kDraining));
}

void Probe::on_bytes(std::string_view bytes) {
  std::string_view received = bytes;
  if (!partial_.empty()) received = partial_.append(bytes);
  const std::size_t line_end = received.find('\n');
  if (line_end == std::string_view::npos || scanner_.scan(received) == http::HeadScanner::Result::kNeedMore) {
    if (received.size() > kHeadBytesMax) return on_broken("its answer has no end");
    if (partial_.empty()) partial_.assign(bytes);
    if (line_end == std::string_view::npos) return;
    // The status says it all, also when the rest of the head never comes.
    const std::uint16_t early = status_of_line(received.substr(0, line_end));
    if (early == 0) close();
    if (early == 0 || early >= 200) report({Outcome::Kind::kStatus, early, {}});
    return;
  }
  const std::uint16_t status = status_of_line(received.substr(0, line_end));
  const std::size_t head_bytes = scanner_.head_bytes();
  if (status >= 100 && status < 200 && status != 101 && head_bytes <= received.size()) {
    const std::string rest(received.substr(head_bytes));
    partial_.clear();
    scanner_.reset();
    return rest.empty() ? void() : on_bytes(rest);
  }
  on_head(received);
  if (is_asking_) report({Outcome::Kind::kStatus, status, {}});
}

// The rest of the response is read only to use the connection again.
void Probe::on_head(std::string_view received) {
  base::Arena arena;
  const std::size_t head_bytes = scanner_.head_bytes();
  const auto method = plan_.is_head ? http::Method::kHead : http::Method::kGet;
  const auto head = http::parse_response_head(received.substr(0, head_bytes), arena, method, {});
  const bool usable = head && (*head)->keep_alive && (*head)->framing != http::Framing::kUntilClose &&
                      !(*head)->upgrade && (*head)->content_length <= kBodyBytesMax && may_keep_ &&
                      sent_ == request_.size();
  if (!usable) return close();
  const std::string rest(received.substr(head_bytes));
  is_chunked_ = (*head)->framing == http::Framing::kChunked;
  chunks_ = {};
  body_left_ = (*head)->framing == http::Framing::kLength ? (*head)->content_length
               : is_chunked_                              ? kBodyBytesMax
                                                          : 0;
  state_.move_to(State::kDraining);
  on_body(rest);
}

void Probe::on_body(std::string_view bytes) {
  if (!is_chunked_) {
    if (bytes.size() > body_left_) return close();
    body_left_ -= bytes.size();
    if (body_left_ == 0) keep();
    return;
  }
  while (!bytes.empty()) {
    const auto step = chunks_.feed(bytes);
    bytes.remove_prefix(step.consumed);
    if (step.result == http::ChunkedDecoder::Result::kDone) return bytes.empty() ? keep() : close();
    if (step.result == http::ChunkedDecoder::Result::kBad || step.bytes.size() > body_left_) return close();
    body_left_ -= step.bytes.size();
    if (step.result == http::ChunkedDecoder::Result::kNeedMore) return;
  }
}

void Probe::keep() {
  deps_.kept += !is_kept_;
  is_kept_ = true;
  state_.move_to(State::kIdle);
  if (!is_asking_) timeout_.cancel();
}

// A kept connection may have been closed while idle: retry on a new one.
void Probe::on_broken(std::string_view why) {
  const bool again = is_reused_ && !got_bytes_;
  close();
  if (!is_asking_) return;
  if (again) {
    is_reused_ = false;
    if (connect()) return;
    return report({});
  }
  report({Outcome::Kind::kFailed, 0, why});
}

void Probe::report(const Outcome& outcome) {
  if (!std::exchange(is_asking_, false)) return;
  // While draining the same timer bounds the rest.
  if (state_ == State::kIdle) timeout_.cancel();
  done_(context_, outcome);
}

void Probe::close() {
  watch_.stop();
  transport_.close();
  transport_ = {};  // the TLS session, of which there may be thousands
  failed_at_once_.unlink();
  if (std::exchange(is_kept_, false)) --deps_.kept;
  state_.move_to(State::kIdle);
  if (!is_asking_) timeout_.cancel();
}

}  // namespace apisix::agent
