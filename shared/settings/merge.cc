#include "shared/settings/merge.h"

#include <fmt/format.h>

#include "shared/base/text.h"

namespace apisix::settings {
namespace {

struct Move {
  std::string_view from;
  std::string_view to;
};

constexpr Move kMoves[] = {
    {"apisix.admin_key", "deployment.admin.admin_key"},
    {"apisix.allow_admin", "deployment.admin.allow_admin"},
    {"apisix.port_admin", "deployment.admin.admin_listen.port"},
    {"apisix.admin_listen", "deployment.admin.admin_listen"},
    {"apisix.https_admin", "deployment.admin.https_admin"},
    {"apisix.admin_api_mtls", "deployment.admin.admin_api_mtls"},
    {"apisix.admin_api_version", "deployment.admin.admin_api_version"},
    {"apisix.enable_admin_cors", "deployment.admin.enable_admin_cors"},
    {"apisix.ssl.enable_http2", "apisix.enable_http2"},
    {"apisix.ssl.key_encrypt_salt", "apisix.data_encryption.keyring"},
    {"nginx_config.http.lua_shared_dicts", "nginx_config.http.custom_lua_shared_dict"},
    {"etcd", "deployment.etcd"},
};

void remove_path(Json& root, std::string_view path) {
  const auto dot = path.find_last_of('.');
  Json* const parent = dot == path.npos ? &root : make_path(root, path.substr(0, dot));
  if (parent != nullptr) parent->removeMember(std::string(path.substr(dot + 1)));
}

// True when the key was there and has now a new value to be put at its new place.
bool take_deprecated(format::Yaml& user, Report& report, std::string_view from, std::string_view to,
                     Json& value) {
  const Json& old = at_path(user.value, from);
  if (old.isNull()) return false;
  const bool taken = !at_path(user.value, to).isNull();
  report.warn(from, taken ? fmt::format("deprecated and ignored, since {} is set", to)
                          : fmt::format("deprecated, write it as {}", to));
  value = old;
  remove_path(user.value, from);
  return !taken;
}

void put(format::Yaml& user, Report& report, std::string_view from, std::string_view to, Json value) {
  Json* const place = make_path(user.value, to);
  if (place == nullptr) return report.fault(from, fmt::format("cannot be moved to {}", to));
  *place = std::move(value);
  user.rename_lines(from, to);
}

// 2.x: one port for TLS.
void move_ssl_listen_port(format::Yaml& user, Report& report) {
  Json port;
  if (!take_deprecated(user, report, "apisix.ssl.listen_port", "apisix.ssl.listen", port)) return;
  Json listen(::Json::arrayValue);
  if (!port.isArray()) {
    listen[0]["port"] = port;
  } else {
    for (const Json& one : port) listen[listen.size()]["port"] = one;
  }
  put(user, report, "apisix.ssl.listen_port", "apisix.ssl.listen", std::move(listen));
}

// 2.x: the file as the only source of configuration.
void move_config_center(format::Yaml& user, Report& report) {
  Json center;
  if (!take_deprecated(user, report, "apisix.config_center", "deployment.role", center)) return;
  if (center != "yaml") return;
  put(user, report, "apisix.config_center", "deployment.role", "data_plane");
  put(user, report, "apisix.config_center", "deployment.role_data_plane.config_provider", "yaml");
}

}  // namespace

void merge_over(Json& target, const Json& user) {
  for (auto member = user.begin(); member != user.end(); ++member) {
    const std::string name = member.name();
    if (member->isNull()) {
      target.removeMember(name);
    } else if (member->isObject() && (!target.isMember(name) || target[name].isObject())) {
      if (!target.isMember(name)) target[name] = Json(::Json::objectValue);
      merge_over(target[name], *member);
    } else {
      target[name] = *member;
    }
  }
}

const Json& at_path(const Json& root, std::string_view path) {
  const Json* value = &root;
  for (const std::string_view name : base::split(path, '.')) value = &format::find_member(*value, name);
  return *value;
}

Json* make_path(Json& root, std::string_view path) {
  Json* value = &root;
  for (const std::string_view name : base::split(path, '.')) {
    if (value->isNull()) *value = Json(::Json::objectValue);
    if (!value->isObject()) return nullptr;
    value = &(*value)[std::string(name)];
  }
  return value;
}

void move_deprecated_keys(format::Yaml& user, Report& report) {
  if (!user.value.isObject()) return;
  for (const auto& [from, to] : kMoves) {
    Json value;
    if (take_deprecated(user, report, from, to, value)) put(user, report, from, to, std::move(value));
  }
  move_ssl_listen_port(user, report);
  move_config_center(user, report);
}

}  // namespace apisix::settings
