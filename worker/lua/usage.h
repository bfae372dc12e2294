// Usage: what one plugin's Lua has cost this worker so far. Every Run counts for the plugin that it was
// started for; timers and light threads for the one that started them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shared/event/timer_wheel.h"
#include "shared/memory/metric_writer.h"
#include "worker/lua/lua.h"
#include "worker/plugin/deps.h"

namespace apisix::lua {

struct Usage {
  std::string name;           // of the plugin
  std::uint64_t runs = 0;     // hooks, timers, light threads
  std::uint64_t errors = 0;   // of them that ended with an error
  std::uint64_t stopped = 0;  // of these for lua.cpu_limit
  std::uint64_t waits = 0;    // for sockets, timers, bodies
  std::uint64_t busy_ns = 0;  // of the worker's time, without the waits
  std::uint64_t blocked = 0;  // calls that held the whole worker: os.execute, slow files ...
  bool was_told_blocked = false;
  bool was_told_slow = false;
};

// All of a worker, by name: deps.shared<UsageTable>(). Published as metrics every second in which something
// was counted.
class UsageTable {
 public:
  explicit UsageTable(plugin::Deps& deps);
  UsageTable(const UsageTable&) = delete;
  UsageTable& operator=(const UsageTable&) = delete;

  // Stays where it is.
  Usage& of(std::string_view plugin);
  const std::map<std::string, std::unique_ptr<Usage>, std::less<>>& all() const { return all_; }

 private:
  struct Published {
    Usage last;
    std::string labels;
  };
  struct Families {
    memory::FamilyId runs = 0;
    memory::FamilyId errors = 0;
    memory::FamilyId stopped = 0;
    memory::FamilyId waits = 0;
    memory::FamilyId busy = 0;
    memory::FamilyId blocked = 0;
    memory::FamilyId memory = 0;
  };
  void open_metrics();
  void publish();
  void publish(const Usage& usage, Published& published);

  plugin::Deps& deps_;
  std::map<std::string, std::unique_ptr<Usage>, std::less<>> all_;
  std::map<std::string, Published, std::less<>> published_;
  std::optional<memory::MetricWriter> writer_;
  Families families_;
  std::string memory_labels_;
  std::size_t memory_bytes_ = 0;
  event::Timer timer_;
};

// Of what runs on this coroutine; null: it belongs to no plugin.
Usage* current_usage(lua_State* lua);

}  // namespace apisix::lua
