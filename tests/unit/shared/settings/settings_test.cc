#include "shared/settings/settings.h"

#include <gtest/gtest.h>

namespace apisix::settings {
namespace {

TEST(Settings, DefaultsThatComeFromTheCompiledText) {
  const Settings settings;
  EXPECT_EQ(settings.nginx_config.http.lua_shared_dict_bytes.at("prometheus-metrics"), 128 << 20);
  EXPECT_EQ(settings.nginx_config.http.lua_shared_dict_bytes.size(), 30u);
  EXPECT_EQ(settings.nginx_config.stream.lua_shared_dict_bytes.at("tars-stream"), 1 << 20);
  EXPECT_EQ(settings.nginx_config.meta_lua_shared_dict_bytes.at("status-report"), 1 << 20);
  EXPECT_EQ(settings.plugins.front(), "real-ip");
  EXPECT_EQ(settings.plugins.back(), "ai-request-rewrite");
  EXPECT_EQ(settings.plugin_attr["server-info"]["report_ttl"].asInt(), 60);
}

}  // namespace
}  // namespace apisix::settings
