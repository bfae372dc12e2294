// Plugins of tests that filter the body of a request.
#pragma once

#include <string>
#include <string_view>

#include "worker/plugin/plugin.h"

namespace apisix::proxy {

// Sends everything twice.
class BodyDoubler final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "doubler", .priority = 50};
  explicit BodyDoubler(const plugin::Conf&) {}
  void request_body_filter(plugin::Request&, plugin::Body& body) override {
    const std::string_view data = body.data();
    body.output().append(data).append(data);
  }
};

// Lets the body out once it is whole; one letter in a turn, and "!" at the end.
class BodyHolder final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "holder", .priority = 40};
  explicit BodyHolder(const plugin::Conf&) {}
  void request_body_filter(plugin::Request& request, plugin::Body& body) override {
    auto& held = request.kept<std::string>(this);
    held.append(body.data());
    std::string& out = body.output();
    if (!body.last()) return;
    if (held.empty()) {
      out += "!";
      return;
    }
    out += held.substr(0, 1);
    held.erase(0, 1);
    body.again();
  }
};

// Lets a letter through in a turn, whatever comes.
class BodySlicer final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "slicer", .priority = 30};
  explicit BodySlicer(const plugin::Conf&) {}
  void request_body_filter(plugin::Request& request, plugin::Body& body) override {
    auto& held = request.kept<std::string>(this);
    held.append(body.data());
    body.output() = held.substr(0, 1);
    held.erase(0, 1);
    if (!held.empty()) body.again();
  }
};

// Ends the body at "END", and refuses one with "BAD" in it.
class BodyJudge final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "judge", .priority = 20};
  explicit BodyJudge(const plugin::Conf&) {}
  void request_body_filter(plugin::Request&, plugin::Body& body) override {
    if (body.data().find("BAD") != std::string_view::npos) return body.break_off();
    if (body.data().find("END") != std::string_view::npos) body.finish();
  }
};

}  // namespace apisix::proxy
