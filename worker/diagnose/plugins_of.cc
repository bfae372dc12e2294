#include "worker/diagnose/plugins_of.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "shared/format/read.h"
#include "worker/config/registry.h"

namespace apisix::diagnose {
namespace {

using config::SharedPlugins;
using format::find_member;
using format::Json;
using plugin::Chain;
using plugin::Phase;

// Keys of the store are longer in one place than in the others.
std::string shown_resource(const config::Registry& registry, std::string_view resource) {
  const std::string& prefix = registry.options().prefix;
  if (resource.starts_with(prefix)) resource.remove_prefix(prefix.size());
  return std::string(resource);
}

Json phases_of(const plugin::PluginKind& kind) {
  Json out(::Json::arrayValue);
  for (std::size_t phase = 0; phase < plugin::kPhaseCount; ++phase) {
    if (kind.has(static_cast<Phase>(phase))) out.append(std::string(name_of(static_cast<Phase>(phase))));
  }
  return out;
}

void add_chain(const config::Registry& registry, plugin::ChainRun& chains, const Chain* chain,
               plugin::RequestState& request, Json& out) {
  if (chain == nullptr) return;
  const bool is_global = chain == chains.global();
  for (const Chain::Link& link : chain->links()) {
    Json row(::Json::objectValue);
    const plugin::PluginKind& kind = link.conf->kind();
    row["name"] = std::string(kind.info().name);
    row["priority"] = link.conf->priority();
    row["from"] = shown_resource(registry, link.conf->resource());
    row["phases"] = phases_of(kind);
    row["runs"] = !chains.is_filtered_out(*chain, link);
    row["why"] = "";
    if (!format::is_true(row["runs"])) {
      const bool gives_way = is_global && kind.info().prefers_route && chains.route() != nullptr &&
                             chains.route()->contains(kind);
      row["why"] = gives_way ? "the route configures it too" : "_meta.filter does not hold";
    } else if (link.is_consumers && kind.has(Phase::kRewrite)) {
      row["why"] = "its rewrite runs once the consumer is known";
    }
    const Json& meta = find_member(link.conf->conf(), "_meta");
    if (meta.isObject() && !meta.empty()) row["meta"] = meta;
    out.append(std::move(row));
  }
}

void add_left_out(Json& out, const std::string& name, const std::string& from, std::string why) {
  Json row(::Json::objectValue);
  row["name"] = name;
  row["from"] = from;
  row["why"] = std::move(why);
  out.append(std::move(row));
}

void add_not_run(Json& out, const std::string& from, const SharedPlugins& plugins) {
  for (const std::string& name : plugins.disabled) add_left_out(out, name, from, "disabled by _meta.disable");
  for (const std::string& name : plugins.unknown)
    add_left_out(out, name, from, "not enabled in this gateway");
  for (const std::string& name : plugins.missing) add_left_out(out, name, from, "not part of this build");
}

// One layer of the merge: what it is called, and what it configures.
struct Layer {
  std::string from;
  const plugin::PluginConfs* confs;
  const std::vector<std::string>* disabled;

  bool turns_off(const std::string& name) const {
    return std::ranges::find(*disabled, name) != disabled->end();
  }
};

// The consumer is not known before the route's rewrite hooks have run.
bool comes_after_rewrite(const Layer& over, const Layer& below) {
  return over.from.starts_with("/consumer") && !below.from.starts_with("/consumer");
}

void add_replaced(Json& out, const std::vector<Layer>& layers) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    for (const auto& [name, conf] : *layers[i].confs) {
      for (std::size_t over = layers.size() - 1; over > i; --over) {
        const bool turns_off = layers[over].turns_off(name);
        if (!turns_off && !layers[over].confs->contains(name)) continue;
        const bool ran = comes_after_rewrite(layers[over], layers[i]) && conf->kind().has(Phase::kRewrite);
        add_left_out(out, name, layers[i].from,
                     fmt::format("{} that of {}{}", turns_off ? "turned off by" : "replaced by",
                                 layers[over].from, ran ? ", but for its rewrite" : ""));
        break;
      }
    }
  }
}

void add_global_rules(Json& out, const config::PluginDirectory& directory) {
  for (const auto& [id, rule] : directory.global_rules().in_force()) {
    add_not_run(out, "/global_rules/" + id, *rule);
  }
  for (const auto& [id, rule] : directory.global_rules().waiting()) {
    for (const auto& [name, conf] : rule.plugins->confs) {
      add_left_out(out, name, "/global_rules/" + id, "the rule is rejected: " + rule.reason);
    }
  }
}

}  // namespace

Json running_plugins(const config::Registry& registry, plugin::ChainRun& chains,
                     plugin::RequestState& request) {
  Json out(::Json::arrayValue);
  add_chain(registry, chains, chains.global(), request, out);
  add_chain(registry, chains, chains.route(), request, out);
  return out;
}

Json left_out_plugins(config::Registry& registry, const config::CompiledRoute& route,
                      const plugin::Consumer* consumer) {
  Json out(::Json::arrayValue);
  add_global_rules(out, registry.plugin_directory());
  auto objects = registry.routes().plugin_layers(route.id);
  if (!objects) return out;
  std::vector<Layer> layers;
  for (const auto& object : *objects) {
    add_not_run(out, object.resource, *object.plugins);
    layers.push_back({object.resource, &object.plugins->confs, &object.plugins->disabled});
  }
  base::Ref<const SharedPlugins> group;
  if (consumer != nullptr && !consumer->group_id.empty()) {
    group = registry.plugin_directory().consumer_group(consumer->group_id);
  }
  if (group) {
    const std::string from = "/consumer_groups/" + consumer->group_id;
    add_not_run(out, from, *group);
    layers.push_back({from, &group->confs, &group->disabled});
  }
  if (consumer != nullptr) {
    const std::string from = "/consumers/" + consumer->username;
    for (const std::string& name : consumer->disabled)
      add_left_out(out, name, from, "disabled by _meta.disable");
    layers.push_back({from, &consumer->plugins, &consumer->disabled});
  }
  add_replaced(out, layers);
  return out;
}

}  // namespace apisix::diagnose
