#include "worker/admin/ui_files.h"

#include <gtest/gtest.h>

namespace apisix::admin {
namespace {

TEST(UiFiles, PathsOfTheDashboard) {
  EXPECT_TRUE(UiFiles::has("/ui"));
  EXPECT_TRUE(UiFiles::has("/ui/"));
  EXPECT_TRUE(UiFiles::has("/ui/assets/a.js"));
  EXPECT_FALSE(UiFiles::has("/uix"));
  EXPECT_FALSE(UiFiles::has("/"));
  EXPECT_FALSE(UiFiles::has("/apisix/admin/ui/"));
}

TEST(UiFiles, ContentTypesByExtension) {
  EXPECT_EQ(content_type_of("/index.html"), "text/html");
  EXPECT_EQ(content_type_of("/a/b.min.JS"), "application/javascript");
  EXPECT_EQ(content_type_of("/a.b/c"), "application/octet-stream");  // the folder's dot
  EXPECT_EQ(content_type_of("/js"), "application/octet-stream");
  EXPECT_EQ(content_type_of("/a."), "application/octet-stream");
  EXPECT_EQ(content_type_of("/.css"), "text/css");
  EXPECT_EQ(content_type_of("/x.woff2"), "font/woff2");
}

}  // namespace
}  // namespace apisix::admin
