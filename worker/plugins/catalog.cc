// One line for each plugin. They run by priority (their kInfo says it); a plugin that must stand before or
// after another one says so here.
#include "worker/plugins/catalog.h"

#include <array>

namespace apisix::plugins {

extern const plugin::PluginKind& api_breaker;
extern const plugin::PluginKind& basic_auth;
extern const plugin::PluginKind& client_control;
extern const plugin::PluginKind& consumer_restriction;
extern const plugin::PluginKind& cors;
extern const plugin::PluginKind& echo;
extern const plugin::PluginKind& example_plugin;
extern const plugin::PluginKind& fault_injection;
extern const plugin::PluginKind& file_logger;
extern const plugin::PluginKind& gzip;
extern const plugin::PluginKind& hmac_auth;
extern const plugin::PluginKind& http_logger;
extern const plugin::PluginKind& ip_restriction;
extern const plugin::PluginKind& jwt_auth;
extern const plugin::PluginKind& key_auth;
extern const plugin::PluginKind& mocking;
extern const plugin::PluginKind& limit_conn;
extern const plugin::PluginKind& limit_count;
extern const plugin::PluginKind& limit_req;
extern const plugin::PluginKind& multi_auth;
extern const plugin::PluginKind& prometheus;
extern const plugin::PluginKind& proxy_rewrite;
extern const plugin::PluginKind& public_api;
extern const plugin::PluginKind& real_ip;
extern const plugin::PluginKind& redirect;
extern const plugin::PluginKind& referer_restriction;
extern const plugin::PluginKind& request_id;
extern const plugin::PluginKind& response_rewrite;
extern const plugin::PluginKind& server_info;
extern const plugin::PluginKind& traffic_split;
extern const plugin::PluginKind& ua_restriction;
extern const plugin::PluginKind& uri_blocker;

std::span<const plugin::PluginKind* const> catalog() {
  static const auto all = std::to_array<const plugin::PluginKind*>({
      &real_ip,               // 23000: what follows sees the client that it finds
      &client_control,        // 22000: the limit holds before anybody reads the body
      &request_id,            // 12015: what follows may log the id
      &fault_injection,       // 11000
      &mocking,               // 10900
      &cors,                  // 4000: every answer that follows carries its fields, refusals too
      &ip_restriction,        // 3000
      &ua_restriction,        // 2999
      &referer_restriction,   // 2990
      &uri_blocker,           // 2900: before authentication, a blocked path is nobody's business
      &multi_auth,            // 2600
      &hmac_auth,             // 2530
      &basic_auth,            // 2520
      &jwt_auth,              // 2510
      &key_auth,              // 2500
      &consumer_restriction,  // 2400: behind all that find out who the consumer is
      &proxy_rewrite,         // 1008
      &api_breaker,           // 1005: what is not asked counts for no limit
      &limit_conn,            // 1003
      &limit_count,           // 1002
      &limit_req,             // 1001: who has to wait is counted already
      &gzip,                  // 995
      &server_info,           // 990
      &traffic_split,         // 966
      &redirect,              // 900
      &response_rewrite,      // 899
      &public_api,            // 501
      &prometheus,            // 500
      &echo,                  // 412
      &http_logger,           // 410
      &file_logger,           // 399
      &example_plugin,        // 0
  });
  return all;
}

}  // namespace apisix::plugins
