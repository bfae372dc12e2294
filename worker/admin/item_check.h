// Whether an object that did not come through the Admin API is acceptable: it is asked the same questions.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "shared/base/result.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"

namespace apisix::config {
class Registry;
}

namespace apisix::admin {

// A file is checked in all of it, and may name only plugins that are enabled. A store was written through an
// Admin API most of the time: routes and consumers are not looked at here, there may be very many of them.
enum class ItemSource : std::uint8_t { kFile, kStore };

// The error says what is wrong, in the Admin API's words. Keys that
// are no object's pass, but for the list of plugins. Lives no longer than `registry`.
std::function<base::Status(const store::Item&)> make_item_check(ItemSource source, config::Registry& registry,
                                                                const settings::Settings& settings);

}  // namespace apisix::admin
