// BatchLogger: base of the loggers that send their entries to a collector in batches: gathered up to
// batch_max_size or for a time, retried, bounded in number (max_pending_entries of the metadata) and bytes,
// flushed when the worker drains. A plugin says how a batch is sent; batches outlive the plugin, so `send`
// keeps what it needs.
#pragma once

#include <string>

#include "worker/plugin/batch.h"
#include "worker/plugins/log/entry_logger.h"

namespace apisix::plugins {

class BatchLogger : public EntryLogger {
 protected:
  BatchLogger(const plugin::Conf& conf, const plugin::BuildContext& context, plugin::Batch::Send send,
              std::string_view no_route_id = {});

 private:
  void write(std::string entry) final;
  std::size_t pending_entries_max() const;

  const std::string key_;
  const plugin::BatchOptions options_;
  const plugin::Batch::Send send_;
};

}  // namespace apisix::plugins
