// JSON text <-> jsoncpp values. The library's exceptions stop here. Only this folder includes
// <json/reader.h> or <json/writer.h>; other folders use Json as a plain value.
#pragma once

#include <string>
#include <string_view>

#include <json/value.h>

#include "shared/base/result.h"

namespace apisix::format {

using Json = ::Json::Value;

// Nesting deeper than this is refused (jsoncpp is recursive).
inline constexpr int kJsonDepthMax = 64;

// One strict JSON value with nothing behind it; the error says line, column and what was expected.
// Of duplicate keys the last wins, as in cjson.
base::Result<Json> parse_json(std::string_view text);

// Compact, keys in alphabetical order, no newline; whole numbers print without a fraction, as cjson prints
// them. Always UTF-8: what is none in a string becomes U+FFFD.
std::string to_json(const Json& value);

// The member, or null when `object` is no object or has none of that name. Never inserts.
const Json& find_member(const Json& object, std::string_view name);

}  // namespace apisix::format
