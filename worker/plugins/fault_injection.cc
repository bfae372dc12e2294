// fault-injection: delays some requests, responds to some with a configured status.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shared/format/read.h"
#include "worker/plugin/chance.h"
#include "worker/plugin/condition.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/template.h"
#include "worker/plugin/variables.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;
using plugin::Template;

// The requests that get a fault: a share of those for which one of the conditions holds.
class Target {
 public:
  explicit Target(const Json& fault) {
    if (const Json& percentage = find_member(fault, "percentage"); percentage.isNumeric())
      percentage_ = format::clamped<std::uint32_t>(percentage);
    const Json& vars = find_member(fault, "vars");
    if (!vars.isArray()) return;
    conditions_.emplace();
    for (const Json& one : vars) {
      if (auto condition = plugin::Condition::compile(one)) conditions_->push_back(std::move(*condition));
    }
  }

  bool holds(plugin::Request& request) const {
    if (!conditions_) return true;
    plugin::Variables variables(request);
    return std::ranges::any_of(
        *conditions_, [&variables](const plugin::Condition& one) { return one.evaluate(variables); });
  }
  bool strikes() const { return !percentage_ || plugin::happens(*percentage_); }

 private:
  std::optional<unsigned> percentage_;
  // Of an empty list none holds, as in APISIX.
  std::optional<std::vector<plugin::Condition>> conditions_;
};

struct Abort {
  explicit Abort(const plugin::Conf& conf) : target(conf.json()), status(conf.status("http_status")) {
    if (const auto text = conf.find_text("body")) body = Template(*text);
    const Json& fields = conf.json("headers");
    if (!fields.isObject()) return;
    for (auto field = fields.begin(); field != fields.end(); ++field) {
      headers.emplace_back(field.name(), Template(plugin::text_of(*field)));
    }
  }

  bool needs_body() const {
    return (body && body->needs_body()) ||
           std::ranges::any_of(headers, [](const auto& header) { return header.second.needs_body(); });
  }

  Target target;
  std::uint16_t status;
  std::optional<Template> body;
  std::vector<std::pair<std::string, Template>> headers;
};

struct Delay {
  explicit Delay(const plugin::Conf& conf) : target(conf.json()) {
    // A day stands for no limit; nothing overflows.
    duration_ms = static_cast<std::uint64_t>(std::llround(std::min(conf.real("duration"), 86'400.0) * 1000));
  }

  Target target;
  std::uint64_t duration_ms = 0;
};

base::Status check_conditions(const Json& fault) {
  const Json& vars = find_member(fault, "vars");
  if (!vars.isArray()) return {};
  for (const Json& one : vars) {
    if (const auto condition = plugin::Condition::compile(one); !condition)
      return std::unexpected(condition.error());
  }
  return {};
}

class FaultInjection final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "fault-injection", .priority = 11000};

  static base::Status check(const plugin::Conf& conf) {
    if (auto status = check_conditions(conf.json("abort")); !status) return status;
    return check_conditions(conf.json("delay"));
  }

  explicit FaultInjection(const plugin::Conf& conf) {
    if (conf.has("abort")) abort_.emplace(conf.member("abort"));
    if (conf.has("delay")) delay_.emplace(conf.member("delay"));
    needs_body_ = abort_ && abort_->needs_body();
  }

  plugin::Step rewrite(plugin::Request& request) override {
    const Faults faults = decide(request);
    // A condition about the request's body, which is not read yet.
    if (!request.body().is_read() && (request.body().is_wanted() || (faults.aborts && needs_body_)))
      return rewrite_with_body(request);
    if (faults.delays && delay_->duration_ms > 0) return wait(request, faults.aborts);
    return finish(request, faults.aborts);
  }

 private:
  struct Faults {
    bool delays;
    bool aborts;
  };

  Faults decide(plugin::Request& request) const {
    const bool delays = delay_ && delay_->target.holds(request);
    const bool aborts = abort_ && abort_->target.holds(request);
    return {delays && delay_->target.strikes(), aborts && abort_->target.strikes()};
  }

  plugin::Step rewrite_with_body(plugin::Request& request) {
    co_await request.body().read_fields();
    const Faults faults = decide(request);
    if (faults.delays) co_await request.sleep_ms(delay_->duration_ms);
    co_return finish(request, faults.aborts);
  }

  plugin::Step wait(plugin::Request& request, bool aborts) {
    co_await request.sleep_ms(delay_->duration_ms);
    co_return finish(request, aborts);
  }

  plugin::Outcome finish(plugin::Request& request, bool aborts) const {
    if (!aborts) return plugin::pass();
    for (const auto& [name, value] : abort_->headers)
      request.response().set_header(name, value.expand(request));
    if (!abort_->body) return request.reject_page(abort_->status);
    return request.reject(abort_->status, abort_->body->expand(request));
  }

  std::optional<Abort> abort_;
  std::optional<Delay> delay_;
  bool needs_body_ = false;
};

}  // namespace

const plugin::PluginKind& fault_injection = plugin::define<FaultInjection>();

}  // namespace apisix::plugins
