#include "worker/diagnose/usage_table.h"

#include <fmt/format.h>

#include "shared/resource/reference.h"
#include "worker/diagnose/object_checks.h"

namespace apisix::diagnose {
namespace {

using format::find_member;
using format::Json;
using resource::Kind;

// Ids inside plugins, by the member's name.
struct NamedKind {
  std::string_view member;
  Kind kind;
};
constexpr NamedKind kInPlugins[] = {
    {"upstream_id", Kind::kUpstream}, {"proto_id", Kind::kProto}, {"anonymous_consumer", Kind::kConsumer}};

// Kinds that exist to be named by others.
constexpr Kind kToBeUsed[] = {Kind::kUpstream, Kind::kService, Kind::kPluginConfig, Kind::kConsumerGroup,
                              Kind::kProto};

std::string_view consequence_of(Kind missing) {
  switch (missing) {
    case Kind::kService:
      return ": requests are answered with 404";
    case Kind::kUpstream:
      return ": requests are answered with 502";
    case Kind::kPluginConfig:
    case Kind::kConsumerGroup:
      return ": requests are answered with 503";
    default:
      return "";
  }
}

}  // namespace

void UsageTable::add(Kind kind, std::string id) {
  objects_[static_cast<std::size_t>(kind)].insert(std::move(id));
}

bool UsageTable::has(Kind kind, std::string_view id) const {
  return objects_of(kind).contains(id);
}

void UsageTable::use_all(Kind kind, const Json& object) {
  for (const resource::Reference& reference : resource::references_of(kind, object)) {
    use(reference.kind, reference.id);
  }
  const Json& plugins = find_member(object, "plugins");
  for (const NamedKind& named : kInPlugins) {
    for_each_named(plugins, named.member, [&](const std::string& id) { use(named.kind, id); });
  }
}

void UsageTable::report_missing(Kind kind, const std::string& id, const Json& object, Findings& out) const {
  const auto report = [&](Kind missing, const std::string& missing_id) {
    if (has(missing, missing_id)) return;
    out.add({Severity::kError, "reference-missing", kind, id,
             fmt::format("{} {} is not there{}", resource::info_of(missing).words, missing_id,
                         consequence_of(missing)),
             "store it, or name another"});
  };
  for (const resource::Reference& reference : resource::references_of(kind, object)) {
    report(reference.kind, reference.id);
  }
  const Json& plugins = find_member(object, "plugins");
  for (const NamedKind& named : kInPlugins) {
    for_each_named(plugins, named.member, [&](const std::string& named_id) { report(named.kind, named_id); });
  }
}

void UsageTable::report_unused(Findings& out) const {
  for (const Kind kind : kToBeUsed) {
    const Ids& used = used_[static_cast<std::size_t>(kind)];
    for (const std::string& id : objects_of(kind)) {
      if (used.contains(id)) continue;
      out.add({Severity::kInfo, "unused", kind, id, "nothing names it",
               "delete it, if nobody is about to use it"});
    }
  }
}

}  // namespace apisix::diagnose
