// Any bytes as YAML: no crash, no runaway, and what is accepted as config.yaml must survive loading.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "shared/format/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto yaml = apisix::format::parse_yaml(text, "fuzz");
  if (!yaml) return 0;
  // What we print is JSON, which is YAML with the same meaning.
  if (!apisix::format::parse_json(apisix::format::to_json(yaml->value))) std::abort();
  return 0;
}
