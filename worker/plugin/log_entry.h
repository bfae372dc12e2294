// LogEntry: what logger plugins write about one request: APISIX's full description, or the fields of a
// log_format; the request's and the response's body when they are wanted. Compiled once per configuration;
// the plugin's metadata is looked at again when it changes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "worker/plugin/condition.h"
#include "worker/plugin/plugin.h"
#include "worker/route/variable_name.h"

namespace apisix::plugin {

// {"host": "$host", "static": "x", "nested": {...}}
class LogFields {
 public:
  static constexpr int kDepthMax = 5;

  LogFields() = default;
  explicit LogFields(const Json& format, int depth = 1);

  bool empty() const { return fields_.empty(); }
  // Adds the fields to `entry`; with `keep`, only those that are not there yet.
  void write(Request& request, std::string_view request_body, Json& entry, bool keep = false) const;
  bool wants_request_body() const { return wants_request_body_; }

 private:
  struct Field {
    std::string name;
    std::optional<route::VariableName> variable;
    Json constant;
    std::vector<LogFields> nested;  // one, or none
  };
  std::vector<Field> fields_;
  bool wants_request_body_ = false;
};

class LogEntry {
 public:
  // For check(): expressions that make no sense, in APISIX's words.
  static base::Status check_conf(const Json& conf);

  // `conf`: the members that all loggers share: log_format, log_format_extra, include_req_body(_expr),
  // include_resp_body(_expr), max_req_body_bytes, max_resp_body_bytes, match.
  LogEntry(const Json& conf, const BuildContext& context);

  // access: reads the beginning of the request's body when it is to be logged.
  Step read_request_body(Request& request);
  // body_filter: keeps the beginning of the response's body when it is to be logged.
  void collect(Request& request, const Body& body);
  // log: the entry, as JSON text; nothing when `match` does not hold. `no_route_id`: its "route_id" where no
  // route matched; empty: none.
  std::optional<std::string> make(Request& request, std::string_view no_route_id);

 private:
  struct State;
  struct Formats {
    bool is_custom = false;
    LogFields fields;
    LogFields extra;
  };

  const Formats& formats();
  void compile_formats(const Json* metadata);
  bool is_matched(Request& request) const;
  Step read_it(Request& request);
  std::string described(Request& request, const State& state, std::string_view no_route_id);
  std::string formatted(Request& request, const State& state, std::string_view no_route_id);

  Deps& deps_;
  const std::string plugin_;
  const Json conf_formats_;  // log_format and log_format_extra of the configuration
  Formats formats_;
  std::uint64_t metadata_version_ = UINT64_MAX;  // that formats_ was compiled with; 0: none
  std::vector<Condition> match_;
  std::optional<Condition> request_body_if_;
  std::optional<Condition> response_body_if_;
  const bool include_request_body_;
  const bool include_response_body_;
  const std::size_t request_body_bytes_max_;
  const std::size_t response_body_bytes_max_;
};

}  // namespace apisix::plugin
