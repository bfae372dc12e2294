// Charset: the charset that textual responses are given when they name none, as nginx's charset with its
// charset_types. Part of Options; the Content-Type lines that it mostly leads to are made once.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "shared/base/arena.h"
#include "shared/http/field_line.h"

namespace apisix::proxy {

class Charset {
 public:
  Charset() = default;  // none: nothing is added
  explicit Charset(std::string_view name);

  std::string_view name() const { return name_; }
  // To Content-Type, unless the content is coded.
  void add_to(http::HeaderMap& headers, base::Arena& arena) const;

 private:
  static constexpr std::size_t kTypes = 6;

  const http::FieldLine* find_line(std::string_view type) const;
  [[gnu::noinline]] void add_to_other(std::string_view value, http::HeaderMap& headers,
                                      base::Arena& arena) const;

  std::string name_;
  std::array<http::FieldLine, kTypes> lines_;  // "Content-Type: text/html; charset=utf-8"
};

}  // namespace apisix::proxy
