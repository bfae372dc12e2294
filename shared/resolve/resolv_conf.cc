#include "shared/resolve/resolv_conf.h"

#include <algorithm>

#include "shared/base/text.h"

namespace apisix::resolve {
namespace {

constexpr std::size_t kNameserversMax = 8;
constexpr std::size_t kSearchMax = 32;
constexpr std::uint32_t kNdotsMax = 15;

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const auto start = line.find_first_not_of(" \t\r");
    if (start == std::string_view::npos) return words;
    line.remove_prefix(start);
    words.push_back(line.substr(0, line.find_first_of(" \t\r")));
    line.remove_prefix(words.back().size());
  }
}

void add_nameserver(ResolvConf& conf, std::string_view text) {
  // A port is not part of resolv.conf: "::1" must not be read as one.
  const auto address = base::IpAddress::parse(text.substr(0, text.find('%')));
  if (address && conf.nameservers.size() < kNameserversMax) conf.nameservers.push_back({*address});
}

void set_search(ResolvConf& conf, const std::vector<std::string_view>& words) {
  conf.search.clear();
  for (std::size_t i = 1; i < words.size() && conf.search.size() < kSearchMax; ++i) {
    std::string domain = base::to_lower(words[i]);
    while (domain.ends_with('.')) domain.pop_back();
    if (!domain.empty()) conf.search.push_back(std::move(domain));
  }
}

void set_options(ResolvConf& conf, const std::vector<std::string_view>& words) {
  for (std::string_view word : words) {
    if (!word.starts_with("ndots:")) continue;
    const auto ndots = base::parse_integer<std::uint32_t>(word.substr(6));
    if (ndots) conf.ndots = std::min(*ndots, kNdotsMax);
  }
}

}  // namespace

base::Result<NameServer> parse_name_server(std::string_view text) {
  std::string address(text);
  NameServer server;
  const auto close = address.rfind(']');
  const auto colon = address.rfind(':');
  const bool has_port = colon != std::string::npos &&
                        (close != std::string::npos ? colon == close + 1 : address.find(':') == colon);
  if (has_port) {
    const auto port = base::parse_integer<std::uint16_t>(std::string_view(address).substr(colon + 1));
    if (!port || *port == 0) return base::invalid("bad port of name server \"" + address + '"');
    server.port = *port;
    address.resize(colon);
  }
  if (const auto zone = address.find('%'); zone != std::string::npos) {
    address.erase(zone,
                  address.find(']') == std::string::npos ? std::string::npos : address.find(']') - zone);
  }
  const auto parsed = base::IpAddress::parse(address);
  if (!parsed) return base::invalid("name server is not an IP address: \"" + std::string(text) + '"');
  server.address = *parsed;
  return server;
}

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf conf;
  for (std::string_view line : base::split(text, '\n')) {
    line = line.substr(0, line.find_first_of("#;"));
    const auto words = words_of(line);
    if (words.size() < 2) continue;
    if (words[0] == "nameserver") add_nameserver(conf, words[1]);
    if (words[0] == "search" || words[0] == "domain") set_search(conf, words);
    if (words[0] == "options") set_options(conf, words);
  }
  if (conf.nameservers.empty()) conf.nameservers.push_back({*base::IpAddress::parse("127.0.0.1")});
  return conf;
}

ResolvConfFile::ResolvConfFile(std::string path) : file_(std::move(path)) {
  reload();
}

bool ResolvConfFile::reload() {
  const auto text = file_.read_if_changed();
  if (text) conf_ = parse_resolv_conf(*text);
  return text.has_value();
}

}  // namespace apisix::resolve
