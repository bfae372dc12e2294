// gateway.address: IP addresses and networks for the stand-in resty.ipmatcher.
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include <netinet/in.h>

#include "shared/base/ip.h"
#include "worker/lua/modules.h"

namespace apisix::lua {
namespace {

constexpr int kV4Offset = 12;

int family(lua_State* lua) {
  const auto ip = base::IpAddress::parse(text_at(lua, 1));
  if (!ip) return 0;
  lua_pushinteger(lua, ip->is_v4() ? 4 : 6);
  return 1;
}

std::uint32_t word(const base::IpAddress& ip, std::size_t at) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < 4; ++i) out = out << 8 | ip.bytes()[at + i];
  return out;
}

int number(lua_State* lua) {
  const auto ip = base::IpAddress::parse(check_text(lua, 1));
  if (!ip) return 0;
  lua_pushnumber(lua, word(*ip, kV4Offset));
  return 1;
}

int words(lua_State* lua) {
  const auto ip = base::IpAddress::parse(check_text(lua, 1));
  if (!ip) return 0;
  for (std::size_t at = 0; at < 16; at += 4) lua_pushnumber(lua, word(*ip, at));
  return 4;
}

struct Network {
  base::Cidr cidr;
  int bits;
};

// network("10.0.0.0/8") -> userdata | nil, "why"
int network(lua_State* lua) {
  const std::string_view text = text_at(lua, 1);
  const auto cidr = base::Cidr::parse(text);
  if (!cidr) return push_error(lua, cidr.error().what);
  const auto slash = text.find('/');
  constexpr int kWhole = 128;
  int bits = kWhole;
  if (slash != text.npos) bits = std::atoi(std::string(text.substr(slash + 1)).c_str());
  new (lua_newuserdata(lua, sizeof(Network))) Network{*cidr, bits};
  return 1;
}

int bits(lua_State* lua) {
  lua_pushinteger(lua, static_cast<Network*>(lua_touserdata(lua, 1))->bits);
  return 1;
}

int contains(lua_State* lua) {
  const auto ip = base::IpAddress::parse(check_text(lua, 2));
  lua_pushboolean(lua, ip && static_cast<Network*>(lua_touserdata(lua, 1))->cidr.contains(*ip) ? 1 : 0);
  return 1;
}

// Four or sixteen bytes of a socket's address.
int from_bytes(lua_State* lua) {
  const std::string_view bytes = check_text(lua, 1);
  sockaddr_storage storage{};
  if (bytes.size() == 4) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
  } else if (bytes.size() == 16) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
  } else {
    return 0;
  }
  push(lua, base::IpAddress::of(storage).to_string());
  return 1;
}

int load(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "family", family);
  set_function(lua, "number", number);
  set_function(lua, "words", words);
  set_function(lua, "network", network);
  set_function(lua, "bits", bits);
  set_function(lua, "contains", contains);
  set_function(lua, "from_bytes", from_bytes);
  return 1;
}

}  // namespace

void open_address(lua_State* ngx) {
  preload(ngx, "gateway.address", load);
}

}  // namespace apisix::lua
