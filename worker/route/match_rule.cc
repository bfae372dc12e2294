#include "worker/route/match_rule.h"

#include "shared/base/check.h"
#include "shared/base/text.h"
#include "shared/format/read.h"
#include "worker/route/lua_number.h"

namespace apisix::route {
namespace {

using format::Json;

// JSON of a store or a file is not nested deeper than this; a value made by hand is refused.
constexpr int kDepthMax = format::kJsonDepthMax;

// The operator, or in the old form the value, as text in lower case; false when it is neither.
bool lower_text(const Json& value, std::string& out) {
  if (value.isString()) {
    out = base::to_lower(format::string_of(value));
    return true;
  }
  if (value.isNumeric() && !value.isBool()) {
    out = lua_number_text(format::number_of(value));
    return true;
  }
  return false;
}

}  // namespace

bool MatchRule::logic_word(const Json& word, StepKind& kind) {
  if (!word.isString()) return false;
  const std::string lowered = base::to_lower(format::string_of(word));
  if (lowered == "and")
    kind = StepKind::kAnd;
  else if (lowered == "or")
    kind = StepKind::kOr;
  else if (lowered == "!and")
    kind = StepKind::kNotAnd;
  else if (lowered == "!or")
    kind = StepKind::kNotOr;
  else
    return false;
  return true;
}

base::Result<MatchRule> MatchRule::compile(const Json& rule) {
  if (rule.isNull()) return base::invalid("missing argument rule");
  if (!rule.isArray() && !rule.isObject()) return base::invalid("rule should be an array");
  MatchRule out;
  if (rule.isObject() || rule.empty()) return out;
  StepKind kind;
  if (!rule[0].isArray() && !rule[0].isObject() && !logic_word(rule[0], kind)) {
    return base::invalid("rule should be wrapped inside brackets");
  }
  if (auto added = out.add_rule(rule, 0); !added) return std::unexpected(added.error());
  out.steps_.shrink_to_fit();
  out.comparisons_.shrink_to_fit();
  return out;
}

base::Status MatchRule::add_rule(const Json& rule, int depth) {
  if (depth > kDepthMax) return base::invalid("rule nested too deeply");
  if (!rule.isArray() && !rule.isObject()) return base::invalid("invalid expression");
  if (rule.isObject() || rule.empty()) return base::invalid("rule too short");
  if (rule[0].isArray() || rule[0].isObject()) return add_group(StepKind::kAnd, rule, 0, depth);
  StepKind kind;
  if (!logic_word(rule[0], kind)) return add_comparison(rule);
  if (rule.size() <= 2) return base::invalid("rule too short");
  return add_group(kind, rule, 1, depth);
}

base::Status MatchRule::add_group(StepKind kind, const Json& operands, unsigned first, int depth) {
  const std::size_t at = steps_.size();
  steps_.push_back({kind, 0, 0});
  for (unsigned i = first; i < operands.size(); ++i) {
    if (auto added = add_rule(operands[i], depth + 1); !added) return added;
  }
  steps_[at].end = static_cast<std::uint32_t>(steps_.size());
  return {};
}

// [left, op, right], [left, "!", op, right], and the forms of the past [left, right] (equality) and [left,
// op] (compared with unset). In [left, right] the value is taken in lower case, as APISIX does by accident.
base::Status MatchRule::add_comparison(const Json& rule) {
  const bool negated = rule.size() == 4;
  if (negated && (!rule[1].isString() || format::string_of(rule[1]) != "!")) {
    return base::invalid("bad 'not' expression");
  }
  const unsigned op_at = negated ? 2 : 1;
  std::string op;
  if (rule.size() <= op_at || !rule[0].isString() || !lower_text(rule[op_at], op)) {
    return base::invalid("invalid expression");
  }
  static const Json kUnset;
  const bool has_right = rule.size() > op_at + 1;
  auto comparison =
      has_right || is_operator(op)
          ? Comparison::make(format::string_of(rule[0]), op, has_right ? rule[op_at + 1] : kUnset)
          : Comparison::make(format::string_of(rule[0]), "==", Json(op));
  if (!comparison) return std::unexpected(comparison.error());
  comparison->negated = negated;
  steps_.push_back({StepKind::kCompare, static_cast<std::uint32_t>(steps_.size() + 1),
                    static_cast<std::uint32_t>(comparisons_.size())});
  comparisons_.push_back(std::move(*comparison));
  return {};
}

MatchRule::Verdict MatchRule::decide(VariableReader& variables) const {
  if (steps_.empty()) return Verdict::kYes;
  const format::RegexBudget* budget = variables.regex_budget();
  const std::uint32_t before = budget != nullptr ? budget->gave_up() : 0;
  const bool result = holds(0, variables);
  if (budget != nullptr && budget->gave_up() != before) return Verdict::kUnknown;
  return result ? Verdict::kYes : Verdict::kNo;
}

bool MatchRule::holds(std::uint32_t at, VariableReader& variables) const {
  const Step& step = steps_[at];
  if (step.kind == StepKind::kCompare) return comparisons_[step.comparison].holds(variables);
  const bool is_and = step.kind == StepKind::kAnd || step.kind == StepKind::kNotAnd;
  const bool is_negated = step.kind == StepKind::kNotAnd || step.kind == StepKind::kNotOr;
  for (std::uint32_t child = at + 1; child < step.end; child = steps_[child].end) {
    // The first operand that is false ends an AND, the first that is true an OR.
    if (holds(child, variables) != is_and) return is_and == is_negated;
  }
  return is_and != is_negated;
}

void MatchRule::add_decisive(std::uint32_t at, VariableReader& variables,
                             std::vector<std::uint32_t>& out) const {
  const Step& step = steps_[at];
  if (step.kind == StepKind::kCompare) return out.push_back(step.comparison);
  const bool is_and = step.kind == StepKind::kAnd || step.kind == StepKind::kNotAnd;
  for (std::uint32_t child = at + 1; child < step.end; child = steps_[child].end) {
    if (holds(child, variables) != is_and) return add_decisive(child, variables, out);
  }
  // None ended it: it is what all of them are.
  for (std::uint32_t child = at + 1; child < step.end; child = steps_[child].end) {
    add_decisive(child, variables, out);
  }
}

void MatchRule::list_comparisons(const Json& rule, std::vector<const Json*>& out) {
  StepKind kind;
  const bool is_list = rule[0].isArray() || rule[0].isObject();
  if (!is_list && !logic_word(rule[0], kind)) return out.push_back(&rule);
  for (unsigned i = is_list ? 0 : 1; i < rule.size(); ++i) list_comparisons(rule[i], out);
}

std::vector<MatchRule::Decisive> MatchRule::decisive(const Json& rule, VariableReader& variables) const {
  if (steps_.empty()) return {};
  std::vector<std::uint32_t> numbers;
  add_decisive(0, variables, numbers);
  std::vector<const Json*> expressions;
  list_comparisons(rule, expressions);
  std::vector<Decisive> out;
  for (const std::uint32_t number : numbers) {
    CHECK(number < expressions.size());
    out.push_back({*expressions[number], &comparisons_[number]});
  }
  return out;
}

std::vector<std::string> MatchRule::warnings() const {
  std::vector<std::string> out;
  for (const Comparison& comparison : comparisons_) {
    if (auto warning = comparison.warning(); !warning.empty()) out.push_back(std::move(warning));
  }
  return out;
}

}  // namespace apisix::route
