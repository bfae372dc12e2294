// Plugins of tests that filter the body of a request.
#pragma once

#include <string>
#include <string_view>

#include "worker/plugin/plugin.h"

namespace apisix::proxy {

// Sends everything twice.
class Doubler final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "doubler", .priority = 50};
  explicit Doubler(const plugin::Conf&) {}
  void request_body_filter(plugin::Request&, plugin::Body& body) override {
    const std::string_view data = body.data();
    body.output().append(data).append(data);
  }
};

// Lets the body out once it is whole; one letter in a turn, and "!" at the end.
class Holder final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "holder", .priority = 40};
  explicit Holder(const plugin::Conf&) {}
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
class Slicer final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "slicer", .priority = 30};
  explicit Slicer(const plugin::Conf&) {}
  void request_body_filter(plugin::Request& request, plugin::Body& body) override {
    auto& held = request.kept<std::string>(this);
    held.append(body.data());
    body.output() = held.substr(0, 1);
    held.erase(0, 1);
    if (!held.empty()) body.again();
  }
};

// Ends the body at "END", and refuses one with "BAD" in it.
class Judge final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "judge", .priority = 20};
  explicit Judge(const plugin::Conf&) {}
  void request_body_filter(plugin::Request&, plugin::Body& body) override {
    if (body.data().find("BAD") != std::string_view::npos) return body.break_off();
    if (body.data().find("END") != std::string_view::npos) body.finish();
  }
};

}  // namespace apisix::proxy
