// Counted and Ref: shared ownership within one thread, the count inside the object and not atomic. For what
// a request in flight keeps while the configuration moves on: clusters, compiled routes, resolved hosts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace apisix::base {

// class Route : public Counted<Route>. Starts at zero; the first Ref makes it one, the last one deletes.
template <typename T>
class Counted {
 public:
  Counted& operator=(const Counted&) = delete;

  void add_reference() const { ++references_; }
  void drop_reference() const {
    if (--references_ == 0) delete static_cast<const T*>(this);
  }
  std::uint32_t references() const { return references_; }

 private:
  friend T;
  Counted() = default;
  Counted(const Counted&) = delete;
  ~Counted() = default;

  mutable std::uint32_t references_ = 0;
};

template <typename T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  explicit Ref(T* object) : object_(object) {
    if (object_ != nullptr) object_->add_reference();
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) object_->drop_reference();
  }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  bool operator==(const Ref& other) const { return object_ == other.object_; }

 private:
  T* object_ = nullptr;
};

template <typename T, typename... Args>
Ref<T> make_counted(Args&&... args) {
  return Ref<T>(new T(std::forward<Args>(args)...));
}

}  // namespace apisix::base
