// echo: puts text before, after, or in the place of the response's body, and sets header fields.
#include <string>
#include <utility>
#include <vector>

#include "worker/plugin/plugin.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

class Echo final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "echo", .priority = 412};

  explicit Echo(const Json& conf)
      : before_(text_of(find_member(conf, "before_body"))),
        body_(text_of(find_member(conf, "body"))),
        after_(text_of(find_member(conf, "after_body"))),
        replaces_(find_member(conf, "body").isString()) {
    const Json& headers = find_member(conf, "headers");
    for (const std::string& name :
         headers.isObject() ? headers.getMemberNames() : std::vector<std::string>()) {
      headers_.emplace_back(name, text_of(headers[name]));
    }
  }

  void header_filter(plugin::Request& request) override {
    request.will_change_body();
    for (const auto& [name, value] : headers_) request.set_response_header(name, value);
  }

  void body_filter(plugin::Request& request, plugin::Body& body) override {
    bool& began = request.state<State>(this).began;
    const bool first = !std::exchange(began, true);
    const std::string_view data = body.data();
    std::string& out = body.output();
    if (first) out += before_;
    if (!replaces_) {
      out += data;
    } else if (first) {
      out += body_;
    }
    if (body.last()) out += after_;
  }

 private:
  struct State {
    bool began = false;
  };

  static std::string text_of(const Json& value) {
    if (value.isString()) return value.asString();
    return value.isNumeric() ? format::to_json(value) : std::string();
  }

  const std::string before_;
  const std::string body_;
  const std::string after_;
  const bool replaces_;
  std::vector<std::pair<std::string, std::string>> headers_;
};

}  // namespace

extern const plugin::PluginDef echo = plugin::define<Echo>();

}  // namespace apisix::plugins
