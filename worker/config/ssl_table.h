// SslTable: the stored `ssls` objects, as the Admin API and handshakes see them. The text is kept once, here;
// tls::CertificateTable reads it when a handshake needs the certificate. Owned by Registry.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "shared/base/keyring.h"
#include "worker/config/object_table.h"
#include "worker/config/plugin_directory.h"
#include "worker/tls/certificate_table.h"

namespace apisix::config {

class SslTable final : public TableOf<TextObject> {
 public:
  // `plugins`: whether ocsp-stapling is one of them. `keyring`: of private keys.
  SslTable(event::Loop& loop, client::HttpClient& http, secret::SecretCache& secrets, base::Keyring keyring,
           const PluginDirectory& plugins)
      : stapler_(loop, http),
        certificates_(
            {.secrets = secrets, .stapler = stapler_, .keyring = std::move(keyring), .staples = [&plugins] {
               return plugins.plugins().find("ocsp-stapling") != nullptr;
             }}) {}

  base::Status put(std::string_view id, const store::Item& item) {
    auto object = std::make_unique<TextObject>(item.value, item.create_revision, item.mod_revision);
    if (auto status = certificates_.put(id, object->value, item.create_revision); !status) return status;
    keep(id, std::move(object));
    return {};
  }
  void erase(std::string_view id) {
    certificates_.erase(id);
    drop(id);
  }

  tls::CertificateTable& certificates() { return certificates_; }

 private:
  tls::Stapler stapler_;
  tls::CertificateTable certificates_;
};

}  // namespace apisix::config
