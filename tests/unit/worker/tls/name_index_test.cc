#include "worker/tls/name_index.h"

#include <gtest/gtest.h>

#include "shared/base/host_name.h"

namespace apisix::tls {
namespace {

class NameIndexTest : public testing::Test {
 protected:
  // "": none; "refused": it landed on a wildcard that covers one label.
  std::string found(std::string_view name) const {
    const NameIndex::Match match = names_.find(base::comparable_host(name));
    if (match.is_too_deep) return "refused by " + match.wildcard;
    return match.owner != nullptr ? match.owner->id : "";
  }

  const NameOwner a_{.created = 1, .id = "a"};
  const NameOwner b_{.created = 2, .id = "b"};
  const NameOwner c_{.created = 3, .id = "c"};
  NameIndex names_;
};

TEST_F(NameIndexTest, AnExactNameIsFoundInEitherCaseAndWithADotBehindIt) {
  names_.insert("www.test.com", a_);
  EXPECT_EQ(found("www.test.com"), "a");
  EXPECT_EQ(found("WwW.TEST.com"), "a");
  EXPECT_EQ(found("www.test.com."), "a");
  EXPECT_EQ(found("www.test.com.."), "");
  EXPECT_EQ(found("test.com"), "");
  EXPECT_EQ(found("xwww.test.com"), "");
  EXPECT_EQ(found(""), "");
}

TEST_F(NameIndexTest, AWildcardCoversOneLabel) {
  names_.insert("*.test2.com", a_);
  EXPECT_EQ(found("www.test2.com"), "a");
  EXPECT_EQ(found("test2.com"), "");
  EXPECT_EQ(found("aa.bb.test2.com"), "refused by *.test2.com");
}

// As in APISIX, whose names lose the dot at their end while its certificates' names keep it.
TEST_F(NameIndexTest, AStarWithADotBehindItCoversNoName) {
  names_.insert(base::comparable_host("*."), a_);
  EXPECT_EQ(found("localhost"), "");
  EXPECT_EQ(found("www.test.com."), "");
}

TEST_F(NameIndexTest, ANameThatIsTooDeepIsNotTriedAgainstTheStar) {
  names_.insert("*.test2.com", a_);
  names_.insert("*", b_);
  EXPECT_EQ(found("www.test2.com"), "a");
  EXPECT_EQ(found("aa.bb.test2.com"), "refused by *.test2.com");
  EXPECT_EQ(found("aa.bb.test3.com"), "b");
  EXPECT_EQ(found("localhost"), "b");
}

TEST_F(NameIndexTest, AnExactNameComesBeforeAWildcardAndALongWildcardBeforeAShortOne) {
  names_.insert("*.x.com", a_);
  names_.insert("*.b.x.com", b_);
  names_.insert("www.x.com", c_);
  EXPECT_EQ(found("www.x.com"), "c");
  EXPECT_EQ(found("b.x.com"), "a");
  EXPECT_EQ(found("a.b.x.com"), "b");
  EXPECT_EQ(found("c.a.b.x.com"), "refused by *.b.x.com");
  EXPECT_EQ(found("a.c.x.com"), "refused by *.x.com");
}

TEST_F(NameIndexTest, AWildcardWithoutADotCoversTheRestOfItsLabel) {
  names_.insert("*api.x.com", a_);
  EXPECT_EQ(found("v1-api.x.com"), "a");
  EXPECT_EQ(found("api.x.com"), "a");
  EXPECT_EQ(found("v1.api.x.com"), "refused by *api.x.com");
}

TEST_F(NameIndexTest, OfTwoOwnersOfANameTheOldestServesAndThenTheOther) {
  names_.insert("*.x.com", c_);
  names_.insert("*.x.com", a_);
  names_.insert("*.x.com", b_);
  EXPECT_EQ(found("www.x.com"), "a");
  names_.erase("*.x.com", a_);
  EXPECT_EQ(found("www.x.com"), "b");
  names_.erase("*.x.com", c_);
  EXPECT_EQ(found("www.x.com"), "b");
  names_.erase("*.x.com", b_);
  EXPECT_EQ(found("www.x.com"), "");
  EXPECT_EQ(names_.size(), 0u);
}

TEST_F(NameIndexTest, OwnersOfOneAgeAreInTheOrderOfTheirIds) {
  const NameOwner later{.created = 1, .id = "0"};
  names_.insert("x.com", a_);
  names_.insert("x.com", later);
  EXPECT_EQ(found("x.com"), "0");
}

TEST_F(NameIndexTest, ANameThatNoHandshakeCanAskForIsNotFoundAndCanBeErased) {
  const std::string name = "*." + std::string(300, 'x') + ".com";
  names_.insert(name, a_);
  EXPECT_EQ(found("a." + std::string(300, 'x') + ".com"), "");
  names_.erase(name, a_);
  EXPECT_EQ(names_.size(), 0u);
}

}  // namespace
}  // namespace apisix::tls
