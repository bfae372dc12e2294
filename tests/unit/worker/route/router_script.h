// A random life of a router: routes are put, replaced and erased, and after each edit requests are matched by
// the edited router, by one built afresh, and by the naive one. Driven by numbers: a seeded generator in the
// unit test, the input's bytes in the fuzz target.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "tests/unit/worker/route/naive_router.h"
#include "tests/unit/worker/route/table_reader.h"
#include "worker/route/router.h"

namespace apisix::route {

class RouterScript {
 public:
  // `choose(n)` gives a number below n. `id_count` bounds how many routes live at once.
  RouterScript(RouterKind kind, unsigned id_count, std::function<unsigned(unsigned)> choose)
      : kind_(kind),
        id_count_(id_count),
        choose_(std::move(choose)),
        edited_(Router::make(kind)),
        naive_(kind) {}

  // One edit; the name of the rule that was broken, or "".
  std::string edit() {
    const std::string id = std::to_string(choose_(id_count_));
    if (choose_(3) == 0) {
      const bool known = naive_.entries().contains(id);
      naive_.erase(id);
      if (edited_.erase(id) != known) return "erase";
    } else {
      const RouteEntry entry = any_entry(id);
      naive_.put(entry);
      if (!edited_.put(entry)) return "put";
    }
    return edited_.size() == naive_.entries().size() ? "" : "size";
  }

  // `count` requests; a description of the first with another result, or "".
  std::string compare(int count, bool with_rebuild) {
    Router rebuilt = Router::make(kind_);
    if (with_rebuild) {
      for (const auto& [id, entry] : naive_.entries()) (void)rebuilt.put(entry);
    }
    for (int i = 0; i < count; ++i) {
      const std::string uri = any_path();
      const std::string host = pick({"a.b", "b", "c.a.b", "x", "d.c.a.b", "", "a"});
      TableReader variables(choose_(2) == 0 ? R"({"arg_x":"1"})" : "{}");
      MatchInput input{
          .uri = uri,
          .host = host,
          .authority = choose_(2) == 0 ? std::string_view("a.b:80") : "",
          .method = method_bit(pick({"GET", "POST", "FROB"})),
          .remote = base::IpAddress::parse(pick({"10.0.0.1", "10.1.0.1", "2001:db8::1"})).value(),
          .variables = &variables};
      const NaiveMatch expected = naive_.match(input);
      const NaiveMatch actual = response(edited_, input);
      if (actual != expected) return describe("edited", input, actual, expected);
      if (with_rebuild && response(rebuilt, input) != expected) {
        return describe("rebuilt", input, response(rebuilt, input), expected);
      }
      const auto trail = edited_.explain(input);
      const Candidate* const taken = trail.taken();
      if (taken != nullptr ? taken->entry->id != expected.id : !expected.id.empty()) return "explain";
    }
    return "";
  }

  void erase_all() {
    const auto entries = naive_.entries();
    for (const auto& [id, entry] : entries) {
      naive_.erase(id);
      edited_.erase(id);
    }
  }

  const Router& edited() const { return edited_; }

 private:
  std::string pick(std::initializer_list<const char*> choices) {
    return choices.begin()[choose_(static_cast<unsigned>(choices.size()))];
  }

  std::string any_path() {
    std::string path;
    for (unsigned left = choose_(5) + 1; left > 0; --left) {
      path += '/' + pick({"a", "b", "ab", "abc", "", "v1.0", ":x"});
    }
    return path;
  }

  std::string any_uri() {
    std::string uri;
    for (unsigned left = choose_(4) + 1; left > 0; --left) {
      uri += '/' + pick({"a", "b", "ab", "abc", "", "v1.0", ":x", ":y", "a:x", "*", "*r"});
    }
    // Without a named segment a '*' may stand anywhere; with one it would be regex syntax.
    const bool named = uri.find("/:") != std::string::npos || uri.find("/*") != std::string::npos;
    if (!named && choose_(3) == 0) uri += pick({"*", "*b", "b*"});
    if (choose_(40) == 0) uri = pick({"*", "/", "/*", "*r", "/a*/b"});
    return uri;
  }

  RouteEntry any_entry(const std::string& id) {
    RouteEntry entry;
    entry.id = id;
    // A changed route keeps its place among equals.
    const auto known = naive_.entries().find(id);
    entry.sequence = known != naive_.entries().end() ? known->second.sequence : ++sequence_;
    entry.priority = static_cast<int>(choose_(4)) - 1;
    for (unsigned left = choose_(3) + 1; left > 0; --left) entry.uris.push_back(any_uri());
    if (choose_(2) == 0) {
      for (unsigned left = choose_(3) + 1; left > 0; --left) {
        std::string host = pick({"a.b", "b", "c.a.b", "*.b", "*b", "*", "*.a.b", "a.b:80", "*:80"});
        if (!entry.hosts.contains(host)) entry.hosts.push_back(host);
      }
    }
    if (choose_(3) == 0) entry.methods = method_bit(pick({"GET", "POST", "PURGE"}));
    if (choose_(5) == 0)
      entry.remote_addrs.push_back(base::Cidr::parse(pick({"10.0.0.0/16", "::/0"})).value());
    if (choose_(5) == 0) {
      static const auto rule = std::make_shared<const MatchRule>(
          MatchRule::compile(format::parse_json(R"([["arg_x","==","1"]])").value()).value());
      entry.vars = rule;
    }
    return entry;
  }

  static NaiveMatch response(const Router& router, const MatchInput& input) {
    MatchResult result;
    const RouteEntry* entry = router.match(input, &result);
    if (entry == nullptr) return {};
    NaiveMatch out{entry->id, result.uri_index, std::string(result.host_pattern), {}};
    for (std::uint32_t i = 0; i < result.parameter_count; ++i) {
      out.parameters.emplace_back(result.parameters[i].name, result.parameters[i].value);
    }
    return out;
  }

  std::string describe(const char* which, const MatchInput& input, const NaiveMatch& actual,
                       const NaiveMatch& expected) const {
    std::string out = std::string(which) + ": " + std::string(input.uri) + " host " +
                      std::string(input.host) + " method " + std::to_string(input.method) + " -> " +
                      text(actual) + ", expected " + text(expected) + "; routes:";
    for (const auto& [id, entry] : naive_.entries()) {
      out += "\n  " + id + " priority " + std::to_string(entry.priority) + " sequence " +
             std::to_string(entry.sequence);
      for (const auto uri : entry.uris) out += " " + std::string(uri);
      for (const auto host : entry.hosts) out += " @" + std::string(host);
    }
    return out;
  }

  static std::string text(const NaiveMatch& match) {
    std::string out =
        "[" + match.id + " uri " + std::to_string(match.uri_index) + " host " + match.host_pattern;
    for (const auto& [name, value] : match.parameters) out += " " + name + "=" + value;
    return out + "]";
  }

  RouterKind kind_;
  unsigned id_count_;
  std::function<unsigned(unsigned)> choose_;
  Router edited_;
  NaiveRouter naive_;
  std::uint64_t sequence_ = 0;
};

}  // namespace apisix::route
