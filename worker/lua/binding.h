// Binding: what Lua knows of one request: the tables that are its own (api_ctx, ngx.ctx) and the way to its
// state. Kept in the request, one for each State that it meets, and destroyed with it; Lua values that refer
// to it (ctx.var, a timer's copy of ctx) look it up by what is theirs alone: "no request found" behind its
// end, never a crash.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shared/async/task.h"
#include "shared/base/recycled.h"
#include "worker/lua/lua.h"
#include "worker/lua/ref.h"
#include "worker/lua/state.h"
#include "worker/plugin/request.h"

namespace apisix::plugin {
class Plugin;
}

namespace apisix::lua {

class Binding final : public base::Recycled<Binding> {
 public:
  // Of the request, made at first use.
  static Binding& of(State& state, plugin::RequestState& request);
  static Binding& of(State& state, plugin::Request& request) {
    return of(state, plugin::RequestState::of(request));
  }
  Binding();
  ~Binding();
  Binding(const Binding&) = delete;
  Binding& operator=(const Binding&) = delete;

  plugin::Request& request() { return *request_; }
  plugin::RequestState& state() { return plugin::RequestState::of(*request_); }
  // ctx.var, a table as in APISIX: pushes it; made at first use. Its `_request` is a userdata that no other
  // request's has, and that copies of it share.
  void push_var(lua_State* lua);
  // That of a request that has ended.
  static void push_ended_var(lua_State* lua);
  // Of the request that the table at `index` is the var of; null: it has ended, or the table is none.
  static Binding* of_var(lua_State* lua, int index);

  // api_ctx: what hooks get as `ctx`. Pushes it; made at first use, and empty: see ctx.h.
  void push_ctx(lua_State* lua);
  // Of the request that the table at `index` is the ctx of; null: it has ended, or the table is none.
  static Binding* of_ctx(lua_State* lua, int index);
  // ngx.ctx, which has it as `api_ctx`; the table on top takes its place.
  void push_ngx_ctx(lua_State* lua);
  void replace_ngx_ctx(lua_State* lua);

  // What Lua wrote to ctx.var: any value under any name. Pushes the table; made at first use.
  void push_written(lua_State* lua);
  bool has_written() const { return static_cast<bool>(written_); }

  // What ngx.say and ngx.print have written and no response has yet.
  std::string& output() { return output_; }
  // ngx.status as Lua set it before there is a response; 0: it did not.
  int status() const { return status_; }
  void set_status(int status) { status_ = status; }
  // Some ngx.say, ngx.print or ngx.eof ran: the response is Lua's, and its status is decided.
  bool has_responded() const { return has_responded_; }
  void set_responded() {
    has_responded_ = true;
    if (status_ == 0) status_ = kDefaultStatus;
  }
  // Sends output(), and with the first of it the head: what is said goes out as it is said from then on.
  // Waits while the client is slow; what other light threads say meanwhile goes out with it. False: a filter
  // wants no more of the body.
  async::Task<bool> flush();
  // By which output was sent; null: nothing was.
  plugin::ResponseStream* stream() const { return stream_; }
  // Of the global rule whose plugin runs, the modification revision; 0: the plugin is the route's.
  std::uint64_t global_rule() const { return global_rule_; }
  void set_global_rule(std::uint64_t revision) { global_rule_ = revision; }
  // The request's body once ngx.req.read_body(), or the gateway for its own needs, has read it; null before.
  const std::optional<std::string_view>& body();
  void set_body(std::string_view body) { body_ = body; }
  // Between ngx.req.init_body() and finish_body(): what was appended.
  std::optional<std::string>& new_body() { return new_body_; }
  // What scripts ran of the gateway's own plugins keeps its state in the request, by address: it stays as
  // long.
  void keep(const base::Ref<plugin::Plugin>& native);

 private:
  static constexpr int kDefaultStatus = 200;

  void join_those_with_ctx();
  void leave_those_with_ctx();

  std::optional<plugin::Request> request_;
  State* lua_ = nullptr;
  const void* var_identity_ = nullptr;
  plugin::ResponseStream* stream_ = nullptr;
  std::uint64_t global_rule_ = 0;
  Ref var_;
  Ref ctx_;
  const void* ctx_table_ = nullptr;
  // Among those of the State that have a ctx.
  Binding* next_ = nullptr;
  Binding* previous_ = nullptr;
  Ref ngx_ctx_;
  Ref written_;
  std::string output_;
  std::optional<std::string_view> body_;
  std::optional<std::string> new_body_;
  std::vector<base::Ref<plugin::Plugin>> natives_;
  int status_ = 0;
  bool has_responded_ = false;
  bool is_flushing_ = false;
};

// Of the request that this coroutine runs for. Raises "no request found" when there is none.
Binding& binding_of(lua_State* lua);

}  // namespace apisix::lua
