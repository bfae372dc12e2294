#include "shared/settings/admin_key.h"

#include <filesystem>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/settings/load.h"

namespace apisix::settings {
namespace {

using ::testing::HasSubstr;

class AdminKeyFile : public ::testing::Test {
 protected:
  AdminKeyFile() {
    std::string name = ::testing::TempDir() + "admin_key_XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = folder_ + "/config.yaml";
  }
  ~AdminKeyFile() override { std::filesystem::remove_all(folder_); }

  void write(std::string_view text) { ASSERT_TRUE(base::replace_file(path_, text)); }
  std::string text() const { return *base::read_file(path_); }
  base::Result<Loaded> load() const {
    LoadOptions options;
    options.config_path = path_;
    options.prefix = folder_;
    options.environment = [](std::string_view) { return std::optional<std::string>(); };
    return load_settings(options);
  }

  std::string folder_;
  std::string path_;
};

TEST(AdminKey, RandomOnesAreLongAndDifferent) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const auto key = random_admin_key();
    ASSERT_TRUE(key);
    EXPECT_EQ(key->size(), 32u);
    EXPECT_EQ(key->find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
              key->npos);
    seen.insert(*key);
  }
  EXPECT_EQ(seen.size(), 100u);
}

TEST(AdminKey, IsPutIntoTheTextAndNothingElseChanges) {
  const struct {
    const char* before;
    const char* after;
  } kCases[] = {
      {"deployment:\n  admin:\n    admin_key:\n      - name: admin\n        key: ''  # a comment\n        "
       "role: admin\n",
       "deployment:\n  admin:\n    admin_key:\n      - name: admin\n        key: \"K\"  # a comment\n        "
       "role: admin\n"},
      {"# head\ndeployment:\n  admin:\n    admin_key:\n      - key: \"\"\n        role: admin",
       "# head\ndeployment:\n  admin:\n    admin_key:\n      - key: \"K\"\n        role: admin"},
      {"deployment:\n  admin:\n    admin_key:\n    - name: admin\n      key:\n      role: admin\n",
       "deployment:\n  admin:\n    admin_key:\n    - name: admin\n      key: \"K\"\n      role: admin\n"},
      {"deployment:\n  admin:\n    admin_key:\n    - name: admin\n      key: # none yet\n      role: admin\n",
       "deployment:\n  admin:\n    admin_key:\n    - name: admin\n      key: \"K\" # none yet\n      role: "
       "admin\n"},
      {"deployment: {admin: {admin_key: [{name: key, \"key\": '', role: admin}]}}\n",
       "deployment: {admin: {admin_key: [{name: key, \"key\": \"K\", role: admin}]}}\n"},
      {"deployment:\r\n  admin:\r\n    admin_key:\r\n      - name: a\r\n        key: ~\r\n        role: "
       "admin\r\n",
       "deployment:\r\n  admin:\r\n    admin_key:\r\n      - name: a\r\n        key: \"K\"\r\n        role: "
       "admin\r\n"},
      {"apisix:\n  admin_key:\n    - {name: a, key: \"\", role: admin}\n",
       "apisix:\n  admin_key:\n    - {name: a, key: \"K\", role: admin}\n"},
      {"deployment:\n  admin:\n    admin_key:\n      - name: admin\n        role: admin\nplugins: []\n",
       "deployment:\n  admin:\n    admin_key:\n      - name: admin\n        key: \"K\"\n        role: "
       "admin\nplugins: []\n"},
  };
  for (const auto& [before, after] : kCases) {
    const auto edited = with_admin_key(before, 0, "K");
    ASSERT_TRUE(edited) << before << edited.error().what;
    EXPECT_EQ(*edited, after);
  }
}

TEST(AdminKey, SectionsAreAddedWhereTheyBelong) {
  const struct {
    const char* before;
    const char* after;
  } kCases[] = {
      {"",
       "deployment:\n  admin:\n    admin_key:\n      - name: admin\n        key: \"K\"\n        role: "
       "admin\n"},
      {"apisix:\n  id: x # last line",
       "apisix:\n  id: x # last line\ndeployment:\n  admin:\n    admin_key:\n      - name: admin\n        "
       "key: \"K\"\n"
       "        role: admin\n"},
      {"deployment:\n    # the role\n    role: traditional\n",
       "deployment:\n    # the role\n    admin:\n      admin_key:\n        - name: admin\n          key: "
       "\"K\"\n"
       "          role: admin\n    role: traditional\n"},
      {"deployment:\n  admin:\n    enable_admin_ui: false\n  role: traditional\n",
       "deployment:\n  admin:\n    admin_key:\n      - name: admin\n        key: \"K\"\n        role: admin\n"
       "    enable_admin_ui: false\n  role: traditional\n"},
  };
  for (const auto& [before, after] : kCases) {
    const auto edited = with_admin_key(before, 0, "K");
    ASSERT_TRUE(edited) << before << edited.error().what;
    EXPECT_EQ(*edited, after);
  }
}

TEST(AdminKey, TheRightEntryIsFilled) {
  const auto edited = with_admin_key(
      "deployment:\n  admin:\n    admin_key:\n      - {name: a, key: '', role: viewer}\n      - {name: b, "
      "key: '', role: admin}\n",
      1, "K");
  ASSERT_TRUE(edited);
  EXPECT_EQ(*edited,
            "deployment:\n  admin:\n    admin_key:\n      - {name: a, key: '', role: viewer}\n"
            "      - {name: b, key: \"K\", role: admin}\n");
}

TEST(AdminKey, WhatCannotBeEditedIsLeftAndSaid) {
  for (const char* text : {
           "deployment: {admin: {admin_key: [{name: a, key: '${{K:=}}', role: admin}]}}\n",  // from a
                                                                                             // variable
           "x: &e ''\ndeployment: {admin: {admin_key: [{name: a, key: *e, role: admin}]}}\n",
           "deployment: {admin: {enable_admin_ui: true}}\n",  // where to put a block?
           "deployment: 5\n",
           "deployment: {admin: {admin_key: []}}\n",
           "deployment: {admin: {admin_key: [text]}}\n",
       }) {
    const auto edited = with_admin_key(text, 0, "K");
    ASSERT_FALSE(edited) << *edited;
    EXPECT_THAT(edited.error().what, HasSubstr("by hand")) << text;
  }
}

TEST_F(AdminKeyFile, AnEmptyKeyIsGeneratedOnceAndStays) {
  const std::string before =
      "deployment:\n  admin:\n    admin_key:\n      - name: admin\n        key: ''  # mine\n        role: "
      "admin\n";
  write(before);
  ASSERT_EQ(::chmod(path_.c_str(), 0600), 0);
  auto loaded = load();
  ASSERT_TRUE(loaded);
  EXPECT_EQ(*fill_empty_admin_keys(loaded->settings, path_), 1);
  const std::string key = loaded->settings.deployment.admin.admin_key[0].key;
  EXPECT_EQ(key.size(), 32u);
  std::string expected = before;
  expected.replace(expected.find("''"), 2, "\"" + key + "\"");
  EXPECT_EQ(text(), expected);
  struct stat found{};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);

  auto again = load();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->settings.deployment.admin.admin_key[0].key, key);
  EXPECT_EQ(*fill_empty_admin_keys(again->settings, path_), 0);
  EXPECT_EQ(text(), expected);
}

TEST_F(AdminKeyFile, AnEmptyFileGetsASection) {
  write("# only a comment\n");
  auto loaded = load();
  ASSERT_TRUE(loaded);
  EXPECT_EQ(*fill_empty_admin_keys(loaded->settings, path_), 1);
  EXPECT_THAT(text(), HasSubstr("# only a comment\ndeployment:\n  admin:\n    admin_key:\n"));
  EXPECT_EQ(load()->settings.deployment.admin.admin_key, loaded->settings.deployment.admin.admin_key);
}

TEST_F(AdminKeyFile, NothingIsWrittenWhenNoKeyIsWanted) {
  for (const char* text : {
           "deployment: {admin: {admin_key_required: false}}\n",
           "apisix: {enable_admin: false}\n",
           "deployment: {admin: {admin_key: [{name: a, key: own, role: admin}, {name: v, key: '', role: "
           "viewer}]}}\n",
           "deployment: {role: data_plane, role_data_plane: {config_provider: yaml}}\n",
       }) {
    write(text);
    auto loaded = load();
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(*fill_empty_admin_keys(loaded->settings, path_), 0) << text;
    EXPECT_EQ(this->text(), text);
  }
}

TEST_F(AdminKeyFile, ALinkedFileIsReplacedAtItsTarget) {
  write("apisix: {id: x}\n");
  const std::string link = folder_ + "/link.yaml";
  std::filesystem::create_symlink(path_, link);
  auto loaded = load();
  ASSERT_TRUE(loaded);
  EXPECT_EQ(*fill_empty_admin_keys(loaded->settings, link), 1);
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_THAT(text(), HasSubstr("admin_key"));
}

TEST_F(AdminKeyFile, AFileThatCannotBeEditedIsNamed) {
  write("deployment: {admin: {enable_admin_ui: true}}\n");
  auto loaded = load();
  ASSERT_TRUE(loaded);
  const auto filled = fill_empty_admin_keys(loaded->settings, path_);
  ASSERT_FALSE(filled);
  EXPECT_THAT(filled.error().what, HasSubstr(path_));
  EXPECT_EQ(text(), "deployment: {admin: {enable_admin_ui: true}}\n");
}

}  // namespace
}  // namespace apisix::settings
