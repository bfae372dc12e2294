// An expression over request variables: `vars` of a route, `_meta.filter` of a plugin, match rules of
// plugins. Compiled once from JSON, evaluated per request without allocating. The language and its error
// texts are lua-resty-expr's (reference section 7.3):
//   [["arg_x", "==", "1"], ["OR", ["http_a", "in", ["b"]], ["remote_addr", "!", "ipmatch", ["10.0.0.0/8"]]]]
// A MatchRule belongs to one thread: its regular expressions are compiled at their first use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "worker/route/comparison.h"
#include "worker/route/variable_name.h"

namespace apisix::route {

class MatchRule {
 public:
  // The empty rule, always true.
  MatchRule() = default;

  // The error is lua-resty-expr's text alone; callers put their own words before it, as APISIX does:
  // "failed to validate the 'vars' expression: " + what.
  static base::Result<MatchRule> compile(const format::Json& rule);

  // kUnknown: a regular expression gave up, so that nothing follows, be it negated or one of several.
  enum class Verdict : std::uint8_t { kNo, kYes, kUnknown };
  Verdict decide(VariableReader& variables) const;
  // What is unknown does not hold.
  bool evaluate(VariableReader& variables) const { return decide(variables) == Verdict::kYes; }
  bool always_true() const { return steps_.empty(); }

  // The comparisons because of which evaluate() says what it says: of an AND that is false the first false
  // operand, of an OR that is false all of them. Each as it stands in `rule`, which is what was compiled.
  struct Decisive {
    format::Json expression;
    const Comparison* comparison = nullptr;
  };
  std::vector<Decisive> decisive(const format::Json& rule, VariableReader& variables) const;

  // What was accepted, as APISIX accepts it, but can never hold: regular expressions that do not compile.
  // For the Admin API's response and dry runs; compiles each of them.
  std::vector<std::string> warnings() const;

 private:
  enum class StepKind : std::uint8_t { kAnd, kOr, kNotAnd, kNotOr, kCompare };
  // The tree in pre-order: a group's operands follow it, up to `end`.
  struct Step {
    StepKind kind = StepKind::kCompare;
    std::uint32_t end = 0;         // index behind the last step of this subtree
    std::uint32_t comparison = 0;  // of kCompare
  };

  base::Status add_rule(const format::Json& rule, int depth);
  base::Status add_group(StepKind kind, const format::Json& operands, unsigned first, int depth);
  base::Status add_comparison(const format::Json& rule);
  bool holds(std::uint32_t at, VariableReader& variables) const;
  void add_decisive(std::uint32_t at, VariableReader& variables, std::vector<std::uint32_t>& out) const;
  static bool logic_word(const format::Json& word, StepKind& kind);
  // In the order in which compile() met them.
  static void list_comparisons(const format::Json& rule, std::vector<const format::Json*>& out);

  std::vector<Step> steps_;
  std::vector<Comparison> comparisons_;
};

}  // namespace apisix::route
