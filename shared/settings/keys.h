// The table of config.yaml's keys: what each may hold, and whether it means something here. check.h walks it.
// A path is written as it is nested: "apisix.ssl.listen[].port"; "[]" is any element of a list, "*" any
// member of a map. A map is closed (unknown members are reported) when the table names members of it.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

namespace apisix::settings {

enum class Kind : unsigned char {
  kAny,      // checked elsewhere, or free
  kMap,      // closed when the table names members
  kOpenMap,  // members beyond those in the table are fine
  kList,     // min, max: number of elements
  kText,
  kBool,
  kOnOff,      // also "on" and "off"
  kInteger,    // min, max
  kNumber,     // min, max
  kDuration,   // nginx's form, or a number of seconds
  kSize,       // nginx's form, or a number of bytes
  kChoice,     // one of `choices`
  kPeer,       // address, network or "unix:"
  kUrl,        // http:// or https://
  kPlainText,  // text without control characters
};

enum class Effect : unsigned char {
  kUsed,
  kNone,       // means something to nginx or OpenResty only: accepted, noted when it is set
  kExtension,  // ours; APISIX does not know it
};

struct Key {
  std::string_view path;
  Kind kind = Kind::kAny;
  std::string_view choices = {};  // "a|b|c"
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  Effect effect = Effect::kUsed;
};

std::span<const Key> engine_keys();     // apisix, nginx_config, deployment and what has no section
std::span<const Key> plugin_keys();     // plugins, plugin_attr, wasm, xrpc, ext-plugin
std::span<const Key> discovery_keys();  // discovery.*

// The row of a path ("*" and "[]" as in the table), or null.
const Key* find_key(std::string_view pattern);

}  // namespace apisix::settings
