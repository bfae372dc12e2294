// Request heads and bodies that two servers could read in two ways. Each row must be refused with the
// status given, or be read in the one way given: nothing here may ever be forwarded as received. Lines whose
// names nginx calls invalid are left out of the head, so that no second server reads them in its own way.
#include <ostream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/http/h1/chunked_decoder.h"
#include "shared/http/h1/head_scanner.h"
#include "shared/http/h1/request_parser.h"
#include "tests/unit/shared/http/h1/every_way.h"

namespace apisix::http {
namespace {

using namespace std::string_literals;

struct Row {
  const char* name;
  std::string bytes;
  int status;  // 0: accepted
};
void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name << ": " << ::testing::PrintToString(row.bytes);
}

// What the gateway does with the first bytes of a connection: the status of its refusal, 0 when the head
// is accepted, -1 when it waits for more.
int verdict(const std::string& bytes) {
  HeadScanner scanner;
  switch (scanner.scan(bytes)) {
    case HeadScanner::Result::kBad:
      return 400;
    case HeadScanner::Result::kNeedMore:
      return -1;
    case HeadScanner::Result::kFound:
      break;
  }
  base::Arena arena;
  const std::string_view head = arena.copy(bytes).substr(0, scanner.head_bytes());
  const auto parsed = parse_request_every_way(head, arena, RequestLimits{});
  return parsed ? 0 : parsed.error().status;
}

// The parser alone, as if something had let the bytes past the scanner.
int parser_verdict(const std::string& bytes) {
  base::Arena arena;
  const auto parsed = parse_request_every_way(arena.copy(bytes), arena, RequestLimits{});
  return parsed ? 0 : parsed.error().status;
}

std::string post(const std::string& fields) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

class Refused : public ::testing::TestWithParam<Row> {};

TEST_P(Refused, ByScannerOrParser) {
  EXPECT_EQ(verdict(GetParam().bytes), GetParam().status);
}
TEST_P(Refused, ByTheParserAlone) {
  const int status = parser_verdict(GetParam().bytes);
  EXPECT_EQ(status, GetParam().status);
}

const Row kContentLength[] = {
    {"CL.TE", post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"), 400},
    {"TE.CL", post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"), 400},
    {"CL.TE with CL 0", post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), 400},
    {"CL.TE with an unknown coding", post("Content-Length: 6\r\nTransfer-Encoding: x\r\n"), 400},
    {"CL.TE with an empty TE", post("Content-Length: 6\r\nTransfer-Encoding:\r\n"), 400},
    {"CL.TE with an empty CL", post("Content-Length:\r\nTransfer-Encoding: chunked\r\n"), 400},
    {"CL.TE in other cases", post("content-LENGTH: 6\r\ntransfer-ENCODING: chunked\r\n"), 400},
    {"duplicate CL, differing", post("Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
    {"duplicate CL, the same", post("Content-Length: 5\r\nContent-Length: 5\r\n"), 400},
    {"duplicate CL, other case", post("Content-Length: 5\r\ncontent-length: 5\r\n"), 400},
    {"duplicate CL, one empty", post("Content-Length: 5\r\nContent-Length:\r\n"), 400},
    {"duplicate CL, 0 first", post("Content-Length: 0\r\nContent-Length: 44\r\n"), 400},
    {"CL as a list", post("Content-Length: 5,5\r\n"), 400},
    {"CL as a list with a space", post("Content-Length: 5, 5\r\n"), 400},
    {"CL as a list, trailing comma", post("Content-Length: 5,\r\n"), 400},
    {"CL as a list, leading comma", post("Content-Length: ,5\r\n"), 400},
    {"CL with plus", post("Content-Length: +5\r\n"), 400},
    {"CL with minus", post("Content-Length: -5\r\n"), 400},
    {"CL minus zero", post("Content-Length: -0\r\n"), 400},
    {"CL hexadecimal", post("Content-Length: 0x5\r\n"), 400},
    {"CL hexadecimal digits", post("Content-Length: a\r\n"), 400},
    {"CL with an exponent", post("Content-Length: 5e1\r\n"), 400},
    {"CL with a point", post("Content-Length: 5.0\r\n"), 400},
    {"CL with underscores", post("Content-Length: 1_0\r\n"), 400},
    {"CL with a space inside", post("Content-Length: 5 0\r\n"), 400},
    {"CL with a tab inside", post("Content-Length: 5\t0\r\n"), 400},
    {"CL in quotes", post("Content-Length: \"5\"\r\n"), 400},
    {"CL with a parameter", post("Content-Length: 5;a=b\r\n"), 400},
    {"CL empty", post("Content-Length:\r\n"), 400},
    {"CL of white space", post("Content-Length:  \t \r\n"), 400},
    {"CL above 63 bits", post("Content-Length: 9223372036854775808\r\n"), 400},
    {"CL above 64 bits", post("Content-Length: 18446744073709551617\r\n"), 400},
    {"CL of 4096 bits", post("Content-Length: " + std::string(1233, '9') + "\r\n"), 400},
    {"CL behind many zeros", post("Content-Length: " + std::string(40, '0') + "5\r\n"), 400},
    {"CL with a vertical tab", post("Content-Length: \v5\r\n"), 400},
    {"CL with a form feed", post("Content-Length: 5\f\r\n"), 400},
    {"CL with NUL", post("Content-Length: 5\0\r\n"s), 400},
    {"CL with a no-break space",
     post("Content-Length: \xa0"
          "5\r\n"),
     400},
    {"CL in full-width digits", post("Content-Length: \xef\xbc\x95\r\n"), 400},
    {"CL in a GET with TE",
     "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
};
INSTANTIATE_TEST_SUITE_P(ContentLength, Refused, ::testing::ValuesIn(kContentLength));

const Row kTransferEncoding[] = {
    {"TE.TE, the same", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
    {"TE.TE, identity", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), 400},
    {"TE.TE, identity first", post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"), 400},
    {"TE.TE, unknown first", post("Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n"), 400},
    {"TE.TE, empty second", post("Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n"), 400},
    {"TE.TE, other case", post("Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n"), 400},
    {"chunked not last", post("Transfer-Encoding: chunked, identity\r\n"), 400},
    {"chunked not last, gzip", post("Transfer-Encoding: chunked, gzip\r\n"), 400},
    {"chunked twice", post("Transfer-Encoding: chunked, chunked\r\n"), 400},
    {"chunked behind a known coding", post("Transfer-Encoding: gzip, chunked\r\n"), 501},
    {"chunked behind identity", post("Transfer-Encoding: identity, chunked\r\n"), 501},
    {"identity", post("Transfer-Encoding: identity\r\n"), 400},
    {"gzip alone", post("Transfer-Encoding: gzip\r\n"), 400},
    {"xchunked", post("Transfer-Encoding: xchunked\r\n"), 400},
    {"chunkedx", post("Transfer-Encoding: chunkedx\r\n"), 400},
    {"chunk", post("Transfer-Encoding: chunk\r\n"), 400},
    {"x chunked", post("Transfer-Encoding: x chunked\r\n"), 400},
    {"chunked x", post("Transfer-Encoding: chunked x\r\n"), 400},
    {"chunked in quotes", post("Transfer-Encoding: \"chunked\"\r\n"), 400},
    {"chunked in single quotes", post("Transfer-Encoding: 'chunked'\r\n"), 400},
    {"chunked with a parameter", post("Transfer-Encoding: chunked;q=1\r\n"), 400},
    {"chunked with a semicolon", post("Transfer-Encoding: chunked;\r\n"), 400},
    {"chunked, leading comma", post("Transfer-Encoding: ,chunked\r\n"), 400},
    {"chunked, trailing comma", post("Transfer-Encoding: chunked,\r\n"), 400},
    {"chunked with an equals sign", post("Transfer-Encoding: =chunked\r\n"), 400},
    {"chunked behind a colon", post("Transfer-Encoding:: chunked\r\n"), 400},
    {"chunked behind a vertical tab", post("Transfer-Encoding: \vchunked\r\n"), 400},
    {"chunked before a vertical tab", post("Transfer-Encoding: chunked\v\r\n"), 400},
    {"chunked before a form feed", post("Transfer-Encoding: chunked\f\r\n"), 400},
    {"chunked before NUL", post("Transfer-Encoding: chunked\0\r\n"s), 400},
    {"chunked before DEL", post("Transfer-Encoding: chunked\x7f\r\n"), 400},
    {"chunked behind a byte order mark",
     post("Transfer-Encoding: \xef\xbb\xbf"
          "chunked\r\n"),
     400},
    {"chunked with the high bit", post("Transfer-Encoding: chun\xebked\r\n"), 400},
    {"chunked with the Kelvin sign",
     post("Transfer-Encoding: chun\xe2\x84\xaa"
          "ed\r\n"),
     400},
    {"TE empty", post("Transfer-Encoding:\r\n"), 400},
    {"TE in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"TE in HTTP/1.0 with keep-alive",
     "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"TE in HTTP/1.0 with CL", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
     400},
    {"space before the colon of TE", post("Transfer-Encoding : chunked\r\n"), 400},
    {"tab before the colon of TE", post("Transfer-Encoding\t: chunked\r\n"), 400},
    {"vertical tab before the colon of TE", post("Transfer-Encoding\v: chunked\r\n"), 400},
    {"NUL in the name of TE", post("Transfer\0-Encoding: chunked\r\n"s), 400},
    {"CR instead of the hyphen of TE", post("Transfer\rEncoding: chunked\r\n"), 400},
    {"TE behind a space", post(" Transfer-Encoding: chunked\r\n"), 400},
    {"TE behind a tab", post("\tTransfer-Encoding: chunked\r\n"), 400},
    {"TE folded", post("Transfer-Encoding:\r\n chunked\r\n"), 400},
    {"TE folded with a tab", post("Transfer-Encoding:\r\n\tchunked\r\n"), 400},
    {"TE hidden in a folded line", post("X: y\r\n Transfer-Encoding: chunked\r\n"), 400},
    {"TE behind a bare LF", post("X: y\nTransfer-Encoding: chunked\r\n"), 400},
    {"TE behind a bare CR", post("X: y\rTransfer-Encoding: chunked\r\n"), 400},
    {"TE behind LF CR", post("X: y\n\rTransfer-Encoding: chunked\r\n"), 400},
    {"TE behind NUL", post("X: y\0Transfer-Encoding: chunked\r\n"s), 400},
    {"TE ended by a bare LF", post("Transfer-Encoding: chunked\nX: y\r\n"), 400},
    {"TE ended by CR CR LF", post("Transfer-Encoding: chunked\r\r\n"), 400},
};
INSTANTIATE_TEST_SUITE_P(TransferEncoding, Refused, ::testing::ValuesIn(kTransferEncoding));

const Row kLines[] = {
    {"bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
    {"bare LF everywhere", "GET / HTTP/1.1\nHost: a\n\n", 400},
    {"bare LF after a field", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400},
    {"bare LF as the last line end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
    {"CR CR LF", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400},
    {"bare CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n", 400},
    {"bare CR as a line end", "GET / HTTP/1.1\rHost: a\r\n\r\n", 400},
    {"bare CR in front of a line", "GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n", 400},
    {"CR in front of the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", 400},
    {"NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n"s, 400},
    {"NUL in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\0Y: b\r\n\r\n"s, 400},
    {"escape character in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[2J\r\n\r\n", 400},
    {"DEL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: b\x7f\r\n\r\n", 400},
    {"obs-fold with a space", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400},
    {"obs-fold with a tab", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n", 400},
    {"obs-fold of white space only", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n \r\n\r\n", 400},
    {"first field line begins with a space", "GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n", 400},
    {"space before a colon", "GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", 400},
    {"space in a name", "GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", 400},
    {"empty name", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400},
    {"name without a colon", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400},
    {"DEL in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\x7f: b\r\n\r\n", 400},
    {"high byte and a space in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\xe4 : b\r\n\r\n", 400},
    {"high byte in a name without a colon", "GET / HTTP/1.1\r\nHost: a\r\nX\xe4\r\n\r\n", 400},
    {"parenthesis in the name of the only Host", "GET / HTTP/1.1\r\nHost(): a\r\n\r\n", 400},
    {"a field without name and value", "GET / HTTP/1.1\r\n:\r\nHost: a\r\n\r\n", 400},
    {"a name continued on the next line", post("Transfer-\r\nEncoding: chunked\r\nContent-Length: 5\r\n"),
     400},
    {"a space instead of the colon", post("Content-Length 10\r\n"), 400},
    {"an end of CR LF CR and another byte", "GET / HTTP/1.1\r\nHost: a\r\n\rZGET /evil: HTTP/1.1\r\n\r\n",
     400},
    {"LF LF in front of a value", "GET / HTTP/1.1\r\nHost: a\r\nX:\n\nGET / HTTP/1.1\r\n\r\n", 400},
    {"a second request line as a field", "GET / HTTP/1.1\r\nHost: a\r\nGET /b HTTP/1.1\r\n\r\n", 400},
};
INSTANTIATE_TEST_SUITE_P(Lines, Refused, ::testing::ValuesIn(kLines));

const Row kRequestLines[] = {
    {"two spaces behind the method", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"two spaces behind the target", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"space at the end", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
    {"space at the beginning", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"tab behind the method", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"tab behind the target", "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"tab in the target", "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"space in the query", "GET /?a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"a version in the target", "GET / HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"empty target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"no version (HTTP/0.9)", "GET /aaaaaaaaaaaaaaaaaaaa\r\n\r\n", 400},
    {"no version but fields", "GET /\r\nHost: a\r\nX: yyyyyyyyy\r\n\r\n", 400},
    {"lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
    {"version without a minor", "GET / HTTP/1\r\nHost: a\r\n\r\n", 400},
    {"version with two digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400},
    {"version with a leading zero", "GET / HTTP/01.1\r\nHost: a\r\n\r\n", 400},
    {"version with a comma", "GET / HTTP/1,1\r\nHost: a\r\n\r\n", 400},
    {"version above 255", "GET / HTTP/4294967297.257\r\nHost: a\r\n\r\n", 400},
    {"version with line ends", "GET / HTTP/\r\r1.1\r\nHost: a\r\n\r\n", 400},
    {"LF instead of the second space", "GET /\nHTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"method with quotes", "G=\":<>(e),[T];?\" /get HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"target of other characters", "GET ! HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"RTSP", "PUT /music HTTP/1.1 RTSP/1.0\r\nHost: a\r\n\r\n", 400},
    {"version of letters", "GET / HTTP/x.y\r\nHost: a\r\n\r\n", 400},
    {"version with a plus", "GET / HTTP/+1.1\r\nHost: a\r\n\r\n", 400},
    {"another protocol", "GET / HTTQ/1.1\r\nHost: a\r\n\r\n", 400},
    {"another protocol, longer", "GET / ICAP/1.0\r\nHost: a\r\n\r\n", 400},
    {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
    {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
    {"HTTP/0.9 by name", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505},
    {"HTTP/3.0", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
    {"the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"lower-case method", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"method with a digit", "GET1 / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"method with a colon", "GET: / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"no method", " / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n", 400},
    {"fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"fragment behind the query", "GET /a?b#c HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"NUL in the target", "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
    {"control character in the target", "GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"DEL in the target", "GET /a\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"relative target", "GET a/b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"target beginning with a query", "GET ?a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"asterisk with GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"asterisk with a path", "OPTIONS */a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"asterisk with a query", "OPTIONS *?a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"absolute form of another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"absolute form with one slash", "GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"absolute form without a host", "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"absolute form with user information", "GET http://b@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"authority form with GET", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"CONNECT without a port", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"CONNECT with an empty port", "CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"CONNECT with a path", "CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"CONNECT with an URL", "CONNECT http://a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"CONNECT to an address without a port", "CONNECT [::1] HTTP/1.1\r\nHost: a\r\n\r\n", 400},
};
INSTANTIATE_TEST_SUITE_P(RequestLines, Refused, ::testing::ValuesIn(kRequestLines));

const Row kHosts[] = {
    {"no Host in 1.1", "GET / HTTP/1.1\r\nX: y\r\n\r\n", 400},
    {"no field at all in 1.1", "GET / HTTP/1.1\r\n\r\n", 400},
    {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
    {"two Hosts, the same", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
    {"two Hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", 400},
    {"two Hosts, one behind a space", "GET / HTTP/1.1\r\nHost: a\r\n Host: b\r\n\r\n", 400},
    {"Host with a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
    {"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"Host is a port", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400},
    {"Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
    {"Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"Host with a slash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"Host with a backslash", "GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n", 400},
    {"Host with a question mark", "GET / HTTP/1.1\r\nHost: a?b\r\n\r\n", 400},
    {"Host with a fragment", "GET / HTTP/1.1\r\nHost: a#b\r\n\r\n", 400},
    {"Host with user information", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
    {"Host with a URL", "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", 400},
    {"Host with high bytes", "GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", 400},
    {"Host with two dots", "GET / HTTP/1.1\r\nHost: a..b\r\n\r\n", 400},
    {"Host with two ports", "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n", 400},
    {"Host with a port of letters", "GET / HTTP/1.1\r\nHost: a:http\r\n\r\n", 400},
    {"Host with a signed port", "GET / HTTP/1.1\r\nHost: a:+80\r\n\r\n", 400},
    {"Host with a port of 17 bits", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400},
    {"Host with half an address", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
    {"Host with text behind an address", "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", 400},
    {"Host with an empty address", "GET / HTTP/1.1\r\nHost: []\r\n\r\n", 400},
    {"Host with a zone", "GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n", 400},
    {"absolute form, no Host", "GET http://a/ HTTP/1.1\r\nX: y\r\n\r\n", 400},
    {"absolute form, two Hosts", "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
    {"absolute form, invalid Host", "GET http://a/ HTTP/1.1\r\nHost: a/\r\n\r\n", 400},
};
INSTANTIATE_TEST_SUITE_P(Hosts, Refused, ::testing::ValuesIn(kHosts));

const Row kExpectations[] = {
    {"unknown expectation", post("Expect: 200-ok\r\nContent-Length: 5\r\n"), 417},
    {"obscured expectation", post("Expect: y 100-continue\r\nContent-Length: 5\r\n"), 417},
    {"expectation list", post("Expect: 100-continue, 100-continue\r\nContent-Length: 5\r\n"), 417},
    {"two expectations", post("Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5\r\n"), 417},
    {"empty expectation", post("Expect:\r\nContent-Length: 5\r\n"), 417},
    {"expectation folded", post("Expect:\r\n 100-continue\r\n"), 400},
};
INSTANTIATE_TEST_SUITE_P(Expectations, Refused, ::testing::ValuesIn(kExpectations));

// CL.0, 0.CL: the body belongs to the request whatever the method and the path are.
struct BodyRow {
  const char* name;
  std::string bytes;
  Framing framing;
  std::uint64_t content_length;
};
void PrintTo(const BodyRow& row, std::ostream* out) {
  *out << row.name;
}

class OneReading : public ::testing::TestWithParam<BodyRow> {};

TEST_P(OneReading, OfTheBody) {
  base::Arena arena;
  const auto head = parse_request_every_way(arena.copy(GetParam().bytes), arena, RequestLimits{});
  ASSERT_TRUE(head) << head.error().what;
  EXPECT_EQ((*head)->framing, GetParam().framing);
  EXPECT_EQ((*head)->content_length, GetParam().content_length);
}

const BodyRow kBodies[] = {
    {"CL.0: GET with a body", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 34\r\n\r\n", Framing::kLength,
     34},
    {"CL.0: HEAD with a body", "HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 34\r\n\r\n", Framing::kLength,
     34},
    {"CL.0: OPTIONS with a body", "OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
     Framing::kLength, 3},
    {"CL.0: with an upgrade",
     "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 9\r\n\r\n",
     Framing::kLength, 9},
    {"GET with chunks", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", Framing::kChunked,
     0},
    {"POST without a length", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", Framing::kNone, 0},
    {"POST without a length in 1.0", "POST / HTTP/1.0\r\n\r\n", Framing::kNone, 0},
    {"length 0", post("Content-Length: 0\r\n"), Framing::kLength, 0},
    {"length with leading zeros", post("Content-Length: 007\r\n"), Framing::kLength, 7},
    {"length in white space", post("Content-Length: \t 7 \t\r\n"), Framing::kLength, 7},
    {"the longest length", post("Content-Length: 9223372036854775807\r\n"), Framing::kLength,
     9223372036854775807u},
    {"chunked in other cases", post("transfer-encoding: ChUnKeD\r\n"), Framing::kChunked, 0},
    {"length nominated by Connection", post("Connection: Content-Length\r\nContent-Length: 7\r\n"),
     Framing::kLength, 7},
    {"chunked nominated by Connection",
     post("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n"), Framing::kChunked, 0},
    {"names that look alike do not frame", post("Content_Length: 7\r\nX-Transfer-Encoding: chunked\r\n"),
     Framing::kNone, 0},
    {"a name with a high byte does not frame", post("Content-Length\xa0: 7\r\nContent-Length: 3\r\n"),
     Framing::kLength, 3},
};
INSTANTIATE_TEST_SUITE_P(Bodies, OneReading, ::testing::ValuesIn(kBodies));

struct ChunkRow {
  const char* name;
  std::string body;
};
void PrintTo(const ChunkRow& row, std::ostream* out) {
  *out << row.name << ": " << ::testing::PrintToString(row.body);
}

class BadChunks : public ::testing::TestWithParam<ChunkRow> {};

TEST_P(BadChunks, AreRefusedAndNeverEndTheBody) {
  ChunkedDecoder decoder;
  std::string_view in = GetParam().body;
  while (!in.empty()) {
    const ChunkedDecoder::Step step = decoder.feed(in);
    if (step.result == ChunkedDecoder::Result::kBad) break;
    ASSERT_NE(step.result, ChunkedDecoder::Result::kDone);
    in.remove_prefix(step.consumed);
  }
  EXPECT_TRUE(decoder.bad());
  EXPECT_STRNE(decoder.what(), "");
  EXPECT_EQ(decoder.feed("0\r\n\r\n").result, ChunkedDecoder::Result::kBad);
}

const ChunkRow kChunks[] = {
    {"empty size", "\r\n0\r\n\r\n"},
    {"leading space", " 5\r\nhello\r\n0\r\n\r\n"},
    {"leading tab", "\t5\r\nhello\r\n0\r\n\r\n"},
    {"trailing space", "5 \r\nhello\r\n0\r\n\r\n"},
    {"trailing tab", "5\t\r\nhello\r\n0\r\n\r\n"},
    {"space before an extension", "5 ;a\r\nhello\r\n0\r\n\r\n"},
    {"0x", "0x5\r\nhello\r\n0\r\n\r\n"},
    {"0X", "0X5\r\nhello\r\n0\r\n\r\n"},
    {"plus", "+5\r\nhello\r\n0\r\n\r\n"},
    {"minus", "-5\r\nhello\r\n0\r\n\r\n"},
    {"minus zero", "-0\r\n\r\n"},
    {"underscore", "1_0\r\nhello\r\n0\r\n\r\n"},
    {"point", "5.0\r\nhello\r\n0\r\n\r\n"},
    {"comma", "5,5\r\nhello\r\n0\r\n\r\n"},
    {"no hexadecimal digit", "g\r\nhello\r\n0\r\n\r\n"},
    {"behind a digit no hexadecimal digit", "5g\r\nhello\r\n0\r\n\r\n"},
    {"quotes", "\"5\"\r\nhello\r\n0\r\n\r\n"},
    {"NUL", "5\0\r\nhello\r\n0\r\n\r\n"s},
    {"NUL in front", "\0005\r\nhello\r\n0\r\n\r\n"s},
    {"high byte", "5\xb2\r\nhello\r\n0\r\n\r\n"},
    {"64 bits and a digit", "10000000000000005\r\nhello\r\n0\r\n\r\n"},
    {"64 bits", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"},
    {"many zeros", "0000000000000000000005\r\nhello\r\n0\r\n\r\n"},
    {"bare LF behind the size", "5\nhello\r\n0\r\n\r\n"},
    {"bare CR behind the size", "5\rhello\r\n0\r\n\r\n"},
    {"CR CR LF behind the size", "5\r\r\nhello\r\n0\r\n\r\n"},
    {"bare LF behind the data", "5\r\nhello\n0\r\n\r\n"},
    {"nothing behind the data", "5\r\nhello0\r\n\r\n"},
    {"two bytes that are no CRLF behind the data", "5\r\nhelloXX0\r\n\r\n"},
    {"CR CR behind the data", "5\r\nhello\r\r\n0\r\n\r\n"},
    {"data longer than the size", "5\r\nhello!\r\n0\r\n\r\n"},
    {"data shorter than the size", "6\r\nhello\r\n0\r\n\r\n"},
    {"bare LF in an extension", "5;a\nhello\r\n0\r\n\r\n"},
    {"bare CR in an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n"},
    {"bare LF in a quoted extension", "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"},
    {"NUL in an extension", "5;\0\r\nhello\r\n0\r\n\r\n"s},
    {"CR CR in front of an extension", "2\r\r;a\r\n02\r\n41\r\n0\r\n\r\n"},
    {"CR and a byte behind the size", "2\rXab\r\n0\r\n\r\n"},
    {"CR CR in an extension", "41;a=b\r\rXX\r\n0\r\n\r\n"},
    {"CR and a byte in an extension", "2;a\rXab\r\n0\r\n\r\n"},
    {"two bytes instead of the last CRLF", "0\r\nX:POST / HTTP/1.1\r\n\r \r\n"},
    {"an empty line in front of a size", "5\r\nhello\r\n\r\n0\r\n\r\n"},
    {"a size and text", "1these-bytes\r\nZ\r\n0\r\n\r\n"},
    {"negative hexadecimal zero", "-0x0\r\n\r\n"},
    {"extension of 257 bytes", "5;" + std::string(257, 'a') + "\r\nhello\r\n0\r\n\r\n"},
    {"bare LF behind the last size", "0\n\r\n"},
    {"bare LF as the end", "0\r\n\n"},
    {"CR and another byte as the end", "0\r\n\rX"},
    {"bare LF in a trailer", "0\r\nA: b\nC: d\r\n\r\n"},
    {"bare CR in a trailer", "0\r\nA: b\rC: d\r\n\r\n"},
    {"folded trailer", "0\r\nA: b\r\n c\r\n\r\n"},
    {"trailer without a colon", "0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"trailer without a name", "0\r\n: a\r\n\r\n"},
    {"trailer with a space before the colon", "0\r\nA : b\r\n\r\n"},
    {"NUL in a trailer", "0\r\nA: \0\r\n\r\n"s},
    {"trailers over the limit", "0\r\nA: " + std::string(8192, 'b') + "\r\n\r\n"},
};
INSTANTIATE_TEST_SUITE_P(Chunks, BadChunks, ::testing::ValuesIn(kChunks));

// One byte put before, into or behind the name of a field that frames.
enum class NameByte : std::uint8_t {
  kRefused,   // white space, control characters, an empty name: servers find different names
  kLeftOut,   // no part of a name for nginx: the line is not forwarded, whatever a server would make of it
  kOtherName  // forwarded, as the field that it is
};
NameByte role_in_name(int c) {
  if (c <= ' ' || c == 0x7f) return NameByte::kRefused;
  const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return is_letter || (c >= '0' && c <= '9') || c == '-' || c == '_' ? NameByte::kOtherName
                                                                     : NameByte::kLeftOut;
}

// `line` is the only field that could frame, and its name is another one by a byte of that role. It must not
// frame here, and unless it is a plain name of its own it must not reach a server either.
void expect_no_framing(const std::string& line, NameByte role) {
  const std::string bytes = post(line + "\r\n");
  const std::string shown = ::testing::PrintToString(line);
  EXPECT_EQ(verdict(bytes), role == NameByte::kRefused ? 400 : 0) << shown;
  EXPECT_EQ(parser_verdict(bytes), role == NameByte::kRefused ? 400 : 0) << shown;
  base::Arena arena;
  const auto head = parse_request_every_way(arena.copy(bytes), arena, RequestLimits{});
  if (!head) return;
  EXPECT_EQ((*head)->framing, Framing::kNone) << shown;
  EXPECT_EQ((*head)->headers.size(), role == NameByte::kLeftOut ? 1u : 2u) << shown;  // Host is the first
  const IgnoredLine* ignored = (*head)->ignored_lines;
  EXPECT_EQ(ignored == nullptr ? "" : ignored->text, role == NameByte::kLeftOut ? line : "");
}

// Beside Content-Length, a line that is left out changes neither the framing nor what is accepted.
void expect_length_frames(const std::string& line) {
  base::Arena arena;
  const std::string bytes = post(line + "\r\nContent-Length: 5\r\n");
  const auto head = parse_request_every_way(arena.copy(bytes), arena, RequestLimits{});
  ASSERT_TRUE(head) << ::testing::PrintToString(line);
  EXPECT_EQ((*head)->framing, Framing::kLength);
  EXPECT_EQ((*head)->content_length, 5u);
}

// Every byte at every place around a field that frames: either the head is refused, or the line is another
// field, or it is left out, or it is the white space that RFC 9112 allows around a value. Nothing in between.
TEST(EveryByteAround, TransferEncoding) {
  for (int c = 0; c < 256; ++c) {
    const std::string byte(1, static_cast<char>(c));
    const NameByte role = role_in_name(c);
    const std::string before = byte + "Transfer-Encoding: chunked";
    const std::string behind = "Transfer-Encoding" + byte + ": chunked";
    const std::string inside = "Transfer" + byte + "Encoding: chunked";
    if (c == ':') {
      EXPECT_EQ(verdict(post(before + "\r\n")), 400);   // an empty name
      EXPECT_EQ(verdict(post(behind + "\r\n")), 400);   // ": chunked" is no coding
      expect_no_framing(inside, NameByte::kOtherName);  // a field named Transfer
      continue;
    }
    expect_no_framing(before, role);
    expect_no_framing(behind, role);
    // CGI reads '_' as '-'.
    if (c != '-') expect_no_framing(inside, c == '_' ? NameByte::kLeftOut : role);
    if (role == NameByte::kRefused) continue;
    expect_length_frames(before);
    expect_length_frames(behind);
    if (c != '-') expect_length_frames(inside);
  }
}

TEST(EveryByteAround, TheCodings) {
  for (int c = 0; c < 256; ++c) {
    const std::string byte(1, static_cast<char>(c));
    for (const bool with_length : {false, true}) {
      const std::string length = with_length ? "Content-Length: 5\r\n" : "";
      const int around = !with_length && (c == ' ' || c == '\t') ? 0 : 400;
      EXPECT_EQ(verdict(post("Transfer-Encoding:" + byte + "chunked\r\n" + length)), around) << c;
      EXPECT_EQ(verdict(post("Transfer-Encoding: chunked" + byte + "\r\n" + length)), around) << c;
      EXPECT_EQ(verdict(post("Transfer-Encoding: chun" + byte + "ked\r\n" + length)), 400) << c;
    }
  }
}

TEST(EveryByteAround, ContentLength) {
  for (int c = 0; c < 256; ++c) {
    const std::string byte(1, static_cast<char>(c));
    if (c != ':') {
      expect_no_framing(byte + "Content-Length: 5", role_in_name(c));
      expect_no_framing("Content-Length" + byte + ": 5", role_in_name(c));
      if (c != '-') {
        const NameByte role = c == '_' ? NameByte::kLeftOut : role_in_name(c);
        expect_no_framing("Content" + byte + "Length: 5", role);
      }
    }
    const int around = c == ' ' || c == '\t' || (c >= '0' && c <= '9') ? 0 : 400;
    EXPECT_EQ(verdict(post("Content-Length:" + byte + "5\r\n")), around) << c;
    EXPECT_EQ(verdict(post("Content-Length: 5" + byte + "\r\n")), around) << c;
    EXPECT_EQ(verdict(post("Content-Length: 5" + byte + "5\r\n")), c >= '0' && c <= '9' ? 0 : 400) << c;
  }
  EXPECT_EQ(verdict(post(":Content-Length: 5\r\n")), 400);
  EXPECT_EQ(verdict(post("Content-Length:: 5\r\n")), 400);
}

TEST(EveryByteAround, ChunkSize) {
  for (int c = 0; c < 256; ++c) {
    const std::string byte(1, static_cast<char>(c));
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    ChunkedDecoder before;
    before.feed(byte + "5\r\nhello");
    EXPECT_EQ(before.bad(), !hex) << c;
    ChunkedDecoder behind;
    behind.feed("5" + byte + "\r\nhello");
    EXPECT_EQ(behind.bad(), !hex && c != ';') << c;
  }
}

TEST(ChunkExtensions, AreBoundedOverTheWholeBody) {
  const std::string chunk = "1;" + std::string(200, 'a') + "\r\nx\r\n";
  ChunkedDecoder decoder;
  int chunks = 0;
  for (; !decoder.bad() && chunks < 1000; ++chunks) {
    std::string_view in = chunk;
    while (!in.empty() && !decoder.bad()) in.remove_prefix(decoder.feed(in).consumed);
  }
  EXPECT_EQ(chunks, 21);  // 20 * 200 <= 4096 < 21 * 200
}

}  // namespace
}  // namespace apisix::http
