// Reads the members of one map of the merged configuration into typed fields. What is missing or of the
// wrong type leaves the field as it is: check_keys() has already reported it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/format/json.h"

namespace apisix::settings {

using format::Json;

class Section {
 public:
  explicit Section(const Json& map) : map_(map) {}

  const Json& at(std::string_view name) const { return format::find_member(map_, name); }
  Section section(std::string_view name) const { return Section(at(name)); }
  bool has(std::string_view name) const { return !at(name).isNull(); }

  void read_flag(std::string_view name, bool& field) const;  // also "on" and "off"
  void read_text(std::string_view name, std::string& field) const;
  void read_texts(std::string_view name, std::vector<std::string>& field) const;
  void read_integer(std::string_view name, std::int64_t& field) const;
  void read_seconds(std::string_view name, std::int64_t& field_ms) const;   // a number
  void read_duration(std::string_view name, std::int64_t& field_ms) const;  // nginx's form or seconds
  void read_size(std::string_view name, std::int64_t& field_bytes) const;   // nginx's form or bytes
  // Adds the sizes of all members to `sizes`.
  void read_sizes(std::string_view name, std::map<std::string, std::int64_t>& sizes) const;

 private:
  const Json& map_;
};

}  // namespace apisix::settings
