// Deps: what the plugins of one worker share: the loop, shared memory, consumers, metadata, the settings
// that concern plugins. BuildContext: where one configuration comes from, handed to the plugin that is built
// of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shared/base/clock.h"
#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "shared/format/json.h"

namespace apisix::event {
class Loop;
}
namespace apisix::client {
class HttpClient;
}
namespace apisix::net {
class TlsClientContexts;
}
namespace apisix::resolve {
class Resolver;
}
namespace apisix::memory {
struct Zones;
}
namespace apisix::format {
class ProtoSchema;
}
namespace apisix::client {
class RedisClients;
}

namespace apisix::plugin {

class ConsumerDirectory;
class PluginSet;
class BatchRegistry;
struct PluginInfo;
struct LuaSettings;

// An upstream as plugins know it: something that RequestUpstream::choose() takes. Kept current by the
// configuration: a stored upstream that changes changes behind the handle.
class UpstreamHandle : public base::Counted<UpstreamHandle> {
 public:
  virtual ~UpstreamHandle() = default;
  // A stored upstream may be deleted, or not be there yet.
  virtual bool exists() const = 0;
};

// Plugin metadata, one version of it.
struct Metadata : base::Counted<Metadata> {
  format::Json value;
  std::uint64_t version = 0;
};

// An object as it is stored, in JSON, and the revisions of its creation and its last change.
struct StoredObject {
  std::string value;
  std::uint64_t created = 0;
  std::uint64_t modified = 0;
};

// What the configuration offers to plugins.
class Directory {
 public:
  virtual ~Directory() = default;
  // Null when there is none for the plugin.
  virtual base::Ref<const Metadata> metadata(std::string_view plugin) = 0;
  // Never null: an id that is not there (yet) gives a handle that picks no node.
  virtual base::Ref<UpstreamHandle> upstream_by_id(std::string_view id) = 0;
  // Of an upstream object inside a plugin's configuration. `key` names it among all (for health and
  // balancers).
  virtual base::Result<base::Ref<UpstreamHandle>> make_upstream(const std::string& key,
                                                                const format::Json& upstream) = 0;
  // A stored proto, compiled; the error says that there is none, or why it does not compile. Looked up again
  // for each request: it is replaced when it changes.
  virtual base::Result<base::Ref<const format::ProtoSchema>> proto(std::string_view id) = 0;
  // For scripts: an object that is in force, of "routes", "services" or "upstreams". Nothing: there is none.
  virtual std::optional<StoredObject> find_object(std::string_view kind, std::string_view id) {
    return std::nullopt;
  }
  // The ids of all of them, in the order of creation; and the last change of any object.
  virtual std::vector<std::string> object_ids(std::string_view kind) { return {}; }
  virtual std::uint64_t objects_revision() { return 0; }
  // For plugins that are configured with other plugins. Replaced when the list of enabled plugins changes:
  // not to be kept.
  virtual const PluginSet& plugins() const = 0;
};

struct Deps {
  event::Loop& loop;
  ConsumerDirectory& consumers;
  Directory& directory;
  const format::Json& plugin_attr;  // of config.yaml
  memory::Zones* zones = nullptr;   // null only in tests that need none
  std::string prefix;               // runtime home: relative paths of files are below it
  unsigned worker_index = 0;
  std::size_t zone_owner = 0;             // who this process is in leases: memory::Zones::owner_of()
  std::string store_prefix = "/apisix";   // of the keys of stored objects
  std::string hidden_key_prefix = {};     // see settings::hidden_key_prefix()
  client::RedisClients* redis = nullptr;  // null only in tests that need none
  // For loggers; null only in tests that need none.
  BatchRegistry* batches = nullptr;
  client::HttpClient* http = nullptr;
  std::vector<std::uint16_t> tls_ports = {};  // of the HTTPS listeners
  // For sockets of scripts; null only in tests that need none.
  resolve::Resolver* resolver = nullptr;
  net::TlsClientContexts* tls_contexts = nullptr;
  std::string trusted_certificate = {};  // the path of the CA bundle; empty: the system's
  const LuaSettings* lua = nullptr;      // null only in tests that need none
  // What the plugins of one kind share in this worker: made at its first use, from the Deps alone.
  template <typename T>
  T& shared() {
    static constexpr char kKey = 0;  // its address identifies T
    auto& made = shared_[&kKey];
    if (!made) made = std::make_shared<T>(*this);
    return *static_cast<T*>(made.get());
  }
  std::unordered_map<const void*, std::shared_ptr<void>> shared_ = {};

  std::uint64_t log_reopenings = 0;  // so far; files that plugins hold open are opened again when it grows

  const base::Clock& clock() const;  // the loop's
};

struct BuildContext {
  Deps& deps;
  std::string_view resource;  // "/routes/1": the object that the configuration stands in
  std::uint64_t version = 0;  // of that object: its modification revision
  std::string_view plugin;    // name

  // A key that two configurations share exactly when they are the same one: "/routes/1#limit-count#17".
  std::string conf_key() const;
};

}  // namespace apisix::plugin
