#include "shared/http/field_line.h"

namespace apisix::http {

FieldLine::FieldLine(KnownHeader id, std::string_view value) : id_(id) {
  if (id == KnownHeader::kUnknown || !is_valid_header_value(value)) return;
  text_.append(header_name(id)).append(": ").append(value).append("\r\n");
  value_at_ = static_cast<std::uint32_t>(header_name(id).size() + kColonBytes);
  value_bytes_ = static_cast<std::uint32_t>(value.size());
}

}  // namespace apisix::http
