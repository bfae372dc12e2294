// One line for each plugin. They run by priority (their kInfo says it); a plugin that must stand before or
// after another one says so here.
#include "worker/plugins/catalog.h"

#include <array>

namespace apisix::plugins {

extern const plugin::PluginDef basic_auth;
extern const plugin::PluginDef client_control;
extern const plugin::PluginDef consumer_restriction;
extern const plugin::PluginDef echo;
extern const plugin::PluginDef file_logger;
extern const plugin::PluginDef hmac_auth;
extern const plugin::PluginDef http_logger;
extern const plugin::PluginDef ip_restriction;
extern const plugin::PluginDef jwt_auth;
extern const plugin::PluginDef key_auth;
extern const plugin::PluginDef multi_auth;
extern const plugin::PluginDef public_api;
extern const plugin::PluginDef real_ip;
extern const plugin::PluginDef referer_restriction;
extern const plugin::PluginDef request_id;
extern const plugin::PluginDef traffic_split;
extern const plugin::PluginDef ua_restriction;
extern const plugin::PluginDef uri_blocker;

std::span<const plugin::PluginDef* const> catalog() {
  static const auto all = std::to_array<const plugin::PluginDef*>({
      &real_ip,               // 23000: what follows sees the client that it finds
      &client_control,        // 22000: the limit holds before anybody reads the body
      &request_id,            // 12015: what follows may log the id
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
      &traffic_split,         // 966
      &public_api,            // 501
      &echo,                  // 412
      &http_logger,           // 410
      &file_logger,           // 399
  });
  return all;
}

}  // namespace apisix::plugins
