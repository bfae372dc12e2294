// QuotaSync: a quota in redis that is asked only now and then (`sync_interval`). In between this machine's
// workers grant from what redis last said was left, counting in shared memory; then one of them adds what was
// granted to the counter in redis. All machines together may so grant more than the quota: what each grants
// in an interval. When redis cannot be asked, the counters of this machine decide.
//
// For a key K: "quota#K" is what was left at the last reply, for as long as its window lasts; "delta#K" is
// what was granted since; "sync#K" is there while a worker asks redis. One per configuration and worker.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "shared/async/scope.h"
#include "shared/async/signal.h"
#include "shared/async/task.h"
#include "shared/base/counted.h"
#include "worker/plugin/deps.h"
#include "worker/plugins/limit/quota_counter.h"

namespace apisix::plugins {

class QuotaSync : public base::Counted<QuotaSync> {
 public:
  // Keys that wait for their turn; more are left for a later interval.
  static constexpr std::size_t kKeysMax = 10'000;

  QuotaSync(plugin::Deps& deps, memory::Dictionary& counters, RedisQuota redis, LocalQuota fallback,
            std::uint64_t interval_ms);

  // Asks redis only when nothing is known of the window.
  async::Task<QuotaResult> take(std::string key, QuotaUse use);

 private:
  QuotaResult grant(const std::string& key, const QuotaUse& use, const memory::Dictionary::Entry& quota);
  static async::Task<void> ask(base::Ref<QuotaSync> self, std::string key, QuotaUse use);
  void remember(const std::string& key, const QuotaUse& use, const QuotaResult& result);
  void note(const std::string& key, const QuotaUse& use);
  async::Task<void> sync_later();
  std::uint64_t now_ms() const;

  plugin::Deps& deps_;
  memory::Dictionary& counters_;
  RedisQuota redis_;
  LocalQuota fallback_;
  const std::uint64_t interval_ms_;
  std::map<std::string, QuotaUse> touched_;  // since the last sync
  bool is_syncing_ = false;
  async::Signal asked_;
  async::Scope scope_;  // of sync_later() alone: asking goes on when the configuration is gone
};

}  // namespace apisix::plugins
