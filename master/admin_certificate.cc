#include "master/admin_certificate.h"

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "shared/base/crypto.h"
#include "shared/base/file.h"

namespace apisix::master {
namespace {

base::Result<std::string> read_certificate_file(std::string_view key, const std::string& path,
                                                const std::string& config_path) {
  auto text = base::read_file(admin_file(path, config_path));
  if (!text)
    return base::invalid(fmt::format("deployment.admin.admin_api_mtls.{}: {}", key, text.error().what));
  return text;
}

}  // namespace

std::string admin_file(const std::string& path, const std::string& config_path) {
  return path.starts_with('/') ? path : config_path.substr(0, config_path.rfind('/') + 1) + path;
}

base::Result<channel::AdminCertificate> read_admin_certificate(const settings::Deployment::Admin& admin,
                                                               const std::string& config_path) {
  channel::AdminCertificate out;
  if (!admin.listen.tls) return out;
  auto certificate = read_certificate_file("admin_ssl_cert", admin.ssl_cert, config_path);
  if (!certificate) return std::unexpected(certificate.error());
  auto key = read_certificate_file("admin_ssl_cert_key", admin.ssl_cert_key, config_path);
  if (!key) return std::unexpected(key.error());
  base::Status good = base::check_certificate_pem(*certificate);
  if (good) good = base::check_private_key_pem(*key);
  if (!good) return base::invalid("deployment.admin.admin_api_mtls: " + good.error().what);
  if (!base::is_key_of_certificate(*key, *certificate)) {
    return base::invalid(
        "deployment.admin.admin_api_mtls: the key of admin_ssl_cert_key is not that of admin_ssl_cert");
  }
  out = {std::move(*certificate), std::move(*key), {}};
  if (admin.ssl_ca_cert.empty()) return out;
  auto ca = read_certificate_file("admin_ssl_ca_cert", admin.ssl_ca_cert, config_path);
  if (!ca) return std::unexpected(ca.error());
  if (good = base::check_certificate_pem(*ca); !good)
    return base::invalid("deployment.admin.admin_api_mtls.admin_ssl_ca_cert: " + good.error().what);
  out.client_ca = std::move(*ca);
  return out;
}

}  // namespace apisix::master
