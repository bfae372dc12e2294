// FieldName: a header field's name that a configuration fixes, looked at once: as it stands on the wire,
// which known field it is, and whether a plugin may set it at all. A member of the plugin that sets the
// field.
#pragma once

#include <string>
#include <string_view>

#include "shared/http/known_header.h"

namespace apisix::plugin {

class FieldName {
 public:
  FieldName() = default;
  // OpenResty writes the names of fields that it sets with '-' for '_'.
  explicit FieldName(std::string_view name);

  std::string_view configured() const { return configured_; }
  std::string_view text() const { return text_; }
  http::KnownHeader id() const { return id_; }
  // False: it is no token, or a field of the codec.
  bool may_be_set() const { return may_be_set_; }

 private:
  std::string configured_;
  std::string text_;
  http::KnownHeader id_ = http::KnownHeader::kUnknown;
  bool may_be_set_ = false;
};

}  // namespace apisix::plugin
