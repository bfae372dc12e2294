#include "shared/http/h1/scan.h"

#include <algorithm>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace apisix::http::scan {
namespace {

// In memory of exactly its size, so that the sanitizer sees a look behind the end.
template <typename Match>
bool has_any_in_exact(const std::string& text, Match match) {
  const std::unique_ptr<char[]> exact(new char[text.size()]);
  text.copy(exact.get(), text.size());
  return has_any({exact.get(), text.size()}, match);
}

// Each length around the steps of has_any(), each place, each byte, against a look at one byte after the
// other.
TEST(HasAny, AgreesWithTheFormOfOneByte) {
  for (std::size_t bytes = 0; bytes <= 35; ++bytes) {
    const std::string harmless(bytes, 'a');
    EXPECT_FALSE(has_any_in_exact(harmless, Control{})) << bytes;
    EXPECT_FALSE(has_any_in_exact(harmless, QueryEnd{})) << bytes;
    for (std::size_t at = 0; at < bytes; ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string text = harmless;
        text[at] = static_cast<char>(c);
        const auto one = static_cast<unsigned char>(c);
        ASSERT_EQ(has_any_in_exact(text, Control{}), Control{}(one)) << bytes << " " << at << " " << c;
        ASSERT_EQ(has_any_in_exact(text, QueryEnd{}), QueryEnd{}(one)) << bytes << " " << at << " " << c;
      }
    }
  }
}

}  // namespace
}  // namespace apisix::http::scan
