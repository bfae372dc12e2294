#include "tests/unit/worker/lua/chunk_table.h"

namespace apisix::lua {
namespace {

TEST(Table, HasWhatApisixCounts) {
  expect_chunks({
      {"local t = table.pack(1, nil, 3) return t.n, t[1], t[2], t[3], table.pack().n", "3|1|nil|3|0"},
      {"return table.unpack({1, 2, 3}, 2)", "2|3"},
      {"return rawlen({1, 2}), rawlen('abc')", "2|3"},
      {"return pcall(rawlen, 1)", "false|bad argument #1 to '?' (table or string expected)"},
      {"return require('table.nkeys')({a = 1, 2}), require('table.isempty')({}), "
       "require('table.isarray')({1}), #require('table.clone')({1, 2}), type(require('table.new')(4, 0))",
       "2|true|true|2|table"},
      {"local t = {1, a = 2} require('table.clear')(t) return next(t)", "nil"},
  });
}

}  // namespace
}  // namespace apisix::lua
