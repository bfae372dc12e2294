// serverless-pre-function and serverless-post-function: functions of Lua from the configuration, in the phase
// that it says. The two differ in their priority alone.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/lua/hook.h"
#include "worker/lua/ref.h"
#include "worker/plugin/plugin.h"

namespace apisix::lua {

class Serverless : public plugin::Plugin {
 public:
  static base::Status check(const plugin::Conf& conf);

  bool has(plugin::Phase phase) const override {
    return phase == phase_ || (phase == plugin::Phase::kHeaderFilter && phase_ == plugin::Phase::kBodyFilter);
  }
  plugin::Step rewrite(plugin::Request& request) override { return run(request); }
  plugin::Step access(plugin::Request& request) override { return run(request); }
  plugin::Step before_proxy(plugin::Request& request) override { return run(request); }
  void header_filter(plugin::Request& request) override;
  void body_filter(plugin::Request& request, plugin::Body& body) override;
  void log(plugin::Request& request) override;

 protected:
  // The parts of one, made of the configuration.
  struct Parts {
    plugin::Phase phase;
    Ref conf;
    std::vector<Ref> functions;
    std::uint64_t global_rule;  // see Binding
  };
  explicit Serverless(Parts parts);
  static base::Result<Parts> read(const plugin::Conf& conf, const plugin::BuildContext& context);

 private:
  plugin::Step run(plugin::Request& request);
  plugin::Step run_from(plugin::Request& request, std::size_t first);

  const plugin::Phase phase_;
  const Ref conf_;
  const std::vector<Ref> functions_;
  const std::uint64_t global_rule_;
};

}  // namespace apisix::lua
