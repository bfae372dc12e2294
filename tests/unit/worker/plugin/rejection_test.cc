#include "worker/plugin/rejection.h"

#include <gtest/gtest.h>

#include "shared/base/arena.h"
#include "shared/base/clock.h"
#include "shared/format/json.h"
#include "worker/plugin/conf.h"

namespace apisix::plugin {
namespace {

DirectResponse reply_for(std::string_view conf, base::Arena& arena) {
  const format::Json json = *format::parse_json(conf);
  const base::Clock clock;
  RequestState state(arena, clock);
  Request request(state);
  EXPECT_EQ(Rejection(Conf(json)).of(request), async::Outcome::kRespond);
  return state.direct_response;
}

TEST(Rejection, WithAMessageIsJson) {
  base::Arena arena;
  const DirectResponse reply = reply_for(R"({"rejected_code": 410, "rejected_msg": "go \"away\""})", arena);
  EXPECT_EQ(reply.status, 410);
  EXPECT_EQ(reply.body, "{\"error_msg\":\"go \\\"away\\\"\"}\n");
  EXPECT_EQ(reply.content_type, "text/plain");
  EXPECT_FALSE(reply.is_error_page);
}

TEST(Rejection, WithoutAMessageIsTheErrorPage) {
  base::Arena arena;
  const DirectResponse reply = reply_for(R"({"rejected_code": 503})", arena);
  EXPECT_EQ(reply.status, 503);
  EXPECT_TRUE(reply.is_error_page);
}

TEST(Rejection, IsAFinalResponseWhateverTheCode) {
  base::Arena arena;
  EXPECT_EQ(reply_for(R"({"rejected_code": 100})", arena).status, 200);
  EXPECT_EQ(reply_for(R"({"rejected_code": 4000})", arena).status, 999);
}

}  // namespace
}  // namespace apisix::plugin
