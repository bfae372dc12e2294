#include "shared/client/redis_cluster.h"

#include <algorithm>
#include <utility>

#include "shared/base/log.h"
#include "shared/base/text.h"

namespace apisix::client {
namespace {

// Between two tries of a node that cannot serve for the moment.
constexpr std::uint64_t kClusterPauseMs = 25;

base::Error no_node(std::uint16_t slot, const std::optional<base::Error>& why) {
  std::string what = "no redis cluster node serves slot " + std::to_string(slot);
  if (why) what += ": " + why->what;
  return {base::ErrorCode::kUnavailable, base::ErrorSource::kUpstream, true, std::move(what)};
}

// Slots of [first, last, [host, port, ...], replicas...]; nothing when it is not of that form.
struct SlotRange {
  std::size_t first = 0;
  std::size_t last = 0;
  RedisAddress master;

  static std::optional<SlotRange> of(const RedisReply& reply) {
    if (reply.items.size() < 3 || reply.items[2].items.size() < 2) return std::nullopt;
    const RedisReply& master = reply.items[2];
    const auto first = reply.items[0].whole_number();
    const auto last = reply.items[1].whole_number();
    const auto port = master.items[1].whole_number();
    if (!first || !last || !port || *first < 0 || *last < *first) return std::nullopt;
    if (*last >= static_cast<std::int64_t>(kSlots) || *port < 1 || *port > 65535) return std::nullopt;
    return SlotRange{static_cast<std::size_t>(*first),
                     static_cast<std::size_t>(*last),
                     {master.items[0].text, static_cast<std::uint16_t>(*port)}};
  }
};

}  // namespace

std::optional<RedisRedirect> RedisRedirect::parse(std::string_view error) {
  const auto words = base::split(error, ' ');
  if (words.size() < 3 || (words[0] != "MOVED" && words[0] != "ASK")) return std::nullopt;
  const auto colon = words[2].rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto slot = base::parse_integer<std::uint16_t>(words[1]);
  const auto port = base::parse_integer<std::uint16_t>(words[2].substr(colon + 1));
  if (!slot || *slot >= kSlots || !port) return std::nullopt;
  return RedisRedirect{words[0] == "ASK", *slot, {std::string(words[2].substr(0, colon)), *port}};
}

RedisCluster::RedisCluster(RedisDeps& deps, RedisClusterTarget target)
    : deps_(deps),
      target_(std::move(target)),
      slots_(kSlots, kNoNode),
      was_read_(deps.loop),
      scope_(deps.loop) {}

std::uint64_t RedisCluster::left_ms(std::uint64_t deadline_ms) const {
  const std::uint64_t now_ms = deps_.loop.clock().monotonic_ms();
  return deadline_ms > now_ms ? deadline_ms - now_ms : 0;
}

async::Task<base::Result<RedisReply>> RedisCluster::call(RedisCommand command) {
  const base::Ref<RedisService> keep(this);
  const std::uint16_t slot = command.slot();
  const std::uint64_t deadline_ms = deps_.loop.clock().monotonic_ms() + target_.node.reply_timeout_ms;
  base::Ref<RedisPool> node = node_of(slot);
  bool asking = false;
  base::Error failure = no_node(slot, read_failure_);
  for (unsigned redirects = 0;;) {
    if (!node) {
      read_slots();
      if (is_reading_ && !co_await was_read_.wait(std::max<std::uint64_t>(left_ms(deadline_ms), 1))) break;
      failure = no_node(slot, read_failure_);
      if (read_failure_) break;  // no node replies: waiting is no use
      node = node_of(slot);
    }
    Next next = Next::kAfterPause;
    if (node) {
      auto reply = co_await node->call(command, std::max<std::uint64_t>(left_ms(deadline_ms), 1), asking);
      if (reply) co_return reply;
      failure = std::move(reply.error());
      next = judge(failure, slot, node, asking);
    }
    if (next == Next::kGiveUp) break;
    if (next == Next::kAgain && ++redirects > kRedirectsMax) break;
    if (next == Next::kAfterPause || next == Next::kAfterReading) {
      if (left_ms(deadline_ms) <= kClusterPauseMs) break;
      co_await async::Sleep(deps_.loop, kClusterPauseMs);
      node = next == Next::kAfterReading ? base::Ref<RedisPool>() : node_of(slot);
    }
  }
  co_return std::unexpected(std::move(failure));
}

RedisCluster::Next RedisCluster::judge(const base::Error& error, std::uint16_t slot,
                                       base::Ref<RedisPool>& node, bool& asking) {
  asking = false;
  if (const auto redirect = RedisRedirect::parse(error.what)) {
    asking = redirect->is_ask;
    follow(*redirect, node);
    return node ? Next::kAgain : Next::kGiveUp;
  }
  if (is_passing_refusal(error.what)) return Next::kAfterPause;
  if (error.code == base::ErrorCode::kInvalid) return Next::kGiveUp;  // the server's reply
  // The node is gone, or slow. A command that it may have run is not run again.
  read_slots();
  return error.retryable ? Next::kAfterReading : Next::kGiveUp;
}

void RedisCluster::follow(const RedisRedirect& redirect, base::Ref<RedisPool>& node) {
  RedisAddress address = redirect.node;
  if (address.host.empty()) address.host = node->target().host;
  const NodeIndex index = node_at(address);
  node = index == kNoNode ? base::Ref<RedisPool>() : nodes_[index];
  if (redirect.is_ask || index == kNoNode) return;
  slots_[redirect.slot] = index;
  read_slots();
}

RedisCluster::NodeIndex RedisCluster::node_at(const RedisAddress& address) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const RedisTarget& known = nodes_[i]->target();
    if (known.host == address.host && known.port == address.port) return static_cast<NodeIndex>(i);
  }
  if (nodes_.size() >= kNodesMax) return kNoNode;
  RedisTarget target = target_.node;
  target.host = address.host;
  target.port = address.port;
  nodes_.emplace_back(new RedisPool(deps_, std::move(target)));
  return static_cast<NodeIndex>(nodes_.size() - 1);
}

base::Ref<RedisPool> RedisCluster::node_of(std::uint16_t slot) {
  const NodeIndex index = slots_[slot];
  return index == kNoNode ? base::Ref<RedisPool>() : nodes_[index];
}

// ---- the map of slots

void RedisCluster::read_slots() {
  if (std::exchange(is_reading_, true)) return;
  scope_.spawn(reading());
}

// Known nodes first, then the configured ones; the first valid reply counts.
async::Task<void> RedisCluster::reading() {
  std::vector<base::Ref<RedisPool>> sources = nodes_;
  if (first_to_ask_ < sources.size()) std::swap(sources[0], sources[first_to_ask_]);
  for (const RedisAddress& seed : target_.seeds) {
    const NodeIndex index = node_at(seed);
    if (index == kNoNode) continue;
    if (std::ranges::find(sources, nodes_[index]) == sources.end()) sources.push_back(nodes_[index]);
  }
  read_failure_.reset();
  for (const base::Ref<RedisPool>& source : sources) {
    auto reply = co_await source->call(RedisCommand("CLUSTER", "SLOTS"), target_.node.reply_timeout_ms);
    if (reply && apply_slots(*reply, *source)) {
      read_failure_.reset();
      break;
    }
    read_failure_ = reply ? base::Error{base::ErrorCode::kUnavailable, base::ErrorSource::kUpstream, true,
                                        "it serves no slots"}
                          : reply.error();
    read_failure_->what = source->target().address() + ": " + read_failure_->what;
    base::log_warn("cannot read the slots of a redis cluster from {}", read_failure_->what);
  }
  is_reading_ = false;
  was_read_.notify();
}

bool RedisCluster::apply_slots(const RedisReply& reply, const RedisPool& from) {
  std::vector<NodeIndex> slots(kSlots, kNoNode);
  bool any = false;
  for (const RedisReply& item : reply.items) {
    auto range = SlotRange::of(item);
    if (!range) continue;
    if (range->master.host.empty() || range->master.host == "?") range->master.host = from.target().host;
    const NodeIndex index = node_at(range->master);
    if (index == kNoNode) continue;
    std::fill(slots.begin() + static_cast<std::ptrdiff_t>(range->first),
              slots.begin() + static_cast<std::ptrdiff_t>(range->last) + 1, index);
    any = true;
  }
  if (!any) return false;
  slots_ = std::move(slots);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].get() == &from) first_to_ask_ = i;
  }
  return true;
}

}  // namespace apisix::client
