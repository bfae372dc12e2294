// traffic-split: sends a share of the matching requests to other upstreams than the route's.
#include <algorithm>
#include <string>
#include <vector>

#include "shared/base/log.h"
#include "shared/format/read.h"
#include "worker/plugin/condition.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/variables.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

// Where a share goes. Without a handle: the route's own upstream.
struct Share {
  std::int64_t weight = 0;
  std::int64_t current = 0;  // of the smooth weighted round robin
  std::string upstream_id;   // empty: an upstream of the plugin's own, or the route's
  base::Ref<plugin::UpstreamHandle> upstream;
};

struct Rule {
  std::vector<plugin::Condition> match;  // one of them must hold; empty: always
  std::vector<Share> shares;
  bool has_match = false;
};

class TrafficSplit final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "traffic-split", .priority = 966};

  static base::Status check(const plugin::Conf& conf) {
    for (const Json& rule : conf.json("rules")) {
      for (const Json& match : find_member(rule, "match")) {
        const auto compiled = plugin::Condition::compile(find_member(match, "vars"));
        if (!compiled) {
          return base::invalid("failed to validate the 'vars' expression: " + compiled.error().what);
        }
      }
    }
    return {};
  }

  static base::Result<base::Ref<plugin::Plugin>> make(const plugin::Conf& conf,
                                                      const plugin::BuildContext& context) {
    base::Ref<TrafficSplit> made(new TrafficSplit());
    for (const Json& rule : conf.json("rules")) {
      if (auto status = made->add_rule(rule, context); !status) return std::unexpected(status.error());
    }
    return base::Ref<plugin::Plugin>(made.get());
  }

  plugin::Step access(plugin::Request& request) override {
    if (needs_body_ && !request.body().is_read()) return access_with_body(request);
    return choose(request);
  }

 private:
  TrafficSplit() = default;

  base::Status add_rule(const Json& json, const plugin::BuildContext& context) {
    Rule rule;
    for (const Json& match : find_member(json, "match")) {
      auto compiled = plugin::Condition::compile(find_member(match, "vars"));
      if (!compiled) return std::unexpected(compiled.error());
      needs_body_ |= format::to_json(find_member(match, "vars")).find("\"post_arg") != std::string::npos;
      rule.match.push_back(std::move(*compiled));
    }
    rule.has_match = find_member(json, "match").isArray();
    for (const Json& share : find_member(json, "weighted_upstreams")) {
      auto added = read_share(share, context);
      if (!added) return std::unexpected(added.error());
      rule.shares.push_back(std::move(*added));
    }
    if (rule.shares.empty())
      rule.shares.push_back({.weight = 1, .current = 0, .upstream_id = {}, .upstream = {}});
    rules_.push_back(std::move(rule));
    return {};
  }

  base::Result<Share> read_share(const Json& json, const plugin::BuildContext& context) {
    Share share;
    share.weight = format::clamped<std::uint32_t>(find_member(json, "weight"));
    if (const Json& id = find_member(json, "upstream_id"); !id.isNull()) {
      share.upstream_id = id.isString() ? format::string_of(id) : format::to_json(id);
      share.upstream = context.deps.directory.upstream_by_id(share.upstream_id);
    } else if (const Json& own = find_member(json, "upstream"); own.isObject()) {
      const std::string key = context.conf_key() + "#" + std::to_string(++upstreams_);
      auto made = context.deps.directory.make_upstream(key, own);
      if (!made) return std::unexpected(made.error());
      share.upstream = std::move(*made);
    }
    return share;
  }

  plugin::Step access_with_body(plugin::Request& request) {
    co_await request.body().read_fields();
    co_return choose(request);
  }

  plugin::Outcome choose(plugin::Request& request) {
    for (Rule& rule : rules_) {
      for (const Share& share : rule.shares) {
        if (share.upstream_id.empty() || share.upstream->exists()) continue;
        return request.reject(500, "failed to fetch upstream info by upstream id: " + share.upstream_id);
      }
      if (!holds(rule, request)) continue;
      if (Share* share = pick(rule)) request.upstream().choose(share->upstream);
      return plugin::pass();
    }
    return plugin::pass();
  }

  static bool holds(const Rule& rule, plugin::Request& request) {
    plugin::Variables variables(request);
    return !rule.has_match || std::ranges::any_of(rule.match, [&variables](const plugin::Condition& match) {
      return match.evaluate(variables);
    });
  }

  // Smooth weighted round robin, as nginx spreads requests over nodes. Null: all weights are 0.
  static Share* pick(Rule& rule) {
    std::int64_t total = 0;
    Share* best = nullptr;
    for (Share& share : rule.shares) {
      if (share.weight <= 0) continue;
      total += share.weight;
      share.current += share.weight;
      if (best == nullptr || share.current > best->current) best = &share;
    }
    if (best != nullptr) best->current -= total;
    return best;
  }

  std::vector<Rule> rules_;
  int upstreams_ = 0;
  bool needs_body_ = false;
};

}  // namespace

const plugin::PluginKind& traffic_split = plugin::define<TrafficSplit>();

}  // namespace apisix::plugins
