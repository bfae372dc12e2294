#include "shared/format/schema_rules.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <arpa/inet.h>

#include "shared/base/text.h"

namespace apisix::format {
namespace {

bool has_types(std::uint8_t types, const Json& value) {
  if ((types & kObject) != 0 && counts_as_object(value)) return true;
  if ((types & kArray) != 0 && counts_as_array(value)) return true;
  if ((types & kTable) != 0 && (value.isArray() || value.isObject())) return true;
  if ((types & kInteger) != 0 && is_whole(value)) return true;
  if ((types & kNumber) != 0 && value.isNumeric()) return true;
  if ((types & kString) != 0 && value.isString()) return true;
  if ((types & kBoolean) != 0 && value.isBool()) return true;
  return (types & kNull) != 0 && value.isNull();
}

// Of the UTF-8 sequence that `first` starts: its length, and the bounds of its second byte.
struct Sequence {
  std::size_t length;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
};

Sequence sequence_of(unsigned char first) {
  if (first >= 0xC2 && first <= 0xDF) return {2};
  if (first == 0xE0) return {3, 0xA0, 0xBF};
  if (first == 0xED) return {3, 0x80, 0x9F};
  if (first >= 0xE1 && first <= 0xEF) return {3};
  if (first == 0xF0) return {4, 0x90, 0xBF};
  if (first == 0xF4) return {4, 0x80, 0x8F};
  if (first >= 0xF1 && first <= 0xF3) return {4};
  return {1};
}

// Bytes of the valid sequence at the start of `text`, or 1.
std::size_t sequence_length(std::string_view text) {
  const Sequence sequence = sequence_of(static_cast<unsigned char>(text[0]));
  if (sequence.length > text.size()) return 1;
  for (std::size_t i = 1; i < sequence.length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool fits = i == 1 ? byte >= sequence.low && byte <= sequence.high : byte >= 0x80 && byte <= 0xBF;
    if (!fits) return 1;
  }
  return sequence.length;
}

// Arrays and objects share a rank only when empty.
int rank_of(const Json& value) {
  switch (value.type()) {
    case ::Json::nullValue:
      return 0;
    case ::Json::booleanValue:
      return 1;
    case ::Json::intValue:
    case ::Json::uintValue:
    case ::Json::realValue:
      return 2;
    case ::Json::stringValue:
      return 3;
    case ::Json::arrayValue:
    case ::Json::objectValue:
      return value.empty() ? 4 : value.isArray() ? 5 : 6;
  }
  return 0;
}

template <typename T>
int order(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

int compare_objects(const Json& a, const Json& b) {
  auto left = a.begin();
  auto right = b.begin();
  for (; left != a.end() && right != b.end(); ++left, ++right) {
    if (const int names = order(left.name(), right.name()); names != 0) return names;
    if (const int values = compare_as_lua(*left, *right); values != 0) return values;
  }
  return order(a.size(), b.size());
}

int compare_arrays(const Json& a, const Json& b) {
  for (::Json::ArrayIndex i = 0; i < a.size() && i < b.size(); ++i) {
    if (const int items = compare_as_lua(a[i], b[i]); items != 0) return items;
  }
  return order(a.size(), b.size());
}

BrokenRule broken(const char* rule, std::string message) {
  return BrokenRule{rule, std::move(message)};
}

BrokenRule out_of_range(const char* rule, const char* relation, double bound, double number) {
  return broken(rule, "expected " + lua_number(number) + " to be " + relation + " " + lua_number(bound));
}

bool is_multiple(double number, double of) {
  if (of == 0) return false;
  if (std::floor(of) == of) return std::fmod(number, of) == 0;
  // A fraction is rarely exact in binary: 1.13 / 0.01 is 112.99999999999999.
  const double quotient = number / of;
  const double rounded = std::floor(quotient + 0.5);
  return std::fabs(quotient - rounded) <= 1e-12 * std::max(1.0, std::fabs(rounded));
}

// The indexes of two equal items, or {0, 0}. As in APISIX, scalars are compared before tables; of several
// pairs of scalars the one whose second comes first is reported, of tables the one whose first comes first.
std::pair<::Json::ArrayIndex, ::Json::ArrayIndex> find_equal_items(const Json& array) {
  std::vector<::Json::ArrayIndex> indexes(array.size());
  for (::Json::ArrayIndex i = 0; i < array.size(); ++i) indexes[i] = i;
  std::sort(indexes.begin(), indexes.end(), [&](auto a, auto b) {
    const int items = compare_as_lua(array[a], array[b]);
    return items != 0 ? items < 0 : a < b;
  });
  std::pair<::Json::ArrayIndex, ::Json::ArrayIndex> scalars{0, 0};
  std::pair<::Json::ArrayIndex, ::Json::ArrayIndex> tables{0, 0};
  for (std::size_t i = 1; i < indexes.size(); ++i) {
    const auto first = indexes[i - 1];
    const auto second = indexes[i];
    if (compare_as_lua(array[first], array[second]) != 0) continue;
    if (array[first].isArray() || array[first].isObject()) {
      if (tables.second == 0 || first < tables.first) tables = {first, second};
    } else if (scalars.second == 0 || second < scalars.second) {
      scalars = {first, second};
    }
  }
  return scalars.second != 0 ? scalars : tables;
}

bool is_address(int family, const std::string& text) {
  unsigned char address[16];
  return text.find('\0') == std::string::npos && inet_pton(family, text.c_str(), address) == 1;
}

bool has_format(const SchemaNode& node, const std::string& text) {
  switch (node.format) {
    case StringFormat::kNone:
      return true;
    case StringFormat::kIpv4:
      return is_address(AF_INET, text);
    case StringFormat::kIpv6:
      return is_address(AF_INET6, text);
    case StringFormat::kOther:
      return node.format_pattern->regex.matches(text);
  }
  return true;
}

}  // namespace

std::string_view lua_type(const Json& value) {
  switch (value.type()) {
    case ::Json::nullValue:
      return "userdata";
    case ::Json::booleanValue:
      return "boolean";
    case ::Json::intValue:
    case ::Json::uintValue:
    case ::Json::realValue:
      return "number";
    case ::Json::stringValue:
      return "string";
    case ::Json::arrayValue:
    case ::Json::objectValue:
      return "table";
  }
  return "nil";
}

std::string lua_number(double number) {
  char buffer[32];
  return {buffer, static_cast<std::size_t>(std::snprintf(buffer, sizeof buffer, "%.14g", number))};
}

std::string lua_quote(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '"' || byte == '\\' || byte == '\n') {
      out += '\\';
      out += text[i];
    } else if (byte >= 0x20 && byte != 0x7f) {
      out += text[i];
    } else {
      const bool digit_follows = i + 1 < text.size() && base::is_digit(text[i + 1]);
      char escape[8];
      std::snprintf(escape, sizeof escape, digit_follows ? "\\%03u" : "\\%u", byte);
      out += escape;
    }
  }
  return out + '"';
}

std::size_t utf8_length(std::string_view text) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); i += sequence_length(text.substr(i))) ++characters;
  return characters;
}

int compare_as_lua(const Json& a, const Json& b) {
  const int rank = rank_of(a);
  if (const int ranks = order(rank, rank_of(b)); ranks != 0) return ranks;
  switch (rank) {
    case 1:
      return order(a.asBool(), b.asBool());
    case 2:
      return order(a.asDouble(), b.asDouble());
    case 3:
      return order(text_of(a), text_of(b));
    case 5:
      return compare_arrays(a, b);
    case 6:
      return compare_objects(a, b);
    default:
      return 0;
  }
}

bool is_whole(const Json& value) {
  if (!value.isNumeric()) return false;
  const double number = value.asDouble();
  return std::floor(number) == number;
}

std::string_view text_of(const Json& string) {
  const char* begin = nullptr;
  const char* end = nullptr;
  if (!string.getString(&begin, &end)) return {};
  return {begin, static_cast<std::size_t>(end - begin)};
}

BrokenRule check_type(const SchemaNode& node, const Json& value) {
  if (node.types == 0 || has_types(node.types, value)) return {};
  return broken("type", node.types_fault + std::string(lua_type(value)));
}

BrokenRule check_property_count(const ObjectRules& rules, const Json& object) {
  const std::size_t count = object.size();
  if (rules.properties_min && count < *rules.properties_min) {
    return broken("minProperties",
                  "expect object to have at least " + std::to_string(*rules.properties_min) + " properties");
  }
  if (rules.properties_max && count > *rules.properties_max) {
    return broken("maxProperties",
                  "expect object to have at most " + std::to_string(*rules.properties_max) + " properties");
  }
  return {};
}

BrokenRule check_item_count(const ArrayRules& rules, const Json& array) {
  const std::size_t count = array.isArray() ? array.size() : 0;
  if (rules.items_min && count < *rules.items_min) {
    return broken("minItems", "expect array to have at least " + std::to_string(*rules.items_min) + " items");
  }
  if (rules.items_max && count > *rules.items_max) {
    return broken("maxItems", "expect array to have at most " + std::to_string(*rules.items_max) + " items");
  }
  return {};
}

BrokenRule check_unique(const ArrayRules& rules, const Json& array) {
  if (!rules.unique || !array.isArray()) return {};
  const auto [first, second] = find_equal_items(array);
  if (second == 0) return {};
  return broken("uniqueItems", "expected unique items but items " + std::to_string(first + 1) + " and " +
                                   std::to_string(second + 1) + " are equal");
}

BrokenRule check_string(const StringRules& rules, const Json& string) {
  if (!string.isString()) return {};
  const std::string_view text = text_of(string);
  if (rules.length_min || rules.length_max) {
    const std::size_t length = utf8_length(text);
    if (rules.length_min && length < *rules.length_min) {
      return broken("minLength", "string too short, expected at least " + std::to_string(*rules.length_min) +
                                     ", got " + std::to_string(length));
    }
    if (rules.length_max && length > *rules.length_max) {
      return broken("maxLength", "string too long, expected at most " + std::to_string(*rules.length_max) +
                                     ", got " + std::to_string(length));
    }
  }
  if (rules.pattern && !rules.pattern->regex.matches(text)) {
    return broken("pattern",
                  "failed to match pattern " + lua_quote(rules.pattern->text) + " with " + lua_quote(text));
  }
  return {};
}

BrokenRule check_number(const NumberRules& rules, const Json& value) {
  if (!value.isNumeric()) return {};
  const double number = value.asDouble();
  if (rules.minimum && number < *rules.minimum) {
    return out_of_range("minimum", "at least", *rules.minimum, number);
  }
  if (rules.exclusive_minimum && number <= *rules.exclusive_minimum) {
    return out_of_range("exclusiveMinimum", "greater than", *rules.exclusive_minimum, number);
  }
  if (rules.maximum && number > *rules.maximum) {
    return out_of_range("maximum", "at most", *rules.maximum, number);
  }
  if (rules.exclusive_maximum && number >= *rules.exclusive_maximum) {
    return out_of_range("exclusiveMaximum", "smaller than", *rules.exclusive_maximum, number);
  }
  if (rules.multiple_of && !is_multiple(number, *rules.multiple_of)) {
    return out_of_range("multipleOf", "a multiple of", *rules.multiple_of, number);
  }
  return {};
}

BrokenRule check_enumeration(const SchemaNode& node, const Json& value) {
  if (!node.enumeration) return {};
  for (const Json& allowed : *node.enumeration) {
    if (compare_as_lua(allowed, value) == 0) return {};
  }
  return broken("enum", "matches none of the enum values");
}

BrokenRule check_format(const SchemaNode& node, const Json& value) {
  if (node.format == StringFormat::kNone || !value.isString()) return {};
  const std::string text(text_of(value));
  if (has_format(node, text)) return {};
  return broken("format", "expect valid " + node.format_name + " format but got: " + text);
}

BrokenRule check_constant(const SchemaNode& node, const Json& value) {
  if (!node.constant || compare_as_lua(*node.constant, value) == 0) return {};
  return broken("const", "failed to check const value");
}

}  // namespace apisix::format
