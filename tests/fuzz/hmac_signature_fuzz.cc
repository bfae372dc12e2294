// Any bytes as the Authorization field of hmac-auth: what comes out lies within what went in, and what is
// written in the usual form is read back.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shared/base/check.h"
#include "worker/plugins/auth/hmac_signature.h"

namespace apisix::plugins {
namespace {

void check_within(std::string_view part, std::string_view whole) {
  if (part.data() == nullptr) return;
  CHECK(part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
  CHECK(part.find('"') == part.npos && part.find(',') == part.npos);
}

void check_field(std::string_view field) {
  const auto parsed = parse_hmac_signature(field);
  CHECK(parsed.has_value() == field.starts_with("Signature"));
  if (!parsed) return;
  for (const std::string_view part :
       {parsed->key_id, parsed->algorithm, parsed->headers, parsed->signature}) {
    check_within(part, field);
  }
  std::size_t bytes = 0;
  for (const std::string_view name : parsed->header_names()) bytes += name.size() + 1;
  CHECK(bytes == (parsed->headers.empty() ? 0 : parsed->headers.size() + 1));
}

void check_round_trip(std::string_view text) {
  std::string value(text);
  std::erase_if(value, [](char c) { return c == '"' || c == ','; });
  const std::string field = "Signature keyId=\"" + value + "\",algorithm=\"" + value + "\",headers=\"" +
                            value + "\",signature=\"" + value + "\"";
  const auto parsed = parse_hmac_signature(field);
  CHECK(parsed && parsed->key_id == value && parsed->algorithm == value && parsed->headers == value &&
        parsed->signature == value);
}

}  // namespace
}  // namespace apisix::plugins

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 2048) return 0;
  // Exactly sized, so that the sanitizer sees a read behind the end.
  const std::unique_ptr<char[]> exact(new char[size]);
  const std::string_view text(
      exact.get(), std::string_view(reinterpret_cast<const char*>(data), size).copy(exact.get(), size));
  apisix::plugins::check_field(text);
  apisix::plugins::check_round_trip(text);
  return 0;
}
