// Stored objects -> what requests use (compiled.h).
#pragma once

#include <cstdint>
#include <string>

#include "shared/base/result.h"
#include "shared/resource/upstream.h"
#include "worker/config/compiled.h"

namespace apisix::config {

enum class UpstreamOwner : std::uint8_t { kObject, kPlugin };

// `id` names the upstream over its versions: its balancing state survives edits. The error says what this
// gateway cannot do with it.
base::Result<base::Ref<const CompiledUpstream>> compile_upstream(
    const std::string& id, const resource::Upstream& upstream, const upstream::ClusterDeps& deps,
    std::uint64_t now_us, UpstreamOwner owner = UpstreamOwner::kObject, base::Ref<UpstreamTls> tls = nullptr);

}  // namespace apisix::config
