#include "worker/admin/list_query.h"

#include <gtest/gtest.h>

namespace apisix::admin {
namespace {

using format::Json;
using resource::Kind;

// Three routes, the newest first: stores reply in the order of keys.
std::vector<Json> items() {
  std::vector<Json> out;
  for (const char* text :
       {R"({"createdIndex": 9, "value": {"name": "orders", "uri": "/orders", "labels": {"env": "x"},
                                                            "service_id": "s1"}})",
        R"({"createdIndex": 3, "value": {"name": "users", "uris": ["/a", "/users/*"]}})",
        R"({"createdIndex": 6, "value": {"uri": "/plain", "upstream_id": "u1"}})"}) {
    out.push_back(format::parse_json(text).value());
  }
  return out;
}

std::size_t count(std::string_view query, Kind kind = Kind::kRoute) {
  const auto selected = select_items(kind, items(), query);
  EXPECT_TRUE(selected) << query;
  return selected ? (*selected)["total"].asUInt() : 99;
}

TEST(ListQuery, FiltersAreSearchesThatMustAllMatch) {
  EXPECT_EQ(count(""), 3U);
  EXPECT_EQ(count("name=ers"), 2U);
  EXPECT_EQ(count("name=%5Eusers%24"), 1U);
  EXPECT_EQ(count("name=("), 0U);
  EXPECT_EQ(count("uri=%5E%2Fusers"), 1U);
  EXPECT_EQ(count("label=env"), 1U);
  EXPECT_EQ(count("label=x"), 0U);
  EXPECT_EQ(count("name=orders&uri=plain"), 0U);
}

TEST(ListQuery, FieldsAreComparedExactly) {
  EXPECT_EQ(count("filter=service_id%3Ds1"), 1U);
  EXPECT_EQ(count("filter=service_id%3Ds"), 0U);
  EXPECT_EQ(count("filter=upstream_id%3Du1%26service_id%3Ds1"), 0U);
  EXPECT_EQ(count("filter=service_id%3Dx%26service_id%3Ds1"), 1U);
  EXPECT_EQ(count("filter=name%3Dorders"), 3U);
  EXPECT_EQ(count("filter=service_id%3Dx", Kind::kUpstream), 3U);
}

TEST(ListQuery, PagesAreInTheOrderOfCreation) {
  const auto first = select_items(Kind::kRoute, items(), "page=1&page_size=10");
  ASSERT_TRUE(first);
  EXPECT_EQ((*first)["total"], 3U);
  EXPECT_EQ((*first)["list"][0]["createdIndex"], 3);
  EXPECT_EQ((*first)["list"][2]["createdIndex"], 9);
  const auto second = select_items(Kind::kRoute, items(), "page=2&page_size=10");
  EXPECT_EQ((*second)["total"], 3U);
  EXPECT_TRUE((*second)["list"].isArray() && (*second)["list"].empty());
  EXPECT_EQ((*select_items(Kind::kRoute, items(), "page=-5&page_size=10"))["list"].size(), 3U);
  EXPECT_EQ((*select_items(Kind::kRoute, items(), "page=2"))["list"].size(), 3U);
}

TEST(ListQuery, PageSizesHaveBounds) {
  for (const char* query : {"page=1&page_size=9", "page=1&page_size=501", "page=1&page_size=-1"}) {
    EXPECT_EQ(select_items(Kind::kRoute, items(), query).error().what,
              "page_size must be between 10 and 500");
  }
}

}  // namespace
}  // namespace apisix::admin
