// The certificate of the Admin API: the files of deployment.admin.admin_api_mtls, read by the master, because
// the workers' user may have no right to.
#pragma once

#include <string>

#include "shared/base/result.h"
#include "shared/channel/child_context.h"

namespace apisix::master {

// Empty without https_admin. Errors name the key: a file that cannot be read, is no PEM, or a private key
// that is not that of the certificate.
base::Result<channel::AdminCertificate> read_admin_certificate(const settings::Deployment::Admin& admin,
                                                               const std::string& config_path);

// As nginx takes the paths of these files: relative ones begin at the folder of config.yaml.
std::string admin_file(const std::string& path, const std::string& config_path);

}  // namespace apisix::master
