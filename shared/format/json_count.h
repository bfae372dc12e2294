// How large JSON is, counted before something is done with it that costs more: how many values a text can
// have (a parser makes some hundred bytes of a value that is two bytes long), and how deep a value is nested.
#pragma once

#include <cstddef>
#include <string_view>

#include "shared/format/json.h"

namespace apisix::format {

// Not fewer than the values and member names of the text; of a text that is no JSON, some number.
std::size_t count_json_values(std::string_view text);

// Are there more than `levels` lists or objects within one another? Looks no deeper than that.
bool is_nested_deeper(const Json& value, int levels);

}  // namespace apisix::format
