// Template: a text with variables in it, as APISIX resolves them in plugin configurations. Compiled once;
// expanding it reads the request and writes into its arena. What a client sent is never expanded again.
//
//   $name  ${name}         the variable; unset: nothing. Names hold letters, digits, '_' and '.'
//   ${name ?? default}     the default when it is unset
//   $1  ${1}               with captures: a group of a pattern that matched before; elsewhere a variable
//   \$name                 stays as it is written, backslash included
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/arena.h"
#include "shared/format/json.h"
#include "worker/route/variable_name.h"

namespace apisix::plugin {

class Request;

// A string member of a configuration, or a number as it is written in JSON; "" for anything else.
std::string text_of(const format::Json& value);

class Template {
 public:
  enum class Captures : std::uint8_t { kNone, kNumbered };

  Template() = default;
  explicit Template(std::string text, Captures captures = Captures::kNone);

  // As it was configured.
  const std::string& text() const { return text_; }
  bool is_constant() const { return parts_.empty(); }
  // Some variable is a field of the request's body: RequestBody::read_fields() comes first.
  bool needs_body() const { return needs_body_; }

  struct Expanded {
    std::string_view text;  // in the arena, or the template's own; lives as long as both
    // Variables that were set, or had a default. Several plugins take 0 for "the key is missing".
    unsigned resolved = 0;
  };
  struct Options {
    std::span<const std::string_view> captures = {};  // [0] is the whole match
    // Applied to every value, not to the text around them.
    std::string_view (*escape)(std::string_view value, base::Arena& arena) = nullptr;
  };
  Expanded expand(Request& request, const Options& options) const;
  std::string_view expand(Request& request) const { return expand(request, Options{}).text; }

 private:
  // Constant text, then a variable or a capture. The last part may be text alone.
  struct Part {
    enum class Kind : std::uint8_t { kText, kVariable, kCapture };
    Kind kind = Kind::kText;
    unsigned capture = 0;
    std::string text;
    route::VariableName name;
    bool has_default = false;
    std::string default_value;
  };

  bool parse_reference(std::size_t dollar, std::size_t& end, Part& part, Captures captures) const;
  static void set_reference(std::string_view inside, Part& part, Captures captures);

  std::string text_;
  std::vector<Part> parts_;
  bool needs_body_ = false;
};

}  // namespace apisix::plugin
