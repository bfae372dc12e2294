// DebugMode: what conf/debug.yaml says: whether responses name the plugins that ran (`basic`), and which
// calls are written to error.log (`hook_conf`), of all requests or of those with one header field
// (`http_filter`). Immutable; a request in flight keeps the one it started with. DebugTrace: what one request
// has to tell.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/counted.h"
#include "shared/base/log.h"
#include "shared/base/result.h"
#include "shared/format/json.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugin {

class Chain;
class PluginConf;

class DebugMode : public base::Counted<DebugMode> {
 public:
  // The text names the key and what is wrong with it. Modules and functions that do not exist here are
  // logged and skipped, as in APISIX.
  static base::Result<base::Ref<const DebugMode>> make(format::Json document);

  // Nothing in it concerns any request.
  bool is_off() const { return !tells_plugins_ && calls_.empty(); }
  bool tells_plugins() const { return tells_plugins_; }
  // Are calls of this request logged?
  bool traces_calls_of(const RequestState& request) const;
  bool has_call(std::string_view module, std::string_view function) const;
  base::LogLevel level() const { return level_; }
  bool prints_arguments() const { return prints_arguments_; }
  bool prints_results() const { return prints_results_; }

 private:
  base::Status read_hooks(const format::Json& document);
  void read_calls(const format::Json& modules);

  bool tells_plugins_ = false;
  bool filters_requests_ = false;
  std::string filter_header_;
  base::LogLevel level_ = base::LogLevel::kWarn;
  bool prints_arguments_ = false;
  bool prints_results_ = false;
  // The functions of each module.
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> calls_;
};

class DebugTrace {
 public:
  bool has_begun() const { return static_cast<bool>(mode_); }
  // Once, when the request's head is known.
  void begin(base::Ref<const DebugMode> mode, const RequestState& request);

  void on_hook(const PluginConf& conf, Phase phase, RequestState& request);
  void on_hook_done(const PluginConf& conf, Phase phase, Outcome outcome, RequestState& request);
  // A phase of the whole request: "http_log_phase".
  void on_phase(std::string_view name, RequestState& request);
  void on_phase_done(std::string_view name, RequestState& request);
  // Sets Apisix-Plugins: "name#phase" of what ran, in order, then of the route's hooks that come after the
  // head. What runs later without being announced is written to error.log.
  void report(const Chain* route_chain, RequestState& request);

 private:
  void note(std::string_view plugin, Phase phase, RequestState& request);
  void log_call(std::string_view module, std::string_view function, std::string_view what,
                RequestState& request) const;

  base::Ref<const DebugMode> mode_;
  std::vector<std::pair<std::string_view, Phase>> ran_;
  bool reported_ = false;
  bool traces_calls_ = false;
};

// What is in force in this process; null: nothing is debugged. Set by the worker alone.
inline base::Ref<const DebugMode> debug_mode;

DebugTrace& trace_of(RequestState& request);
// Null while the mode is off, as it mostly is: costs one comparison then.
inline DebugTrace* find_trace(RequestState& request) {
  if (!debug_mode) [[likely]]
    return nullptr;
  return &trace_of(request);
}

}  // namespace apisix::plugin
