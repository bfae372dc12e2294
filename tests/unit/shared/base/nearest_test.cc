#include "shared/base/nearest.h"

#include <array>

#include <gtest/gtest.h>

namespace apisix::base {
namespace {

TEST(NearestName, FindsWhatWasMeant) {
  constexpr std::array<std::string_view, 6> kNames = {"uri",         "uris", "upstream",
                                                      "upstream_id", "host", "hosts"};
  struct Case {
    std::string_view typed, meant;
  };
  for (const auto& [typed, meant] : {Case{"url", "uri"},
                                     {"upsteam", "upstream"},
                                     {"Upstream-ID", "upstream_id"},
                                     {"uirs", "uris"},
                                     {"ohst", "host"},
                                     {"priority", ""},
                                     {"", ""},
                                     {"x", ""}}) {
    EXPECT_EQ(nearest_name(typed, kNames), meant) << typed;
  }
  EXPECT_EQ(nearest_name(std::string(100000, 'u'), kNames), "");
}

}  // namespace
}  // namespace apisix::base
