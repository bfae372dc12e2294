#include "worker/admin/usage.h"

#include <array>

#include <fmt/format.h>

#include "shared/resource/fields.h"
#include "worker/admin/catch_up.h"
#include "worker/config/registry.h"

namespace apisix::admin {
namespace {

using format::find_member;
using format::Json;
using resource::id_field;
using resource::Kind;

// traffic-split's rules name upstreams.
bool splits_to(const Json& object, const std::string& upstream_id) {
  const Json& split = find_member(find_member(object, "plugins"), "traffic-split");
  for (const Json& rule : find_member(split, "rules")) {
    for (const Json& target : find_member(rule, "weighted_upstreams")) {
      if (id_field(target, "upstream_id") == upstream_id) return true;
    }
  }
  return false;
}

bool transcodes_with(const Json& object, const std::string& proto_id) {
  return id_field(find_member(find_member(object, "plugins"), "grpc-transcode"), "proto_id") == proto_id;
}

// Where plugins are configured, besides routes, services and consumers.
struct PluginPlace {
  Kind kind;
  std::string_view words;
};
constexpr std::array kPluginPlaces = {PluginPlace{Kind::kPluginConfig, "plugin_config"},
                                      PluginPlace{Kind::kConsumerGroup, "consumer_group"},
                                      PluginPlace{Kind::kGlobalRule, "global_rules"}};

std::string in_use(std::string_view what, std::string_view user, std::string_view id) {
  return fmt::format("can not delete this {}, {} [{}] is still using it now", what, user, id);
}

// `matches`, of users that count. A stored object has its id in it.
std::function<bool(const Json&)> counted(Kind kind, const Usage::Counts& counts,
                                         std::function<bool(const Json&)> matches) {
  const char* const id_member = kind == Kind::kConsumer ? "username" : "id";
  return [&counts, kind, id_member, matches = std::move(matches)](const Json& user) {
    return matches(user) && counts(kind, id_field(user, id_member));
  };
}

std::string plugin_in_use(std::string_view user, std::string_view id) {
  return fmt::format("can not delete this upstream, plugin in {} [{}] is still using it now", user, id);
}

}  // namespace

async::Task<base::Result<std::string>> Usage::find(Kind kind, std::string id, Counts counts) const {
  if (!counts) counts = [](Kind, const std::string&) { return true; };
  switch (kind) {
    case Kind::kService:
      co_return co_await users_of_service(id, counts);
    case Kind::kUpstream:
      co_return co_await users_of_upstream(id, counts);
    case Kind::kPluginConfig:
      co_return co_await users_of_plugin_config(id, counts);
    case Kind::kProto:
      co_return co_await users_of_proto(id, counts);
    case Kind::kConsumerGroup:
      co_return co_await users_of_consumer_group(id, counts);
    case Kind::kStreamRoute: {
      const auto user = co_await find_stored(
          Kind::kStreamRoute,
          [&](const Json& route) { return id_field(find_member(route, "protocol"), "superior_id") == id; },
          counts);
      if (!user || user->empty()) co_return user;
      co_return fmt::format(
          "can not delete this stream route directly, stream route [{}] is still using it as superior_id",
          *user);
    }
    default:
      co_return "";
  }
}

bool Usage::is_named_by_plugins(const Json& user, Kind kind, const std::string& id) {
  if (kind == Kind::kUpstream) return splits_to(user, id);
  return kind == Kind::kProto && transcodes_with(user, id);
}

std::string Usage::user_of(Kind used, const std::string& id, Kind user, const Counts& counts) const {
  return context_.registry.references().find_user(
      used, id, user, [&counts, user](const std::string& one) { return counts(user, one); });
}

async::Task<base::Result<std::string>> Usage::users_of_plugin_config(const std::string& id,
                                                                     const Counts& counts) const {
  co_await catch_up(context_.loop, context_.store, context_.registry, context_.prefix());
  const std::string route = user_of(Kind::kPluginConfig, id, Kind::kRoute, counts);
  co_return route.empty() ? "" : in_use("plugin config", "route", route);
}

async::Task<base::Result<std::string>> Usage::users_of_consumer_group(const std::string& id,
                                                                      const Counts& counts) const {
  co_await catch_up(context_.loop, context_.store, context_.registry, context_.prefix());
  const std::string consumer = user_of(Kind::kConsumerGroup, id, Kind::kConsumer, counts);
  co_return consumer.empty() ? "" : in_use("consumer group", "consumer", consumer);
}

async::Task<base::Result<std::string>> Usage::users_of_proto(const std::string& id,
                                                             const Counts& counts) const {
  const auto uses = [&](const Json& object) { return transcodes_with(object, id); };
  co_await catch_up(context_.loop, context_.store, context_.registry, context_.prefix());
  if (const auto route =
          context_.registry.routes().find_id("grpc-transcode", counted(Kind::kRoute, counts, uses));
      !route.empty()) {
    co_return in_use("proto", "route", route);
  }
  if (const auto service = context_.registry.services().find_id(counted(Kind::kService, counts, uses));
      !service.empty()) {
    co_return in_use("proto", "service", service);
  }
  // APISIX looks no further; a proto that is gone would stop these as well.
  const auto consumer = context_.registry.plugin_directory().consumers().find_consumer(
      "grpc-transcode", counted(Kind::kConsumer, counts, uses));
  if (!consumer.empty()) co_return in_use("proto", "consumer", consumer);
  for (const PluginPlace& place : kPluginPlaces) {
    const auto user = co_await find_stored(place.kind, uses, counts);
    if (!user) co_return user;
    if (!user->empty()) co_return in_use("proto", place.words, *user);
  }
  co_return "";
}

async::Task<base::Result<std::string>> Usage::users_of_service(const std::string& id,
                                                               const Counts& counts) const {
  co_await catch_up(context_.loop, context_.store, context_.registry, context_.prefix());
  if (const auto route = user_of(Kind::kService, id, Kind::kRoute, counts); !route.empty()) {
    co_return in_use("service directly", "route", route);
  }
  const auto user = co_await find_stored(
      Kind::kStreamRoute, [&](const Json& route) { return id_field(route, "service_id") == id; }, counts);
  if (!user || user->empty()) co_return user;
  co_return in_use("service directly", "stream_route", *user);
}

async::Task<base::Result<std::string>> Usage::users_of_upstream(const std::string& id,
                                                                const Counts& counts) const {
  const auto splits = [&](const Json& object) { return splits_to(object, id); };
  co_await catch_up(context_.loop, context_.store, context_.registry, context_.prefix());
  if (const auto route =
          context_.registry.routes().find_id("traffic-split", counted(Kind::kRoute, counts, splits));
      !route.empty()) {
    co_return plugin_in_use("route", route);
  }
  if (const auto route = user_of(Kind::kUpstream, id, Kind::kRoute, counts); !route.empty()) {
    co_return in_use("upstream", "route", route);
  }
  if (const auto service = context_.registry.services().find_id(counted(Kind::kService, counts, splits));
      !service.empty()) {
    co_return plugin_in_use("service", service);
  }
  if (const auto service = user_of(Kind::kUpstream, id, Kind::kService, counts); !service.empty()) {
    co_return in_use("upstream", "service", service);
  }
  const auto consumer = context_.registry.plugin_directory().consumers().find_consumer(
      "traffic-split", counted(Kind::kConsumer, counts, splits));
  if (!consumer.empty()) co_return plugin_in_use("consumer", consumer);
  for (const PluginPlace& place : kPluginPlaces) {
    const auto user = co_await find_stored(place.kind, splits, counts);
    if (!user) co_return user;
    if (!user->empty()) co_return plugin_in_use(place.words, *user);
  }
  co_return "";
}

async::Task<base::Result<std::string>> Usage::find_stored(Kind kind, Matches matches,
                                                          const Counts& counts) const {
  const auto found = co_await context_.store.list(context_.prefix() + resource::collection_key(kind));
  if (!found) co_return std::unexpected(found.error());
  for (const store::Item& item : found->items) {
    const auto key = resource::parse_store_key(std::string_view(item.key).substr(context_.prefix().size()));
    if (!key || key->kind != kind) continue;
    const auto value = format::parse_json(item.value);
    if (value && matches(*value) && counts(kind, key->id)) co_return key->id;
  }
  co_return "";
}

}  // namespace apisix::admin
