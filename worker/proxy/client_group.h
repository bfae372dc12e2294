// ClientGroup: the clients of one purpose, and how many of them there may be. Those without a request (idle,
// in the middle of a head, or only read to their end) stand in the order in which they became so: at the
// bound the oldest makes room. AgeList: such an order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shared/base/list.h"

namespace apisix::proxy {

enum class ClientKind : std::uint8_t { kProxy, kAdmin, kControl };
inline constexpr std::size_t kClientKinds = 3;
// As the logs call what there are too many of.
std::string_view name_of(ClientKind kind);

template <typename T>
class AgeList;

// What a member of an AgeList is derived from. A member of one list at a time.
template <typename T>
class AgeLink : private base::Link {
  friend class AgeList<T>;
  friend class base::List<AgeLink<T>>;
};

// A base::List that knows its size.
template <typename T>
class AgeList {
 public:
  void add_newest(T& item) {
    list_.push_back(item);
    ++size_;
  }
  // Only what is in this list.
  void remove(T& item) {
    list_.remove(item);
    --size_;
  }
  T* oldest() const { return static_cast<T*>(list_.front()); }
  std::size_t size() const { return size_; }

  // Oldest first; `action` may remove the item that it gets.
  template <typename Action>
  void for_each(Action&& action) {
    list_.for_each([&action](AgeLink<T>& link) { action(static_cast<T&>(link)); });
  }

 private:
  base::List<AgeLink<T>> list_;
  std::size_t size_ = 0;
};

class ClientConnection;

struct ClientGroup {
  AgeList<ClientConnection> waiting;  // without a request
  AgeList<ClientConnection> busy;
  std::uint64_t connections_max = 0;

  std::uint64_t size() const { return waiting.size() + busy.size(); }
};

}  // namespace apisix::proxy
