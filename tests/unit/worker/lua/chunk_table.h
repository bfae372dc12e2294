// A table of chunks and what they return, for one State.
#pragma once

#include <initializer_list>

#include <gtest/gtest.h>

#include "tests/fakes/lua_state.h"

namespace apisix::lua {

struct ChunkCase {
  const char* chunk;
  std::string_view expected;  // as LuaState::eval() gives it
};

// The first chunk of tests of stand-ins: the machine may have the libraries themselves.
inline constexpr ChunkCase kNoPath{"package.path, package.cpath = '', ''", ""};

inline void expect_chunks(std::initializer_list<ChunkCase> cases) {
  LuaState lua;
  for (const ChunkCase& one : cases) EXPECT_EQ(lua.eval(one.chunk), one.expected) << one.chunk;
}

}  // namespace apisix::lua
