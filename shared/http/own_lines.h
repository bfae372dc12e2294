// OwnLines: adds fields of the gateway's own to a map and writes their lines one behind the other, so that
// the writer of the head copies all of them at once. Made for a few statements; the lines live in the arena.
#pragma once

#include <string_view>

#include "shared/base/arena.h"
#include "shared/http/h1/head_writer.h"

namespace apisix::http {

class OwnLines {
 public:
  // Of fields that are named when they are added: the bytes of a line without its value are at most these.
  static constexpr std::size_t kFixedBytesMax = kKnownNameBytesMax + kFieldFixedBytes;

  // Room for `fields` lines whose values have `value_bytes` together.
  OwnLines(base::Arena& arena, HeaderMap& headers, std::size_t fields, std::size_t value_bytes)
      : arena_(arena), headers_(headers), at_(arena.text(fields * kFixedBytesMax + value_bytes)) {}

  // The map has none of that name. `value` needs no look at its characters: it was parsed, or we made it.
  // Inline, as append_own_field().
  [[gnu::always_inline]] inline void add(KnownHeader id, std::string_view value) {
    headers_.push(arena_, append_own_field(at_, id, header_name(id), value));
  }

 private:
  base::Arena& arena_;
  HeaderMap& headers_;
  char* at_;
};

}  // namespace apisix::http
