#include "worker/admin/dry_run.h"

#include <utility>

#include "shared/format/read.h"
#include "worker/admin/catch_up.h"
#include "worker/config/registry.h"
#include "worker/diagnose/preview.h"

namespace apisix::admin {

using format::Json;

namespace {

// Stands for the id that the server would give; no id can be this.
constexpr std::string_view kNewId = "(new)";

}  // namespace

async::Task<void> add_findings(const DryRunDeps& deps, const std::vector<Change>& changes, Json& body) {
  std::vector<diagnose::Proposal> proposals;
  for (const Change& change : changes) {
    std::string place = change.key.substr(deps.prefix.size());
    if (place.ends_with('/')) place += kNewId;
    const auto key = resource::parse_store_key(place);
    if (!key) continue;
    auto value = change.after ? format::parse_json(*change.after) : Json();
    if (value) proposals.push_back({*key, std::move(*value)});
  }
  co_await catch_up(deps.loop, deps.store, deps.registry, deps.prefix);
  Json report =
      co_await diagnose::preview(deps.loop, deps.registry, deps.secrets.keyring(), std::move(proposals));
  body["findings"] = std::move(report["findings"]);
  if (format::clamped<std::uint64_t>(report["left_out"]) > 0) body["findings_left_out"] = report["left_out"];
}

}  // namespace apisix::admin
