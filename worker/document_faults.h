// What is wrong with conf/apisix.yaml or apisix.json, for `apisix test`: every fault with its line, each
// object asked what a worker would ask.
#pragma once

#include <string>
#include <vector>

#include "shared/settings/settings.h"
#include "shared/store/file_snapshot.h"

namespace apisix::worker {

// "FILE:LINE: PLACE: WHAT", in the order of lines. Empty: a worker would take all of it.
std::vector<std::string> faults_of_document(const store::FileStoreOptions& options,
                                            const settings::Settings& settings);

}  // namespace apisix::worker
