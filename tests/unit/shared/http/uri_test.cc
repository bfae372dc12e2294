#include "shared/http/uri.h"

#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace apisix::http {
namespace {

using namespace std::string_literals;

struct PathRow {
  std::string raw;
  std::string path;  // "": refused
  bool changed = false;
  bool decoded_slash = false;
};
void PrintTo(const PathRow& row, std::ostream* out) {
  *out << ::testing::PrintToString(row.raw);
}

class NormalizePath : public ::testing::TestWithParam<PathRow> {};

TEST_P(NormalizePath, AsNginx) {
  base::Arena arena;
  const auto normalized = normalize_path(GetParam().raw, arena);
  ASSERT_EQ(normalized.has_value(), !GetParam().path.empty());
  if (!normalized) return;
  EXPECT_EQ(normalized->path, GetParam().path);
  EXPECT_EQ(normalized->changed_structure, GetParam().changed);
  EXPECT_EQ(normalized->decoded_slash, GetParam().decoded_slash);
}

// Going to the wire and back changes nothing: what was matched is what the upstream will match.
TEST_P(NormalizePath, SurvivesEscaping) {
  base::Arena arena;
  const auto once = normalize_path(GetParam().raw, arena);
  if (!once) return;
  const auto twice = normalize_path(escape_path(once->path, arena), arena);
  ASSERT_TRUE(twice);
  EXPECT_EQ(twice->path, once->path);
  EXPECT_FALSE(twice->changed_structure);
}

const PathRow kPaths[] = {
    {"/", "/"},
    {"/a", "/a"},
    {"/a/", "/a/"},
    {"/a/b/c", "/a/b/c"},
    {"/a.b/c..d/..e/f..", "/a.b/c..d/..e/f.."},
    {"/...", "/..."},
    {"/.../a", "/.../a"},
    {"/.a/.b.", "/.a/.b."},
    {"/a+b", "/a+b"},
    {"/\xc3\xa4", "/\xc3\xa4"},
    {"/;a=b/c;d", "/;a=b/c;d"},
    {"/a\\b", "/a\\b"},
    // slashes
    {"//", "/", true},
    {"//a", "/a", true},
    {"/a//b", "/a/b", true},
    {"/a///b//", "/a/b/", true},
    // dot segments
    {"/.", "/", true},
    {"/./", "/", true},
    {"/a/.", "/a/", true},
    {"/a/./b", "/a/b", true},
    {"/a/..", "/", true},
    {"/a/../", "/", true},
    {"/a/../b", "/b", true},
    {"/a/b/../c", "/a/c", true},
    {"/a/b/../../c", "/c", true},
    {"/a/b/c/../..", "/a/", true},
    {"/a/.//../b", "/b", true},
    {"/a//../b", "/b", true},
    {"/..", ""},
    {"/../", ""},
    {"/../a", ""},
    {"/a/../..", ""},
    {"/a/../../b", ""},
    {"/./..", ""},
    {"//..", ""},
    // decoding
    {"/%61", "/a"},
    {"/%41%5a%7A", "/AZz"},
    {"/%20%22%3c", "/ \"<"},
    {"/a%3Fb", "/a?b"},
    {"/a%23b", "/a#b"},
    {"/a%25b", "/a%b"},
    {"/a%252fb", "/a%2fb"},
    {"/a%252e%252e/b", "/a%2e%2e/b"},
    {"/%2525", "/%25"},
    {"/%0a%0D", "/\n\r"},
    {"/%01%7f%ff", "/\x01\x7f\xff"},
    {"/%2B+", "/++"},
    {"/%c0%af", "/\xc0\xaf"},
    {"/a%5cb", "/a\\b"},
    // decoded before the structure is looked at
    {"/%2e", "/", true},
    {"/a/%2e%2e/b", "/b", true},
    {"/a/%2e./b", "/b", true},
    {"/a/.%2E/b", "/b", true},
    {"/%2e%2e", ""},
    {"/a/%2e%2e/%2e%2e", ""},
    {"/a%2fb", "/a/b", false, true},
    {"/a%2Fb", "/a/b", false, true},
    {"/a%2f/b", "/a/b", true, true},
    {"/a/%2fb", "/a/b", true, true},
    {"/%2f%2f", "/", true, true},
    {"/a%2f..%2fb", "/b", true, true},
    {"/a/b/..%2f..%2fc", "/c", true, true},
    {"/%2e%2f", "/", true, true},
    {"/..%2fa", ""},
    {"/%2e%2e%2f", ""},
    // malformed
    {"/%", ""},
    {"/%2", ""},
    {"/a%", ""},
    {"/%g0", ""},
    {"/%0g", ""},
    {"/%%", ""},
    {"/%%30", ""},
    {"/%u0061", ""},
    {"/% 1", ""},
    {"/%+1", ""},
    {"/%00", ""},
    {"/a\0"s, ""},
    {"/0123456789abcdef\0/0123456789"s, ""},
    {"/a%00b", ""},
    {"/a/b/%00.html", ""},
    {"", ""},
    {"a", ""},
    {"*", ""},
    {"%2f", ""},
    // the fragment and what follows do not count
    {"/a#b", "/a"},
    {"/#", "/"},
    {"/a/..#/b", "/", true},
    {"/a/.#b", "/a/", true},
    {"/..#", ""},
    {"/a#%zz", "/a"},
    // longer than one vector
    {"/0123456789abcdef0123456789abcdef", "/0123456789abcdef0123456789abcdef"},
    {"/0123456789abcd//0123456789abcdef", "/0123456789abcd/0123456789abcdef", true},
    {"/0123456789abc/../0123456789abcdef", "/0123456789abcdef", true},
    {"/0123456789abcdef0123456789abcde//", "/0123456789abcdef0123456789abcde/", true},
    {"/0123456789abcdef0123456789abcd/..", "/", true},
    {"/0123456789abcdef0123456789abcdef/%41", "/0123456789abcdef0123456789abcdef/A"},
};
INSTANTIATE_TEST_SUITE_P(Table, NormalizePath, ::testing::ValuesIn(kPaths));

TEST(NormalizePathCost, NothingIsCopiedWhenNothingChanges) {
  base::Arena arena;
  const std::string raw = "/static/css/main.9f8a7c.css";
  EXPECT_EQ(normalize_path(raw, arena)->path.data(), raw.data());
  EXPECT_EQ(arena.bytes(), 0u);
}

TEST(NormalizePathVectors, EveryPositionOfEverySpecialPairIsSeen) {
  for (std::size_t size = 1; size < 70; ++size) {
    for (std::size_t at = 1; at < size; ++at) {
      for (const std::string special : {"//", "/./", "%41"}) {
        const std::string raw = "/" + std::string(at - 1, 'a') + special + std::string(size - at, 'a');
        base::Arena arena;
        const auto normalized = normalize_path(raw, arena);
        ASSERT_TRUE(normalized);
        const std::string middle = special == "%41" ? "A" : "/";
        std::string expected = "/" + std::string(at - 1, 'a') + middle + std::string(size - at, 'a');
        if (at == 1 && middle == "/") expected.erase(0, 1);
        EXPECT_EQ(normalized->path, expected) << raw;
      }
    }
  }
}

std::string all_bytes() {
  std::string out;
  for (int c = 0; c < 256; ++c) out += static_cast<char>(c);
  return out;
}

// The bytes that each kind leaves as they are, in order.
std::string kept(std::string_view (*escape)(std::string_view, base::Arena&)) {
  std::string out;
  for (const char c : all_bytes()) {
    base::Arena arena;
    const std::string_view escaped = escape({&c, 1}, arena);
    if (escaped.size() == 1) {
      out += c;
      continue;
    }
    char expected[4];
    std::snprintf(expected, sizeof expected, "%%%02X", static_cast<unsigned char>(c));
    EXPECT_EQ(escaped, expected);
  }
  return out;
}

TEST(Escape, KeepsWhatNginxKeeps) {
  const std::string upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const std::string lower = "abcdefghijklmnopqrstuvwxyz";
  EXPECT_EQ(kept(escape_path), "!$&'()*+,-./0123456789:;=@" + upper + "[]_" + lower + "~");
  EXPECT_EQ(kept(escape_args), "!$'()*,-./0123456789:=@" + upper + "[]_" + lower + "~");
  EXPECT_EQ(kept(escape_component), "-.0123456789" + upper + "_" + lower + "~");
  EXPECT_EQ(kept(escape_control), all_bytes().substr(0x20, 0x5f) + all_bytes().substr(0x80));
}

TEST(Escape, WholeTexts) {
  base::Arena arena;
  EXPECT_EQ(escape_path("/a b?c%d", arena), "/a%20b%3Fc%25d");
  EXPECT_EQ(escape_args("a&b=c;d+e", arena), "a%26b=c%3Bd%2Be");
  EXPECT_EQ(escape_component("a/b c", arena), "a%2Fb%20c");
  EXPECT_EQ(escape_control("/a?b=\r\nc", arena), "/a?b=%0D%0Ac");
  EXPECT_EQ(escape_path("", arena), "");
}

TEST(Unescape, KeepsMalformedEscapes) {
  base::Arena arena;
  EXPECT_EQ(unescape("a%41+%2b", arena), "aA +");
  EXPECT_EQ(unescape("a+b%20", arena, false), "a+b ");
  EXPECT_EQ(unescape("%", arena), "%");
  EXPECT_EQ(unescape("%4", arena), "%4");
  EXPECT_EQ(unescape("%4g%zz", arena), "%4g%zz");
  EXPECT_EQ(unescape("%%41", arena), "%A");
  EXPECT_EQ(unescape("%00", arena), "\0"s);
  EXPECT_EQ(unescape("plain", arena), "plain");
  for (const char c : all_bytes())
    EXPECT_EQ(unescape(escape_component({&c, 1}, arena), arena), std::string(1, c));
}

struct ServletRow {
  std::string path;
  std::string out;  // "!": refused
};

TEST(Servlet, DropsParametersAndRefusesDisguises) {
  const ServletRow rows[] = {
      {"/a/b", "/a/b"},
      {"/a;x/b", "/a/b"},
      {"/hello;a=b/world;a/;", "/hello/world/"},
      {"/a;x;y/b;z", "/a/b"},
      {"/a;", "/a"},
      {"/;", "/"},
      {"/a/;", "/a/"},
      {"/a/;x=1", "/a/"},
      {"/a.;x", "/a."},
      {"/...;", "/..."},
      {"/%2e%2e", "/%2e%2e"},
      {"/%2e%2e%2e;", "/%2e%2e%2e"},
      {"", ""},
      {"/;/a", "!"},
      {"/b/;/c", "!"},
      {";/a", "!"},
      {"/.;", "!"},
      {"/..;", "!"},
      {"/.;x/a", "!"},
      {"/a/..;/b", "!"},
      {"/%2e;", "!"},
      {"/%2E%2E;", "!"},
      {"/%2E%2e;", "!"},
      {"/%2e%2E;x/a", "!"},
  };
  for (const ServletRow& row : rows) {
    base::Arena arena;
    EXPECT_EQ(normalize_like_servlet(row.path, arena).value_or("!"), row.out) << row.path;
  }
}

TEST(TailSlash, OneIsDeleted) {
  EXPECT_EQ(delete_tail_slash("/a/"), "/a");
  EXPECT_EQ(delete_tail_slash("/a"), "/a");
  EXPECT_EQ(delete_tail_slash("/"), "");
  EXPECT_EQ(delete_tail_slash(""), "");
}

TEST(EncodedSlash, IsKeptOnlyWhenDecodingIsAllThatHappened) {
  const auto keep = [](std::string_view raw) -> std::string {
    base::Arena arena;
    const auto normalized = normalize_path(raw, arena);
    if (!normalized) return "refused";
    return std::string(keep_encoded_slash(raw, normalized->path, arena).value_or("none"));
  };
  EXPECT_EQ(keep("/a%2fb"), "/a%2Fb");
  EXPECT_EQ(keep("/a%2Fb/%41"), "/a%2Fb/A");
  EXPECT_EQ(keep("/a%2Fb%2fc"), "/a%2Fb%2Fc");
  EXPECT_EQ(keep("/a/b"), "none");
  EXPECT_EQ(keep("/a%252Fb"), "none");
  EXPECT_EQ(keep("/a//b%2Fc"), "none");
  EXPECT_EQ(keep("/a%2f%2fb"), "none");
  EXPECT_EQ(keep("/a%2f../b"), "none");
  EXPECT_EQ(keep("/a%2f%2e%2e/b"), "none");
  EXPECT_EQ(keep("/a%2Fb#c"), "none");
  EXPECT_EQ(keep("/a%2Fb%00"), "refused");
}

// RFC 3986 3.2 and 4.2.
TEST(UriHost, IsWhatTheAuthorityNames) {
  const std::pair<const char*, const char*> rows[] = {
      {"http://a.com", "a.com"},
      {"https://a.com/", "a.com"},
      {"HTTP://A.com/b", "A.com"},
      {"http://a.com?b/c", "a.com"},
      {"http://a.com#b@c", "a.com"},
      {"http://a.com:80", "a.com"},
      {"http://a.com:/", "a.com"},
      {"http://a.com./", "a.com"},
      {"http://a.com.:8080/", "a.com"},
      {"//a.com/", "a.com"},
      {"//a.com", "a.com"},
      {"http://user@a.com/", "a.com"},
      {"http://user:word@a.com:80/", "a.com"},
      {"http://b.com@a.com/", "a.com"},
      {"http://b.com:80@a.com", "a.com"},
      {"http://b.com@c.com@a.com/", "a.com"},
      {"http://a.com/@b.com", "a.com"},
      {"http://a.com/http://b.com/", "a.com"},
      {"http://192.0.2.1:80/", "192.0.2.1"},
      {"http://[2001:db8::1]/", "2001:db8::1"},
      {"http://[2001:db8::1]:80/", "2001:db8::1"},
      {"http://u@[::1]:80", "::1"},
      {"http://a_b.com/", "a_b.com"},
  };
  for (const auto& [uri, host] : rows) EXPECT_EQ(find_uri_host(uri), host) << uri;
}

TEST(UriHost, NothingIsNamedByWhatIsNoUriOfTheWeb) {
  for (const char* uri : {"",
                          "a.com",
                          "/a",
                          "http:",
                          "http:/a.com",
                          "http:a.com",
                          "http://",
                          "http:///a",
                          "http://:80/",
                          "http://./",
                          "http://@/",
                          "ftp://a.com/",
                          "android-app://a.com/",
                          "httpx://a.com/",
                          "javascript://a.com/",
                          "about:blank",
                          "null",
                          "http://[::1/",
                          "http://[]/",
                          "http://[a.com]/",
                          "http://[::1]a/",
                          "http://a.com:b/",
                          "http://a.com:99999/",
                          "http://a..com/",
                          "http://a.com\\@b.com/",
                          "http://a@b.com\\c.com/",
                          "http://a b.com/",
                          " http://a.com/",
                          "http://\xc3\xa4.com/",
                          "http://a\"b.com/"}) {
    EXPECT_EQ(find_uri_host(uri), std::nullopt) << uri;
  }
}

TEST(QueryArgs, AreTakenOffTheFront) {
  std::string_view query = "a=1&b&=x&&c=&a=2%3D&d=e=f";
  std::string seen;
  while (const auto arg = next_arg(query)) {
    seen.append(arg->name).append(arg->has_value ? "=" : "!").append(arg->value).append(";");
  }
  EXPECT_EQ(seen, "a=1;b!;c=;a=2%3D;d=e=f;");
  std::string_view nothing;
  EXPECT_FALSE(next_arg(nothing));
}

TEST(QueryArgs, FindComparesDecodedNames) {
  EXPECT_EQ(find_arg("a=1&b=2&b=3", "b"), "2");
  EXPECT_EQ(find_arg("%61b+c=1", "ab c"), "1");
  EXPECT_EQ(find_arg("a", "a"), "");
  EXPECT_EQ(find_arg("a=%20", "a"), "%20");
  EXPECT_EQ(find_arg("ab=1", "a"), std::nullopt);
  EXPECT_EQ(find_arg("a=1", "ab"), std::nullopt);
  EXPECT_EQ(find_arg("A=1", "a"), std::nullopt);
  EXPECT_EQ(find_arg("a%=1", "a%"), "1");
  EXPECT_EQ(find_arg("", "a"), std::nullopt);
  EXPECT_EQ(find_arg("=1", ""), std::nullopt);
}

TEST(QueryArgs, DecodeAllUpToAMaximum) {
  base::Arena arena;
  const QueryArgs args = decode_args("a%20b=c+d&e&&f=%zz", arena);
  ASSERT_EQ(args.size, 3u);
  EXPECT_EQ(args.args[0].name, "a b");
  EXPECT_EQ(args.args[0].value, "c d");
  EXPECT_EQ(args.args[1].name, "e");
  EXPECT_FALSE(args.args[1].has_value);
  EXPECT_EQ(args.args[2].value, "%zz");
  EXPECT_EQ(decode_args("a&b&c", arena, 2).size, 2u);
  EXPECT_EQ(decode_args("", arena).size, 0u);
  EXPECT_EQ(decode_args("&&=&", arena).size, 0u);
}

}  // namespace
}  // namespace apisix::http
