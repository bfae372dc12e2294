// The functions of all endpoints, by subject. Paths and methods are in the table of control_service.cc;
// shapes and errors in docs/CONTROL_API.md.
#pragma once

#include "worker/control/endpoint.h"

namespace apisix::control {

using Reply = async::Task<proxy::LocalAnswer>;

// --- schema.cc
Reply schema(const Call& call);
// --- health.cc
Reply health_of_all(const Call& call);
Reply health_of_one(const Call& call);
// --- objects.cc
Reply routes(const Call& call);
Reply route(const Call& call);
Reply services(const Call& call);
Reply service(const Call& call);
Reply upstreams(const Call& call);
Reply upstream(const Call& call);
// --- metadata.cc
Reply plugin_metadatas(const Call& call);
Reply plugin_metadata(const Call& call);
// --- rejected.cc
Reply rejected(const Call& call);
// --- process.cc
Reply collect_garbage(const Call& call);
Reply reload_plugins(const Call& call);
Reply server_info(const Call& call);
// --- diagnose.cc
Reply explain(const Call& call);
Reply lint(const Call& call);
// --- status.cc
Reply status(const Call& call);

}  // namespace apisix::control
