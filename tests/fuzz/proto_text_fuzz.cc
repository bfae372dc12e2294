// Any bytes as the content of a proto object: text, and the base64 of a compiled set. What compiles is used:
// each message reads and writes something.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/base64.h"
#include "shared/base/check.h"
#include "shared/format/proto.h"
#include "shared/format/proto_encode.h"
#include "shared/format/proto_json.h"

namespace apisix::format {
namespace {

void use(const ProtoSchema& schema, std::string_view name) {
  const ProtoMessage* type = schema.find_message(name);
  if (type == nullptr) return;
  std::string json;
  ProtoJson empty(*type, {}, {.defaults = ProtoJsonOptions::Defaults::kAll});
  CHECK(empty.write(json, SIZE_MAX) == ProtoJson::State::kDone);
  Json value(::Json::objectValue);
  for (const ProtoField& field : type->fields) value[field.name] = "1";
  std::string bytes;
  (void)append_message(bytes, *type, value);
}

void check_content(std::string_view content) {
  const auto compiled = compile_proto(content);
  CHECK(compiled.has_value() == check_proto(content).has_value());
  if (!compiled) {
    CHECK(!compiled.error().what.empty());
    return;
  }
  for (const char* name : {"M", "t.M", "A", "a.B"}) use(**compiled, name);
}

}  // namespace
}  // namespace apisix::format

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 8192) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  apisix::format::check_content(bytes);
  apisix::format::check_content(apisix::base::encode_base64(bytes));
  return 0;
}
