#include "worker/route/comparison.h"

#include <algorithm>
#include <optional>

#include "shared/format/read.h"
#include "worker/route/lua_number.h"

namespace apisix::route {
namespace {

using format::Json;
using Scalar = Comparison::Scalar;

struct OperatorName {
  std::string_view name;
  Operator op;
};
constexpr OperatorName kOperators[] = {
    {"==", Operator::kEqual}, {"~=", Operator::kNotEqual},       {">", Operator::kGreater},
    {"<", Operator::kLess},   {">=", Operator::kGreaterOrEqual}, {"<=", Operator::kLessOrEqual},
    {"~~", Operator::kFinds}, {"~*", Operator::kFinds},          {"in", Operator::kIn},
    {"has", Operator::kHas},  {"ipmatch", Operator::kIpMatch},
};

const OperatorName* find_operator(std::string_view name) {
  const auto it = std::ranges::find(kOperators, name, &OperatorName::name);
  return it == std::end(kOperators) ? nullptr : it;
}

// The variable's value of one evaluation.
struct Left {
  const Json* json = nullptr;  // not a string
  std::optional<std::string_view> text;
};

Left left_of(const Json& value) {
  const char* first = nullptr;
  const char* last = nullptr;
  if (value.isString() && value.getString(&first, &last)) {
    return {nullptr, std::string_view(first, static_cast<std::size_t>(last - first))};
  }
  return {&value, std::nullopt};
}

Left read_left(const VariableName& name, VariableReader& variables) {
  const Json* structured = name.may_be_structured() ? variables.read_value(name) : nullptr;
  if (structured != nullptr) return left_of(*structured);
  return {nullptr, variables.read(name)};
}

std::optional<double> number_of(const Left& left) {
  if (left.text) return to_lua_number(*left.text);
  if (left.json != nullptr && left.json->isNumeric()) return format::number_of(*left.json);
  return std::nullopt;
}

// A JSON scalar as a value; Never for arrays and objects, which equal nothing.
Comparison::Right scalar_or_never(const Json& value) {
  if (value.isNull()) return Scalar(std::monostate{});
  if (value.isBool()) return Scalar(format::is_true(value));
  if (value.isNumeric()) return Scalar(format::number_of(value));
  if (value.isString()) return Scalar(format::string_of(value));
  return Comparison::Never{};
}

// Same type and same value, nothing converted. A JSON null inside a body is a value of its own, not unset.
bool same(const Left& left, const Scalar& right) {
  if (const auto* text = std::get_if<std::string>(&right)) return left.text && *left.text == *text;
  if (const auto* number = std::get_if<double>(&right)) {
    return left.json != nullptr && left.json->isNumeric() && format::number_of(*left.json) == *number;
  }
  if (const auto* flag = std::get_if<bool>(&right)) {
    return left.json != nullptr && left.json->isBool() && format::is_true(*left.json) == *flag;
  }
  return left.json == nullptr && !left.text;
}

bool equals(const Left& left, const Comparison::Right& right) {
  const auto* value = std::get_if<Scalar>(&right);
  if (value == nullptr) return false;
  if (const auto* number = std::get_if<double>(value)) return number_of(left) == *number;
  return same(left, *value);
}

bool in_order(Operator op, const Left& left, const Comparison::Right& right) {
  const auto* value = std::get_if<Scalar>(&right);
  if (value == nullptr) return false;
  const double bound = std::get<double>(*value);
  const auto number = number_of(left);
  if (!number) return false;
  switch (op) {
    case Operator::kGreater:
      return *number > bound;
    case Operator::kGreaterOrEqual:
      return *number >= bound;
    case Operator::kLess:
      return *number < bound;
    default:
      return *number <= bound;
  }
}

bool finds(const format::Regex& regex, std::string_view text, VariableReader& variables) {
  format::RegexBudget* budget = variables.regex_budget();
  return budget != nullptr ? regex.match(text, *budget) == format::Match::kYes : regex.matches(text);
}

bool found_in(const Left& left, const Comparison::Right& right, VariableReader& variables) {
  const auto* pattern = std::get_if<std::unique_ptr<const format::LazyRegex>>(&right);
  if (pattern == nullptr) return false;
  const format::Regex* regex = (*pattern)->get();
  if (regex == nullptr) return false;
  if (left.text) return finds(*regex, *left.text, variables);
  if (left.json == nullptr) return false;
  if (left.json->isNumeric()) return finds(*regex, lua_number_text(format::number_of(*left.json)), variables);
  return left.json->isBool() && format::is_true(*left.json) &&
         finds(*regex, "true", variables);  // false: unset
}

bool is_element(const Left& left, const Comparison::Right& right) {
  const auto* list = std::get_if<std::vector<Scalar>>(&right);
  return list != nullptr &&
         std::ranges::any_of(*list, [&](const Scalar& element) { return same(left, element); });
}

bool has_element(const Left& left, const Comparison::Right& right) {
  const auto* value = std::get_if<Scalar>(&right);
  if (value == nullptr || left.json == nullptr || !left.json->isArray()) return false;
  return std::ranges::any_of(*left.json, [&](const Json& element) { return same(left_of(element), *value); });
}

bool in_blocks(const Left& left, const Comparison::Right& right) {
  const auto* blocks = std::get_if<std::vector<base::Cidr>>(&right);
  if (blocks == nullptr || !left.text) return false;
  const auto address = base::IpAddress::parse(*left.text);
  return address && std::ranges::any_of(*blocks, [&](const base::Cidr& b) { return b.contains(*address); });
}

Comparison::Right list_of(const Json& right) {
  if (!right.isArray()) return Comparison::Never{};
  std::vector<Scalar> list;
  for (const Json& element : right) {
    auto value = scalar_or_never(element);
    auto* scalar = std::get_if<Scalar>(&value);
    if (scalar != nullptr && !element.isNull()) list.push_back(std::move(*scalar));
  }
  return list;
}

base::Result<Comparison::Right> blocks_of(const Json& right) {
  const bool usable = right.isArray() || right.isString();
  if (!usable || right.empty() || (right.isString() && format::string_of(right).empty())) {
    return base::invalid("invalid ip address");
  }
  std::vector<base::Cidr> blocks;
  const auto add = [&](const Json& item) -> base::Status {
    const std::string text = item.isString() ? format::string_of(item) : std::string();
    const auto block = base::Cidr::parse(text);
    if (!block) return base::invalid("invalid ip address: " + text.substr(0, text.find('/')));
    blocks.push_back(*block);
    return {};
  };
  if (right.isString()) {
    if (auto added = add(right); !added) return std::unexpected(added.error());
  }
  if (right.isArray()) {
    for (const Json& item : right) {
      if (auto added = add(item); !added) return std::unexpected(added.error());
    }
  }
  return blocks;
}

Comparison::Right bound_of(const Json& right) {
  if (right.isNumeric() && !right.isBool()) return Scalar(format::number_of(right));
  if (right.isString()) {
    if (const auto number = to_lua_number(format::string_of(right))) return Scalar(*number);
  }
  return Comparison::Never{};
}

Comparison::Right regex_of(const Json& right, bool caseless) {
  if (!right.isString() && (!right.isNumeric() || right.isBool())) return Comparison::Never{};
  std::string pattern =
      right.isString() ? format::string_of(right) : lua_number_text(format::number_of(right));
  return std::make_unique<const format::LazyRegex>(std::move(pattern),
                                                   format::RegexOptions{.caseless = caseless});
}

}  // namespace

bool is_operator(std::string_view name) {
  return find_operator(name) != nullptr;
}

base::Result<Comparison> Comparison::make(std::string_view left, std::string_view op, const Json& right) {
  const OperatorName* known = find_operator(op);
  if (known == nullptr) return base::invalid("invalid operator '" + std::string(op) + "'");
  Comparison out;
  out.left = VariableName::parse(left);
  out.op = known->op;
  switch (known->op) {
    case Operator::kEqual:
    case Operator::kNotEqual:
    case Operator::kHas:
      out.right = scalar_or_never(right);
      break;
    case Operator::kGreater:
    case Operator::kGreaterOrEqual:
    case Operator::kLess:
    case Operator::kLessOrEqual:
      out.right = bound_of(right);
      break;
    case Operator::kFinds:
      out.right = regex_of(right, op == "~*");
      break;
    case Operator::kIn:
      out.right = list_of(right);
      break;
    case Operator::kIpMatch: {
      auto blocks = blocks_of(right);
      if (!blocks) return std::unexpected(blocks.error());
      out.right = std::move(*blocks);
      break;
    }
  }
  return out;
}

bool Comparison::holds(VariableReader& variables) const {
  const Left value = read_left(left, variables);
  bool result = false;
  switch (op) {
    case Operator::kEqual:
      result = equals(value, right);
      break;
    case Operator::kNotEqual:
      result = !equals(value, right);
      break;
    case Operator::kGreater:
    case Operator::kGreaterOrEqual:
    case Operator::kLess:
    case Operator::kLessOrEqual:
      result = in_order(op, value, right);
      break;
    case Operator::kFinds:
      result = found_in(value, right, variables);
      break;
    case Operator::kIn:
      result = is_element(value, right);
      break;
    case Operator::kHas:
      result = has_element(value, right);
      break;
    case Operator::kIpMatch:
      result = in_blocks(value, right);
      break;
  }
  return result != negated;
}

std::string Comparison::warning() const {
  if (op != Operator::kFinds) return {};
  const auto* pattern = std::get_if<std::unique_ptr<const format::LazyRegex>>(&right);
  if (pattern == nullptr) return left.to_string() + ": the right side of a regex operator should be a string";
  const auto error = (*pattern)->error();
  return error ? left.to_string() + ": " + *error : std::string();
}

}  // namespace apisix::route
