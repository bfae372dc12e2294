#include "worker/diagnose/shadows.h"

#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "shared/format/json.h"
#include "tests/unit/worker/route/table_reader.h"
#include "worker/route/router.h"

namespace apisix::diagnose {
namespace {

using format::Json;
using route::RouterKind;

struct Row {
  const char* id;
  const char* json;
};

route::RouteEntry entry_of(const std::string& id, const Json& json, std::uint64_t sequence) {
  auto entry = route::RouteEntry::from_json(id, json, nullptr);
  EXPECT_TRUE(entry) << id;
  entry->sequence = sequence;
  return std::move(*entry);
}

std::string conditions_of(const Json& json) {
  const Json& vars = format::find_member(json, "vars");
  return vars.isNull() ? "" : format::to_json(vars);
}

// "b<a" equal to a route; "b:a" whole; "b~a" in part.
std::set<std::string> shadows_of(RouterKind kind, const std::vector<Row>& rows) {
  Shadows shadows(kind);
  std::uint64_t sequence = 0;
  for (const Row& row : rows) {
    const Json json = format::parse_json(row.json).value();
    shadows.add(entry_of(row.id, json, ++sequence), conditions_of(json));
  }
  while (shadows.step()) {
  }
  std::set<std::string> out;
  for (const auto& shadow : shadows.take()) {
    out.insert(shadow.id + (shadow.is_equal ? "=" : shadow.is_whole ? ":" : "~") + shadow.by);
  }
  return out;
}

using Found = std::set<std::string>;

constexpr RouterKind kAllKinds[] = {RouterKind::kHostUri, RouterKind::kUri, RouterKind::kUriWithParameter};

TEST(Shadows, TheOlderOfEqualsTakesAll) {
  for (const RouterKind kind : kAllKinds) {
    EXPECT_EQ(shadows_of(kind, {{"a", R"({"uri":"/x"})"}, {"b", R"({"uri":"/x"})"}}), Found{"b=a"});
    EXPECT_EQ(shadows_of(kind, {{"a", R"({"uri":"/x"})"}, {"b", R"({"uri":"/x","priority":1})"}}),
              Found{"a=b"});
    EXPECT_EQ(shadows_of(kind, {{"a", R"({"uri":"/x"})"}, {"b", R"({"uri":"/y"})"}}), Found{});
    // An exact path comes before a prefix, a longer prefix before a shorter one: nothing is covered.
    EXPECT_EQ(shadows_of(kind, {{"a", R"({"uri":"/x*","priority":9})"}, {"b", R"({"uri":"/x"})"}}), Found{});
  }
}

TEST(Shadows, MethodsAddUp) {
  const Row get{"get", R"({"uri":"/x","methods":["GET"]})"};
  const Row post{"post", R"({"uri":"/x","methods":["POST"]})"};
  const Row both{"both", R"({"uri":"/x","methods":["POST","GET"]})"};
  const Row all{"all", R"({"uri":"/x"})"};
  EXPECT_EQ(shadows_of(RouterKind::kUri, {get, both}), Found{});
  EXPECT_EQ(shadows_of(RouterKind::kUri, {get, post, both}), Found{"both:get"});
  EXPECT_EQ(shadows_of(RouterKind::kUri, {both, get}), Found{"get:both"});
  EXPECT_EQ(shadows_of(RouterKind::kUri, {both, all}), Found{});
  EXPECT_EQ(shadows_of(RouterKind::kUri, {all, both}), Found{"both:all"});
}

TEST(Shadows, ConditionsCoverOnlyTheirEquals) {
  const Row plain{"plain", R"({"uri":"/x"})"};
  const Row one{"one", R"({"uri":"/x","vars":[["arg_a","==","1"]]})"};
  const Row same{"same", R"({"uri":"/x","vars":[["arg_a","==","1"]]})"};
  const Row two{"two", R"({"uri":"/x","vars":[["arg_a","==","2"]]})"};
  EXPECT_EQ(shadows_of(RouterKind::kUri, {one, plain, two}), Found{"two:plain"});
  EXPECT_EQ(shadows_of(RouterKind::kUri, {one, two, plain}), Found{});
  EXPECT_EQ(shadows_of(RouterKind::kUri, {one, two, same}), Found{"same=one"});
}

TEST(Shadows, HostsAsTheRouterSeesThem) {
  const Row any{"any", R"({"uri":"/x"})"};
  const Row exact{"exact", R"({"uri":"/x","host":"a.test"})"};
  const Row wild{"wild", R"({"uri":"/x","host":"*.test"})"};
  const Row two{"two", R"({"uri":"/x","hosts":["a.test","b.test"]})"};
  // Stored by host: each host has routes of its own.
  EXPECT_EQ(shadows_of(RouterKind::kHostUri, {any, wild, exact}), Found{});
  EXPECT_EQ(shadows_of(RouterKind::kHostUri, {exact, two}), Found{"two~exact"});
  EXPECT_EQ(shadows_of(RouterKind::kHostUri, {two, exact}), Found{"exact:two"});
  // A condition like any other.
  EXPECT_EQ(shadows_of(RouterKind::kUri, {any, wild, exact}), (Found{"wild:any", "exact:any"}));
  EXPECT_EQ(shadows_of(RouterKind::kUri, {wild, exact, two}), (Found{"exact:wild", "two:exact"}));
  EXPECT_EQ(shadows_of(RouterKind::kUri, {exact, wild, any}), Found{});
}

TEST(Shadows, PathsWithParameters) {
  const Row rest{"rest", R"({"uri":"/x/*","priority":1})"};
  const Row one{"one", R"({"uri":"/x/:id"})"};
  const Row other{"other", R"({"uri":"/x/:ab"})"};
  EXPECT_EQ(shadows_of(RouterKind::kUriWithParameter, {rest, one}), Found{"one:rest"});
  EXPECT_EQ(shadows_of(RouterKind::kUriWithParameter, {one, other}), Found{"other:one"});
  EXPECT_EQ(shadows_of(RouterKind::kUriWithParameter, {{"a", R"({"uri":"/x/:id/y"})"}, one}), Found{});
}

TEST(Shadows, OneOfSeveralUris) {
  EXPECT_EQ(shadows_of(RouterKind::kUri, {{"a", R"({"uri":"/x"})"}, {"b", R"({"uris":["/x","/y"]})"}}),
            Found{"b~a"});
  EXPECT_EQ(shadows_of(RouterKind::kUri, {{"a", R"({"uris":["/x","/x"]})"}}), Found{});
}

// Whatever is said to be covered gets no request at all.
TEST(Shadows, NothingThatIsReportedIsEverTaken) {
  std::mt19937 random(5);
  const auto pick = [&random](const std::vector<std::string>& of) { return of[random() % of.size()]; };
  const std::vector<std::string> uris = {"/a", "/a*", "/a/*", "/a/:x", "/a/:y", "/a/:x/b", "/*", "/a/b"};
  const std::vector<std::string> hosts = {"", "", "h.t", "*.t", "*", "g.h.t", "h.t:80"};
  const std::vector<std::string> paths = {"/a", "/a/", "/a/b", "/a/c", "/a/c/b", "/ab", "/"};
  std::size_t reported = 0;
  for (int round = 0; round < 300; ++round) {
    const RouterKind kind = kAllKinds[round % 3];
    route::Router router = route::Router::make(kind);
    Shadows shadows(kind);
    for (std::uint64_t i = 0; i < 8; ++i) {
      Json json(::Json::objectValue);
      for (unsigned n = random() % 2 + 1; n > 0; --n) json["uris"].append(pick(uris));
      for (unsigned n = random() % 3; n > 0; --n) {
        if (const std::string host = pick(hosts); !host.empty()) json["hosts"].append(host);
      }
      for (unsigned n = random() % 3; n > 0; --n) json["methods"].append(pick({"GET", "POST"}));
      if (random() % 3 == 0) json["priority"] = static_cast<int>(random() % 3);
      if (random() % 4 == 0) json["vars"] = format::parse_json(R"([["arg_a","==","1"]])").value();
      auto entry = entry_of(std::to_string(i), json, i);
      ASSERT_TRUE(router.put(entry));
      shadows.add(*router.find(std::to_string(i)), conditions_of(json));
    }
    while (shadows.step()) {
    }
    std::set<std::string> taken;
    for (const char* variables : {"{}", R"({"arg_a":"1"})"}) {
      for (const std::string& path : paths) {
        for (const char* host : {"", "h.t", "x.t", "g.h.t", "other"}) {
          for (const char* port : {"", ":80"}) {
            for (const char* method : {"GET", "POST", "FROB"}) {
              route::TableReader reader(variables);
              const std::string raw = host + std::string(port);
              const auto* found = router.match({.uri = path,
                                                .host = host,
                                                .authority = raw,
                                                .method = route::method_bit(method),
                                                .variables = &reader},
                                               nullptr);
              if (found != nullptr) taken.insert(found->id);
            }
          }
        }
      }
    }
    for (const auto& shadow : shadows.take()) {
      if (!shadow.is_whole) continue;
      ++reported;
      EXPECT_FALSE(taken.contains(shadow.id))
          << "round " << round << ": " << shadow.id << " by " << shadow.by;
    }
  }
  EXPECT_GT(reported, 100u);
}

}  // namespace
}  // namespace apisix::diagnose
