#include "shared/format/schema.h"

#include "shared/base/text.h"
#include "shared/format/schema_check.h"
#include "shared/format/schema_faults.h"
#include "shared/format/schema_node.h"

namespace apisix::format {

Schema::Schema(std::unique_ptr<const CompiledSchema> compiled) : compiled_(std::move(compiled)) {}
Schema::Schema(Schema&&) noexcept = default;
Schema& Schema::operator=(Schema&&) noexcept = default;
Schema::~Schema() = default;

base::Result<Schema> Schema::compile(const Json& schema) {
  auto compiled = compile_schema(schema);
  if (!compiled) return std::unexpected(compiled.error());
  return Schema(std::move(*compiled));
}

base::Status Schema::check(Json& value) const {
  SchemaCheck check;
  if (check.run(*compiled_->root, value)) return {};
  return base::invalid(check.fault());
}

base::Status Schema::validate(const Json& value) const {
  Json copy = value;
  return check(copy);
}

void Schema::apply_defaults(Json& value) const {
  SchemaCheck().run(*compiled_->root, value);
}

std::vector<Fault> Schema::faults(const Json& value) const {
  return find_schema_faults(*compiled_->root, value);
}

bool is_secret_ref(std::string_view text) {
  static constexpr std::string_view kEnv = "$ENV://";
  return text.starts_with("$secret://") || base::equals_ignore_case(text.substr(0, kEnv.size()), kEnv);
}

}  // namespace apisix::format
