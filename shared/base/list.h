// List: objects in an order of their own making, without allocation: each is a Link, every step costs the
// same, and an object that is destroyed leaves. An object is in one list at a time.
//
//   class Waiter : private base::Link { friend class base::List<Waiter>; ... };
#pragma once

#include "shared/base/link.h"

namespace apisix::base {

template <typename T>
class List {
 public:
  List() = default;
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool empty() const { return !head_.is_linked(); }
  // The one that was added first, or last; null when there is none.
  T* front() const { return at(head_.next()); }
  T* back() const { return at(head_.prev()); }

  // Takes it out of the list that it is in.
  void push_back(T& item) { head_.append(item); }
  static void remove(T& item) { static_cast<Link&>(item).unlink(); }
  // Null: there was none.
  T* pop_front() {
    T* const item = front();
    if (item != nullptr) remove(*item);
    return item;
  }

  // In order; `action` may remove the item that it gets.
  template <typename Action>
  void for_each(Action&& action) {
    for (Link* link = head_.next(); link != &head_;) {
      Link* const next = link->next();
      action(static_cast<T&>(*link));
      link = next;
    }
  }

 private:
  T* at(Link* link) const { return link != &head_ ? static_cast<T*>(link) : nullptr; }

  Link head_{Link::Head{}};
};

}  // namespace apisix::base
