#include "shared/client/redis_connection.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/un.h>

#include "shared/base/check.h"
#include "shared/base/text.h"
#include "shared/client/redis_pool.h"

namespace apisix::client {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::string_view kUnixPrefix = "unix:";

base::Error failure_of(base::ErrorCode code, std::string_view what) {
  return {code, base::ErrorSource::kUpstream, false, std::string(what)};
}

std::string text_of_errno(int error_number) {
  return base::to_lower(std::strerror(error_number));
}

}  // namespace

// ---- RedisCall

RedisCall::RedisCall(event::Loop& loop, std::uint64_t timeout_ms)
    : resumption_(loop), timer_(loop.timers(), &RedisCall::on_timeout, this) {
  timer_.set_after_ms(timeout_ms);
}

RedisCall::~RedisCall() {
  if (connection_ != nullptr) connection_->on_abandoned(*this);
}

void RedisCall::on_timeout(void* self) {
  auto& call = *static_cast<RedisCall*>(self);
  if (call.result_) return;
  base::Error error = failure_of(base::ErrorCode::kTimeout, "timeout");
  if (call.connection_ != nullptr) {
    error.retryable = !call.place_->is_sent;
    RedisConnection& connection = *call.connection_;
    connection.on_abandoned(call);
    if (!error.retryable) connection.retire();
  }
  call.end(std::unexpected(std::move(error)));
}

void RedisCall::end(base::Result<RedisReply> result) {
  result_.emplace(std::move(result));
  connection_ = nullptr;
  place_ = nullptr;
  timer_.cancel();
  if (waiting_) resumption_.schedule();
}

// ---- RedisConnection: until it is ready

const char* to_string(RedisConnection::State state) {
  switch (state) {
    case RedisConnection::State::kResolving:
      return "Resolving";
    case RedisConnection::State::kConnecting:
      return "Connecting";
    case RedisConnection::State::kHandshaking:
      return "Handshaking";
    case RedisConnection::State::kGreeting:
      return "Greeting";
    case RedisConnection::State::kReady:
      return "Ready";
    case RedisConnection::State::kClosed:
      return "Closed";
  }
  return "?";
}

RedisConnection::RedisConnection(RedisPool& pool)
    : pool_(pool),
      loop_(pool.deps().loop),
      watch_(
          loop_,
          [](void* self, bool readable, bool writable) {
            static_cast<RedisConnection*>(self)->on_io(readable, writable);
          },
          this),
      stall_(
          loop_.timers(), [](void* self) { static_cast<RedisConnection*>(self)->on_silence(); }, this),
      used_ms_(loop_.clock().monotonic_ms()),
      host_waiter_(resolve::HostWaiter::Callback::of<&RedisConnection::on_found>(*this)) {}

RedisConnection::~RedisConnection() {
  for (Place& place : waiting_) CHECK(place.call == nullptr);
}

void RedisConnection::start() {
  const RedisTarget& target = pool_.target();
  stall_.set_after_ms(target.connect_timeout_ms);
  if (target.host.starts_with(kUnixPrefix)) return connect_next("");
  if (auto ip = base::IpAddress::parse(target.host)) {
    addresses_ = {*ip};
    return connect_next("");
  }
  resolve_host();
}

void RedisConnection::resolve_host() {
  resolve::Resolver* resolver = pool_.deps().resolver;
  const std::string& host = pool_.target().host;
  if (resolver == nullptr || !resolver->resolve(host, host_waiter_)) {
    close_because(base::ErrorCode::kUnavailable, "cannot look up " + host);
  }
}

void RedisConnection::on_found(const resolve::ResolvedHost& host) {
  if (state_ != State::kResolving) return;
  const auto found = host.is_usable() ? host.addresses() : std::span<const base::IpAddress>();
  addresses_.assign(found.rbegin(), found.rend());
  connect_next("failed to resolve " + host.name() + ": " + host.error());
}

// One address after the other, all within the time of connecting.
void RedisConnection::connect_next(std::string failure) {
  watch_.stop();
  transport_.close();
  const bool is_local = pool_.target().host.starts_with(kUnixPrefix);
  while (is_local ? state_ == State::kResolving : !addresses_.empty()) {
    state_.move_to(State::kConnecting);
    base::Result<net::Socket> socket = connect_to(is_local ? nullptr : &addresses_.back());
    if (!is_local) addresses_.pop_back();
    if (socket) {
      transport_ = net::Transport(std::move(*socket));
      return watch_.start(transport_.fd(), false, true);
    }
    failure = socket.error().what;
  }
  close_because(base::ErrorCode::kUnavailable, failure);
}

base::Result<net::Socket> RedisConnection::connect_to(const base::IpAddress* ip) {
  sockaddr_storage address{};
  socklen_t length = sizeof(sockaddr_un);
  if (ip != nullptr) {
    length = ip->to_sockaddr(pool_.target().port, address);
    return net::start_connect(address, length);
  }
  const std::string_view path = std::string_view(pool_.target().host).substr(kUnixPrefix.size());
  auto& local = reinterpret_cast<sockaddr_un&>(address);
  if (path.empty() || path.size() >= sizeof local.sun_path) return base::invalid("invalid unix socket path");
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, path.data(), path.size());
  return net::start_connect(address, length);
}

void RedisConnection::on_connected() {
  if (const int error_number = net::connect_error(transport_.fd()); error_number != 0) {
    return connect_next(text_of_errno(error_number));
  }
  watch_.want_read(true);
  watch_.want_write(false);
  if (pool_.target().tls) return begin_tls();
  greet();
}

void RedisConnection::begin_tls() {
  auto session = pool_.start_tls(transport_.fd());
  if (!session) return close(session.error());
  transport_.start_tls(std::move(*session));
  state_.move_to(State::kHandshaking);
  continue_handshake();
}

void RedisConnection::continue_handshake() {
  const net::IoResult result = transport_.handshake();
  watch_.want_write(result.kind == net::IoResult::Kind::kAgain && transport_.wants_write());
  if (result.kind == net::IoResult::Kind::kAgain) return;
  if (!result.done()) {
    return close_because(base::ErrorCode::kUnavailable, transport_.error_text(result.error_number));
  }
  greet();
}

// APISIX authenticates only with a password: a user name alone does nothing.
void RedisConnection::greet() {
  const RedisTarget& target = pool_.target();
  state_.move_to(State::kGreeting);
  if (!target.password.empty()) {
    RedisCommand auth("AUTH");
    if (!target.username.empty()) auth.add(target.username);
    auth.add(target.password).append_to(out_);
    ++greetings_due_;
  }
  if (target.database != 0) {
    RedisCommand("SELECT", target.database).append_to(out_);
    ++greetings_due_;
  }
  if (greetings_due_ == 0) return become_ready();
  flush();
}

void RedisConnection::on_greeting(const RedisReply& reply) {
  --greetings_due_;
  if (reply.is_error()) {
    const bool is_select = greetings_due_ == 0 && pool_.target().database != 0;
    return close_because(base::ErrorCode::kUnavailable,
                         is_select ? "failed to change redis db, err: " + reply.text : reply.text);
  }
  if (greetings_due_ == 0) become_ready();
}

void RedisConnection::become_ready() {
  state_.move_to(State::kReady);
  std::erase_if(waiting_, [](const Place& place) { return place.call == nullptr; });
  for (Place& place : waiting_) {
    place.call->place_ = &place;  // erasing moved them
    out_ += std::exchange(place.unsent, {});
    place.is_sent = true;
  }
  watch_for_silence();
  schedule_flush();
}

// ---- calls

void RedisConnection::submit(const RedisCommand& command, RedisCall& call, bool asking) {
  if (state_ == State::kClosed) {
    base::Error error = failure_;
    error.retryable = true;
    return call.end(std::unexpected(std::move(error)));
  }
  Place& place = waiting_.emplace_back();
  place.call = &call;
  place.replies = asking ? 2 : 1;
  call.connection_ = this;
  call.place_ = &place;
  std::string& to = state_ == State::kReady ? out_ : place.unsent;
  if (asking) RedisCommand("ASKING").append_to(to);
  command.append_to(to);
  used_ms_ = loop_.clock().monotonic_ms();
  if (state_ != State::kReady) return;
  place.is_sent = true;
  if (waiting_.size() == 1) watch_for_silence();
  schedule_flush();
}

void RedisConnection::on_abandoned(RedisCall& call) {
  call.place_->call = nullptr;
  call.place_->unsent.clear();
  call.place_ = nullptr;
  call.connection_ = nullptr;
}

void RedisConnection::retire() {
  retired_ = true;
}

// One timer for all: every reply restarts it.
void RedisConnection::watch_for_silence() {
  if (waiting_.empty()) return stall_.cancel();
  stall_.set_after_ms(pool_.target().reply_timeout_ms);
}

void RedisConnection::on_silence() {
  const std::uint64_t now_ms = loop_.clock().monotonic_ms();
  const std::uint64_t end_ms = used_ms_ + pool_.target().reply_timeout_ms;
  if (state_ != State::kReady || end_ms <= now_ms) return close_because(base::ErrorCode::kTimeout, "timeout");
  // The timer runs since the first of these calls: the last one has its time, too.
  retire();
  stall_.set_after_ms(end_ms - now_ms);
}

// ---- bytes

void RedisConnection::on_io(bool readable, bool writable) {
  switch (state_.state()) {
    case State::kConnecting:
      return on_connected();
    case State::kHandshaking:
      return continue_handshake();
    case State::kGreeting:
    case State::kReady:
      if (writable) flush();
      if (readable && state_ != State::kClosed) read();
      return;
    case State::kResolving:
    case State::kClosed:
      return;
  }
}

void RedisConnection::read() {
  static thread_local std::array<char, kReadBytes> buffer;
  while (state_ != State::kClosed) {
    const net::IoResult result = transport_.read(buffer);
    if (result.kind == net::IoResult::Kind::kAgain) return;
    if (result.kind == net::IoResult::Kind::kClosed) return close_because(base::ErrorCode::kClosed, "closed");
    if (!result.done()) return close_for(result.error_number);
    take_replies({buffer.data(), result.bytes});
    if (result.bytes < buffer.size() && !transport_.has_pending()) return;
  }
}

void RedisConnection::take_replies(std::string_view bytes) {
  if (auto fed = reader_.feed(bytes); !fed) return close(fed.error());
  while (state_ != State::kClosed) {
    auto reply = reader_.next();
    if (!reply) return close(reply.error());
    if (*reply == nullptr) break;
    deliver(std::move(**reply));
  }
  if (state_ != State::kReady) return;
  used_ms_ = loop_.clock().monotonic_ms();
  watch_for_silence();
  if (retired_ && waiting_.empty()) close_because(base::ErrorCode::kTimeout, "timeout");
}

void RedisConnection::deliver(RedisReply&& reply) {
  if (greetings_due_ > 0) return on_greeting(reply);
  if (waiting_.empty() || !waiting_.front().is_sent) {
    return close_because(base::ErrorCode::kClosed, "unexpected reply: " + reply.text);
  }
  if (--waiting_.front().replies > 0) return;
  RedisCall* call = waiting_.front().call;
  waiting_.pop_front();
  if (call == nullptr) return;
  if (reply.is_error()) return call->end(std::unexpected(failure_of(base::ErrorCode::kInvalid, reply.text)));
  call->end(std::move(reply));
}

void RedisConnection::schedule_flush() {
  loop_.ready().push(flush_node_, [](void* self) { static_cast<RedisConnection*>(self)->flush(); }, this);
}

void RedisConnection::flush() {
  if (state_ != State::kGreeting && state_ != State::kReady) return;
  while (sent_ < out_.size()) {
    const iovec rest = net::piece(std::string_view(out_).substr(sent_));
    const net::IoResult result = transport_.write({&rest, 1});
    if (result.kind == net::IoResult::Kind::kAgain) return watch_.want_write(true);
    if (!result.done()) return close_for(result.error_number);
    sent_ += result.bytes;
  }
  out_.clear();
  sent_ = 0;
  watch_.want_write(false);
}

// ---- the end

void RedisConnection::close_for(int error_number) {
  const bool is_of_tls = error_number == EPROTO;
  close_because(base::ErrorCode::kClosed,
                is_of_tls ? std::string(transport_.error_text(error_number)) : text_of_errno(error_number));
}

void RedisConnection::close_because(base::ErrorCode code, std::string_view what) {
  close(failure_of(code, what));
}

void RedisConnection::close(const base::Error& error) {
  if (state_ == State::kClosed) return;
  state_.move_to(State::kClosed);
  failure_ = error;
  stall_.cancel();
  watch_.stop();
  transport_.close();
  for (Place& place : waiting_) {
    if (place.call == nullptr) continue;
    base::Error told = error;
    told.retryable = !place.is_sent;
    std::exchange(place.call, nullptr)->end(std::unexpected(std::move(told)));
  }
  waiting_.clear();
  pool_.on_closed(*this);
}

}  // namespace apisix::client
