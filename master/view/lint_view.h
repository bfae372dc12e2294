// The response of GET /v1/lint, as text.
#pragma once

#include <string>
#include <vector>

#include "master/view/text_table.h"
#include "shared/format/json.h"

namespace apisix::master {

std::vector<std::string> lint_lines(const format::Json& report, const TextStyle& style);
// Has it an error or a warning?
bool has_faults(const format::Json& report);

}  // namespace apisix::master
