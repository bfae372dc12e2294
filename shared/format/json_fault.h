// What is wrong with a JSON text, in the words of cjson, which APISIX's clients know: "Expected object key
// string but found invalid token at character 2".
#pragma once

#include <string>
#include <string_view>

namespace apisix::format {

// The first fault; "" where cjson sees none (it reads some numbers and strings that parse_json() refuses).
std::string describe_json_fault(std::string_view text);

// Of a text that parse_json() refused with `why`: the above, or `why`.
std::string json_refusal(std::string_view text, const std::string& why);

}  // namespace apisix::format
