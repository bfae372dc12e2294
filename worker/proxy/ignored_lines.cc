#include "worker/proxy/ignored_lines.h"

#include "worker/plugin/log_text.h"
#include "worker/plugin/request_log.h"

namespace apisix::proxy {

void log_ignored_lines(plugin::RequestState& request, const http::IgnoredLine* lines,
                       std::string_view sender) {
  if (base::log_level() < base::LogLevel::kInfo) return;
  for (const http::IgnoredLine* line = lines; line != nullptr; line = line->next) {
    std::string text;
    plugin::append_escaped(text, line->text.substr(0, plugin::kLogTextBytesMax));
    plugin::log_info(request, "{} sent invalid header line: \"{}\"", sender, text);
  }
}

}  // namespace apisix::proxy
