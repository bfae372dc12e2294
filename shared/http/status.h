// Reason phrases, in nginx's words where nginx has some: status lines stay what clients of APISIX know.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace apisix::http {

// "OK", "Not Found"; "" for a status that has no phrase.
std::string_view reason_phrase(std::uint16_t status);

}  // namespace apisix::http
