// Is a text of the configuration Lua that returns what it should? Asked when it is written, in a state of its
// own: nothing of the text stays, and it has no libraries to do anything with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace apisix::lua {

struct TextCheck {
  enum class Verdict : std::uint8_t { kAccepted, kNoChunk, kOtherType };
  Verdict verdict = Verdict::kAccepted;
  std::string fault;  // of kNoChunk: Lua's own text
};

// `type`: LUA_TFUNCTION, LUA_TTABLE. A text that fails before it returns, for want of libraries, is accepted:
// the workers find out.
TextCheck check_text(std::string_view text, int type);

}  // namespace apisix::lua
