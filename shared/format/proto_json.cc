#include "shared/format/proto_json.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "shared/format/proto_wire.h"

namespace apisix::format {
namespace {

// What append_real() writes digit by digit.
constexpr std::uint64_t kDigits14Max = 99'999'999'999'999;

void append_digits(std::string& out, std::uint64_t number, int base = 10) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
  out.append(digits.data(), end);
}

// "%.14g", as cjson writes it; JSON has no word for the others.
void append_real(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  std::array<char, 32> digits;
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), number, std::chars_format::general, 14).ptr;
  out.append(digits.data(), end);
}

// Bytes stay what they are, also those that are no UTF-8: a field of bytes would not survive otherwise.
void append_text(std::string& out, std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  out.push_back('"');
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f) continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    out.push_back('\\');
    if (byte == '"' || byte == '\\') {
      out.push_back(text[i]);
    } else if (byte == '\n') {
      out.push_back('n');
    } else if (byte == '\r') {
      out.push_back('r');
    } else if (byte == '\t') {
      out.push_back('t');
    } else {
      out += "u00";
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    }
  }
  out.append(text, plain);
  out.push_back('"');
}

bool is_bytes(ProtoType type) {
  return wire_of(type) == ProtoWire::kBytes;
}

bool is_signed(ProtoType type) {
  switch (type) {
    case ProtoType::kInt32:
    case ProtoType::kInt64:
    case ProtoType::kSint32:
    case ProtoType::kSint64:
    case ProtoType::kSfixed32:
    case ProtoType::kSfixed64:
    case ProtoType::kEnum:
      return true;
    default:
      return false;
  }
}

template <typename Narrow>
std::uint64_t widened(std::uint64_t bits) {
  return static_cast<std::uint64_t>(std::int64_t{static_cast<Narrow>(bits)});
}

// What is on the wire -> the number as ProtoField::default_bits has it.
std::uint64_t number_of_wire(ProtoType type, std::uint64_t bits) {
  switch (type) {
    case ProtoType::kInt32:
    case ProtoType::kSfixed32:
    case ProtoType::kEnum:
      return widened<std::int32_t>(bits);
    case ProtoType::kUint32:
      return static_cast<std::uint32_t>(bits);
    case ProtoType::kSint32:
      return static_cast<std::uint64_t>(unzigzag(static_cast<std::uint32_t>(bits)));
    case ProtoType::kSint64:
      return static_cast<std::uint64_t>(unzigzag(bits));
    case ProtoType::kFloat:
      return std::bit_cast<std::uint64_t>(
          static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits))));
    case ProtoType::kBool:
      return bits != 0 ? 1 : 0;
    default:
      return bits;
  }
}

// A value of `wire` off the front of `bytes`: from behind its tag, without a length.
std::optional<std::string_view> take_value(ProtoWire wire, std::string_view& bytes) {
  const std::string_view before = bytes;
  switch (wire) {
    case ProtoWire::kVarint:
      if (!read_varint(bytes)) return std::nullopt;
      break;
    case ProtoWire::kFixed64:
      if (!read_fixed<std::uint64_t>(bytes)) return std::nullopt;
      break;
    case ProtoWire::kFixed32:
      if (!read_fixed<std::uint32_t>(bytes)) return std::nullopt;
      break;
    case ProtoWire::kBytes:
      return read_bytes(bytes);
    default:
      return std::nullopt;
  }
  return before.substr(0, before.size() - bytes.size());
}

// What stands between the tags of a group is of no field. Groups may be nested: counted, not called.
bool skip_group(std::string_view& bytes) {
  std::size_t depth = 1;
  while (depth > 0) {
    const auto tag = read_varint(bytes);
    if (!tag) return false;
    const auto wire = static_cast<ProtoWire>(*tag & 7);
    if (wire == ProtoWire::kStart) {
      ++depth;
    } else if (wire == ProtoWire::kEnd) {
      --depth;
    } else if (!take_value(wire, bytes)) {
      return false;
    }
  }
  return true;
}

}  // namespace

ProtoJson::ProtoJson(const ProtoMessage& type, std::string_view bytes, ProtoJsonOptions options)
    : options_(options), bytes_(bytes), root_(&type) {}

ProtoJson::State ProtoJson::write(std::string& out, std::size_t bytes_max) {
  const std::size_t begin = out.size();
  work_ = 0;
  if (root_ != nullptr) is_broken_ = !push(*std::exchange(root_, nullptr), bytes_, out);
  while (!is_broken_ && !frames_.empty()) {
    if (out.size() - begin + work_ >= bytes_max) return State::kMore;
    is_broken_ = !step(out);
  }
  return is_broken_ ? State::kBroken : State::kDone;
}

bool ProtoJson::push(const ProtoMessage& type, std::string_view bytes, std::string& out) {
  if (frames_.size() >= kProtoDepthMax) return false;
  Frame frame(type);
  if (!index(frame, bytes)) return false;
  out.push_back('{');
  frames_.push_back(std::move(frame));
  return true;
}

bool ProtoJson::index(Frame& frame, std::string_view bytes) {
  bool is_sorted = true;
  while (!bytes.empty()) {
    const auto tag = read_varint(bytes);
    if (!tag || *tag > UINT32_MAX || *tag >> 3 == 0) return false;
    const auto wire = static_cast<ProtoWire>(*tag & 7);
    if (wire == ProtoWire::kStart) {
      if (!skip_group(bytes)) return false;
      continue;
    }
    const auto value = take_value(wire, bytes);
    if (!value || value->size() > UINT32_MAX) return false;
    const auto found = frame.type->by_number.find(static_cast<std::uint32_t>(*tag >> 3));
    if (found == frame.type->by_number.end() || frame.type->fields[found->second].type == ProtoType::kGroup) {
      continue;
    }
    if (++pieces_ > kPiecesMax) return false;
    const auto field = static_cast<std::uint32_t>(found->second);
    is_sorted &= frame.pieces.empty() || frame.pieces.back().field <= field;
    frame.pieces.push_back({.at = value->data(),
                            .size = static_cast<std::uint32_t>(value->size()),
                            .field = field & 0x1fffffffU,
                            .wire = static_cast<std::uint32_t>(wire) & 7U});
  }
  work_ += frame.pieces.size() * sizeof(Piece);
  if (!is_sorted) {
    std::ranges::sort(frame.pieces, [](const Piece& a, const Piece& b) {
      return a.field != b.field ? a.field < b.field : a.at < b.at;
    });
  }
  return true;
}

bool ProtoJson::step(std::string& out) {
  Frame& frame = frames_.back();
  ++work_;
  if (frame.inside == Inside::kFields && frame.field == frame.type->fields.size()) {
    out.push_back('}');
    pieces_ -= frame.pieces.size();
    frames_.pop_back();
    return true;
  }
  const ProtoField& field = frame.type->fields[frame.field];
  switch (frame.inside) {
    case Inside::kFields:
      return begin_field(frame, out);
    case Inside::kList:
      return next_element(frame, field, out);
    case Inside::kMap:
      return next_entry(frame, field, out);
  }
  return false;
}

bool ProtoJson::shows_default(const ProtoMessage& type, const ProtoField& field) const {
  using Defaults = ProtoJsonOptions::Defaults;
  if (options_.defaults == Defaults::kNone || field.type == ProtoType::kGroup) return false;
  if (field.is_repeated) return type.is_proto3;
  if (options_.defaults == Defaults::kLists || field.oneof || field.type == ProtoType::kMessage) return false;
  if (type.is_proto3) return !field.has_presence;
  return options_.defaults == Defaults::kAll && field.default_bits.has_value();
}

// The name, and a list's or map's beginning; a single value whole, unless it is a message.
bool ProtoJson::begin_field(Frame& frame, std::string& out) {
  const ProtoField& field = frame.type->fields[frame.field];
  const bool is_present = frame.next < frame.pieces.size() && frame.pieces[frame.next].field == frame.field;
  if (!is_present && !shows_default(*frame.type, field)) {
    ++frame.field;
    return true;
  }
  if (frame.needs_comma) out.push_back(',');
  frame.needs_comma = true;
  if (field.oneof) {
    append_text(out, frame.type->oneofs[*field.oneof]);
    out.push_back(':');
    append_text(out, field.name);
    out.push_back(',');
  }
  append_text(out, field.name);
  out.push_back(':');
  if (field.is_repeated) {
    frame.inside = field.is_map ? Inside::kMap : Inside::kList;
    frame.needs_comma = false;
    out.push_back(field.is_map ? '{' : '[');
    return true;
  }
  ++frame.field;
  return is_present ? write_last(frame, field, out) : write_default_value(field, out);
}

// Of several values of a field that is not repeated the last one counts.
bool ProtoJson::write_last(Frame& frame, const ProtoField& field, std::string& out) {
  const std::uint32_t index = frame.pieces[frame.next].field;
  while (frame.next + 1 < frame.pieces.size() && frame.pieces[frame.next + 1].field == index) ++frame.next;
  const Piece piece = frame.pieces[frame.next++];
  return write_value(field, {piece.at, piece.size}, static_cast<ProtoWire>(piece.wire), out);
}

bool ProtoJson::next_element(Frame& frame, const ProtoField& field, std::string& out) {
  if (frame.packed.empty()) {
    if (frame.next == frame.pieces.size() || frame.pieces[frame.next].field != frame.field) {
      out.push_back(']');
      frame.inside = Inside::kFields;
      frame.needs_comma = true;
      ++frame.field;
      return true;
    }
    const Piece piece = frame.pieces[frame.next++];
    const std::string_view bytes(piece.at, piece.size);
    const auto wire = static_cast<ProtoWire>(piece.wire);
    if (wire == ProtoWire::kBytes && !is_bytes(field.type)) {
      frame.packed = bytes;
      return true;
    }
    if (std::exchange(frame.needs_comma, true)) out.push_back(',');
    return write_value(field, bytes, wire, out);
  }
  if (std::exchange(frame.needs_comma, true)) out.push_back(',');
  return write_scalar(field, frame.packed, out);
}

bool ProtoJson::next_entry(Frame& frame, const ProtoField& field, std::string& out) {
  const bool is_over = frame.next == frame.pieces.size() || frame.pieces[frame.next].field != frame.field;
  if (is_over || field.message == nullptr || field.message->fields.size() != 2) {
    while (frame.next < frame.pieces.size() && frame.pieces[frame.next].field == frame.field) ++frame.next;
    out.push_back('}');
    frame.inside = Inside::kFields;
    frame.needs_comma = true;
    ++frame.field;
    return true;
  }
  const Piece piece = frame.pieces[frame.next++];
  if (static_cast<ProtoWire>(piece.wire) != ProtoWire::kBytes) return false;
  Frame entry(*field.message);
  if (!index(entry, {piece.at, piece.size})) return false;
  pieces_ -= entry.pieces.size();
  if (std::exchange(frame.needs_comma, true)) out.push_back(',');
  const ProtoField& key = field.message->fields[0];
  const ProtoField& value = field.message->fields[1];
  const auto has = [&entry](std::uint32_t index) {
    return entry.next < entry.pieces.size() && entry.pieces[entry.next].field == index;
  };
  const bool quotes_key = key.type != ProtoType::kString;
  if (quotes_key) out.push_back('"');
  if (!(has(0) ? write_last(entry, key, out) : write_default_value(key, out))) return false;
  if (quotes_key) out.push_back('"');
  out.push_back(':');
  return has(1) ? write_last(entry, value, out) : write_default_value(value, out);
}

bool ProtoJson::write_value(const ProtoField& field, std::string_view bytes, ProtoWire wire,
                            std::string& out) {
  if (wire != wire_of(field.type)) return false;
  if (field.type == ProtoType::kMessage) {
    if (field.message != nullptr) return push(*field.message, bytes, out);
    out += "null";
    return true;
  }
  if (is_bytes(field.type)) {
    append_text(out, bytes);
    return true;
  }
  return write_scalar(field, bytes, out);
}

bool ProtoJson::write_scalar(const ProtoField& field, std::string_view& bytes, std::string& out) {
  std::optional<std::uint64_t> bits;
  switch (wire_of(field.type)) {
    case ProtoWire::kVarint:
      bits = read_varint(bytes);
      break;
    case ProtoWire::kFixed64:
      bits = read_fixed<std::uint64_t>(bytes);
      break;
    case ProtoWire::kFixed32:
      bits = read_fixed<std::uint32_t>(bytes);
      break;
    default:
      break;
  }
  if (!bits) return false;
  write_number(field, number_of_wire(field.type, *bits), out);
  return true;
}

bool ProtoJson::write_default_value(const ProtoField& field, std::string& out) {
  if (field.type == ProtoType::kMessage) return write_value(field, {}, ProtoWire::kBytes, out);
  if (is_bytes(field.type)) {
    append_text(out, field.default_text);
  } else {
    write_number(field, field.default_bits.value_or(0), out);
  }
  return true;
}

void ProtoJson::write_number(const ProtoField& field, std::uint64_t bits, std::string& out) const {
  switch (field.type) {
    case ProtoType::kBool:
      out += bits != 0 ? "true" : "false";
      return;
    case ProtoType::kDouble:
    case ProtoType::kFloat:
      append_real(out, std::bit_cast<double>(bits));
      return;
    case ProtoType::kEnum:
      if (!options_.enum_as_number && field.enumeration != nullptr) {
        const std::string* name = field.enumeration->find_name(static_cast<std::int32_t>(bits));
        if (name != nullptr) return append_text(out, *name);
      }
      break;
    default:
      break;
  }
  write_integer(bits, is_signed(field.type) && static_cast<std::int64_t>(bits) < 0, out);
}

void ProtoJson::write_integer(std::uint64_t bits, bool is_negative, std::string& out) const {
  using Int64 = ProtoJsonOptions::Int64;
  const std::uint64_t amount = is_negative ? ~bits + 1 : bits;
  const bool is_long = is_negative ? amount > std::uint64_t{1} << 31 : amount > UINT32_MAX;
  if (is_long && options_.int64 != Int64::kNumber) {
    out += is_negative ? "\"#-" : "\"#";
    if (options_.int64 == Int64::kHexText) {
      const std::size_t begin = out.size() + 2;
      out += "0x";
      append_digits(out, amount, 16);
      std::transform(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(),
                     out.begin() + static_cast<std::ptrdiff_t>(begin),
                     [](char digit) { return digit >= 'a' ? static_cast<char>(digit - 'a' + 'A') : digit; });
    } else {
      append_digits(out, amount);
    }
    out.push_back('"');
    return;
  }
  if (amount > kDigits14Max) {
    const auto number = static_cast<double>(amount);
    return append_real(out, is_negative ? -number : number);
  }
  if (is_negative) out.push_back('-');
  append_digits(out, amount);
}

}  // namespace apisix::format
