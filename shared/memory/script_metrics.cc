#include "shared/memory/script_metrics.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string_view>
#include <utility>

#include "shared/base/clock.h"
#include "shared/memory/metric_text.h"

namespace apisix::memory {
namespace {

constexpr std::string_view kDictionary = "prometheus-metrics";
constexpr std::string_view kHelp = "# HELP ";
constexpr std::string_view kType = "# TYPE ";
constexpr std::string_view kBound = "le=\"";

struct Family {
  std::string help;
  std::string type;
  // By labels; buckets of one series by their bounds.
  std::map<std::pair<std::string, double>, std::pair<std::string, double>> series;
};
using Families = std::map<std::string, Family, std::less<>>;

// name_bucket, name_sum and name_count are of the histogram `name`.
std::string_view family_of(const Families& families, std::string_view name) {
  for (const std::string_view suffix : {"_bucket", "_sum", "_count"}) {
    if (!name.ends_with(suffix)) continue;
    const auto found = families.find(name.substr(0, name.size() - suffix.size()));
    if (found != families.end() && found->second.type == "histogram") return found->first;
  }
  return name;
}

// The series without its bound, and the bound.
std::pair<std::string, double> place_of(std::string_view key) {
  const auto at = key.rfind(kBound);
  if (at == std::string_view::npos) return {std::string(key), 0};
  const std::string bound(key.substr(at + kBound.size()));
  return {std::string(key.substr(0, at)), std::strtod(bound.c_str(), nullptr)};
}

double number_of(const ScriptDict::Value& value) {
  double number = 0;
  std::memcpy(&number, value.bytes.data(), std::min(sizeof number, value.bytes.size()));
  return number;
}

Families read(ScriptDict& dict) {
  Families families;
  const std::uint64_t now_ms = base::monotonic_now_us() / 1000;
  const auto keys = dict.keys(0, now_ms);
  for (const std::string& key : keys) {
    const auto value = key.starts_with('#') ? dict.get(key, now_ms) : std::nullopt;
    if (!value) continue;
    if (key.starts_with(kHelp)) families[key.substr(kHelp.size())].help = value->bytes;
    if (key.starts_with(kType)) families[key.substr(kType.size())].type = value->bytes;
  }
  for (const std::string& key : keys) {
    const auto value = key.starts_with('#') ? std::nullopt : dict.get(key, now_ms);
    if (!value || value->type != ScriptDict::Type::kNumber) continue;
    const std::string name = key.substr(0, key.find('{'));
    families[std::string(family_of(families, name))].series[place_of(key)] = {key, number_of(*value)};
  }
  return families;
}

void append_family(const std::string& name, const Family& family, std::string& out) {
  if (!family.help.empty()) out.append(kHelp).append(name).append(" ").append(family.help).append("\n");
  if (!family.type.empty()) out.append(kType).append(name).append(" ").append(family.type).append("\n");
  for (const auto& [place, series] : family.series) {
    out.append(series.first).append(" ");
    append_number(out, series.second);
    out += '\n';
  }
}

}  // namespace

void append_script_metrics(const Zones& zones, std::string& out) {
  const auto found = zones.scripts.find(std::string(kDictionary));
  if (found == zones.scripts.end()) return;
  // Reading moves entries in the order of their use, which the constant Zones do not hold themselves.
  auto& dict = const_cast<ScriptDict&>(found->second);
  for (const auto& [name, family] : read(dict)) {
    if (!family.series.empty()) append_family(name, family, out);
  }
}

}  // namespace apisix::memory
