#include "worker/config/upstream_tls.h"

#include <utility>

#include "shared/net/tls_client_contexts.h"
#include "shared/settings/settings.h"

namespace apisix::config {

UpstreamTls::UpstreamTls(const UpstreamTlsOptions& options, std::shared_ptr<const resource::UpstreamTls> conf)
    : options_(options), conf_(std::move(conf)) {}

UpstreamTls::~UpstreamTls() = default;

base::Result<UpstreamTls::Context> UpstreamTls::context() {
  if (context_) return context_;
  auto made = make();
  if (made) context_ = *made;
  return made;
}

base::Result<UpstreamTls::Context> UpstreamTls::make() {
  if (options_.contexts == nullptr) return base::invalid("failed to set upstream: TLS is not available");
  using Verify = settings::VerifyUpstreams;
  net::TlsClientContext::Options wanted{.sends_name = options_.sends_name, .takes_bare_end = true};
  wanted.verify = options_.verify == Verify::kAlways ||
                  (options_.verify == Verify::kByUpstream && conf_ != nullptr && conf_->verify);
  if (wanted.verify) wanted.ca_file = options_.ca_file;
  auto made = options_.contexts->get(wanted);
  if (!made) return base::invalid("failed to set upstream: " + made.error().what);
  return made;
}

base::Ref<UpstreamTls> UpstreamTlsMaker::of(const resource::Upstream& upstream) const {
  const bool speaks_tls =
      upstream.scheme == resource::Scheme::kHttps || upstream.scheme == resource::Scheme::kGrpcs;
  if (upstream.tls == nullptr || !speaks_tls) return plain_;
  return base::Ref<UpstreamTls>(new UpstreamTls(options_, upstream.tls));
}

}  // namespace apisix::config
