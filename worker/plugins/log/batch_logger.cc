#include "worker/plugins/log/batch_logger.h"

#include <utility>

#include "shared/format/read.h"

namespace apisix::plugins {
namespace {

constexpr std::size_t kPendingEntriesMax = 8192;  // when the metadata names none

}  // namespace

BatchLogger::BatchLogger(const plugin::Conf& conf, const plugin::BuildContext& context,
                         plugin::Batch::Send send)
    : EntryLogger(conf, context),
      key_(context.conf_key()),
      options_(plugin::BatchOptions::from(conf.json())),
      send_(std::move(send)) {}

void BatchLogger::write(format::Json& entry) {
  complete(entry);
  plugin::BatchRegistry& batches = *deps().batches;
  batches.set_limit(pending_entries_max());
  batches.batch(key_, options_, send_).add(format::to_json(entry));
}

std::size_t BatchLogger::pending_entries_max() const {
  const auto now = metadata();
  if (!now) return kPendingEntriesMax;
  const format::Json& most = format::find_member(now->value, "max_pending_entries");
  return format::integer_of<std::uint64_t>(most).value_or(kPendingEntriesMax);
}

}  // namespace apisix::plugins
