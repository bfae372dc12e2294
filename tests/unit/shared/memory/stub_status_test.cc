#include "shared/memory/stub_status.h"

#include <gtest/gtest.h>

namespace apisix::memory {
namespace {

// Programs that watch nginx look for these words and blanks.
TEST(StubStatus, AsNginxPrintsIt) {
  Totals totals;
  totals.active = 3;
  totals.accepted = 10;
  totals.handled = 9;
  totals.requests = 31;
  totals.reading = 0;
  totals.writing = 1;
  totals.waiting = 2;
  EXPECT_EQ(stub_status_text(totals),
            "Active connections: 3 \n"
            "server accepts handled requests\n"
            " 10 9 31 \n"
            "Reading: 0 Writing: 1 Waiting: 2 \n");
}

TEST(StubStatus, OnlyTheMachineItselfMayLook) {
  const auto may = [](const char* ip) { return may_see_stub_status(*base::IpAddress::parse(ip)); };
  EXPECT_TRUE(may("127.0.0.1"));
  EXPECT_TRUE(may("127.0.0.255"));
  EXPECT_FALSE(may("127.0.1.1"));
  EXPECT_FALSE(may("10.0.0.1"));
  EXPECT_FALSE(may("::1"));
}

}  // namespace
}  // namespace apisix::memory
