// Reads config.yaml: user's file over the compiled defaults, variables, checks. All faults are found in one
// go, so that an operator needs one attempt, each with file, line and key path.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/format/variables.h"
#include "shared/settings/settings.h"

namespace apisix::settings {

using format::EnvironmentLookup;
using format::own_environment;

struct LoadOptions {
  std::string config_path;  // as opened; faults name it
  std::string prefix;       // relative paths (certificates) are tried below it
  EnvironmentLookup environment = own_environment;
  // The first name in an access log format that is no variable. Empty: formats are not looked at.
  std::function<std::optional<std::string>(std::string_view format)> find_unknown_variable = {};
};

struct Loaded {
  Settings settings;
  Json merged;                        // defaults with the user's file over them, variables replaced
  std::vector<std::string> warnings;  // "FILE:LINE: KEY: ..." unknown and deprecated keys
  std::vector<std::string> notes;  // one-line facts to say at start: keys without effect, the provider chosen
  std::map<std::string, std::string>
      exported_variables;  // those that ${{VAR}} used, for the workers' environment
};

// On failure `what` holds every fault, one per line: "FILE:LINE: KEY.PATH: expected ..., got ...".
base::Result<Loaded> load_settings(const LoadOptions& options);
// The same for a text in memory; options.config_path only names it.
base::Result<Loaded> load_settings_text(std::string_view text, const LoadOptions& options);

// The CA bundle to trust: ssl_trusted_certificate, with "system" looked up in the places of the usual
// distributions. Fails when there is none.
base::Result<std::string> trusted_certificate_path(const Settings& settings);

}  // namespace apisix::settings
