#include "shared/store/etcd_history.h"

#include <algorithm>
#include <functional>

namespace apisix::store {
namespace {

// Enough that equal contents are no accident, few enough to be sent again after each break.
constexpr std::size_t kBatchesKept = 4;

void mix(std::size_t& hash, std::size_t more) {
  hash ^= more + 0x9e3779b97f4a7c15U + (hash << 6) + (hash >> 2);
}

std::size_t hash_of(const Item& item, Event::Type type) {
  std::size_t hash = std::hash<std::string>{}(item.key);
  mix(hash, static_cast<std::size_t>(item.mod_revision));
  if (type == Event::Type::kDelete) return ~hash;
  mix(hash, std::hash<std::string>{}(item.value));
  mix(hash, static_cast<std::size_t>(item.create_revision));
  mix(hash, static_cast<std::size_t>(item.version));
  return hash;
}

std::vector<std::size_t> hashes_of(const EventBatch& batch) {
  std::vector<std::size_t> out;
  out.reserve(batch.events.size());
  for (const Event& event : batch.events) out.push_back(hash_of(event.item, event.type));
  return out;
}

}  // namespace

void EtcdHistory::reset() {
  seen_.clear();
  next_proof_ = 0;
}

// The newest item of the list was written by the last batch that wrote anything still there.
void EtcdHistory::reset(const ListReply& list) {
  reset();
  Seen newest;
  newest.is_list = true;
  for (const Item& item : list.items) newest.revision = std::max(newest.revision, item.mod_revision);
  for (const Item& item : list.items) {
    if (item.mod_revision == newest.revision) newest.events.push_back(hash_of(item, Event::Type::kPut));
  }
  if (newest.revision != 0) seen_.push_back(std::move(newest));
}

Revision EtcdHistory::overlap_from(Revision position) const {
  return seen_.empty() ? position : std::min(seen_.front().revision, position);
}

void EtcdHistory::begin_proof() {
  next_proof_ = 0;
}

bool EtcdHistory::check(const EventBatch& batch) {
  if (is_proven()) return false;  // something between what was seen and the position
  const Seen& expected = seen_[next_proof_];
  if (expected.revision != batch.revision) return false;
  const std::vector<std::size_t> events = hashes_of(batch);
  const auto is_there = [&events](std::size_t one) { return std::ranges::find(events, one) != events.end(); };
  const bool same =
      expected.is_list ? std::ranges::all_of(expected.events, is_there) : events == expected.events;
  next_proof_ += same ? 1 : 0;
  return same;
}

void EtcdHistory::append(const EventBatch& batch) {
  seen_.push_back({batch.revision, hashes_of(batch), false});
  while (seen_.size() > kBatchesKept || seen_.front().is_list) seen_.pop_front();
  next_proof_ = seen_.size();
}

}  // namespace apisix::store
