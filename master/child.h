// One child process as the master sees it, and its birth.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "shared/base/result.h"
#include "shared/channel/child_context.h"

namespace apisix::master {

struct Setup;

// A living child. The owner reclaims the slot once the process is reaped.
struct Child {
  pid_t pid = 0;
  channel::MasterEnd channel;
  memory::StatusSlot* slot = nullptr;
  std::uint64_t born_ms = 0;  // monotonic
  std::string failure;        // what it said in kFailed
};

// What a child becomes: its main functions, for tests to replace.
struct Roles {
  int (*worker)(channel::WorkerContext&&);
  int (*agent)(channel::AgentContext&&);
};
const Roles& real_roles();

struct Birth {
  const Roles& roles;
  const Setup& setup;
  memory::Zones& zones;
  memory::ChildRole role = memory::ChildRole::kWorker;
  int index = 0;
  std::uint32_t generation = 1;
  bool is_successor = false;      // of one of this generation that died
  bool interprets_lua = false;    // see WorkerContext
  bool store_is_checked = false;  // setup.store, just now
  std::vector<channel::ListenSocket> sockets;
};

// Forks. The child drops what it must not have (descriptors, privileges), runs its role's main function and
// never returns from here.
base::Result<Child> give_birth(const Birth& birth);

}  // namespace apisix::master
