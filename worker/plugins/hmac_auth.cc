// hmac-auth: identifies the consumer by a signature over the request line and header fields, made with a
// secret that both sides know, and limits how old a signed request may be.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "shared/base/base64.h"
#include "shared/base/crypto.h"
#include "shared/base/crypto_digest.h"
#include "shared/format/read.h"
#include "shared/http/date.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/request_log.h"
#include "worker/plugins/auth/auth_plugin.h"
#include "worker/plugins/auth/hmac_signature.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

struct Algorithm {
  std::string_view name;
  base::Digest digest;
};
constexpr std::array<Algorithm, 3> kAlgorithms = {{{"hmac-sha1", base::Digest::kSha1},
                                                   {"hmac-sha256", base::Digest::kSha256},
                                                   {"hmac-sha512", base::Digest::kSha512}}};

struct SecretKey final : plugin::PreparedAuth {
  explicit SecretKey(const Json& conf) : text(format::string_of(find_member(conf, "secret_key"))) {}
  const std::string text;
};

class HmacAuth final : public AuthPlugin {
 public:
  static constexpr plugin::PluginInfo kInfo{
      .name = "hmac-auth", .priority = 2530, .is_auth = true, .consumer_key = "key_id"};

  HmacAuth(const plugin::Conf& conf, const plugin::BuildContext& context)
      : AuthPlugin(kInfo, "hmac", conf, context),
        clock_skew_seconds_(conf.number<std::int64_t>("clock_skew")),
        validates_body_(conf.flag("validate_request_body")),
        body_bytes_max_(conf.number<std::uint64_t>("max_req_body_size")),
        signed_headers_(conf.list("signed_headers")) {
    for (const std::string& name : conf.list("allowed_algorithms")) {
      const auto* found = std::ranges::find(kAlgorithms, name, &Algorithm::name);
      if (found != kAlgorithms.end()) allowed_.push_back(*found);
    }
  }

  plugin::Step rewrite(plugin::Request& request) override {
    const auto field = request.headers().find("Authorization");
    if (!field)
      return refuse_field(request, "client request can't be validated: missing Authorization header");
    const auto parsed = parse_hmac_signature(*field);
    if (!parsed) {
      return refuse_field(
          request, "client request can't be validated: Authorization header does not start with 'Signature'");
    }
    base::Ref<const plugin::ConsumerAuth> auth;
    const std::string fault = fault_of(request, *parsed, auth);
    if (!fault.empty()) return finish(request, refuse_signature(request, fault));
    if (validates_body_) return check_body(request, std::move(auth));
    return finish(request, accept(request, auth));
  }

 private:
  // Why the request is not what the consumer signed; empty: it is, and `auth` is whose.
  std::string fault_of(plugin::Request& request, const HmacSignature& sent,
                       base::Ref<const plugin::ConsumerAuth>& auth) const {
    if (sent.key_id.data() == nullptr || sent.signature.data() == nullptr)
      return "keyId or signature missing";
    if (sent.algorithm.data() == nullptr) return "algorithm missing";
    const auto names = sent.header_names();
    if (std::string fault = fault_of_names(names); !fault.empty()) return fault;
    auth = find(sent.key_id);
    if (!auth) return std::string(why_not_found("Invalid key_id"));
    const auto algorithm = std::ranges::find(allowed_, sent.algorithm, &Algorithm::name);
    if (algorithm == allowed_.end()) return "Invalid algorithm";
    if (std::string fault = date_fault(request); !fault.empty()) return fault;
    for (const std::string& wanted : signed_headers_) {
      if (std::ranges::find(names, wanted) == names.end()) {
        return "expected header \"" + wanted + "\" missing in signing";
      }
    }
    const auto signature = base::decode_base64(sent.signature);
    const auto expected = base::hmac_of(algorithm->digest, auth->prepared<SecretKey>().text,
                                        signed_text(request, sent.key_id, names));
    if (!signature || !base::equals_in_constant_time(*signature, expected.view())) return "Invalid signature";
    return {};
  }

  std::string date_fault(plugin::Request& request) const {
    const auto date = request.headers().find("Date");
    if (!date) return "Date header missing. failed to validate clock skew";
    const auto time = http::parse_date(*date);
    if (!time) return "Invalid GMT format time";
    const std::int64_t age = request.clock().wall_seconds() - *time;
    return age > clock_skew_seconds_ || -age > clock_skew_seconds_ ? "Clock skew exceeded" : "";
  }

  // Several fields of one name are signed together, so that none can be added.
  static std::string signed_text(plugin::Request& request, std::string_view key_id,
                                 const std::vector<std::string_view>& names) {
    std::string text(key_id);
    text += '\n';
    for (const std::string_view name : names) {
      if (const auto first = request.headers().find(name)) {
        const std::string_view all = request.headers().joined(name);
        text.append(name).append(": ").append(all.empty() ? *first : all);
      } else if (name == "@request-target") {
        text.append(request.method()).append(" ").append(request.raw_target());
      } else {
        continue;
      }
      text += '\n';
    }
    return text;
  }

  plugin::Step check_body(plugin::Request& request, base::Ref<const plugin::ConsumerAuth> auth) {
    const auto digest = request.headers().find("Digest");
    if (!digest) co_return finish(request, refuse_signature(request, "Invalid digest"));
    const auto body = co_await request.body().read(body_bytes_max_);
    if (body.too_large) co_return refuse_body(request);
    const std::string expected =
        "SHA-256=" + base::encode_base64(base::digest_of(base::Digest::kSha256, body.data).view());
    if (!base::equals_in_constant_time(expected, *digest)) {
      co_return finish(request, refuse_signature(request, "Invalid digest"));
    }
    co_return finish(request, accept(request, auth));
  }

  plugin::Outcome refuse_body(plugin::Request& request) const {
    const std::uint64_t length = request.body().announced_bytes();
    const std::string fault =
        length > body_bytes_max_
            ? fmt::format("request size {} is greater than the maximum size {} allowed", length,
                          body_bytes_max_)
            : fmt::format("request size is greater than the maximum size {} allowed", body_bytes_max_);
    plugin::log_error(request, "failed to read request body: {}", fault);
    request.identity().set_failure(fault);
    return request.reject_message(413, fault);
  }

  plugin::Outcome refuse_signature(plugin::Request& request, const std::string& fault) const {
    return refuse(request, "client request can't be validated",
                  "client request can't be validated: " + fault);
  }

  // A fault of the field itself is in the response.
  plugin::Outcome refuse_field(plugin::Request& request, std::string_view fault) const {
    return finish(request, refuse(request, fault, fault));
  }

  plugin::Outcome finish(plugin::Request& request, plugin::Outcome outcome) const {
    return hide_header(request, "Authorization", outcome);
  }

  const std::int64_t clock_skew_seconds_;
  const bool validates_body_;
  const std::uint64_t body_bytes_max_;
  const std::vector<std::string> signed_headers_;
  std::vector<Algorithm> allowed_;
};

}  // namespace

const plugin::PluginKind& hmac_auth = plugin::define<HmacAuth>();

}  // namespace apisix::plugins
