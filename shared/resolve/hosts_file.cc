#include "shared/resolve/hosts_file.h"

#include <algorithm>

namespace apisix::resolve {
namespace {

// The next run of characters that are not blanks; moves past it.
std::string_view take_word(std::string_view& line) {
  const auto start = line.find_first_not_of(" \t\r");
  if (start == std::string_view::npos) return line = {};
  line.remove_prefix(start);
  const std::string_view word = line.substr(0, line.find_first_of(" \t\r"));
  line.remove_prefix(word.size());
  return word;
}

void add(HostsTable& table, std::string_view name, const base::IpAddress& address) {
  HostsEntry& entry = table[base::to_lower(name)];
  bool& has = address.is_v4() ? entry.has_v4 : entry.has_v6;
  if (has) return;
  has = true;
  (address.is_v4() ? entry.v4 : entry.v6) = address;
}

}  // namespace

HostsTable parse_hosts(std::string_view text) {
  HostsTable table;
  for (std::string_view line : base::split(text, '\n')) {
    line = line.substr(0, line.find('#'));
    const auto address = base::IpAddress::parse(take_word(line));
    if (!address) continue;
    for (auto name = take_word(line); !name.empty(); name = take_word(line)) add(table, name, *address);
  }
  if (!table.contains("localhost")) {
    add(table, "localhost", *base::IpAddress::parse("127.0.0.1"));
    add(table, "localhost", *base::IpAddress::parse("::1"));
  }
  return table;
}

HostsFile::HostsFile(std::string path) : file_(std::move(path)) {
  reload();
}

bool HostsFile::reload() {
  const auto text = file_.read_if_changed();
  if (text) table_ = parse_hosts(*text);
  return text.has_value();
}

std::vector<base::IpAddress> HostsFile::find(std::string_view lower_name, bool enable_ipv6) const {
  const auto found = table_.find(lower_name);
  if (found == table_.end()) return {};
  if (found->second.has_v4) return {found->second.v4};
  if (found->second.has_v6 && enable_ipv6) return {found->second.v6};
  return {};
}

}  // namespace apisix::resolve
