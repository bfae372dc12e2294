// DepsFixture: what plugins share, for tests: a real loop, no consumers, nothing stored, the plugins that a
// test names. Held by the fixture of a test.
#pragma once

#include <span>

#include "tests/unit/worker/plugin/empty_directory.h"

namespace apisix::plugin {

struct DepsFixture {
  // `kinds` outlives it.
  explicit DepsFixture(std::span<const PluginKind* const> kinds = {}) : directory(kinds) {}

  event::Loop loop;
  NoConsumers consumers;
  NoDirectory directory;
  format::Json attr;
  Deps deps{.loop = loop, .consumers = consumers, .directory = directory, .plugin_attr = attr, .prefix = {}};
};

}  // namespace apisix::plugin
