// Loads a text as /conf/c.yaml with a made-up environment.
#pragma once

#include <map>
#include <string>

#include "shared/settings/load.h"

namespace apisix::settings {

using FakeEnvironment = std::map<std::string, std::string, std::less<>>;

inline base::Result<Loaded> load_text(std::string_view text, const FakeEnvironment& variables = {}) {
  LoadOptions options;
  options.config_path = "c.yaml";
  options.prefix = "/nonexistent";
  options.environment = [variables](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  return load_settings_text(text, options);
}

// The faults, or "" when it loads.
inline std::string faults_of(std::string_view text, const FakeEnvironment& variables = {}) {
  const auto loaded = load_text(text, variables);
  return loaded ? std::string() : loaded.error().what;
}

}  // namespace apisix::settings
