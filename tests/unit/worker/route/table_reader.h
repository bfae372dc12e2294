// VariableReader over a table: what tests know about a request.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "shared/format/json.h"
#include "worker/route/variable_name.h"

namespace apisix::route {

class TableReader final : public VariableReader {
 public:
  TableReader() = default;
  // {"arg_x": "1", "post_arg.a": 2}: strings are text, null and absent are unset, the rest is structured.
  explicit TableReader(std::string_view json) {
    const auto parsed = format::parse_json(json);
    for (const std::string& name : parsed->getMemberNames()) {
      values_[VariableName::parse(name).to_string()] = (*parsed)[name];
    }
  }

  void set(std::string_view name, std::string_view value) {
    values_[VariableName::parse(name).to_string()] = format::Json(std::string(value));
  }

  std::optional<std::string_view> read(const VariableName& name) override {
    const auto it = values_.find(name.to_string());
    if (it == values_.end() || !it->second.isString()) return std::nullopt;
    text_ = it->second.asString();
    return text_;
  }

  const format::Json* read_value(const VariableName& name) override {
    const auto it = values_.find(name.to_string());
    return it == values_.end() || it->second.isNull() ? nullptr : &it->second;
  }

 private:
  std::map<std::string, format::Json> values_;
  std::string text_;
};

}  // namespace apisix::route
