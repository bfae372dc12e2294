#include "shared/store/file_table.h"

#include <limits>
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

EventBatch FileTable::replace(std::vector<FileEntry> entries) {
  const std::vector<Revision> marks = mark_order(entries);
  const Revision revision = revision_ + 1;
  EventBatch batch{.revision = revision, .events = {}};
  std::unordered_set<std::string> present;
  present.reserve(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto& [key, value] = entries[i];
    present.insert(key);
    Item& item = items_[key];
    const bool is_new = item.version == 0;
    const Revision created = marks[i] != 0 ? marks[i] : is_new ? revision : item.create_revision;
    if (!is_new && item.value == value && item.create_revision == created) continue;
    item = {.key = key,
            .value = std::move(value),
            .create_revision = created,
            .mod_revision = revision,
            .version = item.version + 1,
            .lease = 0};
    batch.events.push_back({Event::Type::kPut, item});
  }
  for (auto item = items_.begin(); item != items_.end();) {
    if (present.contains(item->first)) {
      ++item;
      continue;
    }
    Event gone{Event::Type::kDelete, {}};
    gone.item.key = item->first;
    gone.item.mod_revision = revision;
    batch.events.push_back(std::move(gone));
    item = items_.erase(item);
  }
  const bool is_first = std::exchange(is_empty_, false);
  if (is_first || !batch.events.empty()) revision_ = revision;
  return batch;
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
