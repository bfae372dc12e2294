#include "shared/format/proto_encode.h"

#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "shared/base/text.h"
#include "shared/format/proto_wire.h"
#include "shared/format/read.h"

namespace apisix::format {
namespace {

// A whole number of up to 64 bits, as two's complement. `is_negative` tells -1 from 2^64 - 1.
struct Whole {
  std::uint64_t bits = 0;
  bool is_negative = false;
};

std::optional<Whole> whole_of(double number) {
  if (!(number > -0x1p63 && number < 0x1p64)) return std::nullopt;
  if (number < 0) return Whole{static_cast<std::uint64_t>(static_cast<std::int64_t>(number)), number <= -1};
  return Whole{static_cast<std::uint64_t>(number), false};
}

std::optional<std::uint64_t> parse_hex(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// "12", "-0x1f", "#-12", "-#12": signs and '#' in any order, "" for 0; and "1.5e3", cut to a whole number.
std::optional<Whole> whole_of(std::string_view text) {
  const std::string_view written = base::trim(text);
  std::string_view digits = written;
  bool is_negative = false;
  while (!digits.empty() && (digits[0] == '#' || digits[0] == '+' || digits[0] == '-')) {
    is_negative ^= digits[0] == '-';
    digits.remove_prefix(1);
  }
  if (digits.empty()) return Whole{};
  const bool is_hex = digits.starts_with("0x") || digits.starts_with("0X");
  const auto value = is_hex ? parse_hex(digits.substr(2)) : base::parse_integer<std::uint64_t>(digits);
  if (value && !is_negative) return Whole{*value, false};
  if (value && *value <= std::uint64_t{1} << 63) return Whole{~*value + 1, *value != 0};
  if (value) return std::nullopt;
  const auto number = base::parse_double(written);
  return number ? whole_of(*number) : std::nullopt;
}

std::optional<Whole> whole_of(const Json& value) {
  if (value.isString()) return whole_of(std::string_view(string_of(value)));
  if (!value.isNumeric()) return std::nullopt;
  if (value.isUInt64()) return Whole{clamped<std::uint64_t>(value), false};
  if (value.isInt64()) return Whole{static_cast<std::uint64_t>(clamped<std::int64_t>(value)), true};
  return whole_of(number_of(value));
}

std::optional<double> real_of(const Json& value) {
  if (value.isNumeric()) return number_of(value);
  if (!value.isString()) return std::nullopt;
  const std::string text = string_of(value);
  if (const auto number = base::parse_double(base::trim(text))) return number;
  if (text.empty()) return std::nullopt;
  const auto whole = whole_of(std::string_view(text));
  if (!whole) return std::nullopt;
  return whole->is_negative ? static_cast<double>(static_cast<std::int64_t>(whole->bits))
                            : static_cast<double>(whole->bits);
}

template <typename Integer>
bool fits(const Whole& whole) {
  return whole.is_negative ? std::in_range<Integer>(static_cast<std::int64_t>(whole.bits))
                           : std::in_range<Integer>(whole.bits);
}

bool fits(ProtoType type, const Whole& whole) {
  switch (type) {
    case ProtoType::kInt32:
    case ProtoType::kSint32:
    case ProtoType::kSfixed32:
    case ProtoType::kEnum:
      return fits<std::int32_t>(whole);
    case ProtoType::kUint32:
    case ProtoType::kFixed32:
      return fits<std::uint32_t>(whole);
    case ProtoType::kInt64:
    case ProtoType::kSint64:
    case ProtoType::kSfixed64:
      return fits<std::int64_t>(whole);
    default:
      return fits<std::uint64_t>(whole);
  }
}

class Encoder {
 public:
  explicit Encoder(std::string& out) : out_(out) {}

  base::Status message(const ProtoMessage& type, const Json& value, std::size_t depth) {
    if (depth > kProtoDepthMax) return base::invalid("messages are nested too deep");
    for (const ProtoField& field : type.fields) {
      const Json& member = find_member(value, field.name);
      if (member.isNull()) continue;
      if (auto status = this->field(field, member, depth); !status) return status;
    }
    return {};
  }

 private:
  enum class Zero : std::uint8_t { kWritten, kLeftOut };

  static std::unexpected<base::Error> wrong(const ProtoField& field, std::string_view expected) {
    return base::invalid(fmt::format("{} expected for field '{}'", expected, field.name));
  }

  base::Status field(const ProtoField& field, const Json& value, std::size_t depth) {
    if (field.type == ProtoType::kGroup) return {};
    if (field.is_map) return map(field, value, depth);
    if (field.is_repeated) return list(field, value, depth);
    // APISIX converts these before it encodes, and drops what is none.
    if (field.type == ProtoType::kInt32 && value.isString() &&
        (string_of(value).empty() || !whole_of(value))) {
      return {};
    }
    return one(field, value, field.has_presence ? Zero::kWritten : Zero::kLeftOut, depth);
  }

  base::Status list(const ProtoField& field, const Json& value, std::size_t depth) {
    if (field.is_packed) return packed(field, value);
    if (!value.isArray()) return one(field, value, Zero::kWritten, depth);
    for (const Json& element : value) {
      if (auto status = one(field, element, Zero::kWritten, depth); !status) return status;
    }
    return {};
  }

  base::Status packed(const ProtoField& field, const Json& value) {
    if (value.isArray() && value.empty()) return {};
    append_tag(out_, field.number, ProtoWire::kBytes);
    const std::size_t begin = out_.size();
    if (!value.isArray()) {
      if (auto status = scalar(field, value); !status) return status;
    } else {
      for (const Json& element : value) {
        if (auto status = scalar(field, element); !status) return status;
      }
    }
    put_length(begin);
    return {};
  }

  base::Status map(const ProtoField& field, const Json& value, std::size_t depth) {
    if (!value.isObject()) return wrong(field, "object");
    if (field.message == nullptr || field.message->fields.size() != 2) return {};
    const ProtoField& key = field.message->fields[0];
    const ProtoField& content = field.message->fields[1];
    for (auto entry = value.begin(); entry != value.end(); ++entry) {
      if (entry->isNull()) continue;
      append_tag(out_, field.number, ProtoWire::kBytes);
      const std::size_t begin = out_.size();
      if (auto status = one(key, Json(entry.name()), Zero::kLeftOut, depth); !status) return status;
      if (auto status = one(content, *entry, Zero::kLeftOut, depth); !status) return status;
      put_length(begin);
    }
    return {};
  }

  // With its tag.
  base::Status one(const ProtoField& field, const Json& value, Zero zero, std::size_t depth) {
    const std::size_t tag_at = out_.size();
    append_tag(out_, field.number, wire_of(field.type));
    const std::size_t begin = out_.size();
    if (field.type == ProtoType::kMessage) {
      if (!value.isObject()) return wrong(field, "object");
      if (field.message != nullptr) {
        if (auto status = message(*field.message, value, depth + 1); !status) return status;
      }
      put_length(begin);
      return {};
    }
    if (auto status = scalar(field, value); !status) return status;
    if (zero == Zero::kLeftOut && out_.find_first_not_of('\0', begin) == std::string::npos)
      out_.resize(tag_at);
    return {};
  }

  base::Status scalar(const ProtoField& field, const Json& value) {
    switch (field.type) {
      case ProtoType::kString:
      case ProtoType::kBytes: {
        if (!value.isString()) return wrong(field, "string");
        const std::string text = string_of(value);
        append_varint(out_, text.size());
        out_ += text;
        return {};
      }
      case ProtoType::kBool: {
        // As in Lua, where only false is; and its text, which is what a query can say.
        const bool is_false =
            (value.isBool() && !is_true(value)) || (value.isString() && string_of(value) == "false");
        out_.push_back(is_false ? '\0' : '\1');
        return {};
      }
      case ProtoType::kDouble:
      case ProtoType::kFloat: {
        const auto number = real_of(value);
        if (!number) return wrong(field, "number");
        if (field.type == ProtoType::kDouble) {
          append_fixed(out_, std::bit_cast<std::uint64_t>(*number));
        } else {
          append_fixed(out_, std::bit_cast<std::uint32_t>(narrowed(*number)));
        }
        return {};
      }
      default:
        return integer(field, value);
    }
  }

  // Beyond the largest float is infinity; the conversion alone would not be defined.
  static float narrowed(double number) {
    constexpr double kMax = std::numeric_limits<float>::max();
    if (number > kMax) return std::numeric_limits<float>::infinity();
    if (number < -kMax) return -std::numeric_limits<float>::infinity();
    return static_cast<float>(number);
  }

  base::Status integer(const ProtoField& field, const Json& value) {
    std::optional<Whole> whole;
    if (field.type == ProtoType::kEnum && value.isString() && field.enumeration != nullptr) {
      if (const auto number = field.enumeration->find_number(string_of(value))) {
        whole = Whole{static_cast<std::uint64_t>(std::int64_t{*number}), *number < 0};
      } else if (string_of(value).empty()) {
        return wrong(field, "name or number");
      }
    }
    if (!whole) whole = whole_of(value);
    if (!whole || !fits(field.type, *whole)) return wrong(field, "number");
    switch (field.type) {
      case ProtoType::kFixed32:
      case ProtoType::kSfixed32:
        append_fixed(out_, static_cast<std::uint32_t>(whole->bits));
        break;
      case ProtoType::kFixed64:
      case ProtoType::kSfixed64:
        append_fixed(out_, whole->bits);
        break;
      case ProtoType::kSint32:
      case ProtoType::kSint64:
        append_varint(out_, zigzag(static_cast<std::int64_t>(whole->bits)));
        break;
      default:
        append_varint(out_, whole->bits);
    }
    return {};
  }

  // Of what was written from `begin` on, in front of it.
  void put_length(std::size_t begin) {
    std::string length;
    append_varint(length, out_.size() - begin);
    out_.insert(begin, length);
  }

  std::string& out_;
};

}  // namespace

base::Status append_message(std::string& out, const ProtoMessage& type, const Json& value) {
  return Encoder(out).message(type, value, 1);
}

}  // namespace apisix::format
