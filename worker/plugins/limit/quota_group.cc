#include "worker/plugins/limit/quota_group.h"

#include <map>
#include <string>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/format/read.h"

namespace apisix::plugins {
namespace {

using format::find_member;

struct Seen {
  format::Json conf;
  std::uint64_t seen_ms = 0;
};

// One thread, one table: groups have one name space over all objects.
std::map<std::string, Seen>& groups() {
  static std::map<std::string, Seen> table;
  return table;
}

std::uint64_t now_ms() {
  return base::monotonic_now_us() / 1000;
}

void make_room() {
  auto& table = groups();
  std::erase_if(
      table, [](const auto& entry) { return entry.second.seen_ms + QuotaGroups::kRememberedMs <= now_ms(); });
  if (table.size() >= QuotaGroups::kGroupsMax) table.erase(table.begin());
}

// What decides how it counts; not what is said about it, and not what other tools write beside it.
format::Json counted_part(format::Json conf) {
  for (const std::string& name : conf.getMemberNames()) {
    if (name.starts_with('_')) conf.removeMember(name);
  }
  return conf;
}

}  // namespace

base::Status QuotaGroups::check(const format::Json& conf) {
  const format::Json& group = find_member(conf, "group");
  if (!group.isString()) return {};
  const auto known = groups().find(format::string_of(group));
  if (known == groups().end() || known->second.seen_ms + kRememberedMs <= now_ms()) return {};
  if (known->second.conf == counted_part(conf)) return {};
  base::log_error("previous limit-count group {} conf: {}", format::string_of(group),
                  format::to_json(known->second.conf));
  base::log_error("current limit-count group {} conf: {}", format::string_of(group), format::to_json(conf));
  return base::invalid("group conf mismatched");
}

void QuotaGroups::remember(const format::Json& conf) {
  const format::Json& group = find_member(conf, "group");
  if (!group.isString()) return;
  make_room();
  groups()[format::string_of(group)] = {counted_part(conf), now_ms()};
}

}  // namespace apisix::plugins
