// Lookup: the questions that lead from one name to addresses: search domains and record types in order,
// CNAMEs followed. Destroying it cancels it.
#pragma once

#include <string>
#include <vector>

#include "shared/resolve/dns_client.h"

namespace apisix::resolve {

struct LookupStep {
  std::string name;  // absolute, without the final dot
  DnsType type = DnsType::kA;
};

// How resolv.conf wants names to be completed.
struct SearchRule {
  std::vector<std::string> domains;
  std::uint32_t ndots = 1;
};

// The questions for `name`: with ndots dots or more it is asked as it is first, else with the search domains
// first; a final dot means as it is only. Each in the given order of types.
std::vector<LookupStep> plan_lookup(const std::string& name, const SearchRule& search,
                                    const std::vector<DnsType>& order);

struct LookupResult {
  enum class Kind : unsigned char { kFound, kNotFound, kFailed } kind = Kind::kFailed;
  std::vector<base::IpAddress> addresses = {};  // sorted, no duplicates
  std::uint32_t ttl_seconds = 0;
  std::size_t step = 0;  // the one that replied
  std::string error = {};
};

class Lookup {
 public:
  // May run inside start(). May destroy the lookup.
  using Done = base::Delegate<void(LookupResult result)>;

  // `first_step` is asked before the others: the one that replied the last time.
  Lookup(DnsClient& client, std::vector<LookupStep> steps, std::size_t first_step, Done done);

  void start() { ask_next(); }

 private:
  static constexpr int kAliasesMax = 8;

  void ask_next();
  void on_reply(const DnsReply& reply);
  void follow(const DnsReply& reply);
  void skip_name();
  void finish(LookupResult result);
  const LookupStep& current() const { return steps_[turns_[turn_]]; }

  DnsClient& client_;
  std::vector<LookupStep> steps_;
  std::vector<std::size_t> turns_;  // steps in the order of asking
  std::size_t turn_ = 0;
  int aliases_ = 0;  // followed within this step
  std::uint32_t alias_ttl_seconds_ = 0;
  std::string failure_;  // of a step that could not be decided
  Done done_;
  DnsQuery query_;
};

}  // namespace apisix::resolve
