// Keeping up with the store: lists and batches, item by item. What the objects mean is in the tables.
#include "worker/config/registry.h"

#include <array>

#include <fmt/format.h>

#include "shared/base/log.h"
#include "shared/format/built.h"
#include "shared/resource/document.h"
#include "shared/resource/kind.h"
#include "worker/config/ssl_table.h"
#include "worker/config/stored.h"

namespace apisix::config {
namespace {

constexpr std::uint64_t kResyncMsFirst = 100;
constexpr std::uint64_t kResyncMsMax = 5'000;

// When an item of a list is applied. The list of plugins first: it decides what the others mean; and secrets,
// which others refer to. Routes last: they inherit hosts from services.
constexpr std::size_t kTurns = 3;
std::size_t turn_of(std::string_view folder) {
  if (folder == resource::kPluginsList || folder == resource::info_of(resource::Kind::kSecret).folder)
    return 0;
  return folder == resource::info_of(resource::Kind::kRoute).folder ? 2 : 1;
}

}  // namespace

Registry::Registry(event::Loop& loop, store::Store& store, upstream::ClusterDeps deps,
                   RegistryOptions options)
    : options_(std::move(options)),
      http_(loop),
      secrets_(loop, http_, options_.secrets),
      plugins_(options_.plugins, options_.keyring, secrets_, references_, plugin_deps_),
      batches_(loop),
      plugin_deps_{.loop = loop,
                   .consumers = plugins_.consumers(),
                   .directory = *this,
                   .plugin_attr = options_.plugin_attr,
                   .zones = options_.zones,
                   .prefix = options_.runtime_prefix,
                   .worker_index = options_.worker_index,
                   .zone_owner = options_.zone_owner,
                   .store_prefix = options_.prefix,
                   .hidden_key_prefix = options_.hidden_key_prefix,
                   .redis = options_.redis,
                   .batches = &batches_,
                   .http = &http_,
                   .tls_ports = options_.tls_ports,
                   .resolver = deps.resolver,
                   .tls_contexts = options_.upstream_tls.contexts,
                   .trusted_certificate = options_.upstream_tls.ca_file,
                   .lua = options_.lua},
      upstreams_(loop.clock(), deps, options_.upstream_tls),
      services_(upstreams_, plugins_, references_, rejections_),
      routes_(options_.prefix + "/routes/", options_.router_kind,
              {services_, upstreams_, plugins_, references_, rejections_}),
      ssls_(std::make_unique<SslTable>(loop, http_, secrets_, options_.key_keyring, plugins_)),
      // A store that is away must not empty what is in force: the follower asks until it answers.
      follower_(loop, store, options_.prefix + "/", follower_callbacks(store),
                {.retry_ms = kResyncMsFirst, .retry_ms_max = kResyncMsMax}) {
  plugins_.load_lua();
  plugins_.on_build([this](const plugin::PluginConf& conf) { on_build(conf); });
  upstreams_.use_certificates(ssls_->certificates());
}

Registry::~Registry() = default;

async::Task<base::Status> Registry::load() {
  return follower_.start_once();
}

void Registry::start_from(const store::ListReply& list) {
  apply_list(list);
  follower_.list_again();
}

store::Follower::Callbacks Registry::follower_callbacks(store::Store& store) {
  return {.on_list = [this](const store::ListReply& list) { apply_list(list); },
          .on_batch = [this](const store::EventBatch& batch) { apply_batch(batch); },
          .on_progress =
              [this](store::Revision revision) {
                if (revision > applied_revision_) note_applied(revision);
              },
          .on_lost =
              [&store](const base::Error& error) {
                base::log_warn("the watch on the {} store ended ({}), reading everything again",
                               store.provider(), error.what);
              },
          .on_unreachable =
              [](const base::Error& error) {
                base::log_error("cannot read the configuration, what was loaded stays in force: {}",
                                error.what);
              }};
}

base::Status Registry::reload_plugins(const std::vector<std::string>& enabled,
                                      const format::Json& plugin_attr) {
  auto has_new_files = plugins_.reload_lua(enabled);
  if (!has_new_files) return std::unexpected(has_new_files.error());
  const bool has_other_list = plugins_.enable(enabled);
  if (!*has_new_files && !has_other_list && plugin_attr == options_.plugin_attr) return {};
  options_.plugin_attr = plugin_attr;
  read_again();
  return {};
}

// Every object counts as changed; the list of plugins, which says what the others mean, does not.
void Registry::read_again() {
  known_.forget_versions(
      [this](std::string_view key) { return split_key(key).folder == resource::kPluginsList; });
  follower_.list_again();
}

// The whole state: only what differs from what is in force is applied.
void Registry::apply_list(const store::ListReply& list) {
  ++lists_applied_;
  std::array<std::vector<const store::Item*>, kTurns> turns;
  for (const store::Item& item : list.items) {
    if (!is_folder(item.key)) turns[turn_of(split_key(item.key).folder)].push_back(&item);
  }
  std::size_t listed = 0;
  for (const auto& turn : turns) listed += turn.size();
  known_.reserve(listed);
  for (const auto& turn : turns) {
    for (const store::Item* item : turn) {
      if (!known_.has(*item)) apply_put(*item);
    }
  }
  // All that is listed is known now.
  const std::vector<std::string> gone =
      known_.size() == listed ? std::vector<std::string>{} : known_.missing_in(list);
  for (const std::string& key : gone) apply_delete(key);
  // A store that was restored counts from its own past.
  if (list.revision < changed_revision_) changed_revision_ = 0;
  for (const store::Item& item : list.items) note_change(item.key, item.mod_revision);
  // Some time before the list; deletes leave no trace of when.
  for (const std::string& key : gone) note_change(key, list.revision);
  note_applied(list.revision);
}

// An embedded store lists at once: a batch that changes the list of plugins is overtaken by a list that has
// the rest of it, and what came behind it.
void Registry::apply_batch(const store::EventBatch& batch) {
  const std::uint64_t lists_before = lists_applied_;
  for (const store::Event& event : batch.events) {
    if (lists_applied_ != lists_before) return;
    if (is_folder(event.item.key)) continue;
    note_change(event.item.key, batch.revision);
    if (event.type == store::Event::Type::kPut) {
      apply_put(event.item);
    } else {
      apply_delete(event.item.key);
    }
  }
  if (lists_applied_ == lists_before) note_applied(batch.revision);
}

// Heartbeats and counters that are kept beside the objects are no change.
void Registry::note_change(std::string_view key, store::Revision revision) {
  if (revision <= changed_revision_) return;
  const auto folder = split_key(key).folder;
  if (folder == resource::kPluginsList || resource::find_kind_by_plural(folder)) changed_revision_ = revision;
}

// Of the global rules of one change; a rule that waits may be freed by the change of another.
void Registry::decide_global_rules(store::Revision revision) {
  for (GlobalRules::Verdict& verdict : plugins_.decide_global_rules()) {
    const std::string key = options_.prefix + "/global_rules/" + verdict.id;
    if (verdict.reason.empty()) {
      rejections_.erase(key);
    } else if (verdict.was_put) {
      const store::Revision of_item = revision_of(key).value_or(revision);
      rejections_.reject({.key = key, .value = "", .mod_revision = of_item}, std::move(verdict.reason));
    } else {
      rejections_.set_reason(key, std::move(verdict.reason));
    }
  }
}

void Registry::note_applied(store::Revision revision) {
  decide_global_rules(revision);
  applied_revision_ = revision;
  if (on_applied_) on_applied_(revision);
}

void Registry::apply_put(const store::Item& item) {
  known_.put(item);
  rejections_.erase(item.key);
  const auto status = format::built([&] { return put(item); });
  if (!status) rejections_.reject(item, status.error().what);
}

base::Status Registry::put_plugin_list(const store::Item& item) {
  const auto changed = plugins_.put_plugin_list(item);
  if (!changed) return std::unexpected(changed.error());
  if (*changed && follower_.is_watching()) read_again();
  return {};
}

// error.log has it already.
void Registry::on_build(const plugin::PluginConf& conf) {
  const std::string key = options_.prefix + conf.resource();
  if (conf.failure() == nullptr) {
    rejections_.erase(key);
    return;
  }
  rejections_.add({key, static_cast<store::Revision>(conf.version()),
                   fmt::format("plugin {}: {}", conf.kind().info().name, conf.failure()->what)});
}

tls::CertificateTable& Registry::certificates() {
  return ssls_->certificates();
}

// --- for plugins

base::Result<base::Ref<const format::ProtoSchema>> Registry::proto(std::string_view id) {
  return plugins_.protos().find(id);
}

base::Ref<const plugin::Metadata> Registry::metadata(std::string_view plugin) {
  return plugins_.metadata(plugin);
}

base::Ref<plugin::UpstreamHandle> Registry::upstream_by_id(std::string_view id) {
  return base::Ref<plugin::UpstreamHandle>(upstreams_.slot_of(id).get());
}

base::Result<base::Ref<plugin::UpstreamHandle>> Registry::make_upstream(const std::string& key,
                                                                        const format::Json& upstream) {
  const auto slot = upstreams_.make_slot(key, upstream, UpstreamOwner::kPlugin);
  if (!slot) return std::unexpected(slot.error());
  return base::Ref<plugin::UpstreamHandle>(slot->get());
}

}  // namespace apisix::config
