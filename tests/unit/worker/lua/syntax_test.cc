#include "worker/lua/syntax.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/unit/worker/lua/chunk_table.h"

namespace apisix::lua {
namespace {

struct TextCase {
  std::string_view text;
  std::string_view older;  // "": it has nothing to change
};

TEST(Syntax, TakesOutEmptyStatements) {
  constexpr TextCase kCases[] = {
      {"if x then;f();end;", "if x then f();end;"},
      {";f();;g();", " f(); g();"},
      {"while a do;end for i = 1, 2 do ; end", "while a do end for i = 1, 2 do   end"},
      {"repeat;until a", "repeat until a"},
      {"if a then else;end", "if a then else end"},
      {"function f(a, ...);return a;end", "function f(a, ...) return a;end"},
      {"f(function() ;return 1; end);", "f(function()  return 1; end);"},
      {"::a::;f()", "::a:: f()"},
      {"then --[[ ; ]] ;", "then --[[ ; ]]  "},
      {"do -- ;\n;end", "do -- ;\n end"},
      {"f();g(a);return b;", ""},
      {"x = 'then;' .. \"do;\\\";;\" .. [[ then; ]] .. [==[ do;]] ]==] -- then;", ""},
      {"x = a[b[1]]; y = a[ [[then;]] ]", ""},
  };
  for (const auto& [text, older] : kCases) EXPECT_EQ(in_older_syntax(text).value_or(""), older) << text;
}

TEST(Syntax, LeavesTextsWithoutAnEndAsTheyAre) {
  for (const std::string_view text : {"x = 'a", "x = \"a\\", "x = [[a", "--[==[ a ]]", "", "-", "[=", "--"})
    EXPECT_FALSE(in_older_syntax(text)) << text;
}

TEST(Syntax, LetsBreakStandInTheMiddle) {
  EXPECT_EQ(in_older_syntax("while true do break; f() end"), "while true do do break end; f() end");
  EXPECT_FALSE(in_older_syntax("breaks = unbreak 'break'"));
}

TEST(Syntax, LoadsWhatOpenRestyLoads) {
  expect_chunks({
      {"return loadstring('if true then; return 7; end')()", "7"},
      {"return load('for i = 1, 3 do if i == 2 then break; i = 9 end end return \\'a\\'', '=x', 't', {})()",
       "a"},
      {"return load('if a then; return a end', '=x', 't', {a = 3})()", "3"},
      {"return select(2, loadstring('then; x'))", "[string \"then; x\"]:1: unexpected symbol near 'then'"},
      {"return select(2, loadstring('then; x', '=named'))", "named:1: unexpected symbol near 'then'"},
      {"return select('#', loadstring('return 1'))", "1"},
      // The name of a text without one is the text as it was written.
      {"return select(2, pcall(loadstring('if true then; error(\\'x\\') end')))",
       "[string \"if true then; error('x') end\"]:1: x"},
      {"return load(function() return nil end)()", ""},
  });
}

class SyntaxOfFiles : public testing::Test {
 protected:
  SyntaxOfFiles() {
    std::string pattern = (std::filesystem::temp_directory_path() / "lua-syntax-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~SyntaxOfFiles() override { std::filesystem::remove_all(folder_); }
  SyntaxOfFiles(const SyntaxOfFiles&) = delete;
  SyntaxOfFiles& operator=(const SyntaxOfFiles&) = delete;

  void write(const std::string& name, std::string_view text) {
    std::ofstream(folder_ / (name + ".lua")) << text;
  }
  std::string file(const std::string& name) const { return (folder_ / (name + ".lua")).string(); }
  plugin::LuaSettings settings() const { return {.path = (folder_ / "?.lua").string()}; }

 private:
  std::filesystem::path folder_;
};

TEST_F(SyntaxOfFiles, AreLoadedByRequire) {
  write("newer", "local n = 0\nif n then; n = 7 end\nreturn {n = n, fail = function() error('x') end}");
  write("broken", "local n = 0\nif then; n");
  LuaState lua(settings());
  EXPECT_EQ(lua.eval("return require('newer').n, require('newer') == require('newer')"), "7|true");
  EXPECT_EQ(lua.eval("return pcall(require('newer').fail)"), "false|" + file("newer") + ":3: x");
  const std::string fault = lua.eval("return select(2, pcall(require, 'broken'))");
  EXPECT_NE(fault.find("error loading module 'broken' from file '" + file("broken")), fault.npos) << fault;
  EXPECT_NE(fault.find(":2: unexpected symbol near 'then'"), fault.npos) << fault;
  EXPECT_NE(lua.eval("return select(2, pcall(require, 'nowhere'))").find("module 'nowhere' not found"),
            std::string::npos);
}

}  // namespace
}  // namespace apisix::lua
