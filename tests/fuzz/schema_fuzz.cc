// Any JSON document as an object of any kind: no crash, the same answer each time, an error text exactly when
// faults are listed, and what is accepted with its defaults is accepted again and can be read.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shared/base/check.h"
#include "shared/format/json.h"
#include "shared/format/schema.h"
#include "shared/resource/reference.h"
#include "shared/resource/route.h"
#include "shared/resource/service.h"
#include "shared/resource/upstream.h"
#include "shared/resource/validate.h"

namespace apisix::resource {
namespace {

void check_object(Kind kind, const format::Json& document) {
  const ValidateHooks hooks;
  const ValidateContext context{.hooks = hooks, .is_stored = false, .path_id = "vault/1"};
  format::Json first = document;
  format::Json second = document;
  const Validation validation = validate(kind, first, context);
  const Validation again = validate(kind, second, context);
  CHECK(validation.error_msg == again.error_msg);
  CHECK(validation.faults.size() == again.faults.size());
  CHECK(first == second);
  CHECK(validation.ok() == validation.faults.empty());
  references_of(kind, document);
  const bool is_read = parse_route(document).has_value() && parse_upstream(document).has_value() &&
                       parse_service(document).has_value();
  (void)is_read;  // must not crash on what was not validated
  if (!validation.ok()) return;
  CHECK(validate(kind, first, context).ok());
  if (kind == Kind::kService && format::find_member(first, "upstream").isNull()) CHECK(parse_service(first));
}

// The document is also a schema: compiling it must end, and so must checking it against itself.
void check_schema(const format::Json& document) {
  const auto schema = format::Schema::compile(document);
  if (!schema) return;
  CHECK(schema->validate(document).has_value() == schema->faults(document).empty());
}

}  // namespace
}  // namespace apisix::resource

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace apisix;
  if (size == 0) return 0;
  const auto document = format::parse_json({reinterpret_cast<const char*>(data) + 1, size - 1});
  if (!document) return 0;
  const std::size_t choice = data[0] % (resource::kKindCount + 1);
  if (choice == resource::kKindCount) {
    resource::check_schema(*document);
  } else {
    resource::check_object(static_cast<resource::Kind>(choice), *document);
  }
  return 0;
}
