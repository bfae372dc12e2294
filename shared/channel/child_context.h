// What the master hands to a child right after the fork: everything that outlives the child (sockets, shared
// memory) and the settings of its generation. The child owns nothing here but its end of the channel.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shared/channel/channel.h"
#include "shared/memory/zones.h"
#include "shared/settings/settings.h"

namespace apisix::channel {

// How long a child may outlive its master: it finishes what its clients wait for. A child that cannot even
// end itself is ended by an alarm, kOrphanGraceS later.
inline constexpr std::uint64_t kOrphanLimitMs = 30'000;
inline constexpr unsigned kOrphanGraceS = 5;

struct ListenSocket {
  enum class Purpose : unsigned char { kProxy, kAdmin, kControl, kStatus, kMetrics };

  int fd = -1;  // bound, listening, non-blocking; the master keeps its own copy
  Purpose purpose = Purpose::kProxy;
  std::string address;      // "0.0.0.0:9080", "[::]:9080"
  settings::Listen listen;  // what to speak there: tls, http2, proxy_protocol
  bool is_spare = false;    // another worker's: served only while that one is dead
};

// The embedded store's file, which the master knows by its inode; 0: the configuration is elsewhere.
struct StoreFile {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool is_checked = false;  // just now, by the master
};

// admin_api_mtls as PEM, read by the master: the worker's user may have no right to. Empty: no https_admin.
struct AdminCertificate {
  std::string certificate;
  std::string key;
  std::string client_ca;  // empty: clients need no certificate
};

// What a worker exits with whose Lua goes on and on.
inline constexpr int kExitLuaStuck = 3;

// The same address may appear more than once: after a reload with fewer workers a worker also serves the
// sockets of those that are gone, so that no queued connection is lost.
struct WorkerContext {
  const settings::Settings& settings;
  std::vector<ListenSocket> sockets;
  ChildEnd channel;
  memory::Zones& zones;      // all shared memory
  memory::StatusSlot& slot;  // this worker's own
  int worker_index = 0;      // 0 .. workers - 1
  int workers = 1;
  std::uint32_t generation = 1;  // grows with each reload
  bool is_successor = false;     // of a worker of this generation that died
  // A worker of this generation ended with kExitLuaStuck. Loops in machine code cannot be stopped: it
  // compiles none.
  bool interprets_lua = false;
  StoreFile store = {};
  std::string prefix;       // absolute, no slash at the end
  std::string config_path;  // of config.yaml; the worker's user may not be able to read it
  std::string instance_id;  // that of conf/apisix.uid
  AdminCertificate admin_certificate = {};
};

struct AgentContext {
  const settings::Settings& settings;
  std::vector<ListenSocket> sockets;  // Purpose::kMetrics and kStatus
  ChildEnd channel;
  memory::Zones& zones;
  memory::StatusSlot& slot;
  int workers = 1;
  std::uint32_t generation = 1;
  StoreFile store = {};
  std::string prefix;
  std::string config_path;
  std::string instance_id;
};

}  // namespace apisix::channel
