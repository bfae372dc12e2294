#include "worker/tls_listening.h"

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "shared/base/sip_hash.h"
#include "shared/base/text.h"
#include "shared/memory/zones.h"
#include "shared/settings/settings.h"
#include "worker/limits.h"
#include "worker/tls/identity_source.h"

namespace apisix::worker {
namespace {

// "TLSv1.2 TLSv1.3"; the names were checked with config.yaml.
net::TlsVersions versions_of(std::string_view protocols) {
  net::TlsVersions versions = 0;
  for (const std::string_view name : base::split(protocols, ' ')) versions |= net::tls_version_named(name);
  return versions;
}

}  // namespace

class SharedSessions final : public net::TlsSessionStore {
 public:
  SharedSessions(memory::SessionTable& table, const base::Clock& clock) : table_(table), clock_(clock) {}

  void put(std::string_view id, std::string_view session) override {
    table_.put(id, session, now_s(), now_s() + limits::kTlsSessionS);
  }
  std::size_t find(std::string_view id, std::span<char, kSessionBytesMax> into) override {
    return table_.find(id, into, now_s());
  }
  void remove(std::string_view id) override { table_.remove(id); }

 private:
  std::uint64_t now_s() const { return clock_.monotonic_ms() / 1000; }

  memory::SessionTable& table_;
  const base::Clock& clock_;
};

// The keys of the zone, copied when there is a new one.
class SharedTicketKeys final : public net::TlsTicketKeys {
 public:
  SharedTicketKeys(memory::TicketKeyTable& table, const base::Clock& clock) : table_(table), clock_(clock) {}

  const net::TlsTicketKey& current() override {
    refresh();
    return keys_[0].key;
  }
  const net::TlsTicketKey* find(std::string_view name) override {
    refresh();
    for (const Kept& kept : keys_) {
      if (kept.is_whole && std::memcmp(kept.key.name.data(), name.data(), kept.key.name.size()) == 0)
        return &kept.key;
    }
    return nullptr;
  }

 private:
  struct Kept {
    net::TlsTicketKey key;
    bool is_whole = false;
  };
  static_assert(sizeof(net::TlsTicketKey) == memory::TicketKeyTable::kKeyBytes);

  void refresh() {
    const std::uint64_t newest = table_.newest(clock_.monotonic_ms(), limits::kTlsTicketKeyMs);
    if (newest == newest_) return;
    newest_ = newest;
    for (std::uint64_t age = 0; age < keys_.size(); ++age) {
      memory::TicketKeyTable::Key bytes;
      keys_[age].is_whole = newest > age && table_.read(newest - age, bytes);
      std::memcpy(&keys_[age].key, bytes.data(), bytes.size());
    }
  }

  memory::TicketKeyTable& table_;
  const base::Clock& clock_;
  std::uint64_t newest_ = 0;
  std::array<Kept, memory::TicketKeyTable::kKept> keys_;  // the newest first
};

// One for all names.
class SingleIdentity final : public tls::IdentitySource {
 public:
  explicit SingleIdentity(base::Ref<const tls::Identity> identity) : identity_(std::move(identity)) {}

  base::Result<base::Ref<const tls::Identity>> find(std::string_view) override { return identity_; }
  bool has_client_policy(std::string_view) const override { return identity_->client_policy() != nullptr; }
  base::Result<base::Ref<const tls::Identity>> find_by_id(std::string_view) override { return identity_; }

 private:
  base::Ref<const tls::Identity> identity_;
};

namespace {

// A session is resumed under the same certificate and CA only, in every worker.
std::uint64_t serial_of(const channel::AdminCertificate& files) {
  return base::sip_hash_24(files.certificate + files.client_ca, {0x61646d696e, 0x746c73}).low;
}

// nginx's ssl_verify_client: the handshake of a client without a certificate succeeds, its requests get 400.
base::Result<std::unique_ptr<const tls::ClientPolicy>> admin_policy(const std::string& client_ca) {
  if (client_ca.empty()) return nullptr;
  auto trust = net::TlsTrust::from_pem(client_ca);
  if (!trust) return std::unexpected(trust.error());
  std::vector<format::LazyRegex> none_is_skipped;
  none_is_skipped.push_back(format::LazyRegex("(?!)"));
  return std::make_unique<const tls::ClientPolicy>(std::move(*trust), 1, std::move(none_is_skipped));
}

base::Result<base::Ref<const tls::Identity>> admin_identity(const channel::AdminCertificate& files) {
  auto certificate = net::TlsCertificate::from_pem(files.certificate, files.key);
  if (!certificate) return std::unexpected(certificate.error());
  auto policy = admin_policy(files.client_ca);
  if (!policy) return std::unexpected(policy.error());
  tls::IdentityParts parts{.id = "admin", .serial = serial_of(files), .client_policy = std::move(*policy)};
  parts.certificates.push_back({std::move(*certificate)});
  return base::Ref<const tls::Identity>(new tls::Identity(std::move(parts)));
}

}  // namespace

TlsListening::TlsListening() = default;
TlsListening::~TlsListening() = default;

base::Result<std::unique_ptr<TlsListening>> TlsListening::make(const Deps& deps) {
  std::unique_ptr<TlsListening> out(new TlsListening());
  if (auto status = out->open(deps); !status) return std::unexpected(status.error());
  if (auto status = out->open_admin(deps); !status) return std::unexpected(status.error());
  return out;
}

base::Result<net::TlsServerContext> TlsListening::make_context(const Deps& deps, bool http2) const {
  const auto& ssl = deps.settings.apisix.ssl;
  auto context = net::TlsServerContext::make({.versions = versions_of(ssl.ssl_protocols),
                                              .ciphers = ssl.ssl_ciphers,
                                              .http2 = http2,
                                              .session_timeout_s = limits::kTlsSessionS,
                                              .sessions = sessions_.get(),
                                              .ticket_keys = ticket_keys_.get()});
  if (!context) return base::invalid("apisix.ssl: " + context.error().what);
  return context;
}

base::Status TlsListening::open(const Deps& deps) {
  const auto& ssl = deps.settings.apisix.ssl;
  sessions_ = std::make_unique<SharedSessions>(deps.zones.tls_sessions, deps.clock);
  if (ssl.ssl_session_tickets)
    ticket_keys_ = std::make_unique<SharedTicketKeys>(deps.zones.tls_ticket_keys, deps.clock);
  auto context = make_context(deps, /*http2=*/deps.settings.apisix.enable_http2);
  if (!context) return std::unexpected(context.error());
  clients_ = std::make_unique<proxy::ClientTls>(proxy::ClientTls::Deps{.identities = deps.identities,
                                                                       .context = std::move(*context),
                                                                       .fallback_sni = ssl.fallback_sni,
                                                                       .tallies = deps.tallies});
  return {};
}

// As in APISIX's nginx.conf with the protocols and ciphers of apisix.ssl. Clients that name no server are
// served all the same.
base::Status TlsListening::open_admin(const Deps& deps) {
  if (!deps.settings.deployment.admin.listen.tls) return {};
  auto identity = admin_identity(deps.admin_certificate);
  if (!identity) return base::invalid("deployment.admin.admin_api_mtls: " + identity.error().what);
  admin_identity_ = std::make_unique<SingleIdentity>(std::move(*identity));
  auto context = make_context(deps, /*http2=*/false);
  if (!context) return std::unexpected(context.error());
  admin_ = std::make_unique<proxy::ClientTls>(proxy::ClientTls::Deps{.identities = *admin_identity_,
                                                                     .context = std::move(*context),
                                                                     .fallback_sni = "admin",
                                                                     .tallies = deps.tallies});
  return {};
}

}  // namespace apisix::worker
