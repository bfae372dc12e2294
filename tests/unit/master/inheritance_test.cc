#include "master/inheritance.h"

#include <cstdlib>

#include <fcntl.h>
#include <gtest/gtest.h>

namespace apisix::master {
namespace {

int open_fd() {
  return ::open("/dev/null", O_RDONLY);
}

TEST(Inheritance, GoesThroughTheEnvironmentOnce) {
  const Bequest bequest{.sockets = {open_fd(), open_fd()},
                        .zones = {{"status", open_fd()}, {"plugin-limit-count", open_fd()}},
                        .report = open_fd(),
                        .generation = 41,
                        .store = {2049, 1234}};
  const std::string entry = bequest.environment_entry();
  const auto equals = entry.find('=');
  ::setenv(entry.substr(0, equals).c_str(), entry.c_str() + equals + 1, 1);
  auto taken = take_inheritance();
  ASSERT_TRUE(taken) << taken.error().what;
  EXPECT_TRUE(taken->replaces_a_master());
  EXPECT_EQ(taken->generation, 41u);
  EXPECT_EQ(taken->store.device, 2049u);
  EXPECT_EQ(taken->store.inode, 1234u);
  ASSERT_EQ(taken->sockets.size(), 2u);
  EXPECT_EQ(taken->sockets[1].get(), bequest.sockets[1]);
  EXPECT_EQ(::fcntl(taken->sockets[0].get(), F_GETFD), FD_CLOEXEC) << "no child that we execute gets it";
  EXPECT_EQ(taken->take_zone("plugin-limit-count").get(), bequest.zones[1].fd);
  EXPECT_FALSE(taken->take_zone("plugin-limit-count")) << "taken already";
  EXPECT_FALSE(taken->take_zone("unknown"));

  const auto again = take_inheritance();
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->replaces_a_master());
}

TEST(Inheritance, UnknownKeysAreSkipped) {
  const auto taken =
      parse_inheritance("sockets=;zones=;colour=blue;generation=7;report=" + std::to_string(open_fd()));
  ASSERT_TRUE(taken) << taken.error().what;
  EXPECT_EQ(taken->generation, 7u);
  EXPECT_TRUE(taken->sockets.empty());
}

TEST(Inheritance, DamagedTextIsRefusedAndNamed) {
  for (const char* text : {"", "sockets", "sockets=x", "sockets=1", "sockets=9999", "zones=status",
                           "zones=:7", "generation=-1", "report=", "store=", "store=7", "store=7:x"}) {
    const auto taken = parse_inheritance(text);
    ASSERT_FALSE(taken) << text;
    EXPECT_TRUE(taken.error().what.starts_with("APISIX_INHERITED is damaged at ")) << taken.error().what;
  }
}

}  // namespace
}  // namespace apisix::master
