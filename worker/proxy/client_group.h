// ClientGroup: the clients of one purpose, and how many of them there may be. Those without a request (idle,
// in the middle of a head, or only read to their end) stand in the order in which they became so: at the
// bound the oldest makes room. AgeList: such an order, intrusive; nothing is allocated, every step costs the
// same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace apisix::proxy {

enum class ClientKind : std::uint8_t { kProxy, kAdmin, kControl };
inline constexpr std::size_t kClientKinds = 3;
// As the logs call what there are too many of.
std::string_view name_of(ClientKind kind);

template <typename T>
class AgeList;

// What a member of an AgeList is derived from. A member of one list at a time.
template <typename T>
class AgeLink {
 private:
  friend class AgeList<T>;
  T* older_ = nullptr;
  T* newer_ = nullptr;
};

template <typename T>
class AgeList {
 public:
  void add_newest(T& item) {
    AgeLink<T>& link = item;
    link.older_ = newest_;
    link.newer_ = nullptr;
    (newest_ != nullptr ? link_of(*newest_).newer_ : oldest_) = &item;
    newest_ = &item;
    ++size_;
  }
  // Only what is in this list.
  void remove(T& item) {
    AgeLink<T>& link = item;
    (link.newer_ != nullptr ? link_of(*link.newer_).older_ : newest_) = link.older_;
    (link.older_ != nullptr ? link_of(*link.older_).newer_ : oldest_) = link.newer_;
    link.older_ = link.newer_ = nullptr;
    --size_;
  }
  T* oldest() const { return oldest_; }
  std::size_t size() const { return size_; }

  // Oldest first; `action` may remove the item that it gets.
  template <typename Action>
  void for_each(Action&& action) {
    for (T* item = oldest_; item != nullptr;) {
      T* const next = link_of(*item).newer_;
      action(*item);
      item = next;
    }
  }

 private:
  static AgeLink<T>& link_of(T& item) { return item; }

  T* oldest_ = nullptr;
  T* newest_ = nullptr;
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
