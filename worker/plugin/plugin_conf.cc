#include "worker/plugin/plugin_conf.h"

#include "shared/base/log.h"
#include "shared/event/loop.h"
#include "shared/format/built.h"
#include "shared/format/read.h"
#include "worker/plugin/lua_settings.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/plugin_set.h"
#include "worker/plugin/stream_plugin.h"

namespace apisix::plugin {

using format::find_member;

namespace {

base::Result<base::Ref<Plugin>> build_with_pre_function(const PluginKind& kind, const format::Json& conf,
                                                        const BuildContext& context) {
  auto plugin = kind.build(conf, context);
  const format::Json& text = find_member(find_member(conf, "_meta"), "pre_function");
  const LuaSettings* lua = context.deps.lua;
  if (!plugin || !text.isString() || lua == nullptr || lua->with_pre_function == nullptr) return plugin;
  return lua->with_pre_function(std::move(*plugin), format::string_of(text), conf, context);
}

}  // namespace

PluginConf::PluginConf(const PluginKind& kind, format::Json conf, std::string resource, std::uint64_t version)
    : kind_(kind),
      conf_(std::move(conf)),
      resource_(std::move(resource)),
      version_(version),
      priority_(kind.info().priority),
      has_secrets_(secret::has_references(conf_)) {
  // What _meta says must not be left out: the plugin does not run without it.
  const auto read = format::built([this]() -> base::Status {
    read_meta();
    return {};
  });
  if (!read) http_.failure = stream_.failure = read.error();
}

PluginConf::~PluginConf() = default;

void PluginConf::read_meta() {
  const format::Json& meta = find_member(conf_, "_meta");
  if (const auto& priority = find_member(meta, "priority"); priority.isNumeric())
    priority_ = format::clamped<int>(priority);
  if (const auto& filter = find_member(meta, "filter"); filter.isArray() && !filter.empty()) {
    auto rule = route::MatchRule::compile(filter);
    if (rule) {
      filter_ = std::move(*rule);
    } else {
      base::log_warn("{}: failed to get the 'vars' expression: {} plugin_name: {}", resource_,
                     rule.error().what, kind_.info().name);
    }
  }
  const auto& response = find_member(meta, "error_response");
  if (response.isString()) {
    error_response_ = format::string_of(response);
  } else if (response.isObject()) {
    error_response_ = format::to_json(response) + "\n";
    error_response_is_json_ = true;
  }
}

base::Result<base::Ref<Plugin>> PluginConf::plugin(Deps& deps) {
  return built(http_, ConfScope::kResource, deps,
               [this](const format::Json& conf, const BuildContext& context) {
                 return build_with_pre_function(kind_, conf, context);
               });
}

base::Result<base::Ref<StreamPlugin>> PluginConf::stream_plugin(Deps& deps) {
  return built(stream_, ConfScope::kStream, deps,
               [this](const format::Json& conf, const BuildContext& context) {
                 return kind_.build_stream(conf, context);
               });
}

template <typename T, typename Make>
base::Result<base::Ref<T>> PluginConf::built(Form<T>& form, ConfScope scope, Deps& deps, Make&& make) const {
  if (form.plugin) return form.plugin;
  if (form.failure) return std::unexpected(*form.failure);
  const BuildContext context{deps, resource_, version_, kind_.info().name};
  auto built = format::built([&]() -> base::Result<base::Ref<T>> {
    if (resolved_.isNull()) return make(conf_, context);
    // A secret's value was not there to be checked when the configuration was.
    format::Json conf = resolved_;
    if (auto status = deps.directory.plugins().check_nested(kind_, conf, scope); !status) {
      return std::unexpected(status.error());
    }
    return make(conf, context);
  });
  if (!built) {
    form.failure = built.error();
    base::log_error("{}: plugin {} cannot be built: {}", resource_, kind_.info().name, built.error().what);
    return built;
  }
  form.plugin = std::move(*built);
  return form.plugin;
}

void PluginConf::refresh(secret::SecretCache& secrets) {
  if (!has_secrets_) return;
  if (!resolved_.isNull() && !uses_.changed()) return;
  format::Json now = conf_;
  uses_ = secret::Uses::resolve(now, secrets);
  if (now == resolved_) return;
  resolved_ = std::move(now);
  http_ = {};
  stream_ = {};
}

PluginConfs make_confs(const PluginSet& set, const format::Json& plugins, const std::string& resource,
                       std::uint64_t version) {
  PluginConfs confs;
  if (!plugins.isObject()) return confs;
  for (auto entry = plugins.begin(); entry != plugins.end(); ++entry) {
    const std::string name = entry.name();
    const PluginKind* kind = set.find(name);
    if (kind == nullptr) {
      base::log_warn("{}: plugin [{}] is unknown or not enabled, it does not run", resource, name);
    } else if (entry->isObject() && !is_disabled(*entry)) {
      confs[name] = base::make_counted<PluginConf>(*kind, *entry, resource, version);
    }
  }
  return confs;
}

void merge_confs(PluginConfs& base, const PluginConfs& over) {
  for (const auto& [name, conf] : over) base[name] = conf;
}

const base::Clock& Deps::clock() const {
  return loop.clock();
}

std::string BuildContext::conf_key() const {
  return std::string(resource) + "#" + std::string(plugin) + "#" + std::to_string(version);
}

}  // namespace apisix::plugin
