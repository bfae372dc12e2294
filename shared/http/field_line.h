// FieldLine: a header field of the gateway's own that is the same in many messages, such as Server. Its line
// is made once, so that the writer copies it as it copies lines that were received. It has to live as long as
// the messages that it is put into.
#pragma once

#include <string>
#include <string_view>

#include "shared/http/header_map.h"

namespace apisix::http {

class FieldLine {
 public:
  FieldLine() = default;
  // Of a value that is not valid nothing is made: it could break the message's lines.
  FieldLine(KnownHeader id, std::string_view value);

  bool empty() const { return text_.empty(); }
  std::string_view name() const { return header_name(id_); }
  std::string_view value() const { return empty() ? std::string_view{} : field().value; }
  // For HeaderMap::set_valid(): views of this line. Not of an empty one.
  HeaderField field() const {
    return {{text_.data(), value_at_ - kColonBytes},
            {text_.data() + value_at_, value_bytes_},
            id_,
            /*nominated=*/false,
            /*intact=*/true};
  }

 private:
  static constexpr std::size_t kColonBytes = 2;  // with the space

  std::string text_;  // "Name: value\r\n"
  std::uint32_t value_at_ = kColonBytes;
  std::uint32_t value_bytes_ = 0;
  KnownHeader id_ = KnownHeader::kUnknown;
};

}  // namespace apisix::http
