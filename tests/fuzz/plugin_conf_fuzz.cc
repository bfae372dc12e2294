// Any JSON as the configuration of a plugin, or of one field of it: what the checks accept is built by the
// registry and meets a request. The first byte chooses the plugin, the second the field (0: all of it).
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "shared/base/check.h"
#include "tests/fakes/hostile_values.h"
#include "tests/fakes/trial_gateway.h"
#include "worker/plugin/plugin_set.h"
#include "worker/plugins/catalog.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace apisix;
  static admin::TrialGateway gateway;
  if (size < 3) return 0;
  const auto value = format::parse_json({reinterpret_cast<const char*>(data) + 2, size - 2});
  // The outcome is known by these words of an error; errors repeat what they are about.
  if (!value || format::to_json(*value).contains("it cannot be built")) return 0;
  const auto catalog = plugins::catalog();
  const plugin::PluginKind& kind = *catalog[data[0] % catalog.size()];
  const format::Json* schema = plugin::PluginSet::schema_json(kind, plugin::ConfScope::kResource);
  if (schema == nullptr) return 0;
  std::vector<hostile::Place> places = {{}};
  hostile::walk(*schema, [&](const hostile::Place& place, const format::Json&) { places.push_back(place); });
  const hostile::Place& place = places[data[1] % places.size()];
  const format::Json conf = hostile::with(hostile::sample_of(*schema), *schema, place, *value);
  CHECK(gateway.put_plugin(std::string(kind.info().name), conf).is_built);
  return 0;
}
