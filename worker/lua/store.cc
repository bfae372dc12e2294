// The module gateway.store, for core.etcd and core.config: the store that the configuration is in, by whole
// keys and texts. Calls wait; what fails is nil and a text. Revisions are numbers, exact to 2^53; leases are
// texts, since they are not.
#include "shared/store/store.h"

#include <charconv>
#include <deque>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "shared/async/signal.h"
#include "worker/lua/limits.h"
#include "worker/lua/modules.h"
#include "worker/lua/run.h"
#include "worker/plugin/lua_settings.h"

namespace apisix::lua {
namespace {

// Null only in tests that need none.
store::Store* find_store(lua_State* lua) {
  const plugin::LuaSettings* const settings = State::of(lua).deps().lua;
  return settings != nullptr ? settings->store : nullptr;
}

store::Store& store_of(lua_State* lua) {
  store::Store* const store = find_store(lua);
  if (store == nullptr) luaL_error(lua, "no store here");
  return *store;
}

void push_item(lua_State* lua, const store::Item& item) {
  lua_createtable(lua, 0, 6);
  push(lua, item.key);
  lua_setfield(lua, -2, "key");
  push(lua, item.value);
  lua_setfield(lua, -2, "value");
  set_number(lua, "create_revision", static_cast<double>(item.create_revision));
  set_number(lua, "mod_revision", static_cast<double>(item.mod_revision));
  set_number(lua, "version", static_cast<double>(item.version));
  if (item.lease == 0) return;
  push(lua, std::to_string(item.lease));
  lua_setfield(lua, -2, "lease");
}

// At `index`; 0: none. Raises for what is no lease.
store::LeaseId lease_at(lua_State* lua, int index) {
  if (lua_isnoneornil(lua, index)) return 0;
  const std::string_view text = check_text(lua, index);
  store::LeaseId lease = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), lease);
  luaL_argcheck(lua, error == std::errc() && end == text.data() + text.size(), index, "not a lease");
  return lease;
}

// --- one call each

async::Task<int> list_items(lua_State* lua, store::Store& store, std::string prefix) {
  const auto found = co_await store.list(std::move(prefix));
  if (!found) co_return push_error(lua, found.error().what);
  lua_createtable(lua, static_cast<int>(found->items.size()), 0);
  int count = 0;
  for (const store::Item& item : found->items) {
    push_item(lua, item);
    lua_rawseti(lua, -2, ++count);
  }
  lua_pushnumber(lua, static_cast<double>(found->revision));
  co_return 2;
}

// list(prefix) -> items in the order of their keys, revision of the store
int list(lua_State* lua) {
  return lua::wait(lua, list_items(lua, store_of(lua), std::string(check_text(lua, 1))));
}

async::Task<int> commit(lua_State* lua, store::Store& store, store::Txn txn) {
  const auto done = co_await store.txn(std::move(txn));
  if (!done) co_return push_error(lua, done.error().what);
  if (!done->succeeded) co_return push_error(lua, "value changed before overwritten");
  lua_pushnumber(lua, static_cast<double>(done->revision));
  int existed = 0;
  for (const store::Item& previous : done->previous) existed += previous.mod_revision != 0 ? 1 : 0;
  lua_pushinteger(lua, existed);
  co_return 2;
}

// put(key, value [, lease [, expected]]) -> revision, how many keys were there before. `expected`: the
// revision of the key's last change, 0: it must not be there.
int put(lua_State* lua) {
  store::Txn txn;
  const std::string key(check_text(lua, 1));
  const std::string_view value = check_text(lua, 2);
  txn.writes.emplace_back(store::Put{key, std::string(value), lease_at(lua, 3)});
  if (!lua_isnoneornil(lua, 4)) {
    txn.compares.push_back({.key = key, .expected = static_cast<store::Revision>(luaL_checknumber(lua, 4))});
  }
  return lua::wait(lua, commit(lua, store_of(lua), std::move(txn)));
}

// remove({key, ...}) -> revision, how many were there
int remove(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  store::Txn txn;
  const int count = static_cast<int>(lua_objlen(lua, 1));
  for (int i = 1; i <= count; ++i) {
    lua_rawgeti(lua, 1, i);
    txn.writes.emplace_back(store::Delete{std::string(text_at(lua, -1))});
    lua_pop(lua, 1);
  }
  return lua::wait(lua, commit(lua, store_of(lua), std::move(txn)));
}

async::Task<int> grant_lease(lua_State* lua, store::Store& store, std::int64_t seconds) {
  const auto lease = co_await store.grant_lease(seconds);
  if (!lease) co_return push_error(lua, lease.error().what);
  push(lua, std::to_string(*lease));
  co_return 1;
}

// grant(seconds) -> lease
int grant(lua_State* lua) {
  const double seconds = luaL_checknumber(lua, 1);
  luaL_argcheck(lua, seconds >= 1 && seconds <= kLeaseSecondsMax, 1, "out of range");
  return lua::wait(lua, grant_lease(lua, store_of(lua), static_cast<std::int64_t>(seconds)));
}

async::Task<int> keep_lease(lua_State* lua, store::Store& store, store::LeaseId lease) {
  const auto seconds = co_await store.keep_lease_alive(lease);
  if (!seconds) co_return push_error(lua, seconds.error().what);
  lua_pushnumber(lua, static_cast<double>(*seconds));
  co_return 1;
}

// keep_alive(lease) -> its seconds
int keep_alive(lua_State* lua) {
  return lua::wait(lua, keep_lease(lua, store_of(lua), lease_at(lua, 1)));
}

// Nothing where there is no store.
int provider(lua_State* lua) {
  const store::Store* const store = find_store(lua);
  if (store == nullptr) return 0;
  push(lua, store->provider());
  return 1;
}

// --- watches

constexpr const char* kWatchName = "gateway.store.watch";

// What came and was not taken yet. Ends with the last who waits for it, or with Lua's object.
struct Changes {
  explicit Changes(event::Loop& loop) : changed(loop) {}
  std::deque<store::EventBatch> batches;
  std::optional<std::string> lost;  // and nothing more will come
  async::Signal changed;
  std::unique_ptr<store::Watch> watch;
};

void start_watch(const std::shared_ptr<Changes>& changes, store::Store& store, std::string prefix,
                 store::Revision from) {
  Changes& to = *changes;  // owns the watch
  const auto lose = [&to](std::string why) {
    to.lost = std::move(why);
    to.changed.notify();
  };
  to.watch = store.watch(std::move(prefix), from,
                         {.on_batch =
                              [&to, lose](const store::EventBatch& batch) {
                                if (to.lost) return;
                                if (to.batches.size() >= kWatchedBatchesMax) return lose("too slow");
                                to.batches.push_back(batch);
                                to.changed.notify();
                              },
                          .on_lost = [lose](const base::Error& error) { lose(error.what); }});
}

int collect_watch(lua_State* lua) {
  using Pointer = std::shared_ptr<Changes>;
  static_cast<Pointer*>(lua_touserdata(lua, 1))->~Pointer();
  return 0;
}

int push_batch(lua_State* lua, const store::EventBatch& batch) {
  lua_createtable(lua, static_cast<int>(batch.events.size()), 0);
  int count = 0;
  for (const store::Event& event : batch.events) {
    push_item(lua, event.item);
    if (event.type == store::Event::Type::kDelete) {
      lua_pushnil(lua);
      lua_setfield(lua, -2, "value");
    }
    lua_rawseti(lua, -2, ++count);
  }
  lua_pushnumber(lua, static_cast<double>(batch.revision));
  return 2;
}

async::Task<int> next_batch(lua_State* lua, std::shared_ptr<Changes> changes, std::uint64_t timeout_ms) {
  while (changes->batches.empty()) {
    if (changes->lost) co_return push_error(lua, *changes->lost);
    if (!co_await changes->changed.wait(timeout_ms)) co_return push_error(lua, "timeout");
  }
  const store::EventBatch batch = std::move(changes->batches.front());
  changes->batches.pop_front();
  co_return push_batch(lua, batch);
}

// watch:next(seconds) -> {{key, value (nil: deleted), create_revision, mod_revision}, ...}, revision |
// nil, "timeout" | nil, why nothing more will come
int next(lua_State* lua) {
  const auto& changes = *static_cast<std::shared_ptr<Changes>*>(luaL_checkudata(lua, 1, kWatchName));
  const double seconds = luaL_checknumber(lua, 2);
  luaL_argcheck(lua, seconds > 0 && seconds <= kLeaseSecondsMax, 2, "out of range");
  return lua::wait(lua, next_batch(lua, changes, static_cast<std::uint64_t>(seconds * 1000)));
}

// watch(prefix, first revision)
int watch(lua_State* lua) {
  using Pointer = std::shared_ptr<Changes>;
  store::Store& store = store_of(lua);
  const std::string prefix(check_text(lua, 1));
  const auto from = static_cast<store::Revision>(luaL_checknumber(lua, 2));
  auto* place = new (lua_newuserdata(lua, sizeof(Pointer))) Pointer;
  if (luaL_newmetatable(lua, kWatchName) != 0) {
    set_function(lua, "__gc", collect_watch);
    set_function(lua, "next", next);
    lua_pushvalue(lua, -1);
    lua_setfield(lua, -2, "__index");
  }
  lua_setmetatable(lua, -2);
  *place = std::make_shared<Changes>(State::of(lua).loop());
  start_watch(*place, store, prefix, from);
  return 1;
}

int load(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "list", list);
  set_function(lua, "put", put);
  set_function(lua, "remove", remove);
  set_function(lua, "grant", grant);
  set_function(lua, "keep_alive", keep_alive);
  set_function(lua, "provider", provider);
  set_function(lua, "watch", watch);
  push(lua, State::of(lua).deps().store_prefix);
  lua_setfield(lua, -2, "prefix");
  return 1;
}

}  // namespace

void open_store(lua_State* ngx) {
  preload(ngx, "gateway.store", load);
}

}  // namespace apisix::lua
