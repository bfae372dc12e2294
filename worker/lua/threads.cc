// ngx.thread and ngx.semaphore.
#include "worker/lua/threads.h"

#include <new>
#include <utility>

#include "shared/base/log.h"
#include "worker/lua/modules.h"

namespace apisix::lua {

base::Ref<LightThread> Threads::spawn(std::unique_ptr<Run> run, int arguments) {
  auto thread = base::make_counted<LightThread>(parent_, std::move(run));
  all_.push_back(thread);
  ++running_;
  const Run::End end = thread->run->start(arguments);
  if (end == Run::End::kWaiting) {
    thread->rest.emplace(loop_);
    thread->rest->spawn(finish(*thread));
  } else {
    note_end(*thread, end);
  }
  return thread;
}

// Lua may still hold the threads: what they wait for belongs to the request and ends here.
Threads::~Threads() {
  for (const auto& thread : all_) {
    thread->rest.reset();
    thread->run = nullptr;
  }
}

async::Task<void> Threads::finish(LightThread& thread) {
  note_end(thread, co_await thread.run->finish());
}

void Threads::note_end(LightThread& thread, Run::End end) {
  --running_;
  thread.end = end;
  if (end == Run::End::kExit) exit_code_ = thread.run->exit_code();
  if (end == Run::End::kError) {
    base::log_error("lua user thread aborted: runtime error: {}\n{}", thread.run->error(),
                    thread.run->traceback());
  }
  changed_.notify();
}

void Threads::kill(LightThread& thread) {
  --running_;
  thread.rest.reset();
  thread.run = nullptr;
  thread.end = Run::End::kExit;
  changed_.notify();
  forget(thread);
}

void Threads::forget(const LightThread& thread) {
  std::erase_if(all_, [&](const auto& one) { return &*one == &thread; });
}

namespace {

constexpr const char* kThreadName = "ngx.thread";
// Waits of threads and semaphores without a timeout.
constexpr std::uint64_t kForever = std::uint64_t{1} << 40;

LightThread& thread_at(lua_State* lua, int index) {
  auto* thread = static_cast<base::Ref<LightThread>*>(luaL_checkudata(lua, index, kThreadName));
  return **thread;
}

int collect_thread(lua_State* lua) {
  using Thread = base::Ref<LightThread>;
  static_cast<Thread*>(lua_touserdata(lua, 1))->~Thread();
  return 0;
}

int spawn(lua_State* lua) {
  Run& parent = check_phase(lua, kWaitingPhases);
  luaL_checktype(lua, 1, LUA_TFUNCTION);
  auto* place = new (lua_newuserdata(lua, sizeof(base::Ref<LightThread>))) base::Ref<LightThread>;
  if (luaL_newmetatable(lua, kThreadName) != 0) set_function(lua, "__gc", collect_thread);
  lua_setmetatable(lua, -2);
  lua_insert(lua, 1);
  auto run = std::make_unique<Run>(parent.state(), parent.phase(), parent.binding());
  const int values = lua_gettop(lua) - 1;
  lua_xmove(lua, run->thread(), values);
  Threads& threads = parent.threads();
  *place = threads.spawn(std::move(run), values - 1);
  // A thread that exits at once ends the request at once.
  if (threads.exit_code()) return parent.exit(lua, *threads.exit_code());
  return 1;
}

// The results of a thread that has ended, as ngx.thread.wait gives them.
int take_results(lua_State* lua, Threads& threads, LightThread& thread) {
  threads.forget(thread);  // Lua has it: it is an argument of the wait
  const Run::End end = *thread.end;
  if (end == Run::End::kReturned) {
    const int values = thread.run->results();
    lua_checkstack(lua, values + 1);
    lua_pushboolean(lua, 1);
    lua_xmove(thread.run->thread(), lua, values);
    thread.run = nullptr;
    return values + 1;
  }
  lua_pushboolean(lua, 0);
  push(lua, end == Run::End::kError ? std::string_view(thread.run->error()) : std::string_view("killed"));
  thread.run = nullptr;
  return 2;
}

async::Task<int> wait_any(lua_State* lua, Run& parent, std::vector<base::Ref<LightThread>> wanted) {
  for (;;) {
    for (const auto& thread : wanted) {
      if (thread->end && thread->run) co_return take_results(lua, parent.threads(), *thread);
    }
    co_await parent.threads().changed().wait(kForever);
  }
}

int wait_thread(lua_State* lua) {
  Run& parent = check_phase(lua, kWaitingPhases);
  std::vector<base::Ref<LightThread>> wanted;
  for (int i = 1; i <= lua_gettop(lua); ++i) {
    LightThread& thread = thread_at(lua, i);
    if (thread.parent != &parent) return luaL_error(lua, "only the parent coroutine can wait on the thread");
    if (!thread.run) {
      lua_pushboolean(lua, 0);
      push(lua, "already waited or killed");
      return 2;
    }
    if (thread.end) return take_results(lua, parent.threads(), thread);
    wanted.emplace_back(&thread);
  }
  if (wanted.empty()) return luaL_error(lua, "at least one coroutine should be specified");
  return lua::wait(lua, wait_any(lua, parent, std::move(wanted)));
}

int kill_thread(lua_State* lua) {
  Run& parent = check_phase(lua, kWaitingPhases);
  LightThread& thread = thread_at(lua, 1);
  if (thread.parent != &parent) return push_error(lua, "killer not parent");
  if (!thread.run) return push_error(lua, "already waited or killed");
  if (thread.end) return push_error(lua, "already terminated");
  parent.threads().kill(thread);
  lua_pushinteger(lua, 1);
  return 1;
}

// --- semaphores

constexpr const char* kSemaphoreName = "ngx.semaphore";

struct Semaphore {
  Semaphore(event::Loop& loop, int count) : count(count), posted(loop) {}
  int count;
  int waiting = 0;
  async::Signal posted;
};

Semaphore& semaphore_at(lua_State* lua, int index) {
  return **static_cast<std::shared_ptr<Semaphore>*>(luaL_checkudata(lua, index, kSemaphoreName));
}

int collect_semaphore(lua_State* lua) {
  using Pointer = std::shared_ptr<Semaphore>;
  static_cast<Pointer*>(lua_touserdata(lua, 1))->~Pointer();
  return 0;
}

int post(lua_State* lua) {
  Semaphore& semaphore = semaphore_at(lua, 1);
  const auto count = luaL_optinteger(lua, 2, 1);
  if (count < 1) return luaL_error(lua, "no negative number");
  semaphore.count += static_cast<int>(count);
  semaphore.posted.notify();
  lua_pushboolean(lua, 1);
  return 1;
}

async::Task<int> wait_post(lua_State* lua, std::shared_ptr<Semaphore> semaphore, event::Loop& loop,
                           std::uint64_t timeout_ms) {
  const std::uint64_t deadline = loop.clock().monotonic_ms() + timeout_ms;
  struct Waiting {
    explicit Waiting(Semaphore& semaphore) : semaphore(semaphore) { ++semaphore.waiting; }
    ~Waiting() { --semaphore.waiting; }
    Semaphore& semaphore;
  } waiting(*semaphore);
  while (semaphore->count <= 0) {
    const std::uint64_t now = loop.clock().monotonic_ms();
    if (now >= deadline) co_return push_error(lua, "timeout");
    co_await semaphore->posted.wait(deadline - now);
  }
  --semaphore->count;
  lua_pushboolean(lua, 1);
  co_return 1;
}

int wait_semaphore(lua_State* lua) {
  Semaphore& semaphore = semaphore_at(lua, 1);
  const double timeout = luaL_checknumber(lua, 2);
  if (timeout < 0) return luaL_error(lua, "timeout must not be negative");
  if (semaphore.count > 0 && semaphore.waiting == 0) {
    --semaphore.count;
    lua_pushboolean(lua, 1);
    return 1;
  }
  if (timeout == 0) return push_error(lua, "timeout");
  const auto& pointer = *static_cast<std::shared_ptr<Semaphore>*>(lua_touserdata(lua, 1));
  return lua::wait(
      lua, wait_post(lua, pointer, State::of(lua).loop(), static_cast<std::uint64_t>(timeout * 1000)));
}

// As OpenResty: less than zero, how many wait.
int count_semaphore(lua_State* lua) {
  const Semaphore& semaphore = semaphore_at(lua, 1);
  lua_pushinteger(lua, semaphore.count - semaphore.waiting);
  return 1;
}

int new_semaphore(lua_State* lua) {
  const auto count = static_cast<int>(luaL_optinteger(lua, 1, 0));
  if (count < 0) return luaL_error(lua, "no negative number");
  auto* place = new (lua_newuserdata(lua, sizeof(std::shared_ptr<Semaphore>))) std::shared_ptr<Semaphore>;
  *place = std::make_shared<Semaphore>(State::of(lua).loop(), count);
  if (luaL_newmetatable(lua, kSemaphoreName) != 0) {
    set_function(lua, "__gc", collect_semaphore);
    lua_newtable(lua);
    set_function(lua, "post", post);
    set_function(lua, "wait", wait_semaphore);
    set_function(lua, "count", count_semaphore);
    lua_setfield(lua, -2, "__index");
  }
  lua_setmetatable(lua, -2);
  return 1;
}

int load_semaphore(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "new", new_semaphore);
  return 1;
}

}  // namespace

void open_threads(lua_State* ngx) {
  lua_newtable(ngx);
  set_function(ngx, "spawn", spawn);
  set_function(ngx, "wait", wait_thread);
  set_function(ngx, "kill", kill_thread);
  lua_setfield(ngx, -2, "thread");
  preload(ngx, "ngx.semaphore", load_semaphore);
}

}  // namespace apisix::lua
