#include "worker/plugin/batch.h"

#include <algorithm>

#include "shared/async/awaiters.h"
#include "shared/base/log.h"
#include "shared/format/read.h"

namespace apisix::plugin {
namespace {

// Of all batches of a worker, whatever its budget for bodies is: bodies in entries make them large.
constexpr std::size_t kPendingBytesMax = 256 << 20;
constexpr std::uint64_t kDropReportMs = 1000;

// 31 years: in milliseconds it can be added to any clock.
constexpr std::uint64_t kSecondsMax = 1'000'000'000;

std::uint64_t number_of(const format::Json& conf, const char* name, std::uint64_t otherwise) {
  const format::Json& value = format::find_member(conf, name);
  return value.isNumeric() ? format::clamped<std::uint64_t>(value) : otherwise;
}

std::uint64_t seconds_as_ms(const format::Json& conf, const char* name, std::uint64_t otherwise_s) {
  return std::min(number_of(conf, name, otherwise_s), kSecondsMax) * 1000;
}

}  // namespace

BatchOptions BatchOptions::from(const format::Json& conf) {
  BatchOptions options;
  if (const format::Json& name = format::find_member(conf, "name"); name.isString())
    options.name = format::string_of(name);
  options.max_retry_count = number_of(conf, "max_retry_count", 0);
  options.retry_delay_ms = seconds_as_ms(conf, "retry_delay", 1);
  options.buffer_duration_ms = seconds_as_ms(conf, "buffer_duration", 60);
  options.inactive_timeout_ms = seconds_as_ms(conf, "inactive_timeout", 5);
  options.batch_max_size = number_of(conf, "batch_max_size", 1000);
  return options;
}

// --- Batch

Batch::Batch(BatchRegistry& registry, BatchOptions options, Send send)
    : registry_(registry),
      options_(std::move(options)),
      send_(std::move(send)),
      timer_(registry.loop_.timers(), [](void* self) { static_cast<Batch*>(self)->on_timer(); }, this) {}

Batch::~Batch() = default;

bool Batch::add(std::string entry) {
  if (!registry_.take_room(entry.size())) {
    registry_.report_drop(options_.name);
    return false;
  }
  ++pending_;
  const std::uint64_t now_ms = registry_.loop_.clock().monotonic_ms();
  if (entries_.empty()) first_entry_ms_ = now_ms;
  last_entry_ms_ = now_ms;
  entries_.push_back(std::move(entry));
  if (entries_.size() >= options_.batch_max_size || registry_.ending_) {
    flush();
  } else if (!timer_.is_set()) {
    timer_.set_after_ms(options_.inactive_timeout_ms);
  }
  return true;
}

void Batch::on_timer() {
  if (entries_.empty()) return;
  const std::uint64_t now_ms = registry_.loop_.clock().monotonic_ms();
  const std::uint64_t due_ms =
      std::min(last_entry_ms_ + options_.inactive_timeout_ms, first_entry_ms_ + options_.buffer_duration_ms);
  if (now_ms >= due_ms) return flush();
  timer_.set_after_ms(due_ms - now_ms);
}

void Batch::flush() {
  timer_.cancel();
  if (entries_.empty()) return;
  registry_.scope_.spawn(deliver(std::move(entries_)));
  entries_.clear();
}

async::Task<void> Batch::deliver(std::vector<std::string> entries) {
  for (std::size_t tries = 0;; ++tries) {
    const base::Status sent = co_await send_(entries);
    if (sent) {
      registry_.sent_total_ += entries.size();
      break;
    }
    base::log_error("Batch Processor[{}] failed to process entries: {}", options_.name, sent.error().what);
    if (tries >= options_.max_retry_count) {
      base::log_error("Batch Processor[{}] exceeded the max_retry_count[{}] dropping the entries",
                      options_.name, tries + 1);
      registry_.dropped_total_ += entries.size();
      break;
    }
    if (!registry_.ending_) co_await async::Sleep(registry_.loop_, options_.retry_delay_ms);
  }
  pending_ -= entries.size();
  registry_.give_room_back(entries);
}

// --- BatchRegistry

BatchRegistry::BatchRegistry(event::Loop& loop) : loop_(loop), scope_(loop) {}
BatchRegistry::~BatchRegistry() = default;

Batch& BatchRegistry::batch(const std::string& key, const BatchOptions& options, const Batch::Send& send) {
  const auto known = batches_.find(key);
  if (known != batches_.end()) return *known->second;
  // Batches of configurations that are gone, once they are empty.
  if (batches_.size() > 256) {
    std::erase_if(batches_, [](const auto& entry) { return entry.second->pending() == 0; });
  }
  return *batches_.emplace(key, std::make_unique<Batch>(*this, options, send)).first->second;
}

bool BatchRegistry::take_room(std::size_t bytes) {
  if (pending_ >= entries_max_ || pending_bytes_ + bytes > kPendingBytesMax) return false;
  if (!charge_.set(pending_bytes_ + bytes)) return false;
  ++pending_;
  pending_bytes_ += bytes;
  return true;
}

void BatchRegistry::give_room_back(const std::vector<std::string>& entries) {
  pending_ -= entries.size();
  for (const std::string& entry : entries) pending_bytes_ -= entry.size();
  charge_.set(pending_bytes_);
}

// One line a second: an outage must not flood the log as well.
void BatchRegistry::report_drop(const std::string& name) {
  ++dropped_total_;
  ++drops_unreported_;
  const std::uint64_t now_ms = loop_.clock().monotonic_ms();
  if (drops_reported_ms_ != 0 && now_ms - drops_reported_ms_ < kDropReportMs) return;
  base::log_error(
      "max pending entries limit exceeded. discarding entry. batch: {} pending: {} max_pending_entries: {} "
      "discarded_entries: {}",
      name, pending_, entries_max_, drops_unreported_);
  drops_reported_ms_ = now_ms;
  drops_unreported_ = 0;
}

void BatchRegistry::flush_all() {
  ending_ = true;
  for (auto& [key, batch] : batches_) batch->flush();
}

}  // namespace apisix::plugin
