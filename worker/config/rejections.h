// Rejections: which items of the store are refused now, and how many were refused since the start. Owned by
// Registry. The list is bounded, the count is not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "shared/store/store.h"

namespace apisix::config {

// An item that was refused, for the Control API.
struct Rejection {
  std::string key;
  store::Revision revision = 0;
  std::string reason;
};

class Rejections {
 public:
  static constexpr std::size_t kListedMax = 1000;

  // Of an item whose last good value stays in force; written to the error log.
  void reject(const store::Item& item, std::string reason);
  // The same of what the error log has already.
  void add(Rejection rejection);
  // The item is acceptable now, or deleted.
  void erase(const std::string& key) { listed_.erase(key); }
  // It is refused as before, and for another reason. Nothing happens when it is not listed.
  void set_reason(const std::string& key, std::string reason);

  const std::map<std::string, Rejection>& listed() const { return listed_; }
  std::uint64_t total() const { return total_; }

 private:
  std::map<std::string, Rejection> listed_;  // by key
  std::uint64_t total_ = 0;
};

}  // namespace apisix::config
