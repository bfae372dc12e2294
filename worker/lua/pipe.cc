// ngx.pipe: processes that scripts spawn, without blocking the worker.
#include <cerrno>
#include <cmath>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

#include "worker/lua/child_process.h"
#include "worker/lua/limits.h"
#include "worker/lua/modules.h"
#include "worker/lua/run.h"

namespace apisix::lua {
namespace {

using ProcessRef = base::Ref<ChildProcess>;

constexpr const char* kProcessName = "ngx.pipe";
constexpr std::uint64_t kForeverMs = std::uint64_t{1} << 40;
constexpr std::size_t kReadBytes = 4096;

ChildProcess& child_at(lua_State* lua) {
  return **static_cast<ProcessRef*>(luaL_checkudata(lua, 1, kProcessName));
}

int collect_process(lua_State* lua) {
  static_cast<ProcessRef*>(lua_touserdata(lua, 1))->~ProcessRef();
  return 0;
}

// OpenResty's 0 is no limit.
std::uint64_t timeout_of(double ms) {
  return ms == 0 ? kForeverMs : static_cast<std::uint64_t>(std::ceil(ms));
}

// --- spawn

std::vector<std::string> texts_at(lua_State* lua, int index) {
  std::vector<std::string> out;
  const int count = static_cast<int>(lua_objlen(lua, index));
  for (int i = 1; i <= count; ++i) {
    lua_rawgeti(lua, index, i);
    out.emplace_back(text_at(lua, -1));
    lua_pop(lua, 1);
  }
  return out;
}

bool flag_at(lua_State* lua, int index, const char* name) {
  lua_getfield(lua, index, name);
  const bool on = lua_toboolean(lua, -1) != 0;
  lua_pop(lua, 1);
  return on;
}

void set_timeout(lua_State* lua, int index, const char* name, std::uint64_t& timeout) {
  lua_getfield(lua, index, name);
  if (lua_isnumber(lua, -1) != 0) {
    if (lua_tonumber(lua, -1) < 0) luaL_error(lua, "bad %s option", name);
    timeout = timeout_of(lua_tonumber(lua, -1));
  }
  lua_pop(lua, 1);
}

// {program, argument ...}, or one text for the shell.
std::vector<std::string> arguments_at(lua_State* lua, int index) {
  if (lua_type(lua, index) == LUA_TSTRING) return {"/bin/sh", "-c", std::string(text_at(lua, index))};
  luaL_checktype(lua, index, LUA_TTABLE);
  auto out = texts_at(lua, index);
  if (out.empty()) luaL_argerror(lua, index, "bad args arg: non-empty table expected");
  return out;
}

// spawn(args [, {merge_stderr, environ, write_timeout, stdout_read_timeout, ...}])
int spawn(lua_State* lua) {
  ChildOptions options;
  const bool has_options = !lua_isnoneornil(lua, 2);
  if (has_options) luaL_checktype(lua, 2, LUA_TTABLE);
  options.arguments = arguments_at(lua, 1);
  if (has_options) {
    options.merges_stderr = flag_at(lua, 2, "merge_stderr");
    lua_getfield(lua, 2, "environ");
    if (lua_istable(lua, -1)) options.environ = texts_at(lua, lua_gettop(lua));
    lua_pop(lua, 1);
  }
  auto process = ChildProcess::spawn(State::of(lua).loop(), options);
  if (!process) return push_error(lua, process.error().what);
  new (lua_newuserdata(lua, sizeof(ProcessRef))) ProcessRef(*process);
  lua_getfield(lua, LUA_REGISTRYINDEX, kProcessName);
  lua_setmetatable(lua, -2);
  if (!has_options) return 1;
  set_timeout(lua, 2, "write_timeout", (*process)->write_ms);
  set_timeout(lua, 2, "stdout_read_timeout", (*process)->output_ms);
  set_timeout(lua, 2, "stderr_read_timeout", (*process)->errors_ms);
  set_timeout(lua, 2, "wait_timeout", (*process)->wait_ms);
  return 1;
}

// set_timeouts(write, stdout, stderr, wait): nil leaves one as it is.
int set_timeouts(lua_State* lua) {
  ChildProcess& process = child_at(lua);
  int index = 2;
  for (std::uint64_t* timeout :
       {&process.write_ms, &process.output_ms, &process.errors_ms, &process.wait_ms}) {
    if (!lua_isnoneornil(lua, index)) {
      const double ms = luaL_checknumber(lua, index);
      luaL_argcheck(lua, ms >= 0, index, "bad timeout option");
      *timeout = timeout_of(ms);
    }
    ++index;
  }
  return 0;
}

int pid(lua_State* lua) {
  lua_pushinteger(lua, child_at(lua).pid());
  return 1;
}

// --- wait and kill

int push_status(lua_State* lua, ChildProcess& process, int status) {
  process.is_waited = true;
  const bool has_exited = WIFEXITED(status);
  const int code = has_exited ? WEXITSTATUS(status) : WTERMSIG(status);
  lua_pushboolean(lua, has_exited && code == 0 ? 1 : 0);
  push(lua, has_exited ? "exit" : "signal");
  lua_pushinteger(lua, code);
  return 3;
}

async::Task<int> wait_end(lua_State* lua, ProcessRef process) {
  for (;;) {
    if (const auto status = process->status()) co_return push_status(lua, *process, *status);
    if (!co_await process->end().ready(false, process->wait_ms)) co_return push_error(lua, "timeout");
  }
}

// wait() -> has it exited with 0, "exit" | "signal", code
int wait_process(lua_State* lua) {
  check_phase(lua, kWaitingPhases);
  ChildProcess& process = child_at(lua);
  if (process.is_waited) return push_error(lua, "exited");
  if (process.end().is_busy) return push_error(lua, "pipe busy waiting");
  if (const auto status = process.status()) return push_status(lua, process, *status);
  return lua::wait(lua, wait_end(lua, ProcessRef(&process)));
}

int kill(lua_State* lua) {
  ChildProcess& process = child_at(lua);
  const auto signal = luaL_checkinteger(lua, 2);
  if (process.status()) return push_error(lua, "exited");
  switch (process.kill(static_cast<int>(signal))) {
    case 0:
      lua_pushboolean(lua, 1);
      return 1;
    case EINVAL:
      return push_error(lua, "invalid signal");
    case ESRCH:
      return push_error(lua, "exited");
    default:
      return push_error(lua, "no permission");
  }
}

// --- streams

int shut_down(lua_State* lua) {
  ChildProcess& process = child_at(lua);
  const std::string_view direction = check_text(lua, 2);
  if (direction == "stdin") {
    process.input.shut_down();
  } else if (direction == "stdout") {
    process.output.shut_down();
  } else if (direction == "stderr") {
    if (process.merges_stderr) return push_error(lua, "merged to stdout");
    process.errors.shut_down();
  } else {
    return luaL_error(lua, "bad shutdown arg: %s", lua_tostring(lua, 2));
  }
  lua_pushboolean(lua, 1);
  return 1;
}

// Pushes the results; nothing: the pipe is full.
std::optional<int> write_some(lua_State* lua, ChildStream& stream, std::string_view& rest,
                              std::size_t total) {
  while (!rest.empty()) {
    if (!stream.is_open()) return push_error(lua, stream.was_shut ? "aborted" : "closed");
    const ssize_t bytes = ::write(stream.fd(), rest.data(), rest.size());
    if (bytes >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(bytes));
    } else if (errno == EAGAIN) {
      return std::nullopt;
    } else if (errno != EINTR) {
      stream.close();
      return push_error(lua, "closed");
    }
  }
  lua_pushinteger(lua, static_cast<lua_Integer>(total));
  return 1;
}

async::Task<int> write_rest(lua_State* lua, ProcessRef process, std::string text, std::size_t written) {
  std::string_view rest = std::string_view(text).substr(written);
  for (;;) {
    if (!co_await process->input.ready(true, process->write_ms)) co_return push_error(lua, "timeout");
    if (const auto results = write_some(lua, process->input, rest, text.size())) co_return *results;
  }
}

// write(text, or a list of texts) -> bytes
int write(lua_State* lua) {
  check_phase(lua, kWaitingPhases);
  ChildProcess& process = child_at(lua);
  std::string text;
  if (lua_istable(lua, 2)) {
    for (const std::string& piece : texts_at(lua, 2)) text += piece;
  } else {
    text = check_text(lua, 2);
  }
  if (process.input.is_busy) return push_error(lua, "pipe busy writing");
  if (!process.input.is_open()) return push_error(lua, "closed");
  std::string_view rest = text;
  if (const auto results = write_some(lua, process.input, rest, text.size())) return *results;
  const std::size_t written = text.size() - rest.size();
  return lua::wait(lua, write_rest(lua, ProcessRef(&process), std::move(text), written));
}

// Pushes the results; nothing: more has to come.
std::optional<int> read_some(lua_State* lua, ChildStream& stream, ReceivePattern& pattern) {
  const auto fail = [&](std::string_view why) {
    push_error(lua, why);
    const std::string_view rest = pattern.take_rest(stream.buffer);
    if (pattern.kind() == ReceivePattern::Kind::kAny) return 2;
    push(lua, rest);
    return 3;
  };
  for (;;) {
    if (const auto taken = pattern.take(stream.buffer)) {
      push(lua, *taken);
      return 1;
    }
    if (!stream.is_open()) return fail(stream.was_shut ? "aborted" : "closed");
    if (stream.buffer.size() > kReceiveBytesMax) return fail("too many bytes");
    const auto room = stream.buffer.room(kReadBytes);
    const ssize_t bytes = ::read(stream.fd(), room.data(), room.size());
    stream.buffer.commit(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
    if (bytes < 0 && errno == EAGAIN) return std::nullopt;
    if (bytes > 0 || (bytes < 0 && errno == EINTR)) continue;
    stream.close();
    if (pattern.kind() == ReceivePattern::Kind::kAll) {
      push(lua, pattern.take_rest(stream.buffer));
      return 1;
    }
  }
}

async::Task<int> read_rest(lua_State* lua, ProcessRef process, ChildStream& stream, std::uint64_t timeout_ms,
                           std::unique_ptr<ReceivePattern> pattern) {
  for (;;) {
    if (!co_await stream.ready(false, timeout_ms)) {
      push_error(lua, "timeout");
      if (pattern->kind() == ReceivePattern::Kind::kAny) co_return 2;
      push(lua, pattern->take_rest(stream.buffer));
      co_return 3;
    }
    if (const auto results = read_some(lua, stream, *pattern)) co_return *results;
  }
}

int read(lua_State* lua, bool from_errors, ReceivePattern pattern) {
  check_phase(lua, kWaitingPhases);
  ChildProcess& process = child_at(lua);
  if (from_errors && process.merges_stderr) return push_error(lua, "merged to stdout");
  ChildStream& stream = from_errors ? process.errors : process.output;
  if (stream.is_busy) return push_error(lua, "pipe busy reading");
  if (!stream.is_open() && stream.buffer.empty()) return push_error(lua, "closed");
  if (const auto results = read_some(lua, stream, pattern)) return *results;
  return lua::wait(
      lua, read_rest(lua, ProcessRef(&process), stream, from_errors ? process.errors_ms : process.output_ms,
                     std::make_unique<ReceivePattern>(std::move(pattern))));
}

std::size_t length_at(lua_State* lua) {
  const auto bytes = luaL_checkinteger(lua, 2);
  luaL_argcheck(lua, bytes >= 0, 2, "bad len argument");
  return static_cast<std::size_t>(bytes);
}

template <bool kFromErrors>
int read_all(lua_State* lua) {
  return read(lua, kFromErrors, ReceivePattern::all());
}
template <bool kFromErrors>
int read_line(lua_State* lua) {
  return read(lua, kFromErrors, ReceivePattern::line());
}
template <bool kFromErrors>
int read_bytes(lua_State* lua) {
  const std::size_t bytes = length_at(lua);
  if (bytes == 0) {
    push(lua, "");
    return 1;
  }
  return read(lua, kFromErrors, ReceivePattern::size(bytes));
}
template <bool kFromErrors>
int read_any(lua_State* lua) {
  return read(lua, kFromErrors, ReceivePattern::any(length_at(lua)));
}

int load(lua_State* lua) {
  if (luaL_newmetatable(lua, kProcessName) != 0) {
    set_function(lua, "__gc", collect_process);
    set_function(lua, "pid", pid);
    set_function(lua, "set_timeouts", set_timeouts);
    set_function(lua, "wait", wait_process);
    set_function(lua, "kill", kill);
    set_function(lua, "shutdown", shut_down);
    set_function(lua, "write", write);
    set_function(lua, "stdout_read_all", read_all<false>);
    set_function(lua, "stdout_read_line", read_line<false>);
    set_function(lua, "stdout_read_bytes", read_bytes<false>);
    set_function(lua, "stdout_read_any", read_any<false>);
    set_function(lua, "stderr_read_all", read_all<true>);
    set_function(lua, "stderr_read_line", read_line<true>);
    set_function(lua, "stderr_read_bytes", read_bytes<true>);
    set_function(lua, "stderr_read_any", read_any<true>);
    lua_pushvalue(lua, -1);
    lua_setfield(lua, -2, "__index");
  }
  lua_pop(lua, 1);
  lua_newtable(lua);
  set_function(lua, "spawn", spawn);
  push(lua, "0.1.31");
  lua_setfield(lua, -2, "version");
  return 1;
}

}  // namespace

void open_pipe(lua_State* ngx) {
  preload(ngx, "ngx.pipe", load);
}

}  // namespace apisix::lua
