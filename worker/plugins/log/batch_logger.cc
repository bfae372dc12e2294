#include "worker/plugins/log/batch_logger.h"

#include <utility>

#include "shared/format/read.h"

namespace apisix::plugins {
namespace {

constexpr std::size_t kPendingEntriesMax = 8192;  // when the metadata names none

}  // namespace

BatchLogger::BatchLogger(const plugin::Conf& conf, const plugin::BuildContext& context,
                         plugin::Batch::Send send, std::string_view no_route_id)
    : EntryLogger(conf, context, no_route_id),
      key_(context.conf_key()),
      options_(plugin::BatchOptions::from(conf.json())),
      send_(std::move(send)) {}

void BatchLogger::write(std::string entry) {
  plugin::BatchRegistry& batches = *deps().batches;
  batches.set_limit(pending_entries_max());
  batches.batch(key_, options_, send_).add(std::move(entry));
}

std::size_t BatchLogger::pending_entries_max() const {
  const auto now = metadata();
  if (!now) return kPendingEntriesMax;
  const format::Json& most = format::find_member(now->value, "max_pending_entries");
  return format::integer_of<std::uint64_t>(most).value_or(kPendingEntriesMax);
}

}  // namespace apisix::plugins
