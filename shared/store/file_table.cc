#include "shared/store/file_table.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace apisix::store {
namespace {

// Room between two marks for what is inserted later; 2^42 entries fit.
constexpr Revision kMarkGap = Revision{1} << 20;

// "/apisix/routes/1", "/apisix/stream_routes/1"
bool is_ordered(std::string_view key) {
  const auto id = key.rfind('/');
  return id != key.npos && key.substr(0, id).ends_with("routes");
}

// Of "/apisix/routes/1": "/apisix/routes/". Each list has its own order.
std::string_view list_of(std::string_view key) {
  return key.substr(0, key.rfind('/') + 1);
}

}  // namespace

// From the end to the start, so that each new entry knows the mark of the next old one.
std::vector<Revision> FileTable::mark_order(const std::vector<FileEntry>& entries) const {
  std::vector<Revision> next_kept(entries.size(), 0);
  std::unordered_map<std::string_view, Revision> next_of_list;
  for (std::size_t i = entries.size(); i-- > 0;) {
    if (!is_ordered(entries[i].key)) continue;
    Revision& next = next_of_list[list_of(entries[i].key)];
    next_kept[i] = next;
    if (const Item* item = find(entries[i].key)) next = item->create_revision;
  }
  std::vector<Revision> marks(entries.size(), 0);
  std::unordered_map<std::string_view, Revision> last_of_list;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!is_ordered(entries[i].key)) continue;
    Revision& last = last_of_list[list_of(entries[i].key)];
    const Item* item = find(entries[i].key);
    if (item != nullptr && item->create_revision > last) {
      marks[i] = item->create_revision;
    } else {
      const Revision next = next_kept[i];
      marks[i] = next > last + 1 ? last + std::min((next - last) / 2, kMarkGap) : last + kMarkGap;
    }
    last = marks[i];
  }
  return marks;
}

EventBatch FileTable::diff(std::vector<FileEntry> entries) const {
  const std::vector<Revision> marks = mark_order(entries);
  const Revision revision = revision_ + 1;
  EventBatch batch{.revision = revision, .events = {}};
  std::unordered_set<std::string_view> present;
  present.reserve(entries.size());
  for (const FileEntry& entry : entries) present.insert(entry.key);
  for (const auto& [key, item] : items_) {
    if (present.contains(key)) continue;
    Event gone{Event::Type::kDelete, {}};
    gone.item.key = key;
    gone.item.mod_revision = revision;
    batch.events.push_back(std::move(gone));
  }
  const auto deletes = static_cast<std::ptrdiff_t>(batch.events.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto& [key, value] = entries[i];
    const Item* known = find(key);
    const Revision created = marks[i] != 0 ? marks[i] : known == nullptr ? revision : known->create_revision;
    if (known != nullptr && known->value == value && known->create_revision == created) continue;
    batch.events.push_back({Event::Type::kPut,
                            {.key = std::move(key),
                             .value = std::move(value),
                             .create_revision = created,
                             .mod_revision = revision,
                             .version = known == nullptr ? 1 : known->version + 1,
                             .lease = 0}});
  }
  std::rotate(batch.events.begin(), batch.events.begin() + deletes, batch.events.end());
  return batch;
}

bool FileTable::commit(const EventBatch& batch) {
  for (const Event& event : batch.events) {
    if (event.type == Event::Type::kPut) {
      items_[event.item.key] = event.item;
    } else {
      items_.erase(event.item.key);
    }
  }
  const bool is_first = std::exchange(is_empty_, false);
  if (!is_first && batch.events.empty()) return false;
  revision_ = batch.revision;
  return true;
}

const Item* FileTable::find(const std::string& key) const {
  const auto found = items_.find(key);
  return found == items_.end() ? nullptr : &found->second;
}

ListReply FileTable::list(std::string_view prefix) const {
  ListReply reply;
  reply.revision = revision_;
  for (auto item = items_.lower_bound(prefix); item != items_.end(); ++item) {
    if (!item->first.starts_with(prefix)) break;
    reply.items.push_back(item->second);
  }
  return reply;
}

}  // namespace apisix::store
