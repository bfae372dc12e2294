#include "worker/proxy/log_format.h"

#include <string>

#include <gtest/gtest.h>

#include "shared/base/utf8.h"
#include "shared/event/loop.h"
#include "shared/format/json.h"

namespace apisix::proxy {
namespace {

class LogFormatTest : public ::testing::Test {
 protected:
  LogFormatTest() : request_(arena_, loop_.clock()) {
    request_.head = arena_.make<http::RequestHead>();
    request_.client.connection = &client_;
    request_.head->method_text = "G\"T";
    request_.target.path = "/a";
  }

  std::string line(std::string_view format, Escape escape = Escape::kDefault) {
    std::string out;
    LogFormat(format, escape).append(out, request_);
    return out;
  }

  event::Loop loop_;
  base::Arena arena_;
  plugin::ClientInfo client_;
  plugin::RequestState request_;
};

TEST_F(LogFormatTest, VariablesStandInText) {
  EXPECT_EQ(line("$uri ${uri}x $ $- ${uri $http_none."), "/a /ax $ $- ${uri -.\n");
}

TEST_F(LogFormatTest, TwoDollarsAreOne) {
  EXPECT_EQ(line("a$$b $$uri $$$uri"), "a$b $uri $/a\n");
  EXPECT_EQ(LogFormat("a$$b", Escape::kDefault).find_unknown_variable(), std::nullopt);
}

TEST_F(LogFormatTest, EscapesOfNginxConfAreRead) {
  EXPECT_EQ(line(R"({\"u\": \"$uri\"})", Escape::kJson), "{\"u\": \"/a\"}\n");
  EXPECT_EQ(line(R"(\'$uri\' \\ \t|\n|\r|)"), "'/a' \\ \t|\n|\r|\n");
  EXPECT_EQ(line(R"(\x \d $uri\)"), "\\x \\d /a\\\n");
  EXPECT_EQ(line(R"(\\"$uri)"), "\\\"/a\n");
}

TEST_F(LogFormatTest, ValuesAreEscapedAsAsked) {
  EXPECT_EQ(line("$request_method"), "G\\x22T\n");
  EXPECT_EQ(line("$request_method", Escape::kJson), "G\\\"T\n");
  EXPECT_EQ(line("$request_method", Escape::kNone), "G\"T\n");
}

// --- escaping: every byte, in every mode

std::string hex(unsigned byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  return {kDigits[byte >> 4], kDigits[byte & 15]};
}

class LogEscapeTest : public LogFormatTest {
 protected:
  // The value "a" BYTE "b" as it stands in a line, without the line feed.
  std::string escaped(unsigned byte, Escape escape) {
    value_ = {'a', static_cast<char>(byte), 'b'};
    request_.target.path = value_;
    std::string out = line("$uri", escape);
    EXPECT_TRUE(out.ends_with('\n'));
    out.pop_back();
    return out;
  }

  std::string value_;
};

// ngx_http_log_escape: quotes, backslashes, controls and bytes from 0x7f.
TEST_F(LogEscapeTest, DefaultWritesUnsafeBytesAsHex) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
    const std::string expected = plain ? std::string(1, static_cast<char>(byte)) : "\\x" + hex(byte);
    EXPECT_EQ(escaped(byte, Escape::kDefault), "a" + expected + "b") << byte;
  }
}

TEST_F(LogEscapeTest, NoneWritesEveryByteAsItIs) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string out = escaped(byte, Escape::kNone);
    EXPECT_EQ(out, value_) << byte;
  }
}

// RFC 8259 section 7: quotation mark, reverse solidus and U+0000 to U+001F.
TEST_F(LogEscapeTest, JsonEscapesWhatMustBe) {
  EXPECT_EQ(escaped('"', Escape::kJson), R"(a\"b)");
  EXPECT_EQ(escaped('\\', Escape::kJson), R"(a\\b)");
  EXPECT_EQ(escaped('\n', Escape::kJson), R"(a\nb)");
  EXPECT_EQ(escaped('\r', Escape::kJson), R"(a\rb)");
  EXPECT_EQ(escaped('\t', Escape::kJson), R"(a\tb)");
}

TEST_F(LogEscapeTest, JsonIsReadBackAsItWas) {
  for (unsigned byte = 0; byte < 0x80; ++byte) {
    const auto json = format::parse_json("\"" + escaped(byte, Escape::kJson) + "\"");
    ASSERT_TRUE(json.has_value()) << byte;
    EXPECT_EQ(json->asString(), value_) << byte;
  }
}

// RFC 8259 section 8.1: a JSON text is UTF-8, whatever a client sends.
TEST_F(LogEscapeTest, JsonHoldsNoByteThatIsNotUtf8) {
  for (unsigned byte = 0x80; byte < 0x100; ++byte) {
    const std::string out = escaped(byte, Escape::kJson);
    EXPECT_TRUE(base::is_utf8(out)) << byte;
    EXPECT_TRUE(out.starts_with('a') && out.ends_with('b')) << out;
  }
}

TEST_F(LogEscapeTest, JsonKeepsUtf8AsItIs) {
  request_.target.path = "/caf\xc3\xa9/\xe2\x82\xac";
  EXPECT_EQ(line("$uri", Escape::kJson), "/caf\xc3\xa9/\xe2\x82\xac\n");
}

// A client cannot end its quotes or begin a line of its own.
TEST_F(LogEscapeTest, OnlyTheFormatsOwnQuotesAndLineEndsStandInALine) {
  request_.target.path = "\"\n\r\"\\";
  EXPECT_EQ(line(R"("$uri")"), "\"\\x22\\x0A\\x0D\\x22\\x5C\"\n");
  EXPECT_EQ(line(R"("$uri")", Escape::kJson), "\"\\\"\\n\\r\\\"\\\\\"\n");
}

// --- values that are not there

TEST_F(LogFormatTest, AnUnsetVariableIsADashByDefault) {
  EXPECT_EQ(line("[$http_none]"), "[-]\n");
  EXPECT_EQ(line("[$upstream_addr]"), "[-]\n");
  EXPECT_EQ(line("[$document_root]"), "[-]\n");  // known, and never set here
}

TEST_F(LogFormatTest, AnUnsetVariableIsNothingInJsonAndNone) {
  EXPECT_EQ(line("[$http_none]", Escape::kJson), "[]\n");
  EXPECT_EQ(line("[$http_none]", Escape::kNone), "[]\n");
}

TEST_F(LogFormatTest, AnEmptyValueIsWrittenAsAnUnsetOne) {
  request_.target.args = "x=&y";
  EXPECT_EQ(line("[$arg_x]"), "[-]\n");
  EXPECT_EQ(line("[$arg_x]", Escape::kJson), "[]\n");
}

TEST_F(LogFormatTest, AnUnknownVariableIsUnset) {
  EXPECT_EQ(line("[$no_such_variable]"), "[-]\n");
}

// --- arguments, as nginx logs them (ngx_http_arg)

TEST_F(LogFormatTest, ArgumentsAreRawAndTheFirstCounts) {
  request_.target.args = "x=%41+b&x=2";
  EXPECT_EQ(line("$arg_x"), "%41+b\n");
}

TEST_F(LogFormatTest, ArgumentsAreFoundInAnyCase) {
  request_.target.args = "User=1";
  EXPECT_EQ(line("$arg_user $arg_USER"), "1 1\n");
}

TEST_F(LogFormatTest, AnArgumentWithoutAnEqualsSignIsNone) {
  request_.target.args = "x&x=2";
  EXPECT_EQ(line("$arg_x"), "2\n");
}

TEST_F(LogFormatTest, AnArgumentIsNotTheEndOfAnother) {
  request_.target.args = "ax=1&x=2";
  EXPECT_EQ(line("$arg_x"), "2\n");
}

// --- formats

TEST_F(LogFormatTest, AFormatWithoutVariablesIsItsText) {
  EXPECT_EQ(line("text"), "text\n");
  EXPECT_EQ(line(""), "\n");
}

TEST_F(LogFormatTest, VariablesMayTouchEachOther) {
  EXPECT_EQ(line("$uri$uri${uri}$uri"), "/a/a/a/a\n");
}

TEST_F(LogFormatTest, ADollarThatBeginsNoVariableIsText) {
  EXPECT_EQ(line("$"), "$\n");
  EXPECT_EQ(line("${}"), "${}\n");
  EXPECT_EQ(line("${uri"), "${uri\n");
  EXPECT_EQ(line("${uri-x}"), "${uri-x}\n");
  EXPECT_EQ(line("$.$"), "$.$\n");
}

TEST_F(LogFormatTest, BracesEndANameThatTextFollows) {
  EXPECT_EQ(line("${uri}_x $uri_x"), "/a_x -\n");
}

TEST_F(LogFormatTest, LinesAreAppendedBehindEachOther) {
  const LogFormat format("$uri", Escape::kDefault);
  std::string out = "before|";
  format.append(out, request_);
  request_.target.path = "/b";
  format.append(out, request_);
  EXPECT_EQ(out, "before|/a\n/b\n");
}

TEST_F(LogFormatTest, AJsonFormatMakesJson) {
  request_.target.path = "/\"quoted\"\\";
  request_.target.args = "a=\x01";
  const std::string out = line(R"({"uri":"$uri","arg":"$arg_a","none":"$http_none"})", Escape::kJson);
  const auto json = format::parse_json(out);
  ASSERT_TRUE(json.has_value()) << out;
  EXPECT_EQ((*json)["uri"].asString(), "/\"quoted\"\\");
  EXPECT_EQ((*json)["arg"].asString(), "\x01");
  EXPECT_EQ((*json)["none"].asString(), "");
}

TEST_F(LogFormatTest, NamesAreFoundInAnyCase) {
  EXPECT_EQ(line("$URI $Request_Method", Escape::kNone), "/a G\"T\n");
}

TEST(LogVariables, OfNginxAndApisixAreKnown) {
  const LogFormat format(
      "$remote_addr $Remote_Addr $http_x_any $arg_x $cookie_x $sent_http_x $upstream_http_x $request_id "
      "$route_id "
      "$apisix_request_id $llm_model $upstream_scheme$upstream_host$upstream_uri $gzip_ratio $document_root "
      "$proxy_protocol_tlv_x ${upstream_addr} $jwt_auth_payload $rate_limiting_info $tcpinfo_rtt $ $-",
      Escape::kDefault);
  EXPECT_EQ(format.find_unknown_variable(), std::nullopt);
}

TEST(LogVariables, OthersAreNamed) {
  EXPECT_EQ(LogFormat("$uri $remote_adr $also_bad", Escape::kDefault).find_unknown_variable(), "remote_adr");
  EXPECT_EQ(LogFormat("${bad}", Escape::kJson).find_unknown_variable(), "bad");
  EXPECT_EQ(LogFormat("no variable at all", Escape::kNone).find_unknown_variable(), std::nullopt);
}

}  // namespace
}  // namespace apisix::proxy
