#include "worker/lua/binding.h"

#include <utility>

#include "worker/lua/ctx.h"
#include "worker/lua/run.h"
#include "worker/lua/var.h"
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

Binding::~Binding() {
  if (handle_ != nullptr) handle_->binding = nullptr;
}

void Binding::push_handle(lua_State* lua) {
  if (handle_ == nullptr) {
    handle_ = static_cast<Handle*>(lua_newuserdata(lua, sizeof(Handle)));
    handle_->binding = this;
    lua_pushvalue(lua, -1);
    handle_ref_ = lua_->take(lua);
    return;
  }
  handle_ref_.push(lua);
}

void Binding::push_ctx(lua_State* lua) {
  if (!ctx_) {
    lua_createtable(lua, 0, 8);
    push_ctx_var(lua, *this);
    lua_setfield(lua, -2, "var");
    fill_ctx(lua, *this);
    lua_pushvalue(lua, -1);
    ctx_ = lua_->take(lua);
    return;
  }
  ctx_.push(lua);
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

Binding& binding_of(lua_State* lua) {
  Run& run = Run::of(lua);
  if (run.binding() == nullptr) luaL_error(lua, "no request found");
  return *run.binding();
}

}  // namespace apisix::lua
