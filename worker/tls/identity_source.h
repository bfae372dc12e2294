// IdentitySource: which certificate a client gets for the server name it asks for. An interface: listeners
// and sessions know no configuration, and tests bring their own. CertificateTable is the one that serves.
#pragma once

#include <string_view>

#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "worker/tls/identity.h"

namespace apisix::tls {

class IdentitySource {
 public:
  virtual ~IdentitySource() = default;

  // `server_name` as the client sent it: letters of either case and a dot at the end do not matter. Never
  // waits. An error has the whole line for error.log: no object matches (kNotFound: "failed to match any SSL
  // certificate by SNI: x"), or the one that does cannot serve (kInvalid, kUnavailable while its secret is
  // being read: "failed to fetch ssl config: ..."). Never null.
  virtual base::Result<base::Ref<const Identity>> find(std::string_view server_name) = 0;

  // Does the object that find() would take have a client policy? For requests, whose Host may be another name
  // than that of the handshake. True also for names that find() refuses because they are too deep for a
  // wildcard with a policy, or too long: routes may match them. Parses nothing; false at once where no object
  // has one.
  virtual bool has_client_policy(std::string_view server_name) const = 0;

  // The object with this id, whatever its type and status: for `tls.client_cert_id` of upstreams. Compare its
  // serial() with the one that was used before: another one stands for another certificate. kNotFound: there
  // is none.
  virtual base::Result<base::Ref<const Identity>> find_by_id(std::string_view id) = 0;
};

}  // namespace apisix::tls
