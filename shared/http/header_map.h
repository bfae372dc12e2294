// HeaderMap: the fields of one message in wire order. It lives in the message's arena and so do the
// bytes that its fields view; nothing is ever freed. add() and set() refuse a name or a value that could
// break the message's lines (CR, LF, NUL, other control characters). set_valid() and push() do not look: they
// are for what was parsed, or checked or escaped before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shared/base/arena.h"
#include "shared/http/header_set.h"

namespace apisix::http {

struct HeaderField {
  std::string_view name = {};   // as received, case included
  std::string_view value = {};  // without the white space around it
  KnownHeader id = KnownHeader::kUnknown;
  // The message's Connection field names it: it ends at this hop (RFC 9110 7.6.1). Set by the parser,
  // never for a known end-to-end field, so that a client cannot make the gateway drop one.
  bool nominated = false;
  // `name` is followed in memory by ": ", `value` and CRLF: the writer may copy the line, or a run of
  // adjacent lines, at once. Set by the parser, and where the gateway makes whole lines: FieldLine, and
  // append_own_field() (OwnLines, and the fields that plugins set).
  bool intact = false;
};

// 1*tchar of RFC 9110 5.6.2.
bool is_token(std::string_view text);
// No control character except a tab; bytes of 0x80 and above are allowed (obs-text).
bool is_valid_header_value(std::string_view value);

class HeaderMap {
 public:
  HeaderMap() = default;
  HeaderMap(const HeaderMap&) = delete;
  HeaderMap& operator=(const HeaderMap&) = delete;

  const HeaderField* begin() const { return fields_; }
  const HeaderField* end() const { return fields_ + size_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // The known fields that are here; kUnknown: there is one that is none of them.
  const HeaderSet& present() const { return present_; }
  bool has(KnownHeader id) const { return present_.has(id); }
  // The first field of that name, or nullptr. Pointers die with the next change of the map.
  const HeaderField* find(KnownHeader id) const { return has(id) ? find_present(id) : nullptr; }
  const HeaderField* find(std::string_view name) const;  // without case
  // The first field's value, or "".
  std::string_view value(KnownHeader id) const {
    const HeaderField* field = find(id);
    return field != nullptr ? field->value : std::string_view{};
  }
  std::size_t count(KnownHeader id) const;
  std::size_t count(std::string_view name) const;

  // `name` and `value` are kept as views: they must live as long as the arena (constants, or
  // arena.copy()). False, and no change, when the name is no token or the value is not valid.
  bool add(base::Arena& arena, std::string_view name, std::string_view value);
  bool add(base::Arena& arena, KnownHeader id, std::string_view value);
  // Replaces the first field of that name in its place and removes the others; adds it when missing.
  bool set(base::Arena& arena, std::string_view name, std::string_view value);
  bool set(base::Arena& arena, KnownHeader id, std::string_view value);
  // The same for a value that needs no look at its characters: one that was parsed, or that we made.
  void set_valid(base::Arena& arena, KnownHeader id, std::string_view value) {
    set_valid(arena, HeaderField{header_name(id), value, id});
  }
  void set_valid(base::Arena& arena, const HeaderField& field) {
    has(field.id) ? put(arena, field) : push(arena, field);
  }
  // How many were removed.
  std::size_t remove(KnownHeader id);
  std::size_t remove(std::string_view name);
  // Removes every field for which the function says so.
  template <typename Predicate>
  std::size_t remove_if(Predicate&& unwanted) {
    std::uint32_t kept = 0;
    present_ = {};
    for (std::uint32_t i = 0; i < size_; ++i) {
      if (unwanted(static_cast<const HeaderField&>(fields_[i]))) continue;
      present_.add(fields_[i].id);
      fields_[kept++] = fields_[i];
    }
    const std::size_t removed = size_ - kept;
    size_ = kept;
    return removed;
  }

  // Adds the fields of another map for which the function says so.
  template <typename Predicate>
  void append_if(base::Arena& arena, const HeaderMap& other, Predicate&& wanted) {
    if (capacity_ - size_ < other.size_) grow(arena, size_ + other.size_);
    HeaderField* at = fields_ + size_;
    for (const HeaderField& field : other) {
      if (!wanted(field)) continue;
      *at++ = field;
      present_.add(field.id);
    }
    size_ = static_cast<std::uint32_t>(at - fields_);
  }
  // For parsers, which have checked the field already.
  void push(base::Arena& arena, const HeaderField& field) {
    if (size_ == capacity_) grow(arena, capacity_ + 1);
    fields_[size_++] = field;
    present_.add(field.id);
  }
  // For parsers: adds up to `count` fields to an empty map. Only finish() makes them a part of it.
  class Filler {
   public:
    Filler(base::Arena& arena, HeaderMap& map, std::uint32_t count) : map_(map) {
      if (map.capacity_ < count) map.grow(arena, count);
      next_ = map.fields_;
    }
    void push(const HeaderField& field) {
      [[assume(static_cast<std::size_t>(field.id) < kKnownHeaders)]];  // one word of a set, while they fit
      *next_++ = field;
      repeated_.add_if_in(present_, field.id);
      present_.add(field.id);
    }
    // `repeated`: what occurs more than once.
    void finish(HeaderSet& repeated) {
      map_.size_ = static_cast<std::uint32_t>(next_ - map_.fields_);
      map_.present_ = present_;
      repeated = repeated_;
    }

   private:
    HeaderMap& map_;
    HeaderField* next_;
    HeaderSet present_;
    HeaderSet repeated_;
  };
  // For parsers: takes all fields out again.
  void clear() {
    size_ = 0;
    present_ = {};
  }
  // For parsers: the field at `index` may be completed (nominated, canonical Host).
  HeaderField& at(std::size_t index) { return fields_[index]; }

 private:
  const HeaderField* find_present(KnownHeader id) const;
  void put(base::Arena& arena, const HeaderField& field);
  template <typename IsSame>
  void replace(base::Arena& arena, const HeaderField& field, IsSame is_same);
  void grow(base::Arena& arena, std::uint32_t count);  // for `count` fields at least

  HeaderField* fields_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
  HeaderSet present_;
};

// Where there is rarely something to remove: looking is cheaper than moving all fields.
template <typename Predicate>
void remove_if_any(HeaderMap& headers, Predicate&& unwanted) {
  for (const HeaderField& field : headers) {
    if (!unwanted(field)) continue;
    headers.remove_if(unwanted);
    return;
  }
}

}  // namespace apisix::http
