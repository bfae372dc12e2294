// One comparison of an expression: a variable, an operator, and the value it is compared with, converted once
// when the expression is compiled. Values follow Lua: text and number are never equal unless the right side
// is a number, in which case the left side is converted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shared/base/ip.h"
#include "shared/base/result.h"
#include "shared/format/json.h"
#include "shared/format/regex.h"
#include "worker/route/variable_name.h"

namespace apisix::route {

enum class Operator : std::uint8_t {
  kEqual,           // ==
  kNotEqual,        // ~=
  kGreater,         // >
  kGreaterOrEqual,  // >=
  kLess,            // <
  kLessOrEqual,     // <=
  kFinds,           // ~~ and ~*: a regex is found in the left side
  kIn,              // in: the left side is an element of the right
  kHas,             // has: the right side is an element of the left
  kIpMatch,         // ipmatch: the left side is in one of the right side's blocks
};

struct Comparison {
  using Scalar = std::variant<std::monostate, bool, double, std::string>;  // monostate: unset
  struct Never {};                                                         // equal to nothing
  using Right = std::variant<Never, Scalar, std::vector<Scalar>, std::vector<base::Cidr>,
                             std::unique_ptr<const format::LazyRegex>>;

  VariableName left;
  Operator op = Operator::kEqual;
  bool negated = false;
  Right right;

  // `op` in lower case. Errors have lua-resty-expr's text: "invalid operator 'x'", "invalid ip address: x".
  static base::Result<Comparison> make(std::string_view left, std::string_view op, const format::Json& right);

  // Of a regular expression that gave up, false: the reader's budget has counted it.
  bool holds(VariableReader& variables) const;

  // Why a "~~" or "~*" can never hold; empty when it can.
  std::string warning() const;
};

// Is this the name of an operator (in lower case)?
bool is_operator(std::string_view name);

}  // namespace apisix::route
