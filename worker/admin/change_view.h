// What a change does to an object, as it may be shown: the object before and after, without its secrets
// (secret_mask.h); that one changes is shown.
#pragma once

#include <span>
#include <string_view>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/format/json.h"
#include "shared/resource/kind.h"
#include "worker/admin/history_entry.h"
#include "worker/admin/secret_fields.h"

namespace apisix::admin {

// A stored text, decrypted, its secrets hidden; null for null.
format::Json shown_value(const SecretFields& secrets, const resource::ItemKey& key,
                         const std::string* stored);
// See diff_json(). Without update_time, which is no difference.
format::Json diff_of_change(const SecretFields& secrets, const resource::ItemKey& key,
                            const std::string* before, const std::string* after);
format::Json diff_of_change(const SecretFields& secrets, const resource::ItemKey& key, const Change& change);
// "nothing" when only update_time differs, else "create", "update" or "delete".
std::string_view action_of(const std::string* before, const std::string* after);
std::string_view action_of(const Change& change);
// {"changes": [{"resource_type", "resource_id", "action"}, ...]}, with_diffs each with its "diff". What it is
// given must outlive the Task, which lets the loop turn in between.
async::Task<format::Json> changes_json(event::Loop& loop, const SecretFields& secrets,
                                       std::string_view prefix, std::span<const Change> changes,
                                       bool with_diffs);

}  // namespace apisix::admin
