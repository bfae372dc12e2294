// Question: the request that is to be explained; it is not sent. Parsed from the body of POST explain,
// and made into the head that a client would have sent, so that the gateway's own parser reads it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "shared/base/ip.h"
#include "shared/base/result.h"
#include "shared/format/json.h"

namespace apisix::diagnose {

inline constexpr std::size_t kQuestionHeadersMax = 256;

struct Question {
  std::string method = "GET";
  std::string target;      // of the request line: path and query
  std::string host;        // of the URL; empty: it had none
  std::uint16_t port = 0;  // of the URL; 0: it named none
  bool is_tls = false;
  std::vector<std::pair<std::string, std::string>> headers;
  base::IpAddress client_ip;
  std::string consumer;  // username; empty: no consumer
  std::string body;

  // {"url": "http://host:port/path?query" or "/path", "method", "headers": {name: text or [text, ...]},
  // "client_ip", "consumer", "body"}; only url must be there. The error names the member.
  static base::Result<Question> parse(const format::Json& json);

  // "GET /path HTTP/1.1\r\n...\r\n\r\n". Without any host it is "localhost".
  std::string head() const;
};

}  // namespace apisix::diagnose
