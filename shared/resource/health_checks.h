// HealthChecks: the `checks` of an upstream. Members that are missing have the values of APISIX's checker,
// not of the schema: `active: {}` probes nothing, because its intervals are 0; writing `healthy: {}` turns
// probing of healthy nodes on, because the schema then fills in an interval of 1 s.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/format/json.h"

namespace apisix::resource {

// HTTP statuses up to 599.
class StatusSet {
 public:
  StatusSet() = default;
  StatusSet(std::initializer_list<std::uint16_t> statuses) {
    for (const std::uint16_t status : statuses) add(status);
  }
  void add(std::uint32_t status) {
    if (status < bits_.size()) bits_.set(status);
  }
  bool contains(std::uint32_t status) const { return status < bits_.size() && bits_.test(status); }
  bool operator==(const StatusSet&) const = default;

 private:
  std::bitset<600> bits_;
};

enum class CheckType : std::uint8_t { kHttp, kHttps, kTcp };
std::string_view name_of(CheckType type);

// A limit of 0 turns what it counts off.
struct HealthyRule {
  std::uint64_t interval_ms = 0;  // of probes of nodes that are healthy; 0 = none
  StatusSet http_statuses;
  std::uint8_t successes = 0;
  bool operator==(const HealthyRule&) const = default;
};

struct UnhealthyRule {
  std::uint64_t interval_ms = 0;  // of probes of nodes that are not healthy; 0 = none
  StatusSet http_statuses;
  std::uint8_t http_failures = 0;
  std::uint8_t tcp_failures = 0;
  std::uint8_t timeouts = 0;
  bool operator==(const UnhealthyRule&) const = default;
};

struct ActiveCheck {
  CheckType type = CheckType::kHttp;
  std::uint64_t timeout_ms = 1000;
  std::uint32_t concurrency = 10;
  std::string host;        // "" = the node
  std::uint16_t port = 0;  // 0 = the node's
  std::string http_method = "GET";
  std::string http_path = "/";
  std::string http_req_body;
  std::vector<std::string> req_headers;  // "Name: value"
  bool https_verify_certificate = true;
  HealthyRule healthy;
  UnhealthyRule unhealthy;
  bool operator==(const ActiveCheck&) const = default;
};

struct PassiveCheck {
  CheckType type = CheckType::kHttp;
  HealthyRule healthy;
  UnhealthyRule unhealthy;
  bool operator==(const PassiveCheck&) const = default;
};

struct HealthChecks {
  ActiveCheck active;
  PassiveCheck passive;
  bool has_passive = false;  // `passive` holds what a failure that is retried counts as, also without
  CheckType shown_type = CheckType::kHttp;  // of the Control API
  bool operator==(const HealthChecks&) const = default;
};

// From JSON that passed the schema, with the schema's defaults.
HealthChecks parse_health_checks(const format::Json& checks);

}  // namespace apisix::resource
