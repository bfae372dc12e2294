// Which path, query and host a request asks for, and which requests are refused for them.
#include "worker/proxy/request_target.h"

#include "tests/unit/worker/proxy/request_fixture.h"

namespace apisix::proxy {
namespace {

class RequestTargetTest : public RequestTest {
 protected:
  TargetFault read(std::string_view target) {
    receive(target);
    return normalize_target(request_, options_);
  }
  // $uri of a target that is served.
  std::string path_of(std::string_view target) {
    const TargetFault fault = read(target);
    return fault ? "refused: " + std::to_string(fault.status) : std::string(request_.target.path);
  }

  Options options_;
};

TEST_F(RequestTargetTest, PathAndQueryAreApart) {
  EXPECT_EQ(path_of("/a/b?x=1&y=%20"), "/a/b");
  EXPECT_EQ(request_.target.args, "x=1&y=%20");
  EXPECT_EQ(request_.target.match_path, "/a/b");
  EXPECT_FALSE(request_.target.path_changed);
}

TEST_F(RequestTargetTest, AQueryMayBeEmptyOrHoldQuestionMarks) {
  EXPECT_EQ(path_of("/a?"), "/a");
  EXPECT_EQ(request_.target.args, "");
  EXPECT_EQ(path_of("/a?b?c"), "/a");
  EXPECT_EQ(request_.target.args, "b?c");
}

// nginx's $uri: one name for all spellings of a path (RFC 3986 6.2.2).
TEST_F(RequestTargetTest, SpellingsOfOnePathAreOne) {
  for (const char* target : {"/in/x", "//in/x", "/in//x", "/./in/x", "/a/../in/x", "/%69n/x", "/%2Fin/x",
                             "/%2e/in/x", "/a/%2E%2e/in/x", "/a/..%2fin/x", "/in/../in/x"}) {
    EXPECT_EQ(path_of(target), "/in/x") << target;
  }
}

TEST_F(RequestTargetTest, OtherSegmentsThanTheClientWroteAreNoted) {
  EXPECT_EQ(path_of("/%61"), "/a");
  EXPECT_FALSE(request_.target.path_changed);  // decoding alone leaves the segments
  EXPECT_EQ(path_of("/a/../b"), "/b");
  EXPECT_TRUE(request_.target.path_changed);
  EXPECT_EQ(path_of("//b"), "/b");
  EXPECT_TRUE(request_.target.path_changed);
}

TEST_F(RequestTargetTest, APathAboveTheRootEndsTheConnection) {
  const TargetFault fault = read("/a/../../b");
  EXPECT_EQ(fault.status, 400);
  EXPECT_TRUE(fault.ends_connection);
}

TEST_F(RequestTargetTest, ABadEscapeIsRefused) {
  for (const char* target : {"/%", "/%4", "/%zz", "/a%g0"}) EXPECT_EQ(read(target).status, 400) << target;
}

TEST_F(RequestTargetTest, AnEscapedNulIsRefused) {
  EXPECT_EQ(read("/a%00b").status, 400);
  EXPECT_EQ(path_of("/a?%00"), "/a");  // the query is not read here
}

// RFC 9112 3.2.2: of the absolute form the authority counts, not Host.
TEST_F(RequestTargetTest, TheAbsoluteFormBringsItsHost) {
  receive("http://B.test:8080//in/x?y", "Host: a.test\r\n");
  EXPECT_FALSE(normalize_target(request_, options_));
  EXPECT_EQ(request_.target.host, "b.test");
  EXPECT_EQ(request_.target.path, "/in/x");
  EXPECT_EQ(request_.target.args, "y");
}

TEST_F(RequestTargetTest, TheHostIsLowerCaseWithoutPortAndLastDot) {
  receive("/", "Host: A.Test.:9080\r\n");
  EXPECT_FALSE(normalize_target(request_, options_));
  EXPECT_EQ(request_.target.host, "a.test");
}

TEST_F(RequestTargetTest, AnAddressInBracketsIsKept) {
  receive("/", "Host: [2001:DB8::1]:80\r\n");
  EXPECT_FALSE(normalize_target(request_, options_));
  EXPECT_EQ(request_.target.host, "[2001:db8::1]");
}

TEST_F(RequestTargetTest, AnAsteriskIsAPathOfItsOwn) {
  receive_lines("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n");
  EXPECT_FALSE(normalize_target(request_, options_));
  EXPECT_EQ(request_.target.path, "*");
  EXPECT_EQ(request_.target.match_path, "");
}

// --- methods: CONNECT, TRACE and TRACK are nothing that a gateway forwards

struct NamedMethod {
  const char* name;
  std::uint16_t status;
};
class MethodFaultTest : public RequestTest, public ::testing::WithParamInterface<NamedMethod> {};

TEST_P(MethodFaultTest, IsRefusedOrServed) {
  const std::string_view name = GetParam().name;
  receive_lines(std::string(name) + (name == "CONNECT" ? " a.test:443" : " /a") +
                " HTTP/1.1\r\nHost: a.test:443\r\n");
  EXPECT_EQ(find_method_fault(*request_.head).status, GetParam().status);
  EXPECT_FALSE(find_method_fault(*request_.head).ends_connection);
  EXPECT_EQ(normalize_target(request_, {}).status, GetParam().status);
}

INSTANTIATE_TEST_SUITE_P(RequestTarget, MethodFaultTest,
                         ::testing::Values(NamedMethod{"GET", 0}, NamedMethod{"HEAD", 0},
                                           NamedMethod{"POST", 0}, NamedMethod{"PURGE", 0},
                                           NamedMethod{"PROPFIND", 0}, NamedMethod{"TRACKER", 0},
                                           NamedMethod{"CONNECT", 405}, NamedMethod{"TRACE", 405},
                                           NamedMethod{"TRACK", 405}),
                         [](const auto& method) { return std::string(method.param.name); });

// --- the options of config.yaml

TEST_F(RequestTargetTest, DeleteUriTailSlashTakesOneSlash) {
  options_.delete_uri_tail_slash = true;
  EXPECT_EQ(path_of("/a/"), "/a");
  EXPECT_EQ(path_of("/a"), "/a");
  EXPECT_EQ(path_of("/a//"), "/a");  // merged before
  EXPECT_EQ(path_of("/"), "");       // as APISIX does
}

TEST_F(RequestTargetTest, ATailSlashIsKeptByDefault) {
  EXPECT_EQ(path_of("/a/"), "/a/");
}

TEST_F(RequestTargetTest, ServletPathsAreMatchedWithoutParametersAndForwardedWithThem) {
  options_.normalize_uri_like_servlet = true;
  EXPECT_EQ(path_of("/in;v=1/x;y?q=1"), "/in/x");
  EXPECT_EQ(request_.target.match_path, "/in/x");
  EXPECT_EQ(request_.upstream.uri, "/in;v=1/x;y?q=1");
}

TEST_F(RequestTargetTest, ServletPathsWithoutAQueryGetNone) {
  options_.normalize_uri_like_servlet = true;
  EXPECT_EQ(path_of("/a;b"), "/a");
  EXPECT_EQ(request_.upstream.uri, "/a;b");
  request_.upstream.uri = {};
  EXPECT_EQ(path_of("/a;b?"), "/a");
  EXPECT_EQ(request_.upstream.uri, "/a;b?");
}

// CVE-2026-94269: a servlet container would see another path.
TEST_F(RequestTargetTest, ServletParametersThatHideDotSegmentsAreRefused) {
  options_.normalize_uri_like_servlet = true;
  for (const char* target : {"/a/..;/in", "/;/in", "/a/.;x/in", "/a/..;v=1/in", "/a/%252e%252e;/in"}) {
    const TargetFault fault = read(target);
    EXPECT_EQ(fault.status, 400) << target;
    EXPECT_TRUE(fault.ends_connection) << target;
  }
}

TEST_F(RequestTargetTest, ParametersAreAPartOfThePathByDefault) {
  EXPECT_EQ(path_of("/in;v=1/x"), "/in;v=1/x");
  EXPECT_EQ(request_.upstream.uri, "");
}

TEST_F(RequestTargetTest, AnEncodedSlashIsMatchedEncodedWhenAskedFor) {
  options_.match_uri_encoded_slash = true;
  EXPECT_EQ(path_of("/a%2Fb/c"), "/a/b/c");
  EXPECT_EQ(request_.target.match_path, "/a%2Fb/c");
  EXPECT_EQ(path_of("/a/b"), "/a/b");
  EXPECT_EQ(request_.target.match_path, "/a/b");
}

TEST_F(RequestTargetTest, AnEncodedSlashBesideDotSegmentsIsMatchedDecoded) {
  options_.match_uri_encoded_slash = true;
  EXPECT_EQ(path_of("/x/../a%2Fb"), "/a/b");
  EXPECT_EQ(request_.target.match_path, "/a/b");
}

}  // namespace
}  // namespace apisix::proxy
