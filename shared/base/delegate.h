// Delegate: a callback as two words: a function and the object that it is called for. It owns nothing and
// allocates nothing; the object outlives it. For what calls back often or lives in great numbers;
// std::function is for what is set once and may hold more.
//
//   base::Delegate<void(int)> on_done = base::Delegate<void(int)>::of<&Reader::on_done>(reader);
#pragma once

#include <utility>

namespace apisix::base {

template <typename Signature>
class Delegate;

template <typename Result, typename... Args>
class Delegate<Result(Args...)> {
 public:
  using Function = Result (*)(void* context, Args...);

  Delegate() = default;
  Delegate(Function function, void* context) : function_(function), context_(context) {}

  // A member function of `object`.
  template <auto kMember, typename Object>
  static Delegate of(Object& object) {
    return {[](void* context, Args... args) -> Result {
              return (static_cast<Object*>(context)->*kMember)(std::forward<Args>(args)...);
            },
            &object};
  }

  explicit operator bool() const { return function_ != nullptr; }
  // Only of one that is set.
  Result operator()(Args... args) const { return function_(context_, std::forward<Args>(args)...); }

 private:
  Function function_ = nullptr;
  void* context_ = nullptr;
};

}  // namespace apisix::base
