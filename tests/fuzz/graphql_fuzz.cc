// Any bytes as a GraphQL document: names lie within the document, in the order in which they stand there.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "shared/base/check.h"
#include "shared/format/graphql.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of exact size: the sanitizer sees every byte that is read behind it.
  const auto bytes = std::make_unique<char[]>(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(data[i]);
  const std::string_view document(bytes.get(), size);
  const auto operation = apisix::format::parse_graphql(document);
  if (!operation) return 0;
  CHECK(operation->definitions > 0 && !operation->root_fields.empty());
  const char* at = document.data();
  for (const std::string_view field : operation->root_fields) {
    CHECK(!field.empty() && field.data() >= at && field.data() + field.size() <= document.data() + size);
    at = field.data() + field.size();
  }
  return 0;
}
