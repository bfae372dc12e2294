#include "shared/http/request_line.h"

#include "shared/http/h1/head_writer.h"

namespace apisix::http {

std::string_view request_line(RequestHead& head, base::Arena& arena) {
  if (!head.request_line.empty() || head.method_text.empty()) return head.request_line;
  const std::string_view protocol = protocol_text(head.protocol);
  const std::size_t bytes = head.method_text.size() + 1 + head.target.size() + 1 + protocol.size();
  char* const line = arena.text(bytes);
  char* at = append_text(line, head.method_text);
  *at++ = ' ';
  at = append_text(at, head.target);
  *at++ = ' ';
  append_text(at, protocol);
  head.request_line = {line, bytes};
  return head.request_line;
}

}  // namespace apisix::http
