// ScriptedDnsClient: replies when the test says so; counts the questions.
#pragma once

#include <algorithm>
#include <list>
#include <string>
#include <vector>

#include "shared/resolve/dns_client.h"

namespace apisix::resolve {

class ScriptedDnsClient final : public DnsClient {
 public:
  struct Question {
    DnsQuery* query;
    std::string name;
    DnsType type;
  };

  void start(DnsQuery& query, const std::string& name, DnsType type) override {
    asked.push_back((type == DnsType::kA ? "A " : type == DnsType::kAaaa ? "AAAA " : "SRV ") + name);
    open_.push_back({&query, name, type});
    query.set_owner(&open_.back().query);
  }
  void set_servers(std::span<const NameServer> list) override { servers.assign(list.begin(), list.end()); }

  // Questions that were not cancelled.
  std::size_t open() {
    open_.remove_if([](const Question& question) { return question.query == nullptr; });
    return open_.size();
  }
  // Replies to the oldest open question.
  void reply(const DnsReply& reply) {
    if (open() == 0) return;
    DnsQuery* query = open_.front().query;
    open_.pop_front();
    query->reply(reply);
  }
  void reply_with(const std::vector<std::string>& addresses, std::uint32_t ttl_seconds) {
    DnsReply made;
    made.kind = DnsReply::Kind::kRecords;
    made.ttl_seconds = ttl_seconds;
    for (const auto& text : addresses) made.addresses.push_back(*base::IpAddress::parse(text));
    reply(made);
  }
  void fail(DnsReply::Kind kind) {
    DnsReply made;
    made.kind = kind;
    made.error = kind == DnsReply::Kind::kTimeout ? "timeout" : "failed";
    reply(made);
  }

  std::vector<std::string> asked;
  std::vector<NameServer> servers;

 private:
  std::list<Question> open_;
};

}  // namespace apisix::resolve
