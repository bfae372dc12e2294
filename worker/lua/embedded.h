// Lua files that travel inside the binary, each under the name that require() knows it by.
#pragma once

#include <span>
#include <string_view>

namespace apisix::lua {

struct EmbeddedFile {
  std::string_view module;  // "apisix.core.table"
  std::string_view chunk;   // "=prelude/apisix/core/table.lua": what tracebacks show
  std::string_view text;
};

// Of the folder prelude: modules of the gateway itself.
std::span<const EmbeddedFile> prelude_files();
// Of the folder standins: libraries, for users who have none of their own.
std::span<const EmbeddedFile> standin_files();

}  // namespace apisix::lua
