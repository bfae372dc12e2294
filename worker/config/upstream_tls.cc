#include "worker/config/upstream_tls.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "shared/net/tls_client_contexts.h"
#include "shared/settings/settings.h"
#include "worker/tls/identity_source.h"

namespace apisix::config {
namespace {

using settings::VerifyUpstreams;

std::unexpected<base::Error> unusable(std::string_view why) {
  return base::invalid(fmt::format("failed to set upstream: {}", why));
}

// Servers of HTTP often end without close_notify, and nginx takes it; where it matters who the node is, it
// matters that nothing is cut off (RFC 9112 9.8).
net::TlsClientContext::Options client_options(const UpstreamTlsOptions& options, bool verifies) {
  return {.verify = verifies,
          .ca_file = verifies ? options.ca_file : std::string(),
          .sends_name = options.sends_name,
          .takes_bare_end = !verifies};
}

}  // namespace

UpstreamTls::UpstreamTls(const UpstreamTlsOptions& options, std::shared_ptr<const resource::UpstreamTls> conf)
    : options_(options), conf_(std::move(conf)) {}

UpstreamTls::~UpstreamTls() = default;

base::Result<UpstreamTls::Context> UpstreamTls::context() {
  if (options_.contexts == nullptr) return unusable("TLS is not available");
  if (conf_ != nullptr && !conf_->client_cert_id.empty()) return show_stored();
  if (context_) return context_;
  auto made = conf_ != nullptr && !conf_->client_cert_pem.empty()
                  ? show_own()
                  : options_.contexts->get(client_options(options_, verifies()));
  if (!made) return unusable(made.error().what);
  context_ = *made;
  return made;
}

bool UpstreamTls::verifies() const {
  if (options_.verify == VerifyUpstreams::kByUpstream) return conf_ != nullptr && conf_->verify;
  return options_.verify == VerifyUpstreams::kAlways;
}

base::Result<UpstreamTls::Context> UpstreamTls::show_own() {
  const auto key = options_.keyring.decrypt_pem(conf_->client_key_pem);
  if (!key) {
    const bool is_base64 = !key.error().what.starts_with("base64");
    return base::invalid(is_base64 ? "decrypt ssl key failed" : "base64 decode ssl key failed");
  }
  return options_.contexts->get_showing(client_options(options_, verifies()), conf_->client_cert_pem, *key);
}

// O(1) as long as the object is the same: this is asked for each request.
base::Result<UpstreamTls::Context> UpstreamTls::show_stored() {
  const std::string& id = conf_->client_cert_id;
  const auto fail = [](std::string_view why) {
    return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kGateway,
                      fmt::format("failed to get ssl cert: {}", why));
  };
  if (options_.certificates == nullptr) return fail(fmt::format("ssl id [{}] not exits", id));
  const auto identity = options_.certificates->find_by_id(id);
  if (!identity) {
    if (identity.error().code == base::ErrorCode::kNotFound)
      return fail(fmt::format("ssl id [{}] not exits", id));
    if (identity.error().code == base::ErrorCode::kUnavailable) return std::unexpected(identity.error());
    return unusable(identity.error().what);
  }
  if (!(*identity)->is_client()) return fail("ssl type should be 'client'");
  if (context_ && serial_ == (*identity)->serial()) return context_;
  std::vector<const net::TlsCertificate*> shown;
  for (const tls::ShownCertificate& one : (*identity)->certificates()) shown.push_back(&one.certificate);
  net::TlsClientContext::Options options = client_options(options_, verifies());
  options.shown = fmt::format("ssl {} {}", id, (*identity)->serial());
  auto made = options_.contexts->get(options, shown);
  if (!made) return unusable(made.error().what);
  context_ = *made;
  serial_ = (*identity)->serial();
  return made;
}

UpstreamTlsMaker::UpstreamTlsMaker(UpstreamTlsOptions options)
    : options_(std::move(options)), plain_(new UpstreamTls(options_, nullptr)) {}

UpstreamTlsMaker::~UpstreamTlsMaker() = default;

base::Ref<UpstreamTls> UpstreamTlsMaker::of(const resource::Upstream& upstream) const {
  const bool speaks_tls =
      upstream.scheme == resource::Scheme::kHttps || upstream.scheme == resource::Scheme::kGrpcs;
  if (upstream.tls == nullptr || !speaks_tls) return plain_;
  return base::Ref<UpstreamTls>(new UpstreamTls(options_, upstream.tls));
}

}  // namespace apisix::config
