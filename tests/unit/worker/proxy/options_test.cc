// What the request path takes over from config.yaml, and in which form.
#include "worker/proxy/options.h"

#include <limits>

#include <gtest/gtest.h>

#include "shared/settings/settings.h"
#include "worker/limits.h"

namespace apisix::proxy {
namespace {

class OptionsTest : public ::testing::Test {
 protected:
  Options made() const { return Options::from(settings_); }

  settings::Settings settings_;
  settings::NginxConfig::Http& http_ = settings_.nginx_config.http;
};

TEST_F(OptionsTest, TimeoutsAreTakenInMilliseconds) {
  http_.keepalive_timeout_ms = 1;
  http_.client_header_timeout_ms = 2;
  http_.client_body_timeout_ms = 3;
  http_.send_timeout_ms = 4;
  EXPECT_EQ(made().keepalive_timeout_ms, 1u);
  EXPECT_EQ(made().client_header_timeout_ms, 2u);
  EXPECT_EQ(made().client_body_timeout_ms, 3u);
  EXPECT_EQ(made().send_timeout_ms, 4u);
}

TEST_F(OptionsTest, NegativeNumbersAreNone) {
  http_.keepalive_timeout_ms = -1;
  http_.client_max_body_bytes = -1;
  settings_.nginx_config.event.worker_connections = -1;
  EXPECT_EQ(made().keepalive_timeout_ms, 0u);
  EXPECT_EQ(made().client_max_body_bytes, 0u);
  EXPECT_EQ(made().connections_max, 0u);
}

TEST_F(OptionsTest, BoundsOfBodiesAreTakenOver) {
  http_.client_max_body_bytes = 10;
  http_.client_body_min_rate_bytes_per_s = 20;
  http_.held_bodies_bytes_max = 30;
  EXPECT_EQ(made().client_max_body_bytes, 10u);
  EXPECT_EQ(made().client_body_min_rate_bytes_per_s, 20u);
  EXPECT_EQ(made().held_bodies_bytes_max, 30u);
}

TEST_F(OptionsTest, PostArgumentsWithoutABoundAreReadWhateverTheirSize) {
  settings_.apisix.max_post_args_readable_bytes = 100;
  EXPECT_EQ(made().max_post_args_readable_bytes, 100u);
  settings_.apisix.max_post_args_readable_bytes = 0;
  EXPECT_EQ(made().max_post_args_readable_bytes, std::numeric_limits<std::size_t>::max());
}

TEST_F(OptionsTest, KeepaliveOfUpstreamsIsTakenOver) {
  http_.upstream.keepalive = 5;
  http_.upstream.keepalive_requests = 6;
  http_.upstream.keepalive_timeout_ms = 7;
  EXPECT_EQ(made().upstream_keepalive.idle_connections_max, 5u);
  EXPECT_EQ(made().upstream_keepalive.requests_max, 6u);
  EXPECT_EQ(made().upstream_keepalive.idle_timeout_ms, 7u);
}

TEST_F(OptionsTest, ServerTokensNameTheVersionOfApisix) {
  settings_.apisix.enable_server_tokens = true;
  EXPECT_EQ(made().server_header.value(), "APISIX/3.18.0");
  settings_.apisix.enable_server_tokens = false;
  EXPECT_EQ(made().server_header.value(), "APISIX");
}

TEST_F(OptionsTest, CharsetOffIsNone) {
  EXPECT_EQ(made().charset.name(), "utf-8");
  http_.charset = "latin1";
  EXPECT_EQ(made().charset.name(), "latin1");
  http_.charset = "off";
  EXPECT_EQ(made().charset.name(), "");
}

TEST_F(OptionsTest, TheFieldOfRealIpIsComparedInLowerCase) {
  EXPECT_EQ(made().real_ip_header, "x-real-ip");
  EXPECT_EQ(made().real_ip_header_id, http::KnownHeader::kXRealIp);
  http_.real_ip_header = "X-FORWARDED-For";
  EXPECT_EQ(made().real_ip_header, "x-forwarded-for");
  EXPECT_EQ(made().real_ip_header_id, http::KnownHeader::kXForwardedFor);
}

TEST_F(OptionsTest, TrustedAddressesThatAreNotConfiguredAreNotAnEmptyList) {
  EXPECT_FALSE(made().trusted_addresses.has_value());
  settings_.apisix.trusted_addresses = std::vector<base::Cidr>{};
  ASSERT_TRUE(made().trusted_addresses.has_value());
  EXPECT_TRUE(made().trusted_addresses->empty());
}

TEST_F(OptionsTest, SwitchesOfApisixAreTakenOverOneByOne) {
  bool settings::Apisix::* const switches[] = {
      &settings::Apisix::delete_uri_tail_slash, &settings::Apisix::normalize_uri_like_servlet,
      &settings::Apisix::match_uri_encoded_slash, &settings::Apisix::show_upstream_status_in_response_header};
  bool Options::* const taken[] = {&Options::delete_uri_tail_slash, &Options::normalize_uri_like_servlet,
                                   &Options::match_uri_encoded_slash, &Options::show_upstream_status};
  for (std::size_t on = 0; on < std::size(switches); ++on) {
    settings_.apisix = {};
    settings_.apisix.*switches[on] = true;
    for (std::size_t i = 0; i < std::size(taken); ++i) {
      EXPECT_EQ(made().*taken[i], i == on) << "switch " << on << ", option " << i;
    }
  }
}

TEST_F(OptionsTest, LimitsOfHeadsAreThoseOfTheDataPath) {
  const http::RequestLimits limits = made().request_limits();
  EXPECT_EQ(limits.header_count_max, limits::kRequestHeadersMax);
  EXPECT_EQ(limits.header_line_bytes_max, limits::kHeaderLineBytesMax);
  EXPECT_EQ(limits.request_line_bytes_max, limits::kRequestLineBytesMax);
  EXPECT_EQ(limits.head_bytes_max, limits::kRequestHeadBytesMax);
}

TEST_F(OptionsTest, WhatIsDoneWithOddFieldNamesReachesTheParser) {
  for (const bool on : {false, true}) {
    http_.underscores_in_headers = on;
    http_.ignore_invalid_headers = !on;
    EXPECT_EQ(made().request_limits().underscores_in_headers, on);
    EXPECT_EQ(made().request_limits().ignore_invalid_headers, !on);
  }
}

}  // namespace
}  // namespace apisix::proxy
