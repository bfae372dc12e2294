#include "worker/config/global_rules.h"

#include <algorithm>
#include <set>

#include "shared/resource/global_plugins.h"

namespace apisix::config {

void GlobalRules::put(std::string_view id, std::int64_t age, base::Ref<const SharedPlugins> plugins) {
  waiting_[std::string(id)] = {std::move(plugins), age, "", true};
  is_decided_ = false;
}

void GlobalRules::erase(std::string_view id) {
  if (const auto found = in_force_.find(id); found != in_force_.end()) in_force_.erase(found);
  if (const auto found = waiting_.find(id); found != waiting_.end()) waiting_.erase(found);
  is_decided_ = false;
}

// "" when no other rule in force has one of the plugins.
std::string GlobalRules::conflict_of(std::string_view id, const SharedPlugins& plugins) const {
  for (const auto& [other_id, other] : in_force_) {
    if (other_id == id) continue;
    for (const auto& [name, conf] : plugins.confs) {
      if (other->confs.contains(name)) return resource::global_plugin_taken(name, other_id);
    }
  }
  return "";
}

// All that wait may come into force together.
bool GlobalRules::fit_all() const {
  std::set<std::string_view> names;
  const auto add = [&names](const SharedPlugins& plugins) {
    return std::ranges::all_of(plugins.confs,
                               [&](const auto& conf) { return names.insert(conf.first).second; });
  };
  const auto stays = [this](const auto& rule) { return !waiting_.contains(rule.first); };
  for (const auto& rule : in_force_) {
    if (stays(rule) && !add(*rule.second)) return false;
  }
  return std::ranges::all_of(waiting_, [&](const auto& rule) { return add(*rule.second.plugins); });
}

void GlobalRules::accept(std::string_view id, std::vector<Verdict>& out) {
  const auto rule = waiting_.find(id);
  out.push_back({rule->first, "", rule->second.was_put});
  in_force_[rule->first] = std::move(rule->second.plugins);
  waiting_.erase(rule);
}

std::vector<GlobalRules::Verdict> GlobalRules::decide() {
  std::vector<Verdict> out;
  if (is_decided_) return out;
  is_decided_ = true;
  std::vector<std::pair<std::int64_t, std::string>> order;
  for (const auto& [id, rule] : waiting_) order.emplace_back(rule.age, id);
  std::ranges::sort(order);
  if (fit_all()) {
    for (const auto& [age, id] : order) accept(id, out);
    return out;
  }
  // One by one, again while that frees plugins for others.
  for (bool has_more = true; has_more;) {
    has_more = false;
    for (const auto& [age, id] : order) {
      const auto rule = waiting_.find(id);
      if (rule == waiting_.end() || !conflict_of(id, *rule->second.plugins).empty()) continue;
      accept(id, out);
      has_more = true;
    }
  }
  for (auto& [id, rule] : waiting_) {
    std::string reason = conflict_of(id, *rule.plugins);
    if (rule.was_put || reason != rule.reason) out.push_back({id, reason, rule.was_put});
    rule.reason = std::move(reason);
    rule.was_put = false;
  }
  return out;
}

}  // namespace apisix::config
