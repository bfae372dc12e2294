#include "shared/memory/health_log.h"

#include <string>

#include "shared/base/log.h"

namespace apisix::memory {

void log_health(const HealthSubject& subject, HealthEvent event, std::uint8_t limit,
                const HealthTable::Report& report) {
  if (!report.counted || base::log_level() < base::LogLevel::kWarn) return;
  const std::string ip = subject.ip.to_string();
  const std::string_view hostname = subject.hostname.empty() ? std::string_view(ip) : subject.hostname;
  base::log_warn("[healthcheck] (upstream#{}) {} increment ({}/{}) for '{}({}:{})'", subject.checker,
                 text_of(event), report.after.count_of(event), limit, hostname, ip, subject.port);
  if (!report.turned()) return;
  base::log_warn("[healthcheck] (upstream#{}) event: target status '{}({}:{})' from '{}' to '{}'",
                 subject.checker, hostname, ip, subject.port, name_of(report.before.status),
                 name_of(report.after.status));
}

}  // namespace apisix::memory
