#include "shared/client/redis_sentinel.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "shared/base/text.h"

namespace apisix::client {
namespace {

constexpr std::uint64_t kSentinelPauseMs = 25;

base::Error unavailable(std::string what) {
  return {base::ErrorCode::kUnavailable, base::ErrorSource::kUpstream, true, std::move(what)};
}

// A field of what sentinels list: name, value, name, value ...
std::string_view field_of(const RedisReply& fields, std::string_view name) {
  for (std::size_t i = 0; i + 1 < fields.items.size(); i += 2) {
    if (fields.items[i].text == name) return fields.items[i + 1].text;
  }
  return {};
}

std::optional<RedisAddress> address_of(std::string_view host, std::string_view port_text) {
  const auto port = base::parse_integer<std::uint16_t>(port_text);
  if (host.empty() || !port || *port == 0) return std::nullopt;
  return RedisAddress{std::string(host), *port};
}

}  // namespace

RedisSentinel::RedisSentinel(RedisDeps& deps, RedisSentinelTarget target)
    : deps_(deps), target_(std::move(target)), looked_up_(deps.loop), scope_(deps.loop) {
  for (const RedisAddress& address : target_.sentinels) {
    RedisTarget sentinel;
    sentinel.host = address.host;
    sentinel.port = address.port;
    sentinel.username = target_.sentinel_username;
    sentinel.password = target_.sentinel_password;
    sentinel.connect_timeout_ms = target_.node.connect_timeout_ms;
    sentinel.reply_timeout_ms = target_.node.reply_timeout_ms;
    sentinel.idle_timeout_ms = target_.node.idle_timeout_ms;
    sentinels_.emplace_back(new RedisPool(deps_, std::move(sentinel)));
  }
}

std::uint64_t RedisSentinel::left_ms(std::uint64_t deadline_ms) const {
  return deadline_ms > now_ms() ? deadline_ms - now_ms() : 0;
}

async::Task<base::Result<RedisReply>> RedisSentinel::call(RedisCommand command) {
  const base::Ref<RedisService> keep(this);
  const std::uint64_t deadline_ms =
      now_ms() + target_.node.connect_timeout_ms + target_.node.reply_timeout_ms;
  if (now_ms() - found_ms_ >= kFreshMs) ask_sentinels();
  base::Error failure = unavailable("timeout");
  for (bool must_ask = !server_;; must_ask = true) {
    if (must_ask) {
      ask_sentinels();
      if (is_looking_up_ && !co_await looked_up_.wait(std::max<std::uint64_t>(left_ms(deadline_ms), 1)))
        break;
      if (failure_) failure = *failure_;
      if (failure_ && !server_) break;  // no sentinel replies: waiting is no use
    }
    if (const base::Ref<RedisPool> server = server_) {
      auto reply = co_await server->call(command, std::max<std::uint64_t>(left_ms(deadline_ms), 1));
      if (reply) co_return reply;
      failure = std::move(reply.error());
      const bool was_not_run =
          failure.retryable || failure.what.starts_with("READONLY") || is_passing_refusal(failure.what);
      if (!was_not_run) break;
    }
    if (left_ms(deadline_ms) <= kSentinelPauseMs) break;
    co_await async::Sleep(deps_.loop, kSentinelPauseMs);
  }
  co_return std::unexpected(std::move(failure));
}

void RedisSentinel::ask_sentinels() {
  if (is_looking_up_) return;
  is_looking_up_ = true;
  replies_due_ = sentinels_.size();
  ++round_;
  for (std::size_t i = 0; i < sentinels_.size(); ++i) scope_.spawn(ask(i, round_));
}

async::Task<void> RedisSentinel::ask(std::size_t sentinel, std::uint64_t round) {
  RedisCommand question("SENTINEL", target_.wants_replica ? "slaves" : "get-master-addr-by-name",
                        target_.master_name);
  const base::Ref<RedisPool> pool = sentinels_[sentinel];
  const std::uint64_t timeout_ms = target_.node.connect_timeout_ms + target_.node.reply_timeout_ms;
  auto reply = co_await pool->call(std::move(question), timeout_ms);
  on_reply(round, reply ? read_reply(*reply) : std::unexpected(reply.error()));
}

base::Result<RedisAddress> RedisSentinel::read_reply(const RedisReply& reply) {
  if (target_.wants_replica) return choose_replica(reply);
  if (reply.items.size() == 2) {
    if (auto address = address_of(reply.items[0].text, reply.items[1].text)) return *address;
  }
  return std::unexpected(unavailable("sentinels know no master " + target_.master_name));
}

// One after the other, of those that are up.
base::Result<RedisAddress> RedisSentinel::choose_replica(const RedisReply& reply) {
  std::vector<RedisAddress> up;
  for (const RedisReply& item : reply.items) {
    if (field_of(item, "flags") != "slave") continue;  // more flags: down in some way
    if (auto address = address_of(field_of(item, "ip"), field_of(item, "port")))
      up.push_back(std::move(*address));
  }
  if (up.empty()) return std::unexpected(unavailable("sentinels know no replica of " + target_.master_name));
  std::ranges::sort(up);
  return up[replica_turn_ % up.size()];
}

void RedisSentinel::on_reply(std::uint64_t round, base::Result<RedisAddress> address) {
  if (round != round_ || !is_looking_up_) return;
  --replies_due_;
  if (address) {
    failure_.reset();
    found_ms_ = now_ms();
    use(*address);
  } else {
    failure_ = std::move(address.error());
    if (replies_due_ > 0) return;
  }
  is_looking_up_ = false;
  looked_up_.notify();
}

void RedisSentinel::use(const RedisAddress& address) {
  if (server_ && server_->target().host == address.host && server_->target().port == address.port) return;
  RedisTarget target = target_.node;
  target.host = address.host;
  target.port = address.port;
  server_ = base::Ref<RedisPool>(new RedisPool(deps_, std::move(target)));
}

}  // namespace apisix::client
