#include "worker/plugin/debug_mode.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "shared/format/read.h"
#include "worker/plugin/chain.h"
#include "worker/plugin/request_log.h"

namespace apisix::plugin {
namespace {

using format::find_member;

constexpr std::string_view kGatewayModule = "apisix";
constexpr std::string_view kPluginModules = "apisix.plugins.";
constexpr std::array<std::string_view, 4> kGatewayFunctions = {
    "http_access_phase", "http_header_filter_phase", "http_body_filter_phase", "http_log_phase"};
constexpr std::array<Phase, 3> kPhasesAfterHead = {Phase::kBodyFilter, Phase::kDelayedBodyFilter,
                                                   Phase::kLog};

bool is_phase(std::string_view name) {
  for (std::size_t phase = 0; phase < kPhaseCount; ++phase) {
    if (name_of(static_cast<Phase>(phase)) == name) return true;
  }
  return false;
}

bool can_trace(std::string_view module, std::string_view function) {
  if (module == kGatewayModule)
    return std::ranges::find(kGatewayFunctions, function) != kGatewayFunctions.end();
  return module.starts_with(kPluginModules) && is_phase(function);
}

base::Status read_flag(const Json& section, const char* name, bool& into) {
  const Json& value = find_member(section, name);
  if (value.isNull()) return {};
  if (!value.isBool()) return base::invalid(fmt::format("property \"{}\" is not a boolean", name));
  into = format::is_true(value);
  return {};
}

base::Status read_text(const Json& section, const char* name, std::string& into) {
  const Json& value = find_member(section, name);
  if (value.isNull()) return {};
  if (!value.isString()) return base::invalid(fmt::format("property \"{}\" is not a string", name));
  into = format::string_of(value);
  return {};
}

// plugins/limit-count -> "apisix.plugins.limit-count"
std::string module_of(const PluginConf& conf) {
  return std::string(kPluginModules) + std::string(conf.kind().info().name);
}

}  // namespace

// --- DebugMode

base::Result<base::Ref<const DebugMode>> DebugMode::make(format::Json document) {
  for (const char* section : {"basic", "http_filter", "hook_conf"}) {
    if (!find_member(document, section).isObject()) {
      return base::invalid(fmt::format("property \"{}\" is required", section));
    }
  }
  auto mode = base::make_counted<DebugMode>();
  const Json& filter = find_member(document, "http_filter");
  if (auto status = read_flag(find_member(document, "basic"), "enable", mode->tells_plugins_); !status) {
    return std::unexpected(status.error());
  }
  if (auto status = read_flag(filter, "enable", mode->filters_requests_); !status) {
    return std::unexpected(status.error());
  }
  if (auto status = read_text(filter, "enable_header_name", mode->filter_header_); !status) {
    return std::unexpected(status.error());
  }
  if (auto status = mode->read_hooks(document); !status) return std::unexpected(status.error());
  return base::Ref<const DebugMode>(mode.get());
}

base::Status DebugMode::read_hooks(const format::Json& document) {
  const Json& hooks = find_member(document, "hook_conf");
  bool enabled = false;
  std::string list;
  std::string level = "warn";
  if (auto status = read_flag(hooks, "enable", enabled); !status) return status;
  if (auto status = read_flag(hooks, "is_print_input_args", prints_arguments_); !status) return status;
  if (auto status = read_flag(hooks, "is_print_return_value", prints_results_); !status) return status;
  if (auto status = read_text(hooks, "name", list); !status) return status;
  if (auto status = read_text(hooks, "log_level", level); !status) return status;
  const auto parsed = base::parse_log_level(level);
  if (!parsed) return std::unexpected(parsed.error());
  level_ = *parsed;
  if (enabled) read_calls(find_member(document, list));
  return {};
}

void DebugMode::read_calls(const format::Json& modules) {
  if (!modules.isObject()) return;
  for (const std::string& module : modules.getMemberNames()) {
    for (const Json& function : modules[module]) {
      const std::string name = function.isString() ? format::string_of(function) : format::to_json(function);
      if (can_trace(module, name)) {
        calls_[module].insert(name);
      } else {
        base::log_error("failed to find function [{}] in module:{}", name, module);
      }
    }
  }
}

bool DebugMode::traces_calls_of(const RequestState& request) const {
  if (calls_.empty()) return false;
  if (!filters_requests_) return true;
  return !filter_header_.empty() && request.head->headers.find(filter_header_) != nullptr;
}

bool DebugMode::has_call(std::string_view module, std::string_view function) const {
  const auto functions = calls_.find(module);
  return functions != calls_.end() && functions->second.contains(function);
}

// --- DebugTrace

DebugTrace& trace_of(RequestState& request) {
  auto& trace = request.kept<DebugTrace>(&debug_mode);
  if (!trace.has_begun()) trace.begin(debug_mode, request);
  return trace;
}

void DebugTrace::begin(base::Ref<const DebugMode> mode, const RequestState& request) {
  mode_ = std::move(mode);
  traces_calls_ = mode_->traces_calls_of(request);
}

void DebugTrace::note(std::string_view plugin, Phase phase, RequestState& request) {
  const std::pair entry(plugin, phase);
  if (std::ranges::find(ran_, entry) != ran_.end()) return;
  ran_.push_back(entry);
  if (reported_) log_warn(request, "Apisix-Plugins: {}#{}", plugin, name_of(phase));
}

void DebugTrace::on_hook(const PluginConf& conf, Phase phase, RequestState& request) {
  if (mode_->tells_plugins()) note(conf.kind().info().name, phase, request);
  if (!traces_calls_ || !mode_->prints_arguments()) return;
  // Where the configuration stands, not what is in it: it holds passwords.
  log_call(module_of(conf), name_of(phase), "args:{ " + conf.resource() + " }", request);
}

void DebugTrace::on_hook_done(const PluginConf& conf, Phase phase, Outcome outcome, RequestState& request) {
  if (!traces_calls_ || !mode_->prints_results()) return;
  const std::string result = outcome == Outcome::kPass
                                 ? "return:{}"
                                 : fmt::format("return:{{ {} }}", request.direct_response.status);
  log_call(module_of(conf), name_of(phase), result, request);
}

void DebugTrace::on_phase(std::string_view name, RequestState& request) {
  if (traces_calls_ && mode_->prints_arguments()) log_call(kGatewayModule, name, "args:{}", request);
}

void DebugTrace::on_phase_done(std::string_view name, RequestState& request) {
  if (traces_calls_ && mode_->prints_results()) log_call(kGatewayModule, name, "return:{}", request);
}

void DebugTrace::log_call(std::string_view module, std::string_view function, std::string_view what,
                          RequestState& request) const {
  if (!mode_->has_call(module, function)) return;
  log(mode_->level(), request, "call require(\"{}\").{}() {}", module, function, what);
}

void DebugTrace::report(const Chain* route_chain, RequestState& request) {
  if (!mode_->tells_plugins()) return;
  for (const Phase phase : kPhasesAfterHead) {
    if (route_chain == nullptr) break;
    for (const Chain::Link* link : route_chain->hooks(phase))
      note(link->conf->kind().info().name, phase, request);
  }
  std::string text;
  for (const auto& [plugin, phase] : ran_) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{}#{}", plugin, name_of(phase));
  }
  Response(request).set_header("Apisix-Plugins", text.empty() ? "no plugin" : text);
  reported_ = true;
}

}  // namespace apisix::plugin
