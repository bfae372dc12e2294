// mocking: responds in the place of the upstream, with a given example or with data made up from a JSON
// schema.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shared/base/version.h"
#include "worker/plugin/chance.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/request_log.h"
#include "worker/plugin/template.h"
#include "worker/plugins/mock_schema.h"

namespace apisix::plugins {
namespace {

using format::Json;
using plugin::Template;

enum class BodyKind : std::uint8_t { kExample, kJson, kXml, kNone };

// A day stands for no limit.
constexpr std::int64_t kDelayMaxS = 86'400;

// Without parameters. As APISIX reads it, no space may stand before the ';'.
std::string_view media_type(std::string_view content_type) {
  return content_type.substr(0, content_type.rfind(';'));
}

bool is_xml(std::string_view type) {
  return type == "application/xml" || type == "text/xml";
}

class Mocking final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "mocking", .priority = 10900};

  static base::Status check(const plugin::Conf& conf) {
    const std::string content_type = conf.text("content_type");
    const std::string_view type = media_type(content_type);
    if (type == "application/json" || type == "text/plain" || type == "text/html" || is_xml(type)) return {};
    return base::invalid("unsupported content type!");
  }

  explicit Mocking(const plugin::Conf& conf)
      : status_(conf.number<std::uint16_t>("response_status", 100, 999)),
        delay_s_(conf.number<std::int64_t>("delay", 0, kDelayMaxS)),
        content_type_(conf.text("content_type")),
        with_mock_header_(conf.flag("with_mock_header")) {
    read_body(conf);
    const Json& fields = conf.json("response_headers");
    if (!fields.isObject()) return;
    for (auto field = fields.begin(); field != fields.end(); ++field) {
      headers_.emplace_back(field.name(), Template(plugin::text_of(*field)));
      needs_body_ |= headers_.back().second.needs_body();
    }
  }

  plugin::Step access(plugin::Request& request) override {
    if (delay_s_ > 0 || (needs_body_ && !request.body().is_read())) return wait(request);
    return response(request);
  }

 private:
  void read_body(const plugin::Conf& conf) {
    if (const auto example = conf.find_text("response_example")) {
      example_ = Template(*example);
      needs_body_ = example_.needs_body();
      return;
    }
    const std::string_view type = media_type(content_type_);
    kind_ = is_xml(type) ? BodyKind::kXml : type == "text/html" ? BodyKind::kNone : BodyKind::kJson;
    schema_.emplace(conf.json("response_schema"));
  }

  plugin::Step wait(plugin::Request& request) {
    if (needs_body_) co_await request.body().read_fields();
    if (delay_s_ > 0) co_await request.sleep_ms(static_cast<std::uint64_t>(delay_s_) * 1000);
    co_return response(request);
  }

  plugin::Outcome response(plugin::Request& request) const {
    request.response().set_header("Content-Type", content_type_);
    if (with_mock_header_)
      request.response().set_header(
          "x-mock-by", request.arena().concat(std::string_view("APISIX/"), base::kCompatibleVersion));
    for (const auto& [name, value] : headers_) request.response().add_header(name, value.expand(request));
    if (kind_ == BodyKind::kExample) return request.reject(status_, example_.expand(request));
    return request.reject(status_, made_up(request));
  }

  // Examples in a schema may hold variables, too.
  std::string_view made_up(plugin::Request& request) const {
    if (kind_ == BodyKind::kNone) {
      plugin::log_error(request, "json schema body only support xml and json content type");
      return {};
    }
    base::Random& random = plugin::chance();
    std::string text = kind_ == BodyKind::kXml ? schema_->xml(random) : schema_->json(random);
    if (text.find('$') == std::string::npos) return request.arena().copy(text);
    const Template made(std::move(text));
    return request.arena().copy(made.expand(request));
  }

  const std::uint16_t status_;
  const std::int64_t delay_s_;
  const std::string content_type_;
  const bool with_mock_header_;
  BodyKind kind_ = BodyKind::kExample;
  Template example_;
  std::optional<MockSchema> schema_;
  std::vector<std::pair<std::string, Template>> headers_;
  bool needs_body_ = false;
};

}  // namespace

const plugin::PluginKind& mocking = plugin::define<Mocking>();

}  // namespace apisix::plugins
