#include "worker/route/router.h"

#include <algorithm>
#include <array>

#include "worker/route/path_pattern.h"
#include "worker/route/route_index.h"

namespace apisix::route {
namespace {

// In the order of RouterKind.
constexpr std::array<std::string_view, 3> kKindNames = {"radixtree_host_uri", "radixtree_uri",
                                                        "radixtree_uri_with_parameter"};

base::Status check_entry(const RouteEntry& entry) {
  const std::string where = "route " + entry.id + ": ";
  if (entry.uris.empty()) return base::invalid(where + "no uri");
  for (const std::string_view uri : entry.uris) {
    if (uri.size() > kUriBytesMax) {
      return base::invalid(where + "uri longer than " + std::to_string(kUriBytesMax) + " bytes");
    }
    if (parameter_count(uri) > kParametersMax) {
      return base::invalid(where + "uri with more than " + std::to_string(kParametersMax) + " parameters");
    }
  }
  for (const std::string_view host : entry.hosts) {
    if (host.empty()) return base::invalid(where + "empty host");
    if (host.size() > kHostBytesMax) {
      return base::invalid(where + "host longer than " + std::to_string(kHostBytesMax) + " bytes");
    }
  }
  return {};
}

}  // namespace

base::Result<RouterKind> router_kind_of(std::string_view name) {
  const auto found = std::ranges::find(kKindNames, name);
  if (found != kKindNames.end()) return static_cast<RouterKind>(found - kKindNames.begin());
  return base::invalid("unknown router \"" + std::string(name) +
                       "\", expected radixtree_host_uri, radixtree_uri or radixtree_uri_with_parameter");
}

std::string_view router_kind_name(RouterKind kind) {
  return kKindNames[static_cast<std::size_t>(kind)];
}

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kMatched:
      return "matched";
    case Verdict::kMethod:
      return "method";
    case Verdict::kRemoteAddr:
      return "remote_addr";
    case Verdict::kHost:
      return "host";
    case Verdict::kVars:
      return "vars";
    case Verdict::kFilter:
      return "filter_func";
    case Verdict::kPath:
      return "path";
  }
  return {};
}

void Trail::add(Candidate candidate) {
  ++total;
  const bool is_taken = !found_ && candidate.verdict == Verdict::kMatched;
  found_ |= is_taken;
  if (is_taken || candidates.size() < listed_max) candidates.push_back(std::move(candidate));
}

const Candidate* Trail::taken() const {
  const auto found = std::ranges::find(candidates, Verdict::kMatched, &Candidate::verdict);
  return found == candidates.end() ? nullptr : &*found;
}

Router::Router(RouterKind kind) : index_(std::make_unique<RouteIndex>(kind)) {}
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;
Router::~Router() = default;

Router Router::make(RouterKind kind) {
  return Router(kind);
}

base::Status Router::put(RouteEntry entry) {
  if (auto checked = check_entry(entry); !checked) return checked;
  entry.hosts = comparable_hosts(entry.hosts);
  index_->put(std::move(entry));
  return {};
}

bool Router::erase(std::string_view id) {
  return index_->erase(id);
}

const RouteEntry* Router::find(std::string_view id) const {
  return index_->find(id);
}

std::size_t Router::size() const {
  return index_->size();
}

RouterKind Router::kind() const {
  return index_->kind();
}

const RouteEntry* Router::match(const MatchInput& input, MatchResult* out) const {
  MatchResult own;
  MatchResult& result = out != nullptr ? *out : own;
  index_->match(input, result, nullptr);
  return result.entry;
}

Trail Router::explain(const MatchInput& input, std::size_t listed_max) const {
  Trail trail;
  trail.listed_max = listed_max;
  MatchResult result;
  index_->match(input, result, &trail);
  return trail;
}

std::size_t Router::memory_bytes() const {
  return index_->memory_bytes();
}

}  // namespace apisix::route
