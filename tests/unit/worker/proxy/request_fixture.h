// A Request as the pipeline has it once a head was received, for tests of functions on requests.
#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "shared/base/text.h"
#include "shared/event/loop.h"
#include "shared/http/h1/request_parser.h"
#include "worker/plugin/request_state.h"

namespace apisix::proxy {

class RequestTest : public ::testing::Test {
 protected:
  RequestTest() : request_(arena_, loop_.clock()) {
    request_.client.connection = &client_;
    comes_from("192.0.2.1");
  }

  // The head of "GET TARGET HTTP/1.1" with these field lines, each with its CRLF.
  void receive(std::string_view target, std::string_view fields = "Host: a.test\r\n") {
    receive_lines("GET " + std::string(target) + " HTTP/1.1\r\n" + std::string(fields));
  }
  void receive_lines(std::string_view lines) {
    const auto head = http::parse_request_head(arena_.concat(lines, std::string_view("\r\n")), arena_, {});
    ASSERT_TRUE(head.has_value()) << lines << ": " << head.error().what;
    request_.head = *head;
  }
  void comes_from(std::string_view ip, std::uint16_t port = 40000) {
    client_.peer_ip = ip_of(ip);
    client_.peer_port = port;
    request_.set_remote(client_.peer_ip, port);
  }

  static base::IpAddress ip_of(std::string_view text) { return *base::IpAddress::parse(text); }
  static base::Cidr network(std::string_view text) { return *base::Cidr::parse(text); }
  // The values of the fields of that name, joined with " | "; "(none)" without a field.
  static std::string values(const http::HeaderMap& headers, std::string_view name) {
    std::string out;
    for (const http::HeaderField& field : headers) {
      if (field.name.size() != name.size() || !base::equals_ignore_case(field.name, name)) continue;
      if (!out.empty()) out += " | ";
      out += field.value;
    }
    return headers.count(name) == 0 ? "(none)" : out;
  }
  std::string sent(std::string_view name) const { return values(request_.head->headers, name); }

  event::Loop loop_;
  base::Arena arena_;
  plugin::ClientInfo client_;
  plugin::RequestState request_;
};

}  // namespace apisix::proxy
