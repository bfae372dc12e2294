// HeaderEdits: the fields that a configuration adds, sets and removes, in this order, as proxy-rewrite and
// response-rewrite have them. Compiled once; values may hold variables.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/format/json.h"
#include "worker/plugin/field_name.h"
#include "worker/plugin/request.h"
#include "worker/plugin/template.h"

namespace apisix::plugins {

class HeaderEdits {
 public:
  struct Edit {
    plugin::FieldName name;
    std::vector<plugin::Template> values;  // each is a field of its own
  };

  // The form with "add", "set" and "remove"; false: the old one, in which every member is a field to set.
  static bool is_in_parts(const format::Json& headers);

  void set(const format::Json& fields, plugin::Template::Captures captures);
  void add(const format::Json& fields, plugin::Template::Captures captures);
  void add(std::string_view name, std::string value);
  void remove(const format::Json& names);

  bool needs_body() const;
  void apply_to_request(plugin::Request& request, std::span<const std::string_view> captures) const;
  void apply_to_response(plugin::Request& request) const;

 private:
  std::vector<Edit> add_;
  std::vector<Edit> set_;
  std::vector<std::string> remove_;
};

}  // namespace apisix::plugins
