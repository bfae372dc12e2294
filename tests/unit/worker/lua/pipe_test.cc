// ngx.pipe and resty.shell, with real processes.
#include <csignal>

#include "tests/unit/worker/lua/chunk_table.h"

namespace apisix::lua {
namespace {

TEST(LuaPipe, OutputAndEndOfAProcess) {
  expect_chunks({
      {"local p = require('ngx.pipe').spawn({'sh', '-c', 'echo one; echo two; exit 3'}) "
       "return p:stdout_read_line(), p:stdout_read_all(), p:stdout_read_line()",
       "one|two\n|nil|closed"},
      {"local p = require('ngx.pipe').spawn('exit 3') return p:wait()", "false|exit|3"},
      {"local p = require('ngx.pipe').spawn({'true'}) local ok, why, code = p:wait() "
       "return ok, why, code, p:wait()",
       "true|exit|0|nil|exited"},
      {"local p = require('ngx.pipe').spawn({'sleep', '60'}) local sent = p:kill(15) return sent, p:wait()",
       "true|false|signal|15"},
      {"local p = require('ngx.pipe').spawn({'true'}) p:wait() return p:kill(15)", "nil|exited"},
      {"local p, err = require('ngx.pipe').spawn({'/no/such/program'}) return p, err ~= nil", "nil|true"},
  });
}

TEST(LuaPipe, WritesAndReadsAtOnce) {
  ::signal(SIGPIPE, SIG_IGN);  // as in a worker
  expect_chunks({
      {"local p = require('ngx.pipe').spawn({'wc', '-c'}) local bytes = p:write(('1234'):rep(100000)) "
       "p:shutdown('stdin') return bytes, tonumber(p:stdout_read_line())",
       "400000|400000"},
      {"local p = require('ngx.pipe').spawn({'cat'}) p:write({'ab', 'cd', '\\n'}) "
       "return p:stdout_read_bytes(2), p:stdout_read_any(10), p:pid() > 1",
       "ab|cd\n|true"},
      {"local p = require('ngx.pipe').spawn({'true'}) p:wait() local ok, err = p:write(('x'):rep(200000)) "
       "return ok, err",
       "nil|closed"},
  });
}

TEST(LuaPipe, ErrorsApartOrMerged) {
  expect_chunks({
      {"local p = require('ngx.pipe').spawn('echo bad >&2; echo good') "
       "return p:stderr_read_line(), p:stdout_read_line()",
       "bad|good"},
      {"local p = require('ngx.pipe').spawn('echo bad >&2', {merge_stderr = true}) "
       "return p:stdout_read_line(), p:stderr_read_line()",
       "bad|nil|merged to stdout"},
      {"local p = require('ngx.pipe').spawn({'sh', '-c', 'echo $A'}, {environ = {'A=x'}}) return "
       "p:stdout_read_line()",
       "x"},
  });
}

TEST(LuaPipe, TimeoutsAndShutdown) {
  expect_chunks({
      {"local p = require('ngx.pipe').spawn('printf part; sleep 60', {stdout_read_timeout = 200, "
       "wait_timeout = 20}) local line, err, part = p:stdout_read_line() "
       "return line, err, part, p:wait()",
       "nil|timeout|part|nil|timeout"},
      {"local p = require('ngx.pipe').spawn({'sleep', '60'}) "
       "local t = ngx.thread.spawn(function() return p:stdout_read_line() end) "
       "local busy = {p:stdout_read_line()} p:shutdown('stdout') "
       "local ok, line, err = ngx.thread.wait(t) return busy[2], ok, line, err",
       "pipe busy reading|true|nil|aborted"},
      {"local p = require('ngx.pipe').spawn({'sleep', '60'}) return pcall(p.shutdown, p, 'x')",
       "false|bad shutdown arg: x"},
  });
}

TEST(LuaPipe, AProcessEndsWithItsObject) {
  LuaState lua;
  const std::string pid = lua.eval("local p = require('ngx.pipe').spawn({'sleep', '60'}) return p:pid()");
  lua.eval("collectgarbage() collectgarbage()");
  EXPECT_EQ(lua.eval("for i = 1, 100 do if not require('resty.signal').kill(" + pid +
                     ", 0) then return 'ended' end require('ngx.pipe').spawn({'true'}):wait() "
                     "ngx.sleep(0.01) end return 'runs'"),
            "ended");
}

TEST(LuaShell, RunsACommand) {
  expect_chunks({
      {"return require('resty.shell').run('cat; echo err >&2; exit 2', 'input')", "false|input|err\n|exit|2"},
      {"return require('resty.shell').run({'echo', 'a b'})", "true|a b\n||exit|0"},
      {"local ok, out, err, why = require('resty.shell').run('echo 12345678', nil, 1000, 4) return ok, out, "
       "why",
       "nil|1234|too much data"},
      {"local ok, out, err, why = require('resty.shell').run('sleep 60', nil, 50) return ok, why",
       "nil|timeout"},
  });
}

}  // namespace
}  // namespace apisix::lua
