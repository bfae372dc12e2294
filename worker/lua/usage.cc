#include "worker/lua/usage.h"

#include <array>
#include <utility>

#include "shared/base/log.h"
#include "shared/event/loop.h"
#include "shared/format/read.h"
#include "shared/memory/zones.h"
#include "worker/lua/run.h"
#include "worker/lua/runtime.h"

namespace apisix::lua {
namespace {

constexpr std::uint64_t kPeriodMs = 1'000;
constexpr double kNsPerSecond = 1e9;

}  // namespace

UsageTable::UsageTable(plugin::Deps& deps)
    : deps_(deps),
      timer_(deps.loop.timers(), [](void* self) { static_cast<UsageTable*>(self)->publish(); }, this) {
  if (deps.zones != nullptr) open_metrics();
}

Usage& UsageTable::of(std::string_view plugin) {
  auto found = all_.find(plugin);
  if (found == all_.end()) {
    found = all_.emplace(std::string(plugin), std::make_unique<Usage>()).first;
    found->second->name = plugin;
    if (writer_ && all_.size() == 1) timer_.set_after_ms(kPeriodMs);
  }
  return *found->second;
}

void UsageTable::open_metrics() {
  writer_.emplace(deps_.zones->metrics, deps_.zone_owner);
  const format::Json& configured =
      format::find_member(format::find_member(deps_.plugin_attr, "prometheus"), "metric_prefix");
  const std::string prefix = configured.isString() ? format::string_of(configured) : "apisix_";
  struct Row {
    memory::FamilyId& id;
    memory::MetricType type;
    const char* name;
    const char* help;
  };
  using memory::MetricType;
  const auto rows = std::to_array<Row>({
      {families_.runs, MetricType::kCounter, "lua_runs_total", "Runs of Lua by plugin"},
      {families_.errors, MetricType::kCounter, "lua_errors_total", "Runs of Lua that ended with an error"},
      {families_.stopped, MetricType::kCounter, "lua_stopped_total",
       "Runs of Lua that lua.cpu_limit stopped"},
      {families_.waits, MetricType::kCounter, "lua_waits_total",
       "Waits of Lua for sockets, timers and bodies"},
      {families_.busy, MetricType::kCounter, "lua_busy_seconds_total",
       "Time of workers in Lua, without its waits"},
      {families_.blocked, MetricType::kCounter, "lua_blocking_calls_total",
       "Calls of Lua that held a whole worker"},
      {families_.memory, MetricType::kGauge, "lua_memory_bytes", "Memory of Lua by worker"},
  });
  for (const Row& row : rows) {
    const std::string name = prefix + row.name;
    const auto id = writer_->add_family({.type = row.type, .name = name, .help = row.help, .bounds = {}});
    if (!id) {
      base::log_error("{}: {}", name, id.error().what);
      writer_.reset();
      return;
    }
    row.id = *id;
  }
  memory::append_label(memory_labels_, "worker", std::to_string(deps_.worker_index));
}

void UsageTable::publish() {
  timer_.set_after_ms(kPeriodMs);
  for (const auto& [name, usage] : all_) publish(*usage, published_[name]);
  auto& runtime = deps_.shared<Runtime>();
  if (!runtime.is_in_use()) return;
  const std::size_t bytes = (*runtime.state())->memory().bytes();
  if (std::exchange(memory_bytes_, bytes) != bytes)
    writer_->set(families_.memory, memory_labels_, static_cast<double>(bytes));
}

void UsageTable::publish(const Usage& usage, Published& published) {
  Usage& last = published.last;
  if (published.labels.empty()) memory::append_label(published.labels, "plugin", usage.name);
  const auto add = [&](memory::FamilyId family, std::uint64_t Usage::* member, double unit = 1) {
    const std::uint64_t by = usage.*member - std::exchange(last.*member, usage.*member);
    if (by > 0) writer_->add(family, published.labels, static_cast<double>(by) / unit);
  };
  add(families_.runs, &Usage::runs);
  add(families_.errors, &Usage::errors);
  add(families_.stopped, &Usage::stopped);
  add(families_.waits, &Usage::waits);
  add(families_.busy, &Usage::busy_ns, kNsPerSecond);
  add(families_.blocked, &Usage::blocked);
}

Usage* current_usage(lua_State* lua) {
  const Run* run = State::of(lua).current();
  return run != nullptr ? run->usage() : nullptr;
}

}  // namespace apisix::lua
