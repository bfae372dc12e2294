// Any bytes as YAML and as config.yaml: no crash, no runaway, and what is read prints as JSON again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "shared/format/yaml.h"
#include "shared/settings/admin_key.h"
#include "shared/settings/load.h"

namespace {

std::optional<std::string> variable(std::string_view name) {
  if (name == "EMPTY") return "";
  if (name == "NUMBER") return "42";
  return std::nullopt;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto yaml = apisix::format::parse_yaml(text, "fuzz");
  if (!yaml) return 0;
  if (!apisix::format::parse_json(apisix::format::to_json(yaml->value))) std::abort();

  apisix::settings::LoadOptions options;
  options.config_path = "fuzz";
  options.prefix = "/nonexistent";
  options.environment = variable;
  const auto loaded = apisix::settings::load_settings_text(text, options);
  if (!loaded && loaded.error().what.empty()) std::abort();
  const auto edited = apisix::settings::with_admin_key(std::string(text), 0, "K");
  if (edited && !apisix::format::parse_yaml(*edited, "fuzz")) std::abort();
  return 0;
}
