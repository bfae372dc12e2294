// Reading an `ssls` object: which names it is for, as soon as it is known; what a handshake needs of it, at
// its first use. Pure but for the parsing of OpenSSL.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/keyring.h"
#include "shared/base/result.h"
#include "shared/format/json.h"
#include "worker/tls/identity.h"
#include "worker/tls/stapler.h"

namespace apisix::tls {

struct ObjectOutline {
  std::vector<std::string> names = {};  // normal, each once; of an object that serves clients
  bool is_off = false;                  // status 0
  bool has_client_policy = false;
  bool has_references = false;  // to secrets
  StaplingConf stapling = {};
};

// Normal, each once; none of an object that is off, or is for upstreams.
std::vector<std::string> names_for_clients(const format::Json& object);

// Of an object's JSON. Certificates and keys are skipped, not parsed: there may be 100,000 of them. Errors:
// no JSON object, or one that serves clients and has no name.
base::Result<ObjectOutline> read_outline(std::string_view text);

// The same JSON with "" in the place of strings that are longer than names and references are.
std::string without_long_strings(std::string_view json);

// When the first of the certificates ends, Unix time in seconds; 0: one cannot be read.
std::int64_t first_end(std::string_view text);

// The members that build_parts() reads, which alone may refer to secrets.
format::Json parts_conf(const format::Json& object);

// `conf`: parts_conf() of an object, its references resolved. `keyring`: of private keys. The errors are
// APISIX's: "failed to parse PEM cert: ...".
base::Result<IdentityParts> build_parts(std::string_view id, const format::Json& conf,
                                        const base::Keyring& keyring);

}  // namespace apisix::tls
