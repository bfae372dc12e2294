// LuaState: a State as a worker has it, with a real loop and Deps that know nothing, for tests of Lua. A
// chunk runs in a Run of its own, and the loop turns until it has ended.
//
//   LuaState lua;
//   EXPECT_EQ(lua.eval("return 1, nil, 'a'"), "1|nil|a");
//   EXPECT_EQ(lua.eval("error('x', 0)"), "error: x");
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/check.h"
#include "shared/store/store.h"
#include "tests/unit/worker/plugin/deps_fixture.h"
#include "worker/lua/run.h"
#include "worker/lua/state.h"
#include "worker/plugin/lua_settings.h"

namespace apisix::lua {

class LuaState {
 public:
  // `settings`: of config.yaml; paths, limits.
  explicit LuaState(plugin::LuaSettings settings = {}) : settings_(std::move(settings)) {
    fixture_.deps.lua = &settings_;
    auto made = State::make(fixture_.deps);
    CHECK(made.has_value());
    state_ = *made;
  }
  LuaState(const LuaState&) = delete;
  LuaState& operator=(const LuaState&) = delete;

  struct Outcome {
    Run::End end = Run::End::kError;  // kWaiting: it had not ended after kTurnsMax
    std::vector<std::string> values;  // texts as they are, others as tostring() writes them
    std::string error;                // after kError, or why it does not compile
    int exit_code = 0;                // after kExit
  };
  // `binding`: of a request, for what needs one.
  Outcome run(std::string_view chunk, Phase phase = Phase::kAccess, Binding* binding = nullptr) {
    Outcome out;
    Run run(*state_, phase, binding);
    if (luaL_loadbuffer(run.thread(), chunk.data(), chunk.size(), "=test") != 0) {
      out.error = text_at(run.thread(), -1);
      return out;
    }
    out.end = run.start(0);
    if (out.end == Run::End::kWaiting) finish(run, out);
    if (out.end == Run::End::kReturned) out.values = values_of(run);
    out.exit_code = run.exit_code();
    out.error = run.error();
    return out;
  }
  // The values with '|' between them, "error: ...", "exit: CODE" or "waiting".
  std::string eval(std::string_view chunk, Phase phase = Phase::kAccess, Binding* binding = nullptr) {
    const Outcome outcome = run(chunk, phase, binding);
    switch (outcome.end) {
      case Run::End::kError:
        return "error: " + outcome.error;
      case Run::End::kExit:
        return "exit: " + std::to_string(outcome.exit_code);
      case Run::End::kWaiting:
        return "waiting";
      case Run::End::kReturned:
        break;
    }
    std::string out;
    for (std::size_t i = 0; i < outcome.values.size(); ++i) out += (i > 0 ? "|" : "") + outcome.values[i];
    return out;
  }

  State& state() { return *state_; }
  plugin::Deps& deps() { return fixture_.deps; }
  // Of core.etcd and core.config; on loop().
  void set_store(std::unique_ptr<store::Store> store) {
    store_ = std::move(store);
    settings_.store = store_.get();
  }
  event::Loop& loop() { return fixture_.loop; }

 private:
  static constexpr int kTurnsMax = 500;
  static constexpr std::uint64_t kTurnMs = 10;

  void finish(Run& run, Outcome& out) {
    async::Scope scope(fixture_.loop);
    scope.spawn([](Run& waiting, Outcome& result) -> async::Task<void> {
      result.end = co_await waiting.finish();
    }(run, out));
    for (int turn = 0; turn < kTurnsMax && out.end == Run::End::kWaiting; ++turn)
      fixture_.loop.run_once(kTurnMs);
  }

  static std::vector<std::string> values_of(Run& run) {
    lua_State* const lua = run.thread();
    std::vector<std::string> values;
    const int count = run.results();
    for (int i = 1; i <= count; ++i) {
      lua_getglobal(lua, "tostring");
      lua_pushvalue(lua, i);
      const bool is_text = lua_pcall(lua, 1, 1, 0) == 0;
      values.emplace_back(is_text ? text_at(lua, -1) : "?");
      lua_pop(lua, 1);
    }
    return values;
  }

  plugin::LuaSettings settings_;
  plugin::DepsFixture fixture_;
  std::unique_ptr<store::Store> store_;  // watches of the State end before it
  base::Ref<State> state_;
};

}  // namespace apisix::lua
