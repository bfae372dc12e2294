// Any JSON as an object of the Admin API, or as one member of it: what the checks accept is stored, put in
// force and meets a request. The first byte chooses the kind, the second the member (0: all of it).
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

#include "shared/base/check.h"
#include "shared/resource/schemas.h"
#include "tests/fakes/hostile_values.h"
#include "tests/fakes/trial_gateway.h"

namespace {

using apisix::resource::Kind;

struct Target {
  Kind kind;
  const char* id;
  const char* schema;
};
constexpr Target kTargets[] = {
    {Kind::kRoute, "1", "route"},
    {Kind::kService, "1", "service"},
    {Kind::kUpstream, "1", "upstream"},
    {Kind::kConsumer, "jack", "consumer"},
    {Kind::kCredential, "jack/credentials/c", "credential"},
    {Kind::kConsumerGroup, "1", "consumer_group"},
    {Kind::kSsl, "1", "ssl"},
    {Kind::kGlobalRule, "1", "global_rule"},
    {Kind::kPluginConfig, "1", "plugin_config"},
    {Kind::kProto, "1", "proto"},
    {Kind::kStreamRoute, "1", "stream_route"},
    {Kind::kSecret, "vault/1", "secret_vault"},
    {Kind::kPluginMetadata, "http-logger", "plugin_metadata"},
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace apisix;
  static admin::TrialGateway gateway;
  if (size < 3) return 0;
  const auto value = format::parse_json({reinterpret_cast<const char*>(data) + 2, size - 2});
  // The outcome is known by these words of an error; errors repeat what they are about.
  if (!value || format::to_json(*value).contains("it cannot be built")) return 0;
  const Target& target = kTargets[data[0] % std::size(kTargets)];
  const auto schema = format::parse_json(resource::find_schema_text(target.schema))
                          .value_or(format::Json(::Json::objectValue));
  std::vector<hostile::Place> places = {{}};
  hostile::walk(schema, [&](const hostile::Place& place, const format::Json&) { places.push_back(place); });
  const hostile::Place& place = places[data[1] % places.size()];
  const format::Json object = hostile::with(hostile::sample_of(schema), schema, place, *value);
  CHECK(gateway.put(target.kind, target.id, object).is_built);
  return 0;
}
