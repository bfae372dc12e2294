#include "worker/admin/target_check.h"

#include <gtest/gtest.h>

#include "shared/http/uri.h"

namespace apisix::admin {
namespace {

std::string fault_of(std::string_view raw_path, std::string_view query = "") {
  base::Arena arena;
  const auto path = http::normalize_path(raw_path, arena);
  if (!path) return "no path";
  proxy::LocalRequest request;
  request.path = path->path;
  request.raw_path = raw_path;
  request.query = query;
  const auto checked = check_target(request);
  return checked ? "" : checked.error().what;
}

TEST(TargetCheck, EscapesThatMeanTheSameAreFine) {
  for (const char* path : {"/apisix/admin/routes/1", "/apisix/admin/routes/%31", "/apisix/admin/routes/a%2eb",
                           "/apisix/admin/routes/1/plugins/%C3%A4", "/apisix/admin/routes/a%20b"}) {
    EXPECT_EQ(fault_of(path), "") << path;
  }
  EXPECT_EQ(fault_of("/apisix/admin/routes", "name=%C3%A4+%2F&label=a:b"), "");
}

TEST(TargetCheck, EscapesThatMakeAnotherObjectAreNot) {
  for (const char* path :
       {"/apisix/admin/routes/a%2Fb", "/apisix/admin/routes/a%2fb", "/apisix/admin/routes/1%3Fx",
        "/apisix/admin/routes/1%23", "/apisix/admin/routes/1%5Cx", "/apisix/admin/routes/%252F",
        "/apisix/admin/routes/1%0A", "/apisix/admin/routes/1%7f"}) {
    EXPECT_TRUE(fault_of(path).ends_with(" must not be in the path of an object")) << path;
  }
  for (const char* path : {"/apisix/admin/routes/%2e%2e/upstreams/1", "/apisix/admin/routes/%2E/1",
                           "/apisix/admin/routes/.%2e/services/1"}) {
    EXPECT_EQ(fault_of(path), "dot segments must not be escaped") << path;
  }
}

TEST(TargetCheck, BytesThatAreNoTextAreNot) {
  EXPECT_EQ(fault_of("/apisix/admin/routes/%ff"), "the path is not UTF-8");
  EXPECT_EQ(fault_of("/apisix/admin/routes/\xff"), "the path is not UTF-8");
  EXPECT_EQ(fault_of("/apisix/admin/routes", "name=%ff"), "the query is not UTF-8");
  EXPECT_EQ(fault_of("/apisix/admin/routes", "name=\xff"), "the query is not UTF-8");
}

}  // namespace
}  // namespace apisix::admin
