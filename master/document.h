// conf/apisix.yaml or apisix.json, as the commands look at it before any worker does: a file that cannot be
// read is reported on the terminal.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "master/setup.h"
#include "shared/base/result.h"
#include "shared/store/file_snapshot.h"

namespace apisix::master {

// None: the configuration comes from somewhere else.
std::optional<store::FileStoreOptions> document_of(const Setup& setup);

// Whether workers will be able to read it. A file that is not there yet, or is still being written (no end
// flag), is no fault: a warning is added, the gateway waits for it.
base::Status check_document(Setup& setup);

// Everything that is wrong with it, "FILE:LINE: PLACE: WHAT", each object checked as the Admin API would.
std::vector<std::string> faults_of_document(const Setup& setup);

// What a former master's workers kept below data/ is not this one's configuration.
void forget_kept_configuration(const std::string& prefix);

}  // namespace apisix::master
