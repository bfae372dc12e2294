#include "shared/store/etcd_member.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include "shared/base/file.h"
#include "shared/store/etcd_endpoints.h"

namespace apisix::store {
namespace {

// One page or one watch response; etcd's own limit for a request is 1.5 MB, pages hold thousands.
constexpr int kMessageBytesMax = 64 << 20;
// A peer that is gone without a word is noticed after 15 s. etcd refuses pings more often than every 5 s.
constexpr int kKeepaliveMs = 10'000;
constexpr int kKeepaliveTimeoutMs = 5'000;
constexpr int kConnectTimeoutMs = 3'000;
constexpr int kReconnectMs = 100;
constexpr int kReconnectMsMax = 1'000;
// A name may lead elsewhere after a restart.
constexpr int kResolveAgainMs = 2'000;

// An address needs no resolver; a name goes to gRPC's.
std::string target_of(const EtcdAddress& address) {
  in6_addr parsed{};
  if (inet_pton(AF_INET, address.host.c_str(), &parsed) == 1)
    return fmt::format("ipv4:{}:{}", address.host, address.port);
  if (inet_pton(AF_INET6, address.host.c_str(), &parsed) == 1)
    return fmt::format("ipv6:[{}]:{}", address.host, address.port);
  return fmt::format("dns:///{}:{}", address.host, address.port);
}

grpc::ChannelArguments channel_arguments(const EtcdTls& tls) {
  grpc::ChannelArguments out;
  out.SetUserAgentPrefix("apisix-cpp");
  out.SetMaxReceiveMessageSize(kMessageBytesMax);
  out.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  out.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  out.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  out.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  out.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMs);
  out.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMsMax);
  out.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, kResolveAgainMs);
  // No look-ups of our own making, no proxy that the environment means for the web, no retries behind our
  // back.
  out.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  out.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  out.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  if (!tls.sni.empty()) out.SetSslTargetNameOverride(tls.sni);
  return out;
}

base::Result<std::string> read_if_named(const std::string& path) {
  if (path.empty()) return std::string();
  auto text = base::read_file(path);
  if (!text) {
    return base::invalid(
        fmt::format("deployment.etcd.tls: {} (workers read it as nginx_config.user)", text.error().what));
  }
  return text;
}

struct Pem {
  std::string ca;
  std::string cert;
  std::string key;
};

base::Result<Pem> read_pem(const EtcdTls& tls) {
  Pem out;
  for (const auto& [path, text] :
       {std::pair{&tls.ca, &out.ca}, std::pair{&tls.cert, &out.cert}, std::pair{&tls.key, &out.key}}) {
    auto read = read_if_named(*path);
    if (!read) return std::unexpected(read.error());
    *text = std::move(*read);
  }
  if (out.cert.empty() != out.key.empty())
    return base::invalid("deployment.etcd.tls: cert and key are wanted together");
  return out;
}

std::shared_ptr<grpc::ChannelCredentials> unverified(const Pem& pem) {
  namespace tls = grpc::experimental;
  tls::TlsChannelCredentialsOptions options;
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(std::make_shared<tls::NoOpCertificateVerifier>());
  if (!pem.cert.empty()) {
    options.set_certificate_provider(std::make_shared<tls::StaticDataCertificateProvider>(
        std::vector<tls::IdentityKeyCertPair>{{pem.key, pem.cert}}));
    options.watch_identity_key_cert_pairs();
  }
  return tls::TlsCredentials(options);
}

base::Result<std::shared_ptr<grpc::ChannelCredentials>> credentials(const EtcdAddress& address,
                                                                    const EtcdTls& tls) {
  if (!address.tls) return grpc::InsecureChannelCredentials();
  const auto pem = read_pem(tls);
  if (!pem) return std::unexpected(pem.error());
  if (!tls.verify) return unverified(*pem);
  return grpc::SslCredentials(
      {.pem_root_certs = pem->ca, .pem_private_key = pem->key, .pem_cert_chain = pem->cert});
}

}  // namespace

base::Result<EtcdMember> make_etcd_member(const std::string& url, const EtcdTls& tls) {
  const auto address = parse_etcd_address(url);
  if (!address) return std::unexpected(address.error());
  auto chosen = credentials(*address, tls);
  if (!chosen) return std::unexpected(chosen.error());
  EtcdMember out;
  out.url = url;
  out.channel = grpc::CreateCustomChannel(target_of(*address), *chosen, channel_arguments(tls));
  out.kv = etcdserverpb::KV::NewStub(out.channel);
  out.watch = etcdserverpb::Watch::NewStub(out.channel);
  out.lease = etcdserverpb::Lease::NewStub(out.channel);
  out.auth = etcdserverpb::Auth::NewStub(out.channel);
  out.maintenance = etcdserverpb::Maintenance::NewStub(out.channel);
  return out;
}

}  // namespace apisix::store
