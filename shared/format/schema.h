// A JSON Schema (the draft-07 keywords that APISIX's objects and plugins use), compiled once and then
// immutable. Two results: the first fault in the exact words of APISIX's validator (api7/jsonschema), and
// the list of all faults with hints.
//
// Kept from that validator, because clients see it: an empty array is also an empty object and the other
// way round; defaults are filled during validation; strings that refer to a secret ($secret://, $ENV://)
// pass wherever a string is wanted; lengths count UTF-8 characters; 1.0 is an integer; JSON null is called
// "userdata" and arrays and objects "table" in messages.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/format/json.h"

namespace apisix::format {

struct CompiledSchema;

// One thing that is wrong with a value.
struct Fault {
  std::string pointer;  // JSON pointer to the faulty value, or to the object that lacks or has a member
  std::string rule;     // the keyword that was broken: "type", "required", "additionalProperties", ...
  std::string message;  // in the validator's words, without the path prefixes
  Json value;           // what was found, when it is a scalar (long strings cut)
  std::string hint;     // what to do about it; may be empty
};

class Schema {
 public:
  // Errors name the place in the schema: unknown type, bad pattern, reference that leads nowhere. References
  // are "#" and "#/...". `schema` is not needed afterwards.
  static base::Result<Schema> compile(const Json& schema);

  Schema(Schema&&) noexcept;
  Schema& operator=(Schema&&) noexcept;
  ~Schema();

  // The error's `what` is the text of APISIX's error_msg, such as
  // `property "uri" validation failed: wrong type: expected string, got number`. Of several faults the one
  // in alphabetical order of properties is reported. Fills defaults into `value` up to the fault.
  base::Status check(Json& value) const;

  // As check(), on a copy: `value` keeps no defaults.
  base::Status validate(const Json& value) const;

  // Fills the defaults that a valid `value` lacks; of an invalid one, those before the fault.
  void apply_defaults(Json& value) const;

  // Everything that is wrong, in document order of the schema's properties; empty exactly when validate()
  // succeeds. At most kFaultsMax.
  std::vector<Fault> faults(const Json& value) const;

 private:
  explicit Schema(std::unique_ptr<const CompiledSchema> compiled);

  std::unique_ptr<const CompiledSchema> compiled_;
};

// "$secret://..." or, in any case of letters, "$ENV://...".
bool is_secret_ref(std::string_view text);

inline constexpr std::size_t kFaultsMax = 100;

}  // namespace apisix::format
