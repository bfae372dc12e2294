#include "worker/lua/binding.h"

#include <algorithm>
#include <new>
#include <utility>

#include "worker/lua/run.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/response_stream.h"

namespace apisix::lua {

Binding& Binding::of(State& state, plugin::RequestState& request) {
  auto& binding = request.kept<Binding>(&state);
  if (!binding.request_) {
    binding.request_.emplace(request);
    binding.lua_ = &state;
  }
  return binding;
}

Binding::Binding() = default;

Binding::~Binding() {
  if (ctx_table_ != nullptr) leave_those_with_ctx();
}

void Binding::keep(const base::Ref<plugin::Plugin>& native) {
  if (std::ranges::find(natives_, native) == natives_.end()) natives_.push_back(native);
}

void Binding::push_var(lua_State* lua) {
  if (var_) return var_.push(lua);
  push_ended_var(lua);
  lua_pushliteral(lua, "_request");
  var_identity_ = lua_newuserdata(lua, 1);
  lua_rawset(lua, -3);
  lua_pushvalue(lua, -1);
  var_ = lua_->take(lua);
}

void Binding::push_ended_var(lua_State* lua) {
  lua_createtable(lua, 0, 1);
  State::of(lua).push_known(State::Known::kVarMetatable, lua);
  lua_setmetatable(lua, -2);
}

Binding* Binding::of_var(lua_State* lua, int index) {
  if (!lua_istable(lua, index)) return nullptr;
  lua_pushvalue(lua, index);
  lua_pushliteral(lua, "_request");
  lua_rawget(lua, -2);
  const void* const identity = lua_touserdata(lua, -1);
  lua_pop(lua, 2);
  if (identity == nullptr) return nullptr;
  State& state = State::of(lua);
  // Nearly always it is asked for in a run of its own request.
  if (const Run* run = state.current(); run != nullptr && run->binding() != nullptr) {
    if (run->binding()->var_identity_ == identity) return run->binding();
  }
  Binding* at = state.first_with_ctx();
  while (at != nullptr && at->var_identity_ != identity) at = at->next_;
  return at;
}

void Binding::push_ctx(lua_State* lua) {
  if (ctx_table_ != nullptr) return ctx_.push(lua);
  lua_newtable(lua);
  lua_->push_known(State::Known::kCtxMetatable, lua);
  lua_setmetatable(lua, -2);
  lua_pushvalue(lua, -1);
  ctx_ = lua_->take(lua);
  ctx_table_ = lua_topointer(lua, -1);
  join_those_with_ctx();
}

Binding* Binding::of_ctx(lua_State* lua, int index) {
  State& state = State::of(lua);
  const void* const table = lua_topointer(lua, index);
  // Nearly always it is asked for in a run of its own request.
  if (const Run* run = state.current(); run != nullptr && run->binding() != nullptr) {
    if (run->binding()->ctx_table_ == table) return run->binding();
  }
  Binding* at = state.first_with_ctx();
  while (at != nullptr && at->ctx_table_ != table) at = at->next_;
  return at;
}

void Binding::join_those_with_ctx() {
  Binding*& first = lua_->first_with_ctx();
  next_ = first;
  if (next_ != nullptr) next_->previous_ = this;
  first = this;
}

void Binding::leave_those_with_ctx() {
  (previous_ != nullptr ? previous_->next_ : lua_->first_with_ctx()) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
}

void Binding::push_ngx_ctx(lua_State* lua) {
  if (!ngx_ctx_) {
    lua_createtable(lua, 0, 2);
    push_ctx(lua);
    lua_setfield(lua, -2, "api_ctx");
    lua_pushvalue(lua, -1);
    ngx_ctx_ = lua_->take(lua);
    return;
  }
  ngx_ctx_.push(lua);
}

void Binding::replace_ngx_ctx(lua_State* lua) {
  ngx_ctx_ = lua_->take(lua);
}

void Binding::push_written(lua_State* lua) {
  if (!written_) {
    lua_newtable(lua);
    written_ = lua_->take(lua);
  }
  written_.push(lua);
}

namespace {

// Ends with the frame, which a light thread's end may destroy where it waits.
struct Marked {
  explicit Marked(bool& mark) : mark(mark) { mark = true; }
  ~Marked() { mark = false; }
  Marked(const Marked&) = delete;
  Marked& operator=(const Marked&) = delete;
  bool& mark;
};

}  // namespace

async::Task<bool> Binding::flush() {
  constexpr int kOk = 200;
  constexpr int kStatusMax = 999;
  if (is_flushing_ || state().response.stream == nullptr) co_return true;
  const Marked marked(is_flushing_);
  if (stream_ == nullptr) {
    const bool is_final = status_ >= kOk && status_ <= kStatusMax;
    stream_ = &request_->stream_response(static_cast<std::uint16_t>(is_final ? status_ : kOk));
  }
  bool is_wanted = true;
  do {
    const std::string piece = std::exchange(output_, {});
    is_wanted = co_await stream_->write(piece);
  } while (is_wanted && !output_.empty());
  co_return is_wanted;
}

const std::optional<std::string_view>& Binding::body() {
  const plugin::BodyFields& read = state().body;
  if (!body_ && !read.bytes().empty()) body_ = read.bytes();
  return body_;
}

Binding& binding_of(lua_State* lua) {
  Run& run = Run::of(lua);
  if (run.binding() == nullptr) luaL_error(lua, "no request found");
  return *run.binding();
}

}  // namespace apisix::lua
