// UpstreamTable: the stored upstreams, compiled, in slots that routes, services and plugins share; and the
// upstreams inside other objects, compiled the same way. Owned by Registry.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "shared/base/clock.h"
#include "shared/base/result.h"
#include "shared/format/json.h"
#include "worker/config/compile.h"
#include "worker/config/compiled.h"
#include "worker/config/object_table.h"
#include "worker/config/upstream_tls.h"

namespace apisix::config {

class UpstreamTable final : public TextTable {
 public:
  UpstreamTable(const base::Clock& clock, const upstream::ClusterDeps& deps, UpstreamTlsOptions tls)
      : clock_(clock), deps_(deps), tls_(std::move(tls)) {}

  base::Status put(std::string_view id, const store::Item& item);
  // The slot stays as long as it is used, and is empty.
  void erase(std::string_view id);

  // Where `tls.client_cert_id` leads.
  void use_certificates(tls::IdentitySource& certificates) { tls_.use_certificates(certificates); }

  // Never null: an id that is not there (yet) gives an empty slot.
  base::Ref<UpstreamSlot> slot_of(std::string_view id);
  // A slot of its own for the upstream inside an object. `key` names the upstream over its versions; nodes of
  // a plugin's upstream are not checked: the agent that probes does not know them.
  base::Result<base::Ref<UpstreamSlot>> make_slot(const std::string& key, const format::Json& upstream,
                                                  UpstreamOwner owner = UpstreamOwner::kObject) const;

 private:
  base::Result<base::Ref<const CompiledUpstream>> compile(const std::string& key,
                                                          const format::Json& upstream,
                                                          UpstreamOwner owner) const;

  const base::Clock& clock_;
  const upstream::ClusterDeps deps_;
  UpstreamTlsMaker tls_;
  std::unordered_map<std::string, base::Ref<UpstreamSlot>, base::StringHash, std::equal_to<>>
      slots_;  // by id
};

}  // namespace apisix::config
