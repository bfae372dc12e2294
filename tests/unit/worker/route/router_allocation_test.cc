// A match allocates nothing, whatever it looks at. Counted by AddressSanitizer's hooks.
#include <cstddef>

#include <gtest/gtest.h>

#include "worker/route/router.h"

#if __has_feature(address_sanitizer)
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*,
                                                                             std::size_t),
                                                         void (*free_hook)(const volatile void*));
#endif

namespace apisix::route {
namespace {

bool counting = false;
std::size_t allocations = 0;

class FixedReader final : public VariableReader {
 public:
  std::optional<std::string_view> read(const VariableName& name) override {
    if (name.detail == "unset") return std::nullopt;
    return "10.0.0.1";
  }
  const Json::Value* read_value(const VariableName& name) override {
    return name.detail == "my_list" ? &list_ : nullptr;
  }

 private:
  const format::Json list_ = format::parse_json(R"(["a text that is too long to be inline", 3])").value();
};

constexpr const char* kRoutes[] = {
    R"({"uri":"/exact","methods":["GET"],"remote_addrs":["10.0.0.0/8","::1"]})",
    R"({"uri":"/prefix/*"})",
    R"({"uri":"/named/*rest","hosts":["*.foo.com","foo.com"]})",
    R"({"uri":"/port","hosts":["*.FOO.com.:80"]})",
    R"({"uri":"/user/:id/books/:book"})",
    R"j({"uri":"/regex/:id/(a|b)"})j",
    R"({"uri":"/vars","vars":["AND",["arg_a","~~","^10\\."],["arg_a","ipmatch",["10.0.0.0/8"]],)"
    R"(["arg_unset","==",null],["arg_a","!","in",["x"]],)"
    R"(["my_list","has","a text that is too long to be inline"],["OR",["arg_a",">",5],["arg_b","~=",1]]]})",
};

constexpr const char* kPaths[] = {"/exact",          "/prefix/a/b", "/named/x", "/port",
                                  "/user/1/books/2", "/regex/1/b",  "/vars",    "/none"};

TEST(Router, AMatchAllocatesNothing) {
#if __has_feature(address_sanitizer)
  for (const RouterKind kind : {RouterKind::kHostUri, RouterKind::kUri, RouterKind::kUriWithParameter}) {
    Router router = Router::make(kind);
    for (const char* json : kRoutes) {
      auto entry = RouteEntry::from_json(json, format::parse_json(json).value(), nullptr);
      ASSERT_TRUE(router.put(std::move(*entry)));
    }
    FixedReader variables;
    MatchInput input;
    input.host = "www.foo.com";
    input.authority = "WWW.foo.COM:80";
    input.method = method_bit("GET");
    input.remote = base::IpAddress::parse("10.0.0.1").value();
    input.variables = &variables;
    MatchResult result;
    int matched = 0;
    const auto ask = [&] {
      matched = 0;
      for (const char* path : kPaths) {
        input.uri = path;
        matched += router.match(input, &result) != nullptr;
      }
    };
    ask();  // regular expressions are compiled at their first use
    [[maybe_unused]] static const int installed = __sanitizer_install_malloc_and_free_hooks(
        [](const volatile void*, std::size_t) { allocations += counting; }, [](const volatile void*) {});
    allocations = 0;
    counting = true;
    ask();
    counting = false;
    EXPECT_EQ(allocations, 0u);
    // radixtree_host_uri looks at hosts without their ports, and only the last kind takes parameters.
    EXPECT_EQ(matched, kind == RouterKind::kHostUri ? 4 : kind == RouterKind::kUri ? 5 : 7);
    counting = true;
    {
      const std::string proof(100, 'x');
    }
    counting = false;
    EXPECT_GT(allocations, 0u) << "the hook does not count";
  }
#else
  GTEST_SKIP() << "needs AddressSanitizer's hooks";
#endif
}

}  // namespace
}  // namespace apisix::route
