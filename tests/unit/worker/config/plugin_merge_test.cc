// The merge of layers, written as text: "+a" configures the plugin a, "-a" turns it off, "!a" names it where
// it is enabled and not built in.
#include "worker/config/plugin_merge.h"

#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "shared/base/text.h"

namespace apisix::config {
namespace {

class MergedPlugin final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{.name = "nothing", .priority = 1};
  explicit MergedPlugin(const plugin::Conf&) {}
};

constexpr const plugin::PluginKind& kMergedPlugin = plugin::define<MergedPlugin>();

// What is written of one layer, as its object and as a consumer.
struct Layer {
  explicit Layer(const std::string& resource, std::string_view text) {
    for (const std::string_view word : base::split(text, ' ')) {
      if (word.empty()) continue;
      const std::string name(word.substr(1));
      if (word[0] == '-') disabled.push_back(name);
      if (word[0] == '!') missing.push_back(name);
      if (word[0] == '+') {
        confs[name] = base::make_counted<plugin::PluginConf>(kMergedPlugin, format::Json(::Json::objectValue),
                                                             resource, std::uint64_t{1});
      }
    }
  }

  base::Ref<SharedPlugins> object() const {
    auto out = base::make_counted<SharedPlugins>();
    out->confs = confs;
    out->disabled = disabled;
    out->missing = missing;
    return out;
  }
  base::Ref<plugin::Consumer> consumer() const {
    auto out = base::make_counted<plugin::Consumer>();
    out->plugins = confs;
    out->disabled = disabled;
    return out;
  }

  plugin::PluginConfs confs;
  std::vector<std::string> disabled;
  std::vector<std::string> missing;
};

// "a:service b:route !c"
std::string merged_text(const PluginMerge& merge) {
  std::vector<std::string> words;
  for (const auto& [name, conf] : merge.confs) words.push_back(name + ":" + conf->resource());
  for (const std::string& name : merge.missing) words.push_back("!" + name);
  return fmt::format("{}", fmt::join(words, " "));
}

TEST(PluginMerge, TheHighestObjectThatNamesAPluginHasTheLastWord) {
  const struct {
    const char* service;
    const char* route;
    const char* merged;
  } kCases[] = {
      {"+a", "", "a:service"},
      {"+a", "+a", "a:route"},
      {"+a +b", "+b", "a:service b:route"},
      {"+a", "-a", ""},
      {"+a +b", "-a", "b:service"},
      {"-a", "+a", "a:route"},
      {"-a", "", ""},
      {"-a", "-a", ""},
      {"", "-a", ""},
      {"!a", "", "!a"},
      {"!a", "-a", ""},
      {"-a", "!a", "!a"},
      {"!a +b", "-a", "b:service"},
      {"!a !b", "-b", "!a"},
  };
  for (const auto& [service, route, merged] : kCases) {
    PluginMerge merge;
    merge.put_over(*Layer("service", service).object());
    merge.put_over(*Layer("route", route).object());
    EXPECT_EQ(merged_text(merge), merged) << service << " below " << route;
  }
}

TEST(PluginMerge, ADisabledEntryHidesNothingFromTheLayersAboveIt) {
  PluginMerge merge;
  merge.put_over(*Layer("service", "+a +b +c").object());
  merge.put_over(*Layer("route", "-a -b").object());
  merge.put_over(*Layer("group", "+b").object());
  EXPECT_EQ(merged_text(merge), "b:group c:service");
}

TEST(PluginMerge, AConsumerIsALayerToo) {
  const struct {
    const char* route;
    const char* consumer;
    const char* merged;
  } kCases[] = {
      {"+a", "+a", "a:consumer"}, {"+a", "-a", ""}, {"-a", "+a", "a:consumer"},
      {"+a +b", "-b", "a:route"}, {"!a", "-a", ""},
  };
  for (const auto& [route, consumer, merged] : kCases) {
    PluginMerge merge;
    merge.put_over(*Layer("route", route).object());
    merge.put_over(*Layer("consumer", consumer).consumer());
    EXPECT_EQ(merged_text(merge), merged) << route << " below " << consumer;
  }
}

TEST(PluginMerge, OnlyWhatNamesNoPluginChangesNothing) {
  EXPECT_TRUE(changes_nothing(*Layer("x", "").object()));
  EXPECT_TRUE(changes_nothing(*Layer("x", "").consumer()));
  for (const char* text : {"+a", "-a", "!a"})
    EXPECT_FALSE(changes_nothing(*Layer("x", text).object())) << text;
  for (const char* text : {"+a", "-a"}) EXPECT_FALSE(changes_nothing(*Layer("x", text).consumer())) << text;
}

}  // namespace
}  // namespace apisix::config
