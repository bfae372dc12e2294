#include "privileged-agent/jobs/metric_expiry.h"

#include <algorithm>

#include "shared/format/read.h"

namespace apisix::agent {

using format::find_member;

MetricExpiry::MetricExpiry(event::Loop& loop, memory::MetricZone& zone, const format::Json& attr,
                           std::string prefix)
    : loop_(loop),
      zone_(zone),
      prefix_(std::move(prefix)),
      timer_(loop.timers(), [](void* self) { static_cast<MetricExpiry*>(self)->expire(); }, this) {
  set(attr);
}

void MetricExpiry::set(const format::Json& attr) {
  expire_ms_.clear();
  seen_.clear();
  period_ms_ = kPeriodMsMax;
  timer_.cancel();
  const format::Json& metrics = find_member(attr, "metrics");
  if (!metrics.isObject()) return;
  for (const std::string& name : metrics.getMemberNames()) {
    const format::Json& expire = find_member(metrics[name], "expire");
    if (!expire.isNumeric() || format::number_of(expire) <= 0) continue;  // 0: never, as in APISIX
    const auto after_ms = static_cast<std::uint64_t>(std::min(format::number_of(expire), 1e9) * 1000);
    expire_ms_[prefix_ + name] = after_ms;
    period_ms_ = std::min(period_ms_, std::max(after_ms / 4, kPeriodMsMin));
  }
  if (!expire_ms_.empty()) timer_.set_after_ms(period_ms_);
}

void MetricExpiry::expire() {
  timer_.set_after_ms(period_ms_);
  const std::uint64_t now_ms = loop_.clock().monotonic_ms();
  const auto snapshot = zone_.read();
  const double* values = snapshot.values.data();
  for (const auto& series : snapshot.series) {
    const auto family = zone_.family(series.family);
    const std::size_t cells = memory::MetricZone::cell_count(family);
    double sum = 0;
    for (std::size_t i = 0; i < cells; ++i) sum += values[i];
    values += cells;
    if (expire_ms_.contains(std::string(family.name))) note(series, sum, now_ms);
  }
  zone_.sweep(now_ms);
}

void MetricExpiry::note(const memory::MetricZone::Series& series, double sum, std::uint64_t now_ms) {
  const auto [found, is_new] = seen_.try_emplace(series.id, Seen{sum, now_ms});
  Seen& seen = found->second;
  if (seen.sum != sum) seen = {sum, now_ms};
  if (is_new || now_ms - seen.changed_ms < expire_ms_.at(std::string(zone_.family(series.family).name)))
    return;
  zone_.retire(series.id, now_ms);
  seen_.erase(found);
}

}  // namespace apisix::agent
