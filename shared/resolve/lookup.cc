#include "shared/resolve/lookup.h"

#include <algorithm>
#include <limits>

namespace apisix::resolve {

std::vector<LookupStep> plan_lookup(const std::string& name, const SearchRule& search,
                                    const std::vector<DnsType>& order) {
  std::vector<std::string> names;
  const bool absolute = name.ends_with('.');
  const std::string bare = absolute ? name.substr(0, name.size() - 1) : name;
  if (!absolute) {
    for (const auto& domain : search.domains) names.emplace_back(bare).append(1, '.').append(domain);
  }
  const auto dots = static_cast<std::uint32_t>(std::ranges::count(bare, '.'));
  names.insert(dots >= search.ndots ? names.begin() : names.end(), bare);
  constexpr std::size_t kNameBytesMax = 253;
  std::erase_if(names, [](const std::string& candidate) { return candidate.size() > kNameBytesMax; });
  std::vector<LookupStep> steps;
  for (auto& candidate : names) {
    for (const DnsType type : order) steps.push_back({candidate, type});
  }
  return steps;
}

Lookup::Lookup(DnsClient& client, std::vector<LookupStep> steps, std::size_t first_step, Done done)
    : client_(client),
      steps_(std::move(steps)),
      done_(done),
      query_(DnsQuery::Callback::of<&Lookup::on_reply>(*this)) {
  if (first_step < steps_.size()) turns_.push_back(first_step);
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (i != first_step) turns_.push_back(i);
  }
}

void Lookup::ask_next() {
  aliases_ = 0;
  alias_ttl_seconds_ = std::numeric_limits<std::uint32_t>::max();
  if (turn_ < turns_.size()) return client_.start(query_, current().name, current().type);
  if (!failure_.empty()) {
    return finish({.kind = LookupResult::Kind::kFailed, .error = std::move(failure_)});
  }
  finish({.kind = LookupResult::Kind::kNotFound, .error = "no such name, or no address of it"});
}

void Lookup::on_reply(const DnsReply& reply) {
  switch (reply.kind) {
    case DnsReply::Kind::kRecords:
      return follow(reply);
    case DnsReply::Kind::kTimeout:
      // Each further question would cost as long again.
      return finish({.kind = LookupResult::Kind::kFailed, .error = reply.error});
    case DnsReply::Kind::kFailed:
      failure_ = reply.error.empty() ? "failed" : reply.error;
      skip_name();
      return ask_next();
    case DnsReply::Kind::kNoName:
      skip_name();
      return ask_next();
    case DnsReply::Kind::kNoRecords:
      ++turn_;
      return ask_next();
  }
}

void Lookup::follow(const DnsReply& reply) {
  alias_ttl_seconds_ = std::min(alias_ttl_seconds_, reply.ttl_seconds);
  if (!reply.addresses.empty()) {
    LookupResult result{.kind = LookupResult::Kind::kFound,
                        .addresses = reply.addresses,
                        .ttl_seconds = alias_ttl_seconds_,
                        .step = turns_[turn_]};
    std::ranges::sort(result.addresses, {}, &base::IpAddress::bytes);
    result.addresses.erase(std::ranges::unique(result.addresses).begin(), result.addresses.end());
    return finish(std::move(result));
  }
  if (reply.alias.empty() || ++aliases_ > kAliasesMax) {
    failure_ = reply.alias.empty() ? "an answer without addresses" : "too many aliases";
    ++turn_;
    return ask_next();
  }
  client_.start(query_, reply.alias, current().type);
}

// The other types of this name would say the same.
void Lookup::skip_name() {
  const std::string name = current().name;
  do {
    ++turn_;
  } while (turn_ < turns_.size() && current().name == name);
}

void Lookup::finish(LookupResult result) {
  done_(std::move(result));
}

}  // namespace apisix::resolve
