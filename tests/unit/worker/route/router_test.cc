// The consequences of the match order (reference 7.2), each by name.
#include "worker/route/router.h"

#include <gtest/gtest.h>

#include "tests/unit/worker/route/table_reader.h"

namespace apisix::route {
namespace {

using format::parse_json;

constexpr RouterKind kAllKinds[] = {RouterKind::kHostUri, RouterKind::kUri, RouterKind::kUriWithParameter};

struct Request {
  std::string uri;
  std::string host = "x";
  std::string method = "GET";
  std::string remote = "192.0.2.1";
  std::string authority = "";
  std::string variables = "{}";
};

// A router filled with routes as the Admin API has them: id -> JSON, in this order.
class Fixture {
 public:
  Fixture(RouterKind kind, std::initializer_list<std::pair<const char*, const char*>> routes)
      : router_(Router::make(kind)) {
    for (const auto& [id, json] : routes) put(id, json);
  }

  void put(const char* id, const char* json, const char* service_json = nullptr) {
    const format::Json route = parse_json(json).value();
    format::Json service;
    if (service_json != nullptr) service = parse_json(service_json).value();
    auto entry = RouteEntry::from_json(id, route, service_json != nullptr ? &service : nullptr);
    ASSERT_TRUE(entry) << entry.error().what;
    const RouteEntry* known = router_.find(id);
    entry->sequence = known != nullptr ? known->sequence : ++sequence_;
    if (!is_enabled(route)) {
      router_.erase(id);
    } else {
      ASSERT_TRUE(router_.put(std::move(*entry)));
    }
  }

  // The id of the route taken, "-" when there is none. `result_` keeps what else was found.
  std::string match(const Request& request) {
    request_ = request;
    TableReader variables(request_.variables);
    const RouteEntry* entry = router_.match(input(variables), &result_);
    return entry == nullptr ? "-" : entry->id;
  }

  std::string match(const char* uri, const char* host = "x") { return match({.uri = uri, .host = host}); }

  // "id:verdict id:verdict ..."
  std::string explain(const Request& request) {
    request_ = request;
    TableReader variables(request_.variables);
    std::string out;
    for (const Candidate& candidate : router_.explain(input(variables)).candidates) {
      if (!out.empty()) out += ' ';
      out += candidate.entry->id + ':' + std::string(verdict_name(candidate.verdict));
    }
    return out;
  }

  std::string parameter(const char* name) const {
    return std::string(result_.parameter(name).value_or("(none)"));
  }

  MatchResult result_;
  Router router_;

 private:
  MatchInput input(VariableReader& variables) const {
    return {.uri = request_.uri,
            .host = request_.host,
            .authority = request_.authority,
            .method = method_bit(request_.method),
            .remote = base::IpAddress::parse(request_.remote).value(),
            .variables = &variables};
  }

  Request request_;
  std::uint64_t sequence_ = 0;
};

TEST(Router, PriorityNeverBeatsAnExactMatch) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"prefix", R"({"uri":"/foo*","priority":100})"}, {"exact", R"({"uri":"/foo"})"}});
    EXPECT_EQ(f.match("/foo"), "exact");
    EXPECT_EQ(f.match("/foo2"), "prefix");
  }
}

TEST(Router, PriorityNeverBeatsALongerPrefix) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"short", R"({"uri":"/a*","priority":100})"}, {"long", R"({"uri":"/a/b*"})"}});
    EXPECT_EQ(f.match("/a/b/c"), "long");
    EXPECT_EQ(f.match("/a/c"), "short");
  }
}

TEST(Router, PriorityOrdersRoutesOfTheSameUri) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"low", R"({"uri":"/a","priority":1})"},
                     {"high", R"({"uri":"/a","priority":2})"},
                     {"none", R"({"uri":"/a"})"},
                     {"negative", R"({"uri":"/a","priority":-1})"}});
    EXPECT_EQ(f.explain({.uri = "/a"}), "high:matched low:matched none:matched negative:matched");
    EXPECT_TRUE(f.router_.erase("high"));
    EXPECT_EQ(f.match("/a"), "low");
    EXPECT_TRUE(f.router_.erase("low"));
    EXPECT_EQ(f.match("/a"), "none");
    EXPECT_TRUE(f.router_.erase("none"));
    EXPECT_EQ(f.match("/a"), "negative");
  }
}

TEST(Router, PrioritiesAtTheEndsOfTheirTypeAreInOrder) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"least", R"({"uri":"/a","priority":-9223372036854775808})"},
                     {"most", R"({"uri":"/a","priority":9223372036854775807})"},
                     {"one", R"({"uri":"/a","priority":1})"},
                     {"none", R"({"uri":"/a"})"}});
    EXPECT_EQ(f.explain({.uri = "/a"}), "most:matched one:matched none:matched least:matched");
    f.put("beyond", R"({"uri":"/a","priority":1e19})");
    EXPECT_TRUE(f.router_.erase("most"));
    EXPECT_EQ(f.explain({.uri = "/a"}), "beyond:matched one:matched none:matched least:matched");
  }
}

TEST(Router, AChangedPriorityTakesEffect) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"1", R"({"uri":"/a","priority":2})"}, {"2", R"({"uri":"/a","priority":1})"}});
    EXPECT_EQ(f.match("/a"), "1");
    f.put("2", R"({"uri":"/a","priority":3})");
    EXPECT_EQ(f.match("/a"), "2");
    EXPECT_EQ(f.router_.size(), 2u);
  }
}

TEST(Router, OfEqualPriorityTheLongerUriIsFirst) {
  // Both are stored under "/a/"; the longer pattern is the more specific one.
  Fixture f(RouterKind::kUriWithParameter, {{"short", R"({"uri":"/a/:id"})"},
                                            {"long", R"({"uri":"/a/:name/list"})"},
                                            {"rest", R"({"uri":"/a/*"})"}});
  EXPECT_EQ(f.explain({.uri = "/a/1"}), "long:path short:matched rest:matched");
  EXPECT_EQ(f.match("/a/1/list"), "long");
  EXPECT_EQ(f.match("/a/1/other"), "rest");
}

TEST(Router, OfEqualsTheFirstInsertedIsTaken) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"b", R"({"uri":"/a*"})"}, {"a", R"({"uri":"/a*"})"}, {"c", R"({"uri":"/a*"})"}});
    EXPECT_EQ(f.match("/a"), "b");
    // Changing it does not move it; erasing and making it anew does.
    f.put("b", R"({"uri":"/a*","name":"changed"})");
    EXPECT_EQ(f.match("/a"), "b");
    f.router_.erase("b");
    f.put("b", R"({"uri":"/a*"})");
    EXPECT_EQ(f.match("/a"), "a");
  }
}

TEST(Router, AFailedConditionGoesOnToTheNextCandidate) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"exact", R"({"uri":"/a/b","methods":["POST"]})"},
                     {"high", R"({"uri":"/a/*","priority":9,"vars":[["arg_x","==","1"]]})"},
                     {"low", R"({"uri":"/a/*","remote_addr":"10.0.0.0/8"})"},
                     {"top", R"({"uri":"/*"})"}});
    EXPECT_EQ(f.match({.uri = "/a/b", .method = "POST"}), "exact");
    EXPECT_EQ(f.match({.uri = "/a/b", .variables = R"({"arg_x":"1"})"}), "high");
    EXPECT_EQ(f.match({.uri = "/a/b", .remote = "10.1.2.3"}), "low");
    EXPECT_EQ(f.explain({.uri = "/a/b"}), "exact:method high:vars low:remote_addr top:matched");
  }
}

TEST(Router, APrefixMatchesItsTextAlone) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"1", R"({"uri":"/foo*"})"}});
    for (const char* uri : {"/foo", "/foo/", "/foobar", "/foo/bar/baz"}) EXPECT_EQ(f.match(uri), "1") << uri;
    for (const char* uri : {"/fo", "/", "/bar", "foo", ""}) EXPECT_EQ(f.match(uri), "-") << uri;
  }
}

TEST(Router, AStarAloneMatchesEverything) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"all", R"({"uri":"*"})"}, {"root", R"({"uri":"/*"})"}});
    EXPECT_EQ(f.match("/x"), "root");
    EXPECT_EQ(f.match("x"), "all");
    EXPECT_EQ(f.match(""), "all");
  }
}

TEST(Router, AStarInTheMiddleIsComparedBySegments) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"1", R"({"uri":"/a/*/c"})"}, {"2", R"({"uri":"/a/*"})"}});
    EXPECT_EQ(f.match("/a/b/c"), "1");
    EXPECT_EQ(f.parameter(":ext"), "b");
    EXPECT_EQ(f.match("/a/b/b2/c"), "1");
    EXPECT_EQ(f.parameter(":ext"), "b/b2");
    EXPECT_EQ(f.match("/a/b/d"), "2");
    EXPECT_EQ(f.match("/a/c"), "2");
  }
}

TEST(Router, AStarInsideASegmentIsAPrefixMark) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"1", R"({"uri":"/foo*bar"})"}});
    EXPECT_EQ(f.match("/fooXbar"), "1");
    EXPECT_EQ(f.match("/foo"), "1");
  }
}

TEST(Router, TheRestIsCaptured) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"1", R"({"uri":"/grpc/*"})"}, {"2", R"({"uri":"/named/*path"})"}});
    EXPECT_EQ(f.match("/grpc/a.B/C"), "1");
    EXPECT_EQ(f.parameter(":ext"), "a.B/C");
    EXPECT_EQ(f.match("/grpc/"), "1");
    EXPECT_EQ(f.parameter(":ext"), "");
    EXPECT_EQ(f.match("/named/a/b"), "2");
    EXPECT_EQ(f.parameter("path"), "a/b");
    EXPECT_EQ(f.parameter(":ext"), "(none)");
    EXPECT_EQ(f.match("/named"), "-");
  }
}

TEST(Router, AColonIsTextUnlessParametersAreOn) {
  for (const RouterKind kind : {RouterKind::kHostUri, RouterKind::kUri}) {
    Fixture f(kind, {{"1", R"({"uri":"/file:list"})"},
                     {"2", R"({"uri":"/do:list","hosts":["t.com"]})"},
                     {"3", R"({"uri":"/name/:name"})"}});
    EXPECT_EQ(f.match("/file:list"), "1");
    EXPECT_EQ(f.match("/file:xx"), "-");
    EXPECT_EQ(f.match("/do:list", "t.com"), "2");
    EXPECT_EQ(f.match("/do:xx", "t.com"), "-");
    EXPECT_EQ(f.match("/name/json"), "-");
    EXPECT_EQ(f.match("/name/:name"), "3");
  }
}

TEST(Router, AParameterMatchesOneSegment) {
  Fixture f(RouterKind::kUriWithParameter, {{"1", R"({"uri":"/name/:name/bar"})"},
                                            {"2", R"({"uri":"/:name/foo"})"},
                                            {"3", R"({"uri":"/file/:filename"})"},
                                            {"4", R"({"uri":"/slash/:name/"})"},
                                            {"5", R"({"uri":"/name/:name/id/:id/*other"})"}});
  EXPECT_EQ(f.match("/name/json/bar"), "1");
  EXPECT_EQ(f.parameter("name"), "json");
  for (const char* uri :
       {"/name/json2/fooo", "/name/json/", "/name//bar", "/name/json/bar/", "/json/bbb/foo"}) {
    EXPECT_EQ(f.match(uri), "-") << uri;
  }
  EXPECT_EQ(f.match("/json/foo"), "2");
  EXPECT_EQ(f.match("/file/123&45@dd:d=test;"), "3");
  EXPECT_EQ(f.parameter("filename"), "123&45@dd:d=test;");
  EXPECT_EQ(f.match("/file/t!e*s't,(file)"), "3");
  EXPECT_EQ(f.match("/file/json%20space"), "3");
  EXPECT_EQ(f.match("/file/"), "-");
  EXPECT_EQ(f.match("/slash/json/"), "4");
  EXPECT_EQ(f.match("/slash/json"), "-");
  EXPECT_EQ(f.match("/name/json/id/1/foo/bar"), "5");
  EXPECT_EQ(f.parameter("name") + f.parameter("id") + f.parameter("other"), "json1foo/bar");
}

TEST(Router, LiteralSegmentsKeepTheRegexSyntaxOfApisix) {
  Fixture f(RouterKind::kUriWithParameter, {{"long", R"({"uri":"/api/:version/projects/:project/nodes/?"})"},
                                            {"medium", R"({"uri":"/api/:version/projects/:project"})"},
                                            {"short", R"({"uri":"/api/:version/*subpath"})"},
                                            {"dot", R"({"uri":"/v1.0/:id/x.y"})"},
                                            {"plus", R"({"uri":"/c++/*"})"},
                                            {"either", R"({"uri":"/pick/:n/(a|b)/:m"})"},
                                            {"broken", R"({"uri":"/broken/:n/(a"})"}});
  EXPECT_EQ(f.match("/api/v4/projects/saas/nodes/"), "long");
  EXPECT_EQ(f.match("/api/v4/projects/saas/nodes"), "long");
  EXPECT_EQ(f.parameter("version") + " " + f.parameter("project"), "v4 saas");
  EXPECT_EQ(f.match("/api/v4/projects/saas"), "medium");
  EXPECT_EQ(f.match("/api/v4/test"), "short");
  EXPECT_EQ(f.match("/v1.0/7/x.y"), "dot");
  EXPECT_EQ(f.match("/v1.0/7/xzy"), "-");
  EXPECT_EQ(f.match("/v1x0/7/x.y"), "-");
  EXPECT_EQ(f.match("/c++/a"), "plus");
  EXPECT_EQ(f.match("/pick/1/b/2"), "either");
  EXPECT_EQ(f.parameter("n") + f.parameter("m"), "12");
  EXPECT_EQ(f.match("/pick/1/c/2"), "-");
  EXPECT_EQ(f.match("/broken/1/(a"), "-");
}

TEST(Router, MethodsAreASet) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"purge", R"({"uri":"/a","methods":["PURGE","GET"]})"},
                     {"any", R"({"uri":"/b"})"},
                     {"none", R"({"uri":"/c","methods":[]})"}});
    EXPECT_EQ(f.match({.uri = "/a", .method = "PURGE"}), "purge");
    EXPECT_EQ(f.match({.uri = "/a", .method = "GET"}), "purge");
    EXPECT_EQ(f.match({.uri = "/a", .method = "POST"}), "-");
    EXPECT_EQ(f.match({.uri = "/a", .method = "PROPFIND"}), "-");
    EXPECT_EQ(f.match({.uri = "/a", .method = "get"}), "-");
    EXPECT_EQ(f.match({.uri = "/b", .method = "PROPFIND"}), "any");
    EXPECT_EQ(f.match({.uri = "/c", .method = "TRACE"}), "none");
  }
}

TEST(Router, RemoteAddressesAreBlocks) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"1", R"({"uri":"/a","remote_addrs":["10.0.0.0/8","2001:db8::/32","192.168.0.1"]})"}});
    for (const char* address : {"10.255.0.1", "2001:db8::1", "192.168.0.1", "::ffff:10.0.0.1"}) {
      EXPECT_EQ(f.match({.uri = "/a", .remote = address}), "1") << address;
    }
    for (const char* address : {"11.0.0.1", "2001:db9::1", "192.168.0.2"}) {
      EXPECT_EQ(f.match({.uri = "/a", .remote = address}), "-") << address;
    }
  }
}

TEST(Router, HostsAreExactOrASuffixOfAnyDepth) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"1", R"({"uri":"/a","hosts":["foo.com","*.Bar.com"]})"},
                     {"2", R"({"uri":"/b","host":"*"})"}});
    for (const char* host : {"foo.com", "www.bar.com", "a.b.bar.com", ".bar.com"}) {
      EXPECT_EQ(f.match("/a", host), "1") << host;
    }
    for (const char* host : {"www.foo.com", "bar.com", "xbar.com", "foo.com.cn", ""}) {
      EXPECT_EQ(f.match("/a", host), "-") << host;
    }
    EXPECT_EQ(f.match("/b", "anything"), "2");
    EXPECT_EQ(f.match("/b", ""), "2");
  }
}

TEST(Router, MatchedHostIsTheWildcardOrTheHost) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"1", R"({"uri":"/a*","hosts":["foo.com","*.com"]})"}, {"2", R"({"uri":"/n"})"}});
    EXPECT_EQ(f.match("/ab", "foo.com"), "1");
    EXPECT_EQ(f.result_.host_pattern, "foo.com");
    EXPECT_EQ(f.result_.path_pattern(), "/a*");
    EXPECT_EQ(f.match("/ab", "bar.com"), "1");
    EXPECT_EQ(f.result_.host_pattern, "*.com");
    EXPECT_EQ(f.match("/n", "foo.com"), "2");
    EXPECT_EQ(f.result_.host_pattern, "");
  }
}

// A candidate that failed after its host was matched leaves no host behind.
TEST(Router, AFailedCandidateLeavesNothingInTheResult) {
  Fixture f(RouterKind::kUri,
            {{"1", R"({"uri":"/a/*x","host":"x","vars":[["arg_a","==","1"]]})"}, {"2", R"({"uri":"/a*"})"}});
  EXPECT_EQ(f.match("/a/b", "x"), "2");
  EXPECT_EQ(f.result_.host_pattern, "");
  EXPECT_EQ(f.result_.parameter_count, 0u);
}

TEST(Router, AHostWithAPortIsComparedWithHostAndPort) {
  for (const RouterKind kind : {RouterKind::kUri, RouterKind::kUriWithParameter}) {
    Fixture f(kind,
              {{"1", R"({"uri":"/a","host":"foo.com:8080"})"}, {"2", R"({"uri":"/a","host":"*.com:81"})"}});
    EXPECT_EQ(f.match({.uri = "/a", .host = "foo.com", .authority = "foo.com:8080"}), "1");
    EXPECT_EQ(f.result_.host_pattern, "foo.com");
    EXPECT_EQ(f.match({.uri = "/a", .host = "bar.com", .authority = "bar.com:81"}), "2");
    EXPECT_EQ(f.match({.uri = "/a", .host = "foo.com", .authority = "foo.com"}), "-");
    EXPECT_EQ(f.match({.uri = "/a", .host = "foo.com", .authority = "FOO.com:8080"}), "1");
    EXPECT_EQ(f.match({.uri = "/a", .host = "x.com", .authority = "x.COM:81"}), "2");
    EXPECT_EQ(f.match({.uri = "/a", .host = "x.org", .authority = "x.org:81"}), "-");
  }
  // radixtree_host_uri looks at the host without port only.
  Fixture f(RouterKind::kHostUri, {{"1", R"({"uri":"/a","host":"foo.com:8080"})"}});
  EXPECT_EQ(f.match({.uri = "/a", .host = "foo.com", .authority = "foo.com:8080"}), "-");
}

// "foo.com." names the same host; "*." would match every host without its dot, and matches none.
TEST(Router, ADotAtTheEndOfAConfiguredHostIsNoPartOfIt) {
  for (const RouterKind kind : {RouterKind::kUri, RouterKind::kHostUri}) {
    Fixture f(kind, {{"1", R"({"uri":"/a","hosts":["Foo.com.","foo.com"]})"},
                     {"2", R"({"uri":"/a","host":"*.Bar.com."})"},
                     {"3", R"({"uri":"/b","host":"*."})"}});
    EXPECT_EQ(f.match("/a", "foo.com"), "1");
    EXPECT_EQ(f.match("/a", "x.bar.com"), "2");
    EXPECT_EQ(f.match("/b", "foo.com"), "-");
  }
  Fixture f(RouterKind::kUri, {{"1", R"({"uri":"/a","host":"foo.com.:8080"})"}});
  EXPECT_EQ(f.match({.uri = "/a", .host = "foo.com", .authority = "foo.com:8080"}), "1");
}

TEST(Router, HostUriTriesTheExactHostThenLongerWildcards) {
  Fixture f(RouterKind::kHostUri, {{"any", R"({"uri":"/a","host":"*"})"},
                                   {"com", R"({"uri":"/a","host":"*.com"})"},
                                   {"foo", R"({"uri":"/a","host":"*.foo.com"})"},
                                   {"exact", R"({"uri":"/a","host":"www.foo.com"})"},
                                   {"none", R"({"uri":"/a"})"}});
  EXPECT_EQ(f.match("/a", "www.foo.com"), "exact");
  EXPECT_EQ(f.match("/a", "api.foo.com"), "foo");
  EXPECT_EQ(f.match("/a", "bar.com"), "com");
  EXPECT_EQ(f.match("/a", "bar.org"), "any");
  f.router_.erase("any");
  EXPECT_EQ(f.match("/a", "bar.org"), "none");
}

TEST(Router, HostUriPrefersTheHostOverTheUri) {
  Fixture f(RouterKind::kHostUri, {{"host-prefix", R"({"uri":"/*","host":"foo.com"})"},
                                   {"exact-uri", R"({"uri":"/a/b","priority":100})"},
                                   {"wildcard-exact", R"({"uri":"/a/b","host":"*.com","priority":100})"}});
  EXPECT_EQ(f.match("/a/b", "foo.com"), "host-prefix");
  EXPECT_EQ(f.match("/a/b", "bar.com"), "wildcard-exact");
  EXPECT_EQ(f.match("/a/b", "bar.org"), "exact-uri");
}

TEST(Router, UriKindsPreferTheUriOverTheHost) {
  for (const RouterKind kind : {RouterKind::kUri, RouterKind::kUriWithParameter}) {
    Fixture f(kind, {{"host-prefix", R"({"uri":"/*","host":"foo.com","priority":100})"},
                     {"exact-uri", R"({"uri":"/a/b"})"}});
    EXPECT_EQ(f.match("/a/b", "foo.com"), "exact-uri");
  }
}

TEST(Router, WithoutAHitUnderTheHostOthersAreTried) {
  Fixture f(RouterKind::kHostUri, {{"foo", R"({"uri":"/only","host":"www.foo.com"})"},
                                   {"wild", R"({"uri":"/wild","host":"*.foo.com"})"},
                                   {"none", R"({"uri":"/none*"})"}});
  EXPECT_EQ(f.match("/wild", "www.foo.com"), "wild");
  EXPECT_EQ(f.match("/none1", "www.foo.com"), "none");
  EXPECT_EQ(f.match("/other", "www.foo.com"), "-");
  EXPECT_EQ(f.match("/only", "bar.com"), "-");
}

TEST(Router, ARouteWithStatusZeroIsNotIndexed) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"off", R"({"uri":"/a","status":0,"priority":9})"},
                     {"on", R"({"uri":"/a","status":1})"},
                     {"unset", R"({"uri":"/b"})"}});
    EXPECT_EQ(f.match("/a"), "on");
    EXPECT_EQ(f.match("/b"), "unset");
    f.put("on", R"({"uri":"/a","status":0})");
    EXPECT_EQ(f.match("/a"), "-");
  }
}

TEST(Router, HostsAreInheritedFromTheService) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {});
    f.put("1", R"({"uri":"/hello","service_id":"1"})", R"({"hosts":["MixedCase.com"]})");
    f.put("2", R"({"uri":"/own","service_id":"1","host":"own.com"})", R"({"hosts":["foo.com"]})");
    f.put("3", R"({"uri":"/missing","service_id":"2"})");
    EXPECT_EQ(f.match("/hello", "mixedcase.com"), "1");
    EXPECT_EQ(f.match("/hello", "bar.com"), "-");
    EXPECT_EQ(f.match("/own", "own.com"), "2");
    EXPECT_EQ(f.match("/own", "foo.com"), "-");
    EXPECT_EQ(f.match("/missing", "foo.com"), "3");
    f.put("1", R"({"uri":"/hello","service_id":"1"})", R"({"hosts":["bar.com"]})");
    EXPECT_EQ(f.match("/hello", "mixedcase.com"), "-");
    EXPECT_EQ(f.match("/hello", "bar.com"), "1");
  }
}

TEST(Router, VarsDecide) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"1", R"({"uri":"/a","vars":[["http_user_agent","~*","android"],["arg_n","==",null]]})"},
                     {"2", R"({"uri":"/b","vars":[]})"}});
    EXPECT_EQ(f.match({.uri = "/a", .variables = R"({"http_user_agent":"Android"})"}), "1");
    EXPECT_EQ(f.match({.uri = "/a", .variables = R"({"http_user_agent":"ios"})"}), "-");
    EXPECT_EQ(f.match({.uri = "/a", .variables = R"({"http_user_agent":"android","arg_n":"1"})"}), "-");
    EXPECT_EQ(f.match("/b"), "2");
  }
}

TEST(Router, WithoutVariablesEveryVariableIsUnset) {
  Fixture f(RouterKind::kUri, {{"1", R"({"uri":"/a","vars":[["arg_n","==",null]]})"}});
  const MatchInput input{.uri = "/a", .host = "x"};
  EXPECT_NE(f.router_.match(input, nullptr), nullptr);
}

TEST(Router, TheFilterIsTheLastConditionBeforeThePattern) {
  Router router = Router::make(RouterKind::kUriWithParameter);
  int asked = 0;
  RouteEntry entry;
  entry.id = "1";
  entry.uris = {"/a/:id"};
  entry.methods = method_bit("GET");
  entry.filter = [&](VariableReader&) { return ++asked != 2; };
  ASSERT_TRUE(router.put(std::move(entry)));
  EXPECT_EQ(router.match({.uri = "/a/1", .method = method_bit("POST")}, nullptr), nullptr);
  EXPECT_EQ(asked, 0);
  EXPECT_NE(router.match({.uri = "/a/1", .method = method_bit("GET")}, nullptr), nullptr);
  EXPECT_EQ(router.explain({.uri = "/a/1", .method = method_bit("GET")}).candidates[0].verdict,
            Verdict::kFilter);
  EXPECT_EQ(router.explain({.uri = "/a/1/2", .method = method_bit("GET")}).candidates[0].verdict,
            Verdict::kPath);
  EXPECT_EQ(asked, 3);
}

TEST(Router, EveryUriOfARouteIsAPlace) {
  for (const RouterKind kind : kAllKinds) {
    Fixture f(kind, {{"1", R"({"uris":["/a","/b*","/c/*"],"hosts":["h1","*h2"]})"}});
    for (const char* host : {"h1", "xh2"}) {
      EXPECT_EQ(f.match("/a", host), "1");
      EXPECT_EQ(f.result_.path_pattern(), "/a");
      EXPECT_EQ(f.match("/b1", host), "1");
      EXPECT_EQ(f.result_.uri_index, 1u);
      EXPECT_EQ(f.match("/c/d", host), "1");
    }
    f.put("1", R"({"uris":["/a"],"hosts":["h1"]})");
    EXPECT_EQ(f.match("/a", "h1"), "1");
    EXPECT_EQ(f.match("/b1", "h1"), "-");
    EXPECT_EQ(f.match("/a", "xh2"), "-");
    EXPECT_TRUE(f.router_.erase("1"));
    EXPECT_FALSE(f.router_.erase("1"));
    EXPECT_EQ(f.match("/a", "h1"), "-");
    EXPECT_EQ(f.router_.size(), 0u);
  }
}

TEST(Router, DeepNestingOfPrefixesIsWalkedFromTheLongest) {
  Router router = Router::make(RouterKind::kUri);
  std::string uri = "/";
  for (int i = 0; i < 100; ++i) {
    RouteEntry entry;
    entry.id = std::to_string(i);
    entry.uris = {uri + "*"};
    // Only every tenth takes GET.
    entry.methods = i % 10 == 0 ? MethodMask{0} : method_bit("POST");
    ASSERT_TRUE(router.put(std::move(entry)));
    uri += 'a';
  }
  EXPECT_EQ(router.match({.uri = uri, .method = method_bit("GET")}, nullptr)->id, "90");
  const auto trail = router.explain({.uri = uri, .method = method_bit("GET")}, 5);
  EXPECT_EQ(trail.total, 100u);
  ASSERT_EQ(trail.candidates.size(), 6u);  // the taken one is far behind, and listed
  EXPECT_EQ(trail.taken()->entry->id, "90");
  for (int erased = 90; erased >= 0; erased -= 10) router.erase(std::to_string(erased));
  const auto all = router.explain({.uri = uri, .method = method_bit("GET")}).candidates;
  ASSERT_EQ(all.size(), 90u);
  EXPECT_EQ(all.front().entry->id, "99");
  EXPECT_EQ(all.back().entry->id, "1");
}

TEST(Router, HostsLongerThanTheBufferMatchByTheirTail) {
  Fixture f(RouterKind::kHostUri, {{"1", R"({"uri":"/a","host":"*.foo.com"})"}});
  EXPECT_EQ(f.match("/a", (std::string(5000, 'x') + ".foo.com").c_str()), "1");
  EXPECT_EQ(f.match("/a", std::string(5000, 'x').c_str()), "-");
}

TEST(Router, ABadEntryIsRefusedAndChangesNothing) {
  Fixture f(RouterKind::kUri, {{"1", R"({"uri":"/a"})"}});
  RouteEntry entry;
  entry.id = "1";
  EXPECT_EQ(f.router_.put(entry).error().what, "route 1: no uri");
  entry.uris = {std::string(kUriBytesMax + 1, 'a')};
  EXPECT_FALSE(f.router_.put(entry));
  std::string many;
  for (std::size_t i = 0; i <= kParametersMax; ++i) many += "/:p";
  entry.uris = {many};
  EXPECT_FALSE(f.router_.put(entry));
  entry.uris = {"/ok"};
  entry.hosts = {std::string(kHostBytesMax + 1, 'a')};
  EXPECT_FALSE(f.router_.put(entry));
  entry.hosts = {""};
  EXPECT_FALSE(f.router_.put(entry));
  EXPECT_EQ(f.match("/a"), "1");
}

TEST(RouteEntry, FromJsonNamesTheFieldThatIsWrong) {
  const auto error = [](const char* json) {
    return RouteEntry::from_json("1", parse_json(json).value(), nullptr).error().what;
  };
  EXPECT_EQ(error(R"({"uri":"/","methods":["FROB"]})"), "methods: unknown method \"FROB\"");
  EXPECT_EQ(error(R"({"uri":"/","remote_addr":"x"})"), "remote_addrs: not an IP address or CIDR: \"x\"");
  EXPECT_EQ(error(R"({"uri":"/","vars":["arg_k","==","v"]})"),
            "failed to validate the 'vars' expression: rule should be wrapped inside brackets");
}

TEST(RouterKind, Names) {
  EXPECT_EQ(router_kind_of("radixtree_host_uri").value(), RouterKind::kHostUri);
  EXPECT_EQ(router_kind_of("radixtree_uri").value(), RouterKind::kUri);
  EXPECT_EQ(router_kind_of("radixtree_uri_with_parameter").value(), RouterKind::kUriWithParameter);
  EXPECT_FALSE(router_kind_of("radixtree"));
  for (const RouterKind kind : kAllKinds) EXPECT_EQ(router_kind_of(router_kind_name(kind)).value(), kind);
}

}  // namespace
}  // namespace apisix::route
