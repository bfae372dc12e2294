// Reading members of an object that passed its schema. A member of the wrong kind reads as a missing one, so
// that nothing here can fail; what matters was checked before.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/format/json.h"

namespace apisix::resource {

using format::Json;

// "" when missing.
std::string text_field(const Json& object, std::string_view name);
// As text: "1" for 1 and for "1"; "" when missing.
std::string id_field(const Json& object, std::string_view name);
std::optional<bool> bool_field(const Json& object, std::string_view name);
// A number of at least 0, cut to what fits.
std::optional<std::uint32_t> count_of(const Json& value);
std::optional<std::uint32_t> count_field(const Json& object, std::string_view name);
std::int32_t integer_field(const Json& object, std::string_view name);  // 0 when missing
// From seconds with a fraction; at least 1 for anything above 0.
std::optional<std::uint32_t> milliseconds_field(const Json& object, std::string_view name);
std::vector<std::string> texts_field(const Json& object, std::string_view name);
// Moves the member out; nullptr when it is missing or empty.
std::unique_ptr<Json> take_field(Json& object, std::string_view name);

// A number or a string as Lua's tostring() writes an id; "" for anything else.
std::string id_text(const Json& id);

}  // namespace apisix::resource
