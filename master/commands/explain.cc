// apisix explain [METHOD] URL: what the running gateway would do with a request. It asks one worker, over the
// Control API; nothing is sent anywhere else.
#include <cctype>
#include <cstdio>

#include "master/command.h"
#include "master/commands/ask.h"
#include "master/view/explain_view.h"
#include "master/view/terminal.h"

namespace apisix::master {
namespace {

using format::Json;

// "explain GET /a", "explain /a".
base::Result<Json> question_of(const Invocation& in) {
  const std::size_t count = in.arguments.size();
  if (count == 0 || count > 2) return base::invalid("expected [METHOD] URL; see `apisix explain --help`");
  Json out(::Json::objectValue);
  out["url"] = in.arguments.back();
  out["method"] = count == 2 ? in.arguments.front() : std::string("GET");
  if (!in.asked.client_ip.empty()) out["client_ip"] = in.asked.client_ip;
  if (!in.asked.consumer.empty()) out["consumer"] = in.asked.consumer;
  if (!in.asked.body.empty()) out["body"] = in.asked.body;
  for (const std::string& header : in.asked.headers) {
    const auto colon = header.find(':');
    if (colon == std::string::npos || colon == 0) return base::invalid("-H expects \"Name: value\"");
    const auto value = header.find_first_not_of(" \t", colon + 1);
    out["headers"][header.substr(0, colon)].append(value == std::string::npos ? "" : header.substr(value));
  }
  return out;
}

}  // namespace

int run_explain(const Invocation& in) {
  const auto question = question_of(in);
  if (!question) return wrong_usage(question.error());
  const auto response = ask_gateway(in, "POST", "/v1/explain", format::to_json(*question));
  if (!response) return cannot_ask(response.error());
  if (in.as_json) {
    std::puts(format::to_json(*response).c_str());
  } else {
    print(explain_lines(*response, output_style()));
  }
  return kExitDone;
}

}  // namespace apisix::master
