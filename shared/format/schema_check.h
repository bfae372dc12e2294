// SchemaCheck: one run of a compiled schema over one value, up to the first fault. Tells the fault in the
// words of APISIX's validator and fills defaults on the way, as that validator does. Internal to schema_*.cc.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "shared/format/json.h"
#include "shared/format/schema_node.h"
#include "shared/format/schema_rules.h"

namespace apisix::format {

class SchemaCheck {
 public:
  // True when `value` matches; otherwise fault() has the reason.
  bool run(const SchemaNode& node, Json& value);
  const std::string& fault() const { return fault_; }

 private:
  bool run_rules(const SchemaNode& node, Json& value);
  bool run_object(const ObjectRules& rules, Json& value);
  bool run_property(const PropertyRule& property, Json& object);
  bool run_dependency(const DependencyRule& dependency, Json& object);
  bool run_members(const ObjectRules& rules, Json& object);
  bool run_member(const ObjectRules& rules, const std::string& name, Json& member);
  bool run_array(const ArrayRules& rules, Json& array);
  bool run_items(const ArrayRules& rules, Json& array);
  bool run_compound(const CompoundRules& rules, Json& value);
  bool run_one_of(const CompoundRules& rules, Json& value);
  bool run_contains(const ContainsRule& rule, Json& value);

  using Words = std::initializer_list<std::string_view>;
  bool run_branch(const SchemaNode& node, Json& value);  // its fault is not reported
  bool fail(Words words);
  bool fail_within(Words words);  // put before the fault of a nested run
  bool pass(const BrokenRule& broken) { return broken ? fail({broken.message}) : true; }

  std::string fault_;
  int depth_ = 0;
  int steps_ = 0;
  int untold_ = 0;  // branches that this run is within
};

// Sets a member of a value that counts as an object (an empty array becomes one).
void set_default(Json& object, const PropertyRule& property);

// The member, or null when there is none; a member that is JSON null is found.
Json* find_mutable(Json& object, const std::string& name);

bool is_declared(const ObjectRules& rules, const std::string& name);

}  // namespace apisix::format
