#include "worker/lua/tool_host.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include <dirent.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/lua/embedded.h"
#include "worker/lua/json_value.h"
#include "worker/lua/kind.h"
#include "worker/lua/modules.h"
#include "worker/lua/run.h"
#include "worker/lua/socket_connection.h"

namespace apisix::lua {
namespace {

constexpr std::uint64_t kForeverMs = std::uint64_t{1} << 40;
constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::size_t kResponseBytesMax = std::size_t{256} << 20;

ToolHost& host_of(lua_State* lua) {
  ToolHost& host = State::of(lua).deps().shared<ToolHost>();
  if (!host.admin) luaL_error(lua, "gateway.host is for the commands of `apisix lua` alone");
  return host;
}

// {{name, is_folder}, ...}; nil and why not.
int list_folder(lua_State* lua) {
  const std::string path(check_text(lua, 1));
  DIR* const folder = ::opendir(path.c_str());
  if (folder == nullptr) return push_error(lua, base::system_error(path, errno).error().what);
  lua_newtable(lua);
  int count = 0;
  while (const dirent* entry = ::readdir(folder)) {
    const std::string_view name(entry->d_name);
    if (name == "." || name == "..") continue;
    struct stat info{};
    const bool is_there = ::stat((path + "/" + entry->d_name).c_str(), &info) == 0;
    lua_createtable(lua, 0, 2);
    push(lua, name);
    lua_setfield(lua, -2, "name");
    lua_pushboolean(lua, is_there && S_ISDIR(info.st_mode) ? 1 : 0);
    lua_setfield(lua, -2, "is_folder");
    lua_rawseti(lua, -2, ++count);
  }
  ::closedir(folder);
  return 1;
}

// Absolute, links followed.
int real_path(lua_State* lua) {
  std::error_code none;
  const std::string path(check_text(lua, 1));
  push(lua, std::filesystem::weakly_canonical(path, none).string());
  return 1;
}

int make_folder(lua_State* lua) {
  const std::string path(check_text(lua, 1));
  std::error_code fault;
  std::filesystem::create_directories(path, fault);
  if (fault) return push_error(lua, path + ": " + fault.message());
  lua_pushboolean(lua, 1);
  return 1;
}

// --- standard input

// Between reads: what follows the line that was taken.
std::string& input() {
  static std::string text;
  return text;
}

class InputWatch {
 public:
  explicit InputWatch(event::Loop& loop)
      : readable_(loop),
        watch_(
            loop,
            [](void* self, bool, bool) {
              auto& own = *static_cast<InputWatch*>(self);
              own.watch_.stop();
              own.readable_.notify();
            },
            this) {}
  async::Signal::Wait wait() {
    watch_.start(STDIN_FILENO);
    return readable_.wait(kForeverMs);
  }

 private:
  async::Signal readable_;
  event::IoWatch watch_;
};

bool is_readable_now(int fd) {
  pollfd state{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&state, 1, 0) > 0;
}

async::Task<int> next_line(lua_State* lua, event::Loop& loop) {
  std::string& text = input();
  InputWatch watch(loop);
  bool has_ended = false;
  while (!text.contains('\n') && !has_ended) {
    if (!is_readable_now(STDIN_FILENO)) co_await watch.wait();
    const std::size_t before = text.size();
    text.resize(before + kReadBytes);
    const ssize_t bytes = ::read(STDIN_FILENO, text.data() + before, kReadBytes);
    text.resize(before + static_cast<std::size_t>(bytes > 0 ? bytes : 0));
    has_ended = bytes == 0 || (bytes < 0 && errno != EINTR && errno != EAGAIN);
  }
  if (text.empty()) {
    lua_pushnil(lua);
    co_return 1;
  }
  const auto end = text.find('\n');
  push(lua, std::string_view(text).substr(0, end));
  text.erase(0, end == std::string::npos ? end : end + 1);
  co_return 1;
}

// A line without its end; nil: there are no more.
int read_line(lua_State* lua) {
  return lua::wait(lua, next_line(lua, State::of(lua).loop()));
}

int is_terminal(lua_State* lua) {
  lua_pushboolean(lua, ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0 ? 1 : 0);
  return 1;
}

// --- the gateway

async::Task<int> ask_admin(lua_State* lua, ToolHost& host, std::string method, std::string path,
                           std::string body) {
  const ToolHost::AdminResponse response =
      co_await host.admin(std::move(method), std::move(path), std::move(body));
  lua_pushinteger(lua, response.status);
  push(lua, response.body);
  co_return 2;
}

// (method, path, body): status, body.
int admin(lua_State* lua) {
  ToolHost& host = host_of(lua);
  return lua::wait(lua, ask_admin(lua, host, std::string(check_text(lua, 1)), std::string(check_text(lua, 2)),
                                  std::string(luaL_optstring(lua, 3, ""))));
}

async::Task<int> exchange_bytes(lua_State* lua, event::Loop& loop, net::Socket socket,
                                std::string_view request, std::uint64_t timeout_ms) {
  const auto connection = base::make_counted<SocketConnection>(loop, std::move(socket));
  const std::uint64_t ends_ms = loop.clock().monotonic_ms() + timeout_ms;
  const auto left_ms = [&] {
    const std::uint64_t now_ms = loop.clock().monotonic_ms();
    return now_ms < ends_ms ? ends_ms - now_ms : 0;
  };
  std::string response;
  std::array<char, kReadBytes> scratch;
  for (;;) {
    bool may_go_on = false;
    if (!request.empty()) {
      const iovec piece = net::piece(request);
      const net::IoResult sent = connection->transport.write({&piece, 1});
      if (sent.done()) request.remove_prefix(sent.bytes);
      // The gateway may respond, and end the connection, before it has read everything.
      if (sent.kind == net::IoResult::Kind::kError) request = {};
      may_go_on = sent.done();
    }
    const net::IoResult got = connection->transport.read(scratch);
    if (got.done()) {
      response.append(scratch.data(), got.bytes);
      may_go_on = true;
      if (response.size() > kResponseBytesMax) co_return push_error(lua, "the response is too large");
    } else if (got.kind != net::IoResult::Kind::kAgain) {
      break;
    }
    if (may_go_on) continue;
    const bool has_changed =
        request.empty() ? co_await connection->readable(left_ms()) : co_await connection->writable(left_ms());
    if (!has_changed) co_return push_error(lua, "timeout");
  }
  push(lua, response);
  co_return 1;
}

// (request, client address, timeout_ms): what came back until the gateway closed; nil and why not.
int exchange(lua_State* lua) {
  ToolHost& host = host_of(lua);
  const std::string_view request = check_text(lua, 1);
  const auto client = base::IpAddress::parse(check_text(lua, 2));
  const lua_Number timeout_ms = luaL_checknumber(lua, 3);
  if (!client) return push_error(lua, "no IP address: " + std::string(check_text(lua, 2)));
  auto socket = host.connect(*client);
  if (!socket) return push_error(lua, socket.error().what);
  return lua::wait(lua, exchange_bytes(lua, State::of(lua).loop(), std::move(*socket), request,
                                       static_cast<std::uint64_t>(timeout_ms)));
}

int upstream_port(lua_State* lua) {
  lua_pushinteger(lua, host_of(lua).upstream_port);
  return 1;
}

int take_log(lua_State* lua) {
  push(lua, host_of(lua).take_log());
  return 1;
}

// The name of a plugin: true, or nil and why a gateway does not load it.
int check_plugin(lua_State* lua) {
  const std::string name(check_text(lua, 1));
  auto module = LuaModule::load(State::of(lua), name);
  if (!module) return push_error(lua, module.error().what);
  lua_pushboolean(lua, 1);
  return 1;
}

int standins(lua_State* lua) {
  lua_newtable(lua);
  int count = 0;
  for (const EmbeddedFile& file : standin_files()) {
    push(lua, file.module);
    lua_rawseti(lua, -2, ++count);
  }
  return 1;
}

int load_host(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "list_folder", list_folder);
  set_function(lua, "real_path", real_path);
  set_function(lua, "make_folder", make_folder);
  set_function(lua, "read_line", read_line);
  set_function(lua, "is_terminal", is_terminal);
  set_function(lua, "admin", admin);
  set_function(lua, "exchange", exchange);
  set_function(lua, "upstream_port", upstream_port);
  set_function(lua, "take_log", take_log);
  set_function(lua, "check_plugin", check_plugin);
  set_function(lua, "standins", standins);
  return 1;
}

}  // namespace

void open_tool_host(lua_State* ngx) {
  preload(ngx, "gateway.host", load_host);
}

async::Task<base::Result<format::Json>> call(base::Ref<State> state, std::string module, std::string function,
                                             format::Json argument) {
  auto loaded = state->require(module);
  if (!loaded) co_return std::unexpected(loaded.error());
  Run run(*state, Phase::kTimer, nullptr);
  lua_State* const lua = run.thread();
  loaded->push(lua);
  lua_getfield(lua, -1, function.c_str());
  lua_remove(lua, 1);
  push_json(lua, argument);
  Run::End end = run.start(1);
  if (end == Run::End::kWaiting) end = co_await run.finish();
  if (end == Run::End::kError) co_return base::invalid(run.error() + "\n" + run.traceback());
  if (run.results() == 0) co_return format::Json();
  co_return to_json(lua, 1);
}

}  // namespace apisix::lua
