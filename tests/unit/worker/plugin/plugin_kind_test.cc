// A kind of plugin that is not made of a C++ class, through everything that knows plugins by their kind.
#include "worker/plugin/plugin_kind.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "shared/format/json.h"
#include "tests/fakes/parsed_json.h"
#include "worker/plugin/compiled_schemas.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::plugin {
namespace {

class Nothing final : public Plugin {};

// As a kind that reads what it is from a file at run time.
class ForeignKind final : public PluginKind {
 public:
  ForeignKind(std::string_view name, std::string schemas, std::uint32_t stream_hooks = 0)
      : PluginKind({.name = name, .priority = 7}, 1u << static_cast<unsigned>(Phase::kLog), stream_hooks),
        schemas_(std::move(schemas)) {}

  std::string_view schemas() const override { return schemas_; }
  base::Result<base::Ref<Plugin>> build(const Json&, const BuildContext&) const override {
    return base::Ref<Plugin>(new Nothing());
  }
  base::Status check(Json& conf, ConfScope, const PluginSet&) const override {
    if (format::find_member(conf, "size") == Json(13)) return base::invalid("not thirteen");
    return {};
  }

 private:
  const std::string schemas_;
};

constexpr const char* kSchemas =
    R"({"schema": {"type": "object", "properties": {"size": {"type": "integer", "default": 3}}}})";

TEST(PluginKind, AForeignOneIsCheckedBySchemaAndItsOwnRules) {
  static const ForeignKind kind("foreign", kSchemas);
  const std::array<const PluginKind*, 1> catalog = {&kind};
  const PluginSet set(catalog, {"foreign"});
  ASSERT_EQ(set.find("foreign"), &kind);

  Json good = json(R"({"foreign": {}})");
  EXPECT_TRUE(set.check_all(good, resource::PluginScope::kHttp).ok());
  EXPECT_EQ(good["foreign"]["size"], 3);

  Json wrong_type = json(R"({"foreign": {"size": "x"}})");
  EXPECT_FALSE(set.check_all(wrong_type, resource::PluginScope::kHttp).ok());

  Json thirteen = json(R"({"foreign": {"size": 13}})");
  EXPECT_EQ(set.check_all(thirteen, resource::PluginScope::kHttp).error_msg,
            "failed to check the configuration of plugin foreign err: not thirteen");
  EXPECT_EQ(set.describe()["foreign"]["priority"], 7);
}

TEST(PluginKind, FormForSessionsIsCheckedByItsOwnSchema) {
  static const ForeignKind both("both",
                                R"({"schema": {"type": "object", "required": ["uri"]},
          "stream_schema": {"type": "object", "properties": {"port": {"type": "integer", "default": 53}}}})",
                                1u << static_cast<unsigned>(StreamPhase::kLog));
  static const ForeignKind requests_only("requests-only", kSchemas);
  const std::array<const PluginKind*, 2> catalog = {&both, &requests_only};
  const PluginSet set(catalog, {"both", "requests-only"});

  Json good = json(R"({"both": {"_meta": {"disable": false}}})");
  EXPECT_TRUE(set.check_all(good, resource::PluginScope::kStream).ok());
  EXPECT_EQ(good["both"]["port"], 53);
  EXPECT_FALSE(set.check_all(good, resource::PluginScope::kHttp).ok());

  Json unknown = json(R"({"requests-only": {}})");
  EXPECT_EQ(set.check_all(unknown, resource::PluginScope::kStream).error_msg,
            "unknown plugin [requests-only]");
}

TEST(PluginKind, TwoOfOneNameHaveTheirOwnSchemas) {
  static const ForeignKind first("foreign", kSchemas);
  static const ForeignKind second("foreign", R"({"schema": {"type": "object", "required": ["x"]}})");
  EXPECT_FALSE(schemas_of(first).resource->json.isMember("required"));
  EXPECT_TRUE(schemas_of(second).resource->json.isMember("required"));
}

TEST(PluginKind, SchemasThatAreNoneAreNamedByTheirPlugin) {
  const ForeignKind good("good", kSchemas);
  const ForeignKind broken("broken",
                           R"({"schema": {"type": "object", "properties": {"a": {"pattern": "("}}}})");
  const ForeignKind missing("missing", "{}");
  EXPECT_TRUE(check_schemas(std::array<const PluginKind*, 1>{&good}));
  const auto of_broken = check_schemas(std::array<const PluginKind*, 2>{&good, &broken});
  ASSERT_FALSE(of_broken);
  EXPECT_NE(of_broken.error().what.find("plugin broken"), std::string::npos);
  const auto of_missing = check_schemas(std::array<const PluginKind*, 1>{&missing});
  ASSERT_FALSE(of_missing);
  EXPECT_NE(of_missing.error().what.find("plugin missing"), std::string::npos);
}

class Native final : public Plugin {
 public:
  static constexpr PluginInfo kInfo{.name = "native", .priority = 1};
  explicit Native(const Conf&) {}
  void log(Request&) override {}
};

TEST(PluginKind, ANativeOneHasTheHooksThatItsClassOverrides) {
  static_assert(define<Native>().has(Phase::kLog));
  static_assert(!define<Native>().has(Phase::kAccess));
  EXPECT_EQ(define<Native>().info().name, "native");
}

}  // namespace
}  // namespace apisix::plugin
