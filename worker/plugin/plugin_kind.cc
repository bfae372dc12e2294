#include "worker/plugin/plugin_kind.h"

#include <array>

#include "worker/plugin/plugin.h"
#include "worker/plugin/stream_plugin.h"

namespace apisix::plugin {
namespace {

constexpr std::array<std::string_view, kPhaseCount> kPhaseNames = {
    "rewrite",       "access",      "before_proxy",        "request_body_filter",
    "header_filter", "body_filter", "delayed_body_filter", "log"};

}  // namespace

std::string_view name_of(Phase phase) {
  return kPhaseNames[static_cast<std::size_t>(phase)];
}

base::Result<base::Ref<StreamPlugin>> PluginKind::build_stream(const Json&, const BuildContext&) const {
  return base::invalid("it does not run for TCP and UDP sessions");
}

base::Status PluginKind::check(Json&, ConfScope, const PluginSet&) const {
  return {};
}

base::Status PluginKind::check_written(const Json&) const {
  return {};
}

std::string PluginKind::rephrase(const Json&, std::string_view fault) const {
  return std::string(fault);
}

}  // namespace apisix::plugin
