#include "worker/config/references.h"

#include <gtest/gtest.h>

namespace apisix::config {
namespace {

using resource::Kind;

bool all(const std::string&) {
  return true;
}

class ReferencesTest : public ::testing::Test {
 protected:
  References references_;
  Referrer route_{Kind::kRoute, "r"};
  Referrer other_{Kind::kRoute, "o"};
  Referrer service_{Kind::kService, "s"};
};

TEST_F(ReferencesTest, AnObjectThatNobodyNamesHasNoUsers) {
  EXPECT_TRUE(references_.users_of(Kind::kService, "1").empty());
  EXPECT_EQ(references_.find_user(Kind::kService, "1", Kind::kRoute, all), "");
}

TEST_F(ReferencesTest, AnObjectMayBeNamedBeforeItIsThere) {
  references_.add(route_, Kind::kService, "1");
  EXPECT_EQ(references_.find_user(Kind::kService, "1", Kind::kRoute, all), "r");
}

TEST_F(ReferencesTest, EmptyIdsAreNoReference) {
  references_.add(route_, Kind::kService, "");
  EXPECT_TRUE(references_.users_of(Kind::kService, "").empty());
  references_.remove(route_, Kind::kService, "");
}

TEST_F(ReferencesTest, KindsOfWhatIsNamedAreKeptApart) {
  references_.add(route_, Kind::kService, "1");
  EXPECT_TRUE(references_.users_of(Kind::kUpstream, "1").empty());
  EXPECT_TRUE(references_.users_of(Kind::kPluginConfig, "1").empty());
}

TEST_F(ReferencesTest, KindsOfUsersAreToldApart) {
  references_.add(route_, Kind::kUpstream, "1");
  references_.add(service_, Kind::kUpstream, "1");
  EXPECT_EQ(references_.users_of(Kind::kUpstream, "1").size(), 2U);
  EXPECT_EQ(references_.find_user(Kind::kUpstream, "1", Kind::kRoute, all), "r");
  EXPECT_EQ(references_.find_user(Kind::kUpstream, "1", Kind::kService, all), "s");
}

TEST_F(ReferencesTest, UsersThatDoNotCountAreNotFound) {
  references_.add(route_, Kind::kService, "1");
  references_.add(other_, Kind::kService, "1");
  const auto only_o = [](const std::string& id) { return id == "o"; };
  EXPECT_EQ(references_.find_user(Kind::kService, "1", Kind::kRoute, only_o), "o");
  EXPECT_EQ(
      references_.find_user(Kind::kService, "1", Kind::kRoute, [](const std::string&) { return false; }), "");
}

TEST_F(ReferencesTest, RemovingAUserLeavesTheOthers) {
  references_.add(route_, Kind::kService, "1");
  references_.add(other_, Kind::kService, "1");
  references_.remove(route_, Kind::kService, "1");
  EXPECT_EQ(references_.find_user(Kind::kService, "1", Kind::kRoute, all), "o");
  references_.remove(other_, Kind::kService, "1");
  EXPECT_TRUE(references_.users_of(Kind::kService, "1").empty());
}

TEST_F(ReferencesTest, RemovingWhatIsNotThereDoesNothing) {
  references_.add(route_, Kind::kService, "1");
  references_.remove(other_, Kind::kService, "1");
  references_.remove(route_, Kind::kService, "2");
  references_.remove(route_, Kind::kUpstream, "1");
  EXPECT_EQ(references_.users_of(Kind::kService, "1").size(), 1U);
}

TEST_F(ReferencesTest, AddingTwiceIsOneReference) {
  references_.add(route_, Kind::kService, "1");
  references_.add(route_, Kind::kService, "1");
  references_.remove(route_, Kind::kService, "1");
  EXPECT_TRUE(references_.users_of(Kind::kService, "1").empty());
}

}  // namespace
}  // namespace apisix::config
