// GraphqlFields: what $graphql_name, $graphql_operation and $graphql_root_fields read: the first operation of
// a GraphQL request. Parsed at first use, once per request: of GET the argument `query`, of POST the body, or
// the member `query` of a body in JSON. Unset for any other request, and beyond graphql.max_size.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "shared/format/json.h"
#include "worker/plugin/request_state.h"

namespace apisix::plugin {

class GraphqlFields {
 public:
  // Null: it is in a body that has to be read before, which is asked for (BodyFields::is_wanted()).
  static const GraphqlFields* find(RequestState& request);
  // graphql.max_size, of this process.
  static void set_bytes_max(std::size_t bytes) { bytes_max_ = bytes; }

  // Unset: the request is none, or cannot be read. "" is the name of an anonymous operation.
  std::optional<std::string_view> name() const { return text(name_); }
  std::optional<std::string_view> operation() const { return text(operation_); }
  // A list of names; null: unset.
  const format::Json* root_fields() const { return is_set_ ? &root_fields_ : nullptr; }

 private:
  void parse(RequestState& request);
  std::optional<std::string_view> text(std::string_view value) const {
    return is_set_ ? std::optional(value) : std::nullopt;
  }

  static inline std::size_t bytes_max_ = std::size_t{1} << 20;

  std::string_view name_;  // of the request
  std::string_view operation_;
  format::Json root_fields_;
  bool is_parsed_ = false;
  bool is_set_ = false;
};

}  // namespace apisix::plugin
