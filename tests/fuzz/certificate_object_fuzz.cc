// Any text as an object of `ssls`: skipping certificates and keys makes no JSON invalid, and what is read of
// it is what is read of all of it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "shared/format/json.h"
#include "worker/tls/certificate_object.h"
#include "worker/tls/name_index.h"

using namespace apisix;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto whole = format::parse_json(text);
  if (whole && !format::parse_json(tls::without_long_strings(text))) std::abort();
  const auto outline = tls::read_outline(text);
  if (!outline) return 0;
  for (const std::string& name : outline->names) {
    if (name.empty() || name != base::to_lower(name)) std::abort();
  }
  if (!whole) return 0;
  const auto has_short_names = std::ranges::all_of(tls::names_for_clients(*whole),
                                                   [](const std::string& name) { return name.size() < 256; });
  if (has_short_names && tls::names_for_clients(*whole) != outline->names) std::abort();
  const auto parts = tls::build_parts("1", tls::parts_conf(*whole), {});
  if (parts && parts->certificates.empty()) std::abort();
  return 0;
}
