// Expressions: whatever JSON is given, compiling ends in a rule or an error, and a rule evaluates, the same
// each time. The input is the expression's JSON text.
#include <cstdlib>

#include "shared/base/log.h"
#include "tests/unit/worker/route/table_reader.h"
#include "worker/route/match_rule.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace apisix;
  static const bool quiet = [] {
    base::set_log_level(base::LogLevel::kEmerg);
    return true;
  }();
  (void)quiet;
  const auto json = format::parse_json({reinterpret_cast<const char*>(data), size});
  if (!json) return 0;
  const auto rule = route::MatchRule::compile(*json);
  if (!rule) {
    if (rule.error().what.empty()) std::abort();
    return 0;
  }
  route::TableReader variables(
      R"({"arg_k":"v","arg_n":"12","http_x":"","remote_addr":"10.0.0.1","uri":"/a/b","post_arg.n":3,)"
      R"("post_arg.list":["a",1,true],"my":{"a":1}})");
  const bool first = rule->evaluate(variables);
  if (rule->evaluate(variables) != first) std::abort();
  if (rule->decisive(*json, variables).empty() != rule->always_true()) std::abort();
  (void)rule->warnings();
  return 0;
}
