#include "worker/plugin/log_text.h"

#include <array>
#include <cstddef>

namespace apisix::plugin {
namespace {

constexpr char kHexUpper[] = "0123456789ABCDEF";

constexpr std::array<bool, 256> make_plain() {
  std::array<bool, 256> plain{};
  for (std::size_t c = 0x20; c < 0x7f; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}
constexpr std::array<bool, 256> kPlain = make_plain();

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (kPlain[byte]) continue;
    out.append(text.substr(done, i - done));
    done = i + 1;
    out += "\\x";
    out += kHexUpper[byte >> 4];
    out += kHexUpper[byte & 15];
  }
  out.append(text.substr(done));
}

}  // namespace apisix::plugin
