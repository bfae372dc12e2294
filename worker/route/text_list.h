// A short list of texts in one block of memory: 8 bytes when empty, and per text 4 bytes more than its
// characters, where a vector of strings takes 24 + 32 per text and a block for each. For lists that are read
// often, held a hundred thousand times, and changed only while they are made.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <utility>

namespace apisix::route {

class TextList {
 public:
  class Iterator {
   public:
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    Iterator(const TextList* list, std::size_t at) : list_(list), at_(at) {}
    std::string_view operator*() const { return (*list_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++at_;
      return before;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const TextList* list_ = nullptr;
    std::size_t at_ = 0;
  };

  using value_type = std::string_view;
  using const_iterator = Iterator;

  TextList() = default;
  TextList(std::initializer_list<std::string_view> texts) { assign(texts); }
  // Of anything with begin(), end() and elements that convert to std::string_view.
  template <typename Texts>
    requires std::convertible_to<decltype(*std::declval<const Texts&>().begin()), std::string_view>
  TextList(const Texts& texts) {
    for (const std::string_view text : texts) push_back(text);
  }
  TextList(const TextList& other) { assign(other); }
  TextList(TextList&&) noexcept = default;
  TextList& operator=(const TextList& other) {
    if (this != &other) assign(other);
    return *this;
  }
  TextList& operator=(TextList&&) noexcept = default;
  TextList& operator=(std::initializer_list<std::string_view> texts) {
    assign(texts);
    return *this;
  }

  std::size_t size() const { return block_ == nullptr ? 0 : count(); }
  bool empty() const { return block_ == nullptr; }
  std::string_view operator[](std::size_t at) const {
    const std::uint32_t first = at == 0 ? 0 : end_of(at - 1);
    return {text() + first, end_of(at) - first};
  }
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }
  bool contains(std::string_view text) const;

  // O(size): the block is made anew.
  void push_back(std::string_view text);
  void clear() { block_.reset(); }
  // Of the block, without this object.
  std::size_t memory_bytes() const { return empty() ? 0 : bytes(count(), end_of(count() - 1)); }

 private:
  // The block: count, count ends (offsets behind the last character of each text), characters.
  static std::size_t bytes(std::size_t count, std::size_t text) { return (1 + count) * 4 + text; }
  template <typename Texts>
  void assign(const Texts& texts) {
    TextList fresh;
    for (const std::string_view text : texts) fresh.push_back(text);
    block_ = std::move(fresh.block_);
  }
  std::uint32_t count() const { return block_[0]; }
  std::uint32_t end_of(std::size_t at) const { return block_[1 + at]; }
  const char* text() const { return reinterpret_cast<const char*>(block_.get() + 1 + count()); }

  std::unique_ptr<std::uint32_t[]> block_;
};

}  // namespace apisix::route
