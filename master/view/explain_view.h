// The response of POST /v1/explain, as text.
#pragma once

#include <string>
#include <vector>

#include "master/view/text_table.h"
#include "shared/format/json.h"

namespace apisix::master {

std::vector<std::string> explain_lines(const format::Json& response, const TextStyle& style);

}  // namespace apisix::master
