#include "worker/plugin/template.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "shared/event/loop.h"
#include "worker/plugin/request.h"

namespace apisix::plugin {
namespace {

class TemplateTest : public ::testing::Test {
 protected:
  TemplateTest() : state_(arena_, loop_.clock()) {
    state_.head = arena_.make<http::RequestHead>();
    state_.head->method_text = "GET";
    state_.client.connection = &client_;
    state_.target.path = "/a b";
    state_.target.host = "example.test";
    state_.target.args = "x=1&empty=&dollar=$host";
    state_.head->headers.add(arena_, "X-Name", "value");
  }

  std::string expand(const std::string& text) { return std::string(Template(text).expand(request_)); }
  unsigned resolved(const std::string& text) { return Template(text).expand(request_, {}).resolved; }

  event::Loop loop_;
  base::Arena arena_;
  ClientInfo client_;
  RequestState state_;
  Request request_{state_};
};

TEST_F(TemplateTest, TextWithoutVariablesIsItself) {
  for (const std::string text : {"", "plain", "$", "a$", "$-x", "${}", "${open", "cost: 5$ each"}) {
    const Template made(text);
    EXPECT_TRUE(made.is_constant()) << text;
    EXPECT_EQ(made.expand(request_), text);
    EXPECT_EQ(resolved(text), 0u);
  }
}

TEST_F(TemplateTest, VariablesBetweenText) {
  EXPECT_EQ(expand("$host"), "example.test");
  EXPECT_EQ(expand("<${host}>"), "<example.test>");
  EXPECT_EQ(expand("${ host }$uri|"), "example.test/a b|");
  EXPECT_EQ(expand("$http_x_name-$arg_x"), "value-1");
  EXPECT_EQ(resolved("$host $uri $unset"), 2u);
}

TEST_F(TemplateTest, ANameGoesAsFarAsItCan) {
  EXPECT_EQ(expand("$host.example"), "");  // a dot belongs to the name
  EXPECT_EQ(expand("${host}.example"), "example.test.example");
  EXPECT_EQ(expand("$hosts"), "");
}

TEST_F(TemplateTest, UnsetIsNothing) {
  EXPECT_EQ(expand("[$unset]"), "[]");
  EXPECT_EQ(expand("[${http_missing}]"), "[]");
  EXPECT_EQ(resolved("$unset"), 0u);
}

TEST_F(TemplateTest, DefaultsStandForWhatIsUnset) {
  EXPECT_EQ(expand("${unset ?? default}"), "default");
  EXPECT_EQ(expand("${unset??default}"), "default");
  EXPECT_EQ(expand("${arg_x ?? default}"), "1");
  EXPECT_EQ(expand("[${arg_empty ?? default}]"), "[]");  // set, and empty
  EXPECT_EQ(expand("${unset ?? a ?? b}"), "a");
  EXPECT_EQ(resolved("${unset ?? default}"), 1u);
  EXPECT_EQ(expand("[${unset ?? }]"), "[]");
  EXPECT_EQ(resolved("${unset ?? }"), 0u);  // no default is no default
}

TEST_F(TemplateTest, ABackslashKeepsTheDollar) {
  EXPECT_EQ(expand("\\$host"), "\\$host");
  EXPECT_EQ(expand("\\${host} $host"), "\\${host} example.test");
}

TEST_F(TemplateTest, ValuesAreNotExpandedAgain) {
  EXPECT_EQ(expand("$arg_dollar"), "$host");
  const std::vector<std::string_view> captures{"/x", "$host"};
  EXPECT_EQ(Template("$1", Template::Captures::kNumbered).expand(request_, {.captures = captures}).text,
            "$host");
}

TEST_F(TemplateTest, CapturesByNumber) {
  const std::vector<std::string_view> captures{"whole", "one", "two"};
  const auto with = [&](const std::string& text) {
    return std::string(
        Template(text, Template::Captures::kNumbered).expand(request_, {.captures = captures}).text);
  };
  EXPECT_EQ(with("$1/$2"), "one/two");
  EXPECT_EQ(with("${1}st"), "onest");
  EXPECT_EQ(with("$1st"), "onest");
  EXPECT_EQ(with("$0$3$99999999999"), "whole");
  EXPECT_EQ(with("$1 $host"), "one example.test");
  EXPECT_EQ(expand("[$1]"), "[]");  // without captures: an unknown variable
}

TEST_F(TemplateTest, EscapesValuesOnly) {
  const auto escape = [](std::string_view value, base::Arena& arena) {
    return arena.concat(std::string_view("<"), value, std::string_view(">"));
  };
  EXPECT_EQ(Template("a$host?${unset ?? d}").expand(request_, {.escape = escape}).text,
            "a<example.test>?<d>");
}

TEST_F(TemplateTest, KnowsThatItNeedsTheBody) {
  EXPECT_TRUE(Template("a $post_arg_x").needs_body());
  EXPECT_TRUE(Template("${post_arg.model.name}").needs_body());
  EXPECT_FALSE(Template("$arg_x").needs_body());
}

TEST(TextOf, StringsAndNumbers) {
  EXPECT_EQ(text_of(format::Json("a")), "a");
  EXPECT_EQ(text_of(format::Json(12)), "12");
  EXPECT_EQ(text_of(format::Json(1.5)), "1.5");
  EXPECT_EQ(text_of(format::Json(true)), "");
  EXPECT_EQ(text_of(format::Json()), "");
}

}  // namespace
}  // namespace apisix::plugin
