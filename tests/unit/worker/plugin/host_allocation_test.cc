// A host that has to be made comparable, and arguments that have to be decoded, come out of the request's
// arena: a warm worker allocates nothing for them. Counted by AddressSanitizer's hooks.
#include <cstddef>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "shared/event/loop.h"
#include "shared/http/h1/request_parser.h"
#include "worker/plugin/variables.h"

#if __has_feature(address_sanitizer)
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*,
                                                                             std::size_t),
                                                         void (*free_hook)(const volatile void*));

namespace apisix::plugin {
namespace {

bool counting = false;
std::size_t allocations = 0;

struct Seen {
  std::string_view host;
  std::string_view arg;
};

TEST(RequestHost, AllocatesNothingHoweverItIsSpelled) {
  [[maybe_unused]] static const int installed = __sanitizer_install_malloc_and_free_hooks(
      [](const volatile void*, std::size_t) { allocations += counting; }, [](const volatile void*) {});
  event::Loop loop;
  const auto user = route::VariableName::parse("arg_user");
  for (const std::string host : {"foo.com", "FOO.com", "foo.com.", "Foo.Com.:9080", "[::1]:80"}) {
    const std::string head = "GET /a?user=b%6fb&x+y=1 HTTP/1.1\r\nHost: " + host + "\r\nX@: left out\r\n\r\n";
    const auto read = [&](auto&& check) {
      base::Arena arena;
      RequestState request(arena, loop.clock());
      request.head = *http::parse_request_head(head, arena, {});
      request.target.args = request.head->query;
      request.target.host = request.host_of(request.head->authority);
      Variables variables(request);
      variables.read_value(user);
      check(Seen{request.target.host, variables.read(user).value_or("")});
    };
    read([](const Seen&) {});  // the first takes the arena's blocks
    allocations = 0;
    counting = true;
    read([](const Seen& seen) {
      counting = false;
      EXPECT_EQ(seen.host, seen.host.starts_with('[') ? "[::1]" : "foo.com");
      EXPECT_EQ(seen.arg, "bob");
    });
    EXPECT_EQ(allocations, 0u) << host;
  }
  counting = true;
  {
    const std::string proof(100, 'x');
  }
  counting = false;
  EXPECT_GT(allocations, 0u) << "the hook does not count";
}

}  // namespace
}  // namespace apisix::plugin
#endif
