// echo: puts text before, after, or in the place of the response's body, and sets header fields.
#include <string>
#include <utility>
#include <vector>

#include "worker/plugin/plugin.h"
#include "worker/plugin/template.h"

namespace apisix::plugins {
namespace {

using format::Json;

class Echo final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "echo", .priority = 412};

  explicit Echo(const plugin::Conf& conf)
      : before_(conf.text("before_body")),
        body_(conf.text("body")),
        after_(conf.text("after_body")),
        replaces_(conf.find_text("body").has_value()) {
    const Json& headers = conf.json("headers");
    if (!headers.isObject()) return;
    for (auto field = headers.begin(); field != headers.end(); ++field) {
      if (field.name().empty() || (!field->isString() && !field->isNumeric())) {
        headers_.clear();  // as in APISIX one that is no text spoils all
        return;
      }
      headers_.emplace_back(field.name(), plugin::text_of(*field));
    }
  }

  void header_filter(plugin::Request& request) override {
    request.response().will_change_body();
    for (const auto& [name, value] : headers_) request.response().set_header(name, value);
  }

  void body_filter(plugin::Request& request, plugin::Body& body) override {
    const bool first = !std::exchange(request.state<State>(this).began, true);
    const std::string_view data = replaces_ ? std::string_view(body_) : body.data();
    std::string& out = body.output();
    if (first) out += before_;
    out += data;
    if (body.last() || replaces_) out += after_;
    if (replaces_) body.finish();
  }

 private:
  struct State {
    bool began = false;
  };

  const std::string before_;
  const std::string body_;
  const std::string after_;
  const bool replaces_;
  std::vector<std::pair<std::string, std::string>> headers_;
};

}  // namespace

const plugin::PluginKind& echo = plugin::define<Echo>();

}  // namespace apisix::plugins
