#include "shared/settings/instance_id.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/settings/config_path.h"

namespace apisix::settings {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class Prefix : public ::testing::Test {
 protected:
  Prefix() {
    std::string name = ::testing::TempDir() + "prefix_XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    prefix_ = name;
    std::filesystem::create_directory(prefix_ + "/conf");
  }
  ~Prefix() override { std::filesystem::remove_all(prefix_); }

  std::string id_of(const Settings& settings) const {
    const auto id = instance_id(settings, prefix_);
    EXPECT_TRUE(id) << id.error().what;
    return id ? id->text : std::string();
  }

  std::string prefix_;
};

using InstanceId = Prefix;
using ConfigPath = Prefix;

constexpr const char* kUuid = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";

TEST_F(InstanceId, IsGeneratedOnceAndStored) {
  const std::string first = id_of(Settings{});
  EXPECT_THAT(first, MatchesRegex(kUuid));
  EXPECT_EQ(*base::read_file(prefix_ + "/conf/apisix.uid"), first);
  EXPECT_EQ(id_of(Settings{}), first);
}

TEST_F(InstanceId, TheFileComesBeforeTheConfiguredId) {
  Settings settings;
  settings.apisix.id = "configured";
  EXPECT_EQ(id_of(settings), "configured");
  ASSERT_TRUE(base::replace_file(prefix_ + "/conf/apisix.uid", "stored \n"));
  EXPECT_EQ(id_of(settings), "stored");
}

TEST_F(InstanceId, AnEmptyFileIsNoId) {
  ASSERT_TRUE(base::replace_file(prefix_ + "/conf/apisix.uid", "\n"));
  EXPECT_THAT(id_of(Settings{}), MatchesRegex(kUuid));
}

// Without the folder conf, which is what root sees of one that cannot be written.
TEST_F(InstanceId, WhereConfCannotBeWrittenItIsKeptInData) {
  std::filesystem::remove(prefix_ + "/conf");
  std::filesystem::create_directory(prefix_ + "/data");
  const auto first = instance_id(Settings{}, prefix_);
  ASSERT_TRUE(first) << first.error().what;
  EXPECT_THAT(first->text, MatchesRegex(kUuid));
  EXPECT_EQ(*base::read_file(prefix_ + "/data/apisix.uid"), first->text);
  EXPECT_THAT(first->remark, HasSubstr(prefix_ + "/data/apisix.uid"));
  EXPECT_EQ(id_of(Settings{}), first->text);
  std::filesystem::create_directory(prefix_ + "/conf");
  EXPECT_EQ(id_of(Settings{}), first->text) << "it stays the same when conf can be written again";
  EXPECT_EQ(*base::read_file(prefix_ + "/conf/apisix.uid"), first->text);
  EXPECT_EQ(instance_id(Settings{}, prefix_)->remark, "");
}

TEST_F(InstanceId, AConfiguredOneNeedsNoFile) {
  std::filesystem::remove(prefix_ + "/conf");
  Settings settings;
  settings.apisix.id = "configured";
  const auto id = instance_id(settings, prefix_);
  ASSERT_TRUE(id) << id.error().what;
  EXPECT_EQ(id->text, "configured");
  EXPECT_EQ(id->remark, "");
}

TEST_F(InstanceId, WhereNothingCanBeWrittenItLastsAsLongAsTheGateway) {
  std::filesystem::remove(prefix_ + "/conf");
  const auto id = instance_id(Settings{}, prefix_);
  ASSERT_TRUE(id) << id.error().what;
  EXPECT_THAT(id->text, MatchesRegex(kUuid));
  EXPECT_THAT(id->remark, HasSubstr("set apisix.id"));
}

TEST(RandomUuid, Differs) {
  EXPECT_NE(*random_uuid(), *random_uuid());
}

std::optional<std::string> no_variables(std::string_view) {
  return std::nullopt;
}
std::optional<std::string> dev_profile(std::string_view name) {
  return name == "APISIX_PROFILE" ? std::optional<std::string>("dev") : std::nullopt;
}

TEST_F(ConfigPath, DefaultsAndProfile) {
  EXPECT_EQ(*resolve_config_path(prefix_, "", no_variables), prefix_ + "/conf/config.yaml");
  EXPECT_EQ(*resolve_config_path(prefix_, "", dev_profile), prefix_ + "/conf/config-dev.yaml");
  EXPECT_EQ(profile_path("/p", "apisix", "json", dev_profile), "/p/conf/apisix-dev.json");
}

TEST_F(ConfigPath, GivenThenStored) {
  ASSERT_TRUE(base::replace_file(customized_config_index(prefix_), "/etc/gw.yaml\n"));
  EXPECT_EQ(*resolve_config_path(prefix_, "", dev_profile), "/etc/gw.yaml");
  EXPECT_EQ(*resolve_config_path(prefix_, "/other.yaml", dev_profile), "/other.yaml");
  EXPECT_EQ(*resolve_config_path(prefix_, "x.yaml", no_variables),
            std::filesystem::current_path().string() + "/x.yaml");
}

}  // namespace
}  // namespace apisix::settings
