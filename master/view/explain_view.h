// What POST /v1/explain answers, for people.
#pragma once

#include <string>
#include <vector>

#include "master/view/text_table.h"
#include "shared/format/json.h"

namespace apisix::master {

std::vector<std::string> explain_lines(const format::Json& answer, const Look& look);

}  // namespace apisix::master
