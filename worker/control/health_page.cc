#include "worker/control/health_page.h"

#include <array>
#include <string_view>

#include "shared/base/markup.h"
#include "shared/format/read.h"

namespace apisix::control {
namespace {

using format::Json;

constexpr std::string_view kHead = R"(<html xmlns="http://www.w3.org/1999/xhtml">
<head>
  <title>APISIX upstream check status</title>
</head>
<body>
<h1>APISIX upstream check status</h1>
<table style="background-color:white" cellspacing="0" cellpadding="3" border="1">
)";
constexpr std::string_view kFoot = "</table>\n</body>\n</html>\n";

std::string text_of(const Json& value) {
  return value.isString() ? format::string_of(value) : value.isNull() ? "" : format::to_json(value);
}

template <std::size_t n>
void add_row(std::string& out, std::string_view tag, std::string_view color,
             const std::array<std::string, n>& cells) {
  out.append("  <tr");
  if (!color.empty()) out.append(" bgcolor=\"").append(color).append("\"");
  out.append(">\n");
  for (const std::string& cell : cells) {
    out.append("    <").append(tag).append(">");
    base::append_escaped_markup(out, cell);
    out.append("</").append(tag).append(">\n");
  }
  out.append("  </tr>\n");
}

}  // namespace

std::string health_page(const Json& checkers) {
  std::string out(kHead);
  add_row(out, "th", "#C0C0C0",
          std::to_array<std::string>({"Index", "Upstream", "Check type", "Host", "Status", "Success counts",
                                      "TCP Failures", "HTTP Failures", "TIMEOUT Failures"}));
  int index = 0;
  for (const Json& checker : checkers) {
    for (const Json& node : format::find_member(checker, "nodes")) {
      const std::string status = text_of(node["status"]);
      const Json& counter = node["counter"];
      const std::string ip = text_of(node["ip"]);
      const std::string host = ip.contains(':') ? "[" + ip + "]" : ip;
      add_row(out, "td", status == "healthy" || status == "mostly_healthy" ? "" : "#FF0000",
              std::to_array<std::string>(
                  {std::to_string(++index), text_of(checker["name"]),
                   text_of(format::find_member(checker, "type")), host + ":" + text_of(node["port"]), status,
                   text_of(counter["success"]), text_of(counter["tcp_failure"]),
                   text_of(counter["http_failure"]), text_of(counter["timeout_failure"])}));
    }
  }
  return out.append(kFoot);
}

}  // namespace apisix::control
