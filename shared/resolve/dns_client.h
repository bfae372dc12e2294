// DnsClient: one question to the name servers, one reply; retransmission and the choice of a server are its
// business, caching is not. Ares behind it in the gateway, a script in tests.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/delegate.h"
#include "shared/base/ip.h"

namespace apisix::resolve {

enum class DnsType : std::uint16_t { kA = 1, kSrv = 33, kAaaa = 28 };

struct SrvRecord {
  std::string target;
  std::uint16_t port = 0;
  std::uint16_t priority = 0;  // lower comes first
  std::uint16_t weight = 0;
};

struct DnsReply {
  enum class Kind : unsigned char {
    kRecords,    // `alias` or at least one address or service record
    kNoRecords,  // the name exists, without records of this type
    kNoName,     // NXDOMAIN
    kFailed,     // SERVFAIL, REFUSED, no server reachable, nonsense
    kTimeout,
  };
  Kind kind = Kind::kFailed;
  std::vector<base::IpAddress> addresses;
  std::vector<SrvRecord> services;
  std::string alias;              // where the CNAMEs lead when no record of the type came along
  std::uint32_t ttl_seconds = 0;  // the smallest on the way
  std::string error;
};

struct NameServer {
  base::IpAddress address;
  std::uint16_t port = 53;
  bool operator==(const NameServer&) const = default;
};

// "192.0.2.1", "192.0.2.1:1053", "2001:db8::1", "[2001:db8::1]:53"; a zone id ("%eth0") is dropped.
base::Result<NameServer> parse_name_server(std::string_view text);

// One question; a member of the object that asks. Destroying it cancels the query.
class DnsQuery {
 public:
  // May run inside DnsClient::start(). May destroy the query.
  using Callback = base::Delegate<void(const DnsReply& reply)>;

  explicit DnsQuery(Callback callback) : callback_(callback) {}
  ~DnsQuery() { cancel(); }
  DnsQuery(const DnsQuery&) = delete;
  DnsQuery& operator=(const DnsQuery&) = delete;

  void cancel() {
    if (owner_ != nullptr) *owner_ = nullptr;
    owner_ = nullptr;
  }
  // For clients: `owner` is set to null when the query is cancelled.
  void set_owner(DnsQuery** owner) { owner_ = owner; }
  void reply(const DnsReply& reply) {
    owner_ = nullptr;
    callback_(reply);
  }

 private:
  Callback callback_;
  DnsQuery** owner_ = nullptr;
};

class DnsClient {
 public:
  virtual ~DnsClient() = default;

  virtual void start(DnsQuery& query, const std::string& name, DnsType type) = 0;
  // Tried in this order. Questions in flight fail.
  virtual void set_servers(std::span<const NameServer> servers) = 0;
};

}  // namespace apisix::resolve
