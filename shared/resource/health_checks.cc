#include "shared/resource/health_checks.h"

#include <algorithm>

#include "shared/resource/fields.h"

namespace apisix::resource {
namespace {

constexpr std::array<std::string_view, 3> kTypeNames = {"http", "https", "tcp"};

CheckType type_of(const Json& check) {
  const std::string name = text_field(check, "type");
  const auto* found = std::ranges::find(kTypeNames, name);
  return found == kTypeNames.end() ? CheckType::kHttp : static_cast<CheckType>(found - kTypeNames.begin());
}

void read_statuses(const Json& rule, StatusSet& statuses) {
  const Json& list = format::find_member(rule, "http_statuses");
  if (!list.isArray()) return;
  statuses = {};
  for (const Json& status : list) statuses.add(count_of(status).value_or(0));
}

void read_limit(const Json& rule, std::string_view name, std::uint8_t& limit) {
  if (const auto count = count_field(rule, name)) limit = static_cast<std::uint8_t>(std::min(*count, 254U));
}

void read_interval(const Json& rule, std::uint64_t& interval_ms) {
  if (const auto interval = milliseconds_field(rule, "interval")) interval_ms = *interval;
}

void read_rules(const Json& check, HealthyRule& healthy, UnhealthyRule& unhealthy) {
  const Json& up = format::find_member(check, "healthy");
  read_interval(up, healthy.interval_ms);
  read_statuses(up, healthy.http_statuses);
  read_limit(up, "successes", healthy.successes);
  const Json& down = format::find_member(check, "unhealthy");
  read_interval(down, unhealthy.interval_ms);
  read_statuses(down, unhealthy.http_statuses);
  read_limit(down, "http_failures", unhealthy.http_failures);
  read_limit(down, "tcp_failures", unhealthy.tcp_failures);
  read_limit(down, "timeouts", unhealthy.timeouts);
}

ActiveCheck parse_active(const Json& json) {
  ActiveCheck active;
  active.healthy = {.http_statuses = {200, 302}, .successes = 2};
  active.unhealthy = {.http_statuses = {429, 404, 500, 501, 502, 503, 504, 505},
                      .http_failures = 5,
                      .tcp_failures = 2,
                      .timeouts = 3};
  active.type = type_of(json);
  active.timeout_ms = milliseconds_field(json, "timeout").value_or(1000);
  active.concurrency = std::max(1U, count_field(json, "concurrency").value_or(10));
  active.host = text_field(json, "host");
  active.port = static_cast<std::uint16_t>(std::min(count_field(json, "port").value_or(0), 65535U));
  if (std::string method = text_field(json, "http_method"); !method.empty()) active.http_method = method;
  if (std::string path = text_field(json, "http_path"); !path.empty()) active.http_path = path;
  active.http_req_body = text_field(json, "http_req_body");
  active.req_headers = texts_field(json, "req_headers");
  active.https_verify_certificate = bool_field(json, "https_verify_certificate").value_or(true);
  read_rules(json, active.healthy, active.unhealthy);
  return active;
}

PassiveCheck parse_passive(const Json& json) {
  PassiveCheck passive;
  passive.healthy = {.http_statuses = {200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303,
                                       304, 305, 306, 307, 308},
                     .successes = 5};
  passive.unhealthy = {
      .http_statuses = {429, 500, 503}, .http_failures = 5, .tcp_failures = 2, .timeouts = 7};
  passive.type = type_of(json);
  read_rules(json, passive.healthy, passive.unhealthy);
  return passive;
}

}  // namespace

std::string_view name_of(CheckType type) {
  return kTypeNames[static_cast<std::size_t>(type)];
}

HealthChecks parse_health_checks(const Json& checks) {
  const Json& active = format::find_member(checks, "active");
  const Json& passive = format::find_member(checks, "passive");
  HealthChecks out;
  out.active = parse_active(active);
  out.passive = parse_passive(passive);
  out.has_passive = passive.isObject();
  out.shown_type = active.isObject() ? out.active.type : out.passive.type;
  return out;
}

}  // namespace apisix::resource
