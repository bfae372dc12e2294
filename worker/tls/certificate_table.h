// CertificateTable: the `ssls` objects of this worker as handshakes need them: O(1) from a server name to the
// certificate, a change costs what it changes. Certificates and keys stay JSON text, which the owner of the
// table keeps, until an object is used; what was parsed is kept for a bounded number of objects. Owned by
// config::SslTable.
//
//   text --first use--> built --not used for long, many others were--> text
//                         |`--secret changed--> built anew; when that fails, the last good one serves
//                         `---replaced--> built at once; when that fails, it is refused and the last one
//                         serves
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "shared/base/keyring.h"
#include "shared/base/result.h"
#include "shared/base/text.h"
#include "shared/format/json.h"
#include "worker/secret/secret_cache.h"
#include "worker/secret/uses.h"
#include "worker/tls/certificate_object.h"
#include "worker/tls/identity_source.h"
#include "worker/tls/name_index.h"
#include "worker/tls/stapler.h"

namespace apisix::tls {

class CertificateTable final : public IdentitySource {
 public:
  struct Deps {
    secret::SecretCache& secrets;
    Stapler& stapler;
    base::Keyring keyring;  // of private keys
    // Is the plugin ocsp-stapling enabled? Asked when an object is put.
    std::function<bool()> staples;
  };
  explicit CertificateTable(Deps deps) : deps_(std::move(deps)) {}
  CertificateTable(const CertificateTable&) = delete;
  CertificateTable& operator=(const CertificateTable&) = delete;

  // `text`: JSON, borrowed until the object is put again or erased. `created`: what decides between objects
  // with one name: the oldest serves. An error leaves everything as it was.
  base::Status put(std::string_view id, std::string_view text, std::int64_t created);
  void erase(std::string_view id);

  base::Result<base::Ref<const Identity>> find(std::string_view server_name) override;
  bool has_client_policy(std::string_view server_name) const override;
  base::Result<base::Ref<const Identity>> find_by_id(std::string_view id) override;

  // When the first of the object's certificates ends, Unix time in seconds. Parsed once. Nothing: the object
  // is off, or its certificates cannot be read, or are secrets.
  std::optional<std::int64_t> find_end(std::string_view id);

  // Secrets or OCSP responses are being read without which a client would be refused now.
  bool is_settling() const;

  std::size_t size() const { return objects_.size(); }
  // Objects that are built now, those that refer to secrets apart.
  std::size_t built() const { return recent_.size(); }

 private:
  struct Object;
  using Objects = std::unordered_map<std::string, std::unique_ptr<Object>, base::StringHash, std::equal_to<>>;
  // The last used first; those of secrets are not in it: what they were made of cannot be had at once again.
  using Recent = std::list<Object*>;

  // What an object was last built to: an identity, or why there is none.
  struct Built {
    base::Ref<const Identity> identity;  // the last good one
    base::Error failure = {};            // of an object without one
    secret::Uses uses = {};
    std::uint64_t secrets_version = 0;  // that `uses` were looked at with; 0: nothing was built of them yet
    Recent::iterator place = {};
  };
  struct Object : NameOwner {
    std::string_view text;
    ObjectOutline outline;
    std::optional<std::int64_t> end_s;  // 0: cannot be read. Nothing: not looked at yet
    std::unique_ptr<Built> built;
  };

  std::unique_ptr<Built> build(const Object& object);
  // What it becomes when it is put over `before` (may be null).
  base::Result<std::unique_ptr<Built>> build_at_once(const Object& object, const Object* before);
  base::Result<base::Ref<const Identity>> identity_of(Object& object);
  // Of an object that refers to secrets: again, if one of them has changed.
  void follow_secrets(Object& object);
  void keep(Object& object, std::unique_ptr<Built> built);
  void forget(Object& object);
  void unlink(Object& object);
  void staple(const Object& object);

  const Deps deps_;
  Objects objects_;
  NameIndex names_;
  std::size_t client_policies_ = 0;  // objects that have one
  Recent recent_;
  std::unordered_set<const Object*> with_secrets_;
};

}  // namespace apisix::tls
