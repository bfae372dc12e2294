// Every plugin of this build, in the order of APISIX's list.
#pragma once

#include <span>

#include "worker/plugin/plugin_kind.h"

namespace apisix::plugins {

std::span<const plugin::PluginKind* const> catalog();

}  // namespace apisix::plugins
