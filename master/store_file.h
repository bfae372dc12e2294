// The embedded store's file, before any process serves from it: made, checked, and known by its inode, so
// that a worker that is started later opens the same one or none. Where the configuration is elsewhere,
// nothing.
#pragma once

#include "master/setup.h"
#include "shared/base/result.h"

namespace apisix::master {

// kFirst: nothing of this gateway runs; a store that is missing is made, one with a good copy of what is
// damaged is mended. kReload: what runs serves from one; the file at the path is taken when it is whole.
enum class StoreUse : unsigned char { kFirst, kReload };

// Fills in setup.store. Waits for the check: 0.3 s for 100,000 routes. Refuses a damaged store and, while the
// gateway runs, a missing one; the text says what to do.
// `in_use`: what the generation that serves was given.
base::Status prepare_store(Setup& setup, StoreUse use, const FoundStore& in_use = {});

}  // namespace apisix::master
