// ObjectTable: the stored objects of one kind that this worker keeps, as the Admin and Control API see them.
// TableOf<Object> holds them by id; the tables of routes, services and upstreams add what they mean.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/text.h"
#include "shared/store/store.h"
#include "worker/config/id_walk.h"

namespace apisix::config {

// An object as it is in force: the last value that was accepted.
struct ObjectInForce {
  std::string key;    // of the store
  std::string value;  // JSON, as stored
  store::Revision create_revision = 0;
  store::Revision mod_revision = 0;
};

class ObjectTable {
 public:
  ObjectTable() = default;
  virtual ~ObjectTable() = default;
  ObjectTable(const ObjectTable&) = delete;
  ObjectTable& operator=(const ObjectTable&) = delete;

  // By age; what was created at once (by one transaction, in one file) by id.
  virtual std::vector<std::string> ids_by_age() const = 0;
  // See IdWalk. False: that was all.
  virtual bool walk_ids(IdWalk& walk) const = 0;
  // Its `key` is left empty.
  virtual std::optional<ObjectInForce> find_in_force(std::string_view id) const = 0;
};

// `Object` has create_revision, mod_revision and text(): the JSON, as stored.
template <typename Object>
class TableOf : public ObjectTable {
 public:
  std::vector<std::string> ids_by_age() const override {
    std::vector<std::pair<store::Revision, std::string>> found;
    found.reserve(objects_.size());
    for (const auto& [id, object] : objects_) found.emplace_back(object->create_revision, id);
    std::ranges::sort(found);
    std::vector<std::string> out;
    out.reserve(found.size());
    for (auto& [revision, id] : found) out.push_back(std::move(id));
    return out;
  }
  bool walk_ids(IdWalk& walk) const override { return config::walk_ids(objects_, walk); }
  std::optional<ObjectInForce> find_in_force(std::string_view id) const override {
    const Object* object = find(id);
    if (object == nullptr) return std::nullopt;
    return ObjectInForce{{}, object->text(), object->create_revision, object->mod_revision};
  }

  const Object* find(std::string_view id) const {
    const auto found = objects_.find(id);
    return found != objects_.end() ? found->second.get() : nullptr;
  }
  std::size_t size() const { return objects_.size(); }

 protected:
  Object* find_own(std::string_view id) { return const_cast<Object*>(find(id)); }
  void keep(std::string_view id, std::unique_ptr<Object> object) {
    objects_[std::string(id)] = std::move(object);
  }
  void drop(std::string_view id) {
    if (const auto found = objects_.find(id); found != objects_.end()) objects_.erase(found);
  }
  const auto& objects() const { return objects_; }

 private:
  std::unordered_map<std::string, std::unique_ptr<Object>, base::StringHash, std::equal_to<>> objects_;
};

// An object of which this build needs no more than its text.
struct TextObject {
  std::string value;  // JSON, as stored
  store::Revision create_revision = 0;
  store::Revision mod_revision = 0;

  const std::string& text() const { return value; }
};

class TextTable : public TableOf<TextObject> {
 public:
  base::Status put(std::string_view id, const store::Item& item) {
    keep(id, std::make_unique<TextObject>(item.value, item.create_revision, item.mod_revision));
    return {};
  }
  void erase(std::string_view id) { drop(id); }
};

}  // namespace apisix::config
