#include "shared/resolve/dns_reply.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include <ares.h>

#include "shared/base/text.h"

namespace apisix::resolve {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::uint16_t kCname = 5;
constexpr std::uint16_t kInternet = 1;
constexpr std::uint32_t kTtlMax = 0x7fffffff;  // RFC 2181 8: larger ones are zero
constexpr int kAliasesMax = 16;

struct Record {
  std::string owner;
  std::uint16_t type = 0;
  std::uint32_t ttl_seconds = 0;
  std::size_t data = 0;  // offset in the message
  std::size_t data_bytes = 0;
};

class Reader {
 public:
  explicit Reader(std::span<const unsigned char> message) : message_(message) {}

  bool skip_questions();
  std::optional<Record> next_record();
  std::size_t answers() const { return u16(6); }
  std::optional<std::string> name_at(std::size_t offset, std::size_t& bytes_used) const;
  std::uint16_t u16(std::size_t at) const {
    return static_cast<std::uint16_t>(message_[at] << 8 | message_[at + 1]);
  }
  const unsigned char* at(std::size_t offset) const { return message_.data() + offset; }

 private:
  bool has(std::size_t bytes) const { return message_.size() - at_ >= bytes; }

  std::span<const unsigned char> message_;
  std::size_t at_ = kHeaderBytes;
};

std::optional<std::string> Reader::name_at(std::size_t offset, std::size_t& bytes_used) const {
  if (offset >= message_.size()) return std::nullopt;
  char* text = nullptr;
  long used = 0;
  const int status = ares_expand_name(message_.data() + offset, message_.data(),
                                      static_cast<int>(message_.size()), &text, &used);
  if (status != ARES_SUCCESS) return std::nullopt;
  std::string name = base::to_lower(text);
  ares_free_string(text);
  bytes_used = static_cast<std::size_t>(used);
  return name;
}

bool Reader::skip_questions() {
  for (std::uint16_t left = u16(4); left > 0; --left) {
    std::size_t used = 0;
    if (!name_at(at_, used)) return false;
    at_ += used;
    if (!has(4)) return false;
    at_ += 4;
  }
  return true;
}

std::optional<Record> Reader::next_record() {
  Record record;
  std::size_t used = 0;
  auto owner = name_at(at_, used);
  if (!owner) return std::nullopt;
  at_ += used;
  if (!has(10)) return std::nullopt;
  record.owner = std::move(*owner);
  record.type = u16(at_ + 2) == kInternet ? u16(at_) : std::uint16_t{0};
  record.ttl_seconds = std::uint32_t{u16(at_ + 4)} << 16 | u16(at_ + 6);
  if (record.ttl_seconds > kTtlMax) record.ttl_seconds = 0;
  record.data_bytes = u16(at_ + 8);
  record.data = at_ + 10;
  at_ += 10;
  if (!has(record.data_bytes)) return std::nullopt;
  at_ += record.data_bytes;
  return record;
}

void add_address(DnsReply& reply, const Reader& reader, const Record& record) {
  sockaddr_storage address{};
  if (record.type == static_cast<std::uint16_t>(DnsType::kA) && record.data_bytes == 4) {
    address.ss_family = AF_INET;
    std::memcpy(&reinterpret_cast<sockaddr_in&>(address).sin_addr, reader.at(record.data), 4);
  } else if (record.type == static_cast<std::uint16_t>(DnsType::kAaaa) && record.data_bytes == 16) {
    address.ss_family = AF_INET6;
    std::memcpy(&reinterpret_cast<sockaddr_in6&>(address).sin6_addr, reader.at(record.data), 16);
  } else {
    return;
  }
  reply.addresses.push_back(base::IpAddress::of(address));
}

void add_service(DnsReply& reply, const Reader& reader, const Record& record) {
  if (record.data_bytes < 7) return;
  std::size_t used = 0;
  auto target = reader.name_at(record.data + 6, used);
  if (!target) return;
  reply.services.push_back({.target = std::move(*target),
                            .port = reader.u16(record.data + 4),
                            .priority = reader.u16(record.data),
                            .weight = reader.u16(record.data + 2)});
}

DnsReply failed(std::string error) {
  DnsReply reply;
  reply.error = std::move(error);
  return reply;
}

// Where the CNAMEs of the answer lead from `name`, and the smallest TTL on the way.
std::string follow_aliases(const Reader& reader, const std::vector<Record>& records, std::string name,
                           std::uint32_t& ttl_seconds) {
  for (int i = 0; i < kAliasesMax; ++i) {
    const auto alias = std::ranges::find_if(
        records, [&](const Record& record) { return record.type == kCname && record.owner == name; });
    if (alias == records.end()) break;
    std::size_t used = 0;
    auto target = reader.name_at(alias->data, used);
    if (!target || *target == name) break;
    name = std::move(*target);
    ttl_seconds = std::min(ttl_seconds, alias->ttl_seconds);
  }
  return name;
}

}  // namespace

DnsReply parse_dns_reply(std::span<const unsigned char> message, const std::string& name, DnsType type) {
  if (message.size() < kHeaderBytes) return failed("an answer of less than a header");
  Reader reader(message);
  if (!reader.skip_questions()) return failed("an answer that is cut off");
  std::vector<Record> records;
  for (std::size_t left = reader.answers(); left > 0; --left) {
    auto record = reader.next_record();
    if (!record) return failed("an answer that is cut off");
    records.push_back(std::move(*record));
  }
  DnsReply reply;
  reply.ttl_seconds = kTtlMax;
  const std::string asked = base::to_lower(name);
  const std::string owner = follow_aliases(reader, records, asked, reply.ttl_seconds);
  for (const auto& record : records) {
    if (record.owner != owner || record.type != static_cast<std::uint16_t>(type)) continue;
    if (type == DnsType::kSrv) {
      add_service(reply, reader, record);
    } else {
      add_address(reply, reader, record);
    }
    reply.ttl_seconds = std::min(reply.ttl_seconds, record.ttl_seconds);
  }
  const bool found = !reply.addresses.empty() || !reply.services.empty();
  if (!found && owner != asked) reply.alias = owner;
  reply.kind = found || !reply.alias.empty() ? DnsReply::Kind::kRecords : DnsReply::Kind::kNoRecords;
  return reply;
}

}  // namespace apisix::resolve
